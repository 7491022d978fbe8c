// What a start found on disk.
public import Consensus
public import Wire

/// What a node holds when it starts.
public struct Recovered: Sendable {
    /// The cluster it belongs to; nil if it has never belonged to one.
    public let cluster: ClusterID?
    /// The number of this start: one more than any found. Durable once `.started` is reported.
    public let boot: Boot
    /// Term and vote. Of a wiped node: the highest term that its log shows, and no vote.
    public let hardState: HardState
    /// Whether term and vote are lost though other files exist: this node must neither vote nor stand.
    public let isWiped: Bool
    /// The entry that the log begins after: zero, or one that a snapshot covers. At most the snapshot.
    public let base: EntryID
    /// The terms of the log's entries after `base`, run-length.
    public let runs: [Message.Run]
    /// The last entry.
    public let last: EntryID
    /// The highest index known to be committed, at most the last and at least the snapshot's: those after
    /// the snapshot up to here were handed out.
    public let commit: LogIndex
    /// The entries after `commit`.
    public let tail: [Block]
    /// What the log lacks, found now or recorded before.
    public let damage: Damage?
    /// Whether a vote was ever given or an entry or a snapshot is held (rule 1).
    public let hasHistory: Bool
    /// How many bytes of valid batches were read, and how many of a torn tail were left out.
    public let bytes: UInt64
    public let tornBytes: UInt64
}
