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
    /// Entries up to here are gone from the log; the snapshot is durable and covers them (rule 26).
    case compacted(through: LogIndex)
    /// The incoming snapshot's bytes up to here are written; after its last ones, synced too.
    case received(next: UInt64)
    /// The disk has no room for the incoming snapshot: it would have to begin anew.
    case notReceived(DiskFailure)
    /// A file that is not needed any more could not be removed; it is tried again at the next start.
    case notRemoved(File, DiskFailure)
    /// After `stop`: nothing is under way any more.
    case stopped
    /// The disk refused or lost something: said once, and nothing is reported after it (rule 10).
    case failed(DiskFailure)
}
