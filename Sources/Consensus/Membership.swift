// Who belongs to the cluster, and what a majority of it is (§6: both majorities in joint consensus).

/// The members that consensus counts. Arrays are sorted by id.
public struct Membership: Hashable, Sendable {
    /// Those whose majority decides.
    public let voters: [NodeID]
    /// In joint consensus, those whose majority decides as well; otherwise empty.
    public let outgoing: [NodeID]
    /// Replicated to, and never counted.
    public let learners: [NodeID]
    /// Those of the learners that the leader promotes by itself once they have caught up.
    public let rising: [NodeID]

    public init(
        voters: [NodeID], outgoing: [NodeID] = [], learners: [NodeID] = [], rising: [NodeID] = []
    ) {
        self.voters = voters.sorted()
        self.outgoing = outgoing.sorted()
        self.learners = learners.sorted()
        self.rising = rising.sorted()
    }

    /// Everybody, each once, sorted by id.
    public var all: [NodeID] {
        var all: [NodeID] = []
        for id in (voters + outgoing + learners).sorted() where all.last != id { all.append(id) }
        return all
    }

    /// How many ``all`` are.
    var count: Int {
        var count = voters.count
        for id in outgoing where !voters.contains(id) { count += 1 }
        for id in learners where !isVoter(id) { count += 1 }
        return count
    }

    public func contains(_ id: NodeID) -> Bool { isVoter(id) || learners.contains(id) }

    public func isVoter(_ id: NodeID) -> Bool { voters.contains(id) || outgoing.contains(id) }

    /// Whether those for which `holds` is true are a majority of each set of voters.
    @inlinable
    public func isQuorum(where holds: (NodeID) -> Bool) -> Bool {
        Self.isMajority(of: voters, where: holds)
            && (outgoing.isEmpty || Self.isMajority(of: outgoing, where: holds))
    }

    /// The highest number that a quorum has reached: the n-th best of each set of voters, and the lower of
    /// both.
    @inlinable
    public func reached<Number: Comparable>(_ zero: Number, by number: (NodeID) -> Number) -> Number {
        var best = zero
        func consider(_ voter: NodeID) {
            let candidate = number(voter)
            if candidate > best, isQuorum(where: { number($0) >= candidate }) { best = candidate }
        }
        for voter in voters { consider(voter) }
        // The lower of both majorities may be a number of one of the outgoing.
        for voter in outgoing { consider(voter) }
        return best
    }

    @inlinable
    static func isMajority(of set: [NodeID], where holds: (NodeID) -> Bool) -> Bool {
        var count = 0
        for id in set where holds(id) { count += 1 }
        #if PlantedFaults
            if Planted.is(.wrongMajorityForEven) { return count > (set.count - 1) / 2 }
        #endif
        return count > set.count / 2
    }
}

/// A membership and where it stands: the configuration in force is the last one in the log (rule 19).
public struct Configuration: Hashable, Sendable {
    /// The index of the entry that holds it; 0 for the one that was named at the first start.
    public let index: LogIndex
    public let membership: Membership

    public init(index: LogIndex, membership: Membership) {
        self.index = index
        self.membership = membership
    }
}
