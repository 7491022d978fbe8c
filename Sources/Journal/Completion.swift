// What the journal says once the disk has done its part.
public import Consensus

public enum Completion: Hashable, Sendable {
    /// What must be on disk before the first message to a peer is there (rule 10).
    case started
    /// The entries of this write and of all before it are on disk.
    case persisted(WriteID)
    /// This term and vote are on disk.
    case stored(HardState)
    /// The cluster's id is on disk; entries may be appended.
    case storedIdentity
    /// It is on disk that this node's log is damaged.
    case storedDamage
    /// It is on disk that this node's log is whole again.
    case clearedDamage
    /// After `stop`: nothing is under way any more.
    case stopped
    /// The disk refused or lost something: said once, and nothing is reported after it (rule 10).
    case failed(DiskFailure)
}
