// What somebody can want of the membership, and what it becomes by that (§6; thesis §4).

/// A change of the membership: one node at a time.
public enum Change: Hashable, Sendable {
    /// A node that is replicated to and not counted; one that rises becomes a voter once it has caught up.
    case learner(NodeID, rises: Bool)
    /// A learner that has caught up becomes a voter.
    case promote(NodeID)
    /// A voter becomes a learner.
    case demote(NodeID, rises: Bool)
    case remove(NodeID)
    /// A node of the cluster has lost its disk and says so in this boot: whatever it said before counts no
    /// more. A voter becomes a learner that rises; there is an entry for it even if nothing changes (rule 1).
    case readmit(NodeID, boot: Boot)
    /// A node that is no member, and that whoever runs the cluster wants to be one, says in this boot that it
    /// has nothing: it becomes a learner that rises. Like `readmit`, for it may have been a member once.
    case admit(NodeID, boot: Boot)
}

/// Why the membership stays as it is.
public enum ChangeRefusal: Error, Hashable, Sendable {
    /// This node does not lead.
    case notLeader
    /// Leadership is being handed over.
    case transferring
    /// The leader has not committed an entry of its own term yet (Ongaro's bug of 2015).
    case notReady
    /// An earlier change is not committed yet, or not at its end.
    case inProgress
    /// The learner is too far behind to be counted.
    case notCaughtUp
    /// Too few of those who would decide were heard of lately: nothing could be committed after it.
    case atRisk
    /// No such node, or it is not what the change begins with.
    case unknown
    /// It is so already.
    case unneeded
}

extension Change {
    public var node: NodeID {
        switch self {
        case .learner(let id, _), .promote(let id), .demote(let id, _), .remove(let id), .readmit(let id, _),
            .admit(let id, _):
            id
        }
    }
}

extension Membership {
    /// What it becomes: joint where the voters change (§6).
    ///
    /// - Throws: `.unknown`, `.unneeded`, `.inProgress`, or `.atRisk` where no voter would be left.
    func changed(by change: Change) throws(ChangeRefusal) -> Membership {
        guard outgoing.isEmpty else { throw .inProgress }
        switch change {
        case .learner(let id, let rises): return try withLearner(id, rises: rises)
        case .promote(let id):
            guard !voters.contains(id) else { throw .unneeded }
            guard learners.contains(id) else { throw .unknown }
            return joint(
                voters: voters + [id], learners: learners.filter { $0 != id },
                rising: rising.filter { $0 != id })
        case .demote(let id, let rises):
            guard voters.contains(id) else { throw learners.contains(id) ? .unneeded : .unknown }
            return try demoted(id, rises: rises)
        case .remove(let id):
            guard all.contains(id) else { throw .unknown }
            let left = voters.filter { $0 != id }
            guard !left.isEmpty else { throw .atRisk }
            return joint(
                voters: left, learners: learners.filter { $0 != id }, rising: rising.filter { $0 != id })
        case .readmit(let id, _):
            guard all.contains(id) else { throw .unknown }
            return voters.contains(id) ? try demoted(id, rises: true) : self
        case .admit(let id, _):
            guard !all.contains(id) else { throw .unneeded }
            return try withLearner(id, rises: true)
        }
    }

    private func withLearner(_ id: NodeID, rises: Bool) throws(ChangeRefusal) -> Membership {
        guard !voters.contains(id) else { throw .unneeded }
        let isKnown = learners.contains(id)
        guard !isKnown || rising.contains(id) != rises else { throw .unneeded }
        return Membership(
            voters: voters, learners: isKnown ? learners : learners + [id],
            rising: rising.filter { $0 != id } + (rises ? [id] : []))
    }

    private func demoted(_ id: NodeID, rises: Bool) throws(ChangeRefusal) -> Membership {
        let left = voters.filter { $0 != id }
        guard !left.isEmpty else { throw .atRisk }
        return joint(voters: left, learners: learners + [id], rising: rising + (rises ? [id] : []))
    }

    /// Both sets of voters decide, until the leader ends it; unless they are one set.
    private func joint(voters: [NodeID], learners: [NodeID], rising: [NodeID]) -> Membership {
        Membership(
            voters: voters, outgoing: voters.sorted() == self.voters ? [] : self.voters, learners: learners,
            rising: rising)
    }

    /// The end of joint consensus: the incoming voters decide alone.
    var final: Membership { Membership(voters: voters, learners: learners, rising: rising) }
}
