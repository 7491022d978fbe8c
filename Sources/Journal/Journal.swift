// What must survive, as a machine: events in, disk operations out (rules 4 to 10). It never blocks.
public import Consensus
public import Wire

/// The log, the vote and the identity of one node on disk.
///
/// All operations are carried out in order by whoever owns the disk, which reports each one to
/// ``completed(_:failure:into:operations:)``.
public struct Journal: Sendable {
    public struct Settings: Hashable, Sendable {
        /// The size of a segment that is prepared ahead.
        public var segmentBytes: UInt64 = 64 << 20
        /// The size of the segment that a start opens: small, so that a node is ready soon.
        public var firstSegmentBytes: UInt64 = 4 << 20
        /// How much of a spare is prepared at a time, so that batches never wait long for it.
        public var prepareBytes: UInt64 = 1 << 20
        /// A batch takes no further writes beyond this.
        public var batchBytesMax = 1 << 20
        /// How many batches may be under way.
        public var batchesInFlightMax = 1
        /// For how long the disk is idle before a batch without entries states what is durable.
        public var idleBeforeMark = Interval.milliseconds(50)
        public init() {}
    }
}

extension Journal {
    /// Reads back everything that the folder holds; an empty one is well too.
    ///
    /// - Parameter onEntry: takes each committed entry in order: a buffer, and where in it the line is.
    /// - Throws: `RecoveryError` if this node must not start from this folder.
    public static func recover(
        node: NodeID, settings: Settings = Settings(), from storage: some Storage,
        onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) -> (journal: Journal, recovered: Recovered) { throw .missing(segment: 0) }

    /// Writes what must be on disk before the first message to a peer; reported as `.started`.
    public mutating func start(into operations: inout [Operation]) {}

    /// Takes entries to be written: `count` lines in `pieces`, of which the first has the index `first`. They
    /// replace all from `first` on. Reported as `.persisted(write)` or that of a later write.
    public mutating func append(_ pieces: [Piece], first: LogIndex, count: Int, write: WriteID) {}

    /// Writes what was gathered, unless enough is under way; and what is due when the disk is idle.
    public mutating func turnEnded(now: Instant, commit: LogIndex, into operations: inout [Operation]) {}

    /// When `turnEnded` should be called at the latest, though nothing else happens.
    public var wakeAt: Instant? { nil }

    /// Stores term and vote; reported as `.stored`.
    public mutating func store(_ hardState: HardState, into operations: inout [Operation]) {}

    /// Stores the cluster's id and opens the log; reported as `.storedIdentity`.
    public mutating func store(identity cluster: ClusterID, into operations: inout [Operation]) {}

    /// Records durably that entries were lost; reported as `.storedDamage`.
    public mutating func store(damage: Damage, into operations: inout [Operation]) {}

    /// Records durably that the log is whole again; reported as `.clearedDamage`.
    public mutating func clearDamage(into operations: inout [Operation]) {}

    /// This node has joined anew: what it votes from now on counts. Goes to disk with the next `store`.
    public mutating func rejoined() {}

    /// The disk has carried out an operation, or failed to.
    public mutating func completed(
        _ operation: UInt64, failure: DiskFailure?, into completions: inout [Completion],
        operations: inout [Operation]
    ) {}

    /// Writes what was gathered, and states what is durable; reported as `.stopped`. Nothing is appended after.
    public mutating func stop(commit: LogIndex, into operations: inout [Operation]) {}

    /// Whether the disk has no room for the next segment: new writes are to be refused (rule 13).
    public var isFull: Bool { false }

    /// Where the entries after `after` up to `through` are on disk, at most about `bytesMax` (but one batch at
    /// least). Stops before what is not on disk yet.
    public func extents(after: LogIndex, through: LogIndex, bytesMax: Int) -> [Extent] { [] }

    /// Reads and verifies the wanted entries of an extent: for the reader thread.
    public static func load(_ extent: Extent, from storage: some Storage) throws(LoadError) -> Block {
        throw .disk(DiskFailure(reason: .absent, message: ""))
    }
}
