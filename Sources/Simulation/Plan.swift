// What is run: a seed, how many nodes, and what is broken on purpose.

/// One run of a simulated cluster. Everything in it follows from these values.
public struct Plan: Hashable, Sendable {
    public var seed: UInt64
    /// How many members the cluster has.
    public var nodes: Int
    /// What the simulator does wrong on purpose, to see whether its checks notice.
    public var sabotage: Sabotage?
    /// For how long there are faults, in simulated milliseconds; nil: drawn from the seed.
    public var chaosMilliseconds: UInt64?

    public init(seed: UInt64, nodes: Int, sabotage: Sabotage? = nil) {
        self.seed = seed
        self.nodes = nodes
        self.sabotage = sabotage
    }

    /// The plan of one seed among many: mostly three and five nodes, sometimes one, two or four.
    public static func mixed(seed: UInt64) -> Plan {
        let counts = [3, 5, 3, 3, 5, 4, 3, 5, 3, 2, 3, 5, 3, 1, 3, 5, 3, 4, 3, 5]
        return Plan(seed: seed, nodes: counts[Int(seed % UInt64(counts.count))])
    }

    /// The command that runs exactly this again.
    public var command: String {
        let broken = sabotage.map { " --sabotage \($0.rawValue)" } ?? ""
        return "rast simulate --seed \(seed) --nodes \(nodes)\(broken) --trace"
    }
}

/// A fault built into the simulator's glue between a member and its disk and network: what a wrong shell
/// could do. Every one of them must be noticed, or the checks prove nothing.
public enum Sabotage: String, CaseIterable, Hashable, Sendable {
    /// Entries are reported durable as soon as they are handed to the disk.
    case acknowledgeBeforeSync
    /// A vote is reported durable as soon as it is handed to the disk.
    case voteBeforeSync
    /// A restart forgets whom it voted for and in which term.
    case forgetVote
    /// A restart forgets the last entry of the log.
    case forgetTail
    /// Reads are answered at once from this node's store.
    case readWithoutRound
    /// A write is given to the leader twice.
    case writeTwice
    /// A write whose outcome is unknown is called not applied.
    case claimNotApplied
    /// A refused write is called done.
    case claimApplied
    /// A node that was wiped is given the cluster's id and may vote.
    case reviveWiped
    /// A node with damage is taken for whole.
    case ignoreDamage
    /// Syncs return at once and do nothing.
    case skipSync
    /// The names in folders are never synced.
    case skipFolderSync
    /// A restart applies one committed entry less than it should.
    case skipEntry
    /// A restart keeps the old boot number.
    case keepBoot
}
