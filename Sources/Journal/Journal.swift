// What must survive, as a machine: events in, disk operations out (rules 4 to 10). It never blocks.
public import Consensus
public import Wire

/// The log, the vote and the identity of one node on disk.
///
/// All operations are carried out in order by whoever owns the disk, which reports each one to
/// ``completed(_:failure:into:operations:)``. So what an operation needs (a header before its file's name,
/// the name before its first batch) is given before it, and nothing here waits.
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
        /// After a spare could not be prepared for want of room, it is tried again so often.
        public var fullRetry = Interval.milliseconds(1_000)
        /// How much of a snapshot that is received may be unsynced: batches wait for its sync.
        public var receivedBytesPerSync: UInt64 = 8 << 20
        public init() {}
    }

    public let settings: Settings
    public let node: NodeID
    public let boot: Boot
    public internal(set) var cluster: ClusterID?

    /// What `start` has to write; nil once it was called.
    var plan: Plan?
    var isStarted = false
    var stopping = Stopping.no
    /// Set once the disk has failed: nothing is written or reported any more.
    public internal(set) var failure: DiskFailure?

    // The vote.
    var vote: Vote

    // The log. Invariant: stated ≤ durable ≤ sequence.
    var map: LogMap
    /// The segment that batches are written to; nil before the node belongs to a cluster.
    var segment: Segment?
    var spare: Spare?
    /// The last batch handed to the disk, the last known to be there with all before it, and the last that a
    /// head has stated to be there.
    var sequence: UInt64
    var durable: UInt64
    var stated: UInt64
    /// The last batch that has entries.
    var lastFilled: UInt64
    var term: Term
    /// The highest index known to be committed, and the one that the last head states.
    var commit: LogIndex
    var statedCommit = LogIndex.zero
    /// Entries up to this one are not in the log: a snapshot covers them.
    public internal(set) var base: LogIndex
    /// The last entry that was handed to the disk.
    var end: EntryID
    /// The log files, oldest first; the last is the one that batches are written to.
    var rows: [Row]

    // Snapshots.
    /// The newest that is durable.
    public internal(set) var snapshot: EntryID?
    var incoming = Incoming()
    var chores: [Chore] = []
    var isChoreUnderWay = false

    // What waits, and what is under way.
    var gathered: [Gathered] = []
    var batchesInFlight = 0
    var idleSince: Instant?
    var operationCount: UInt64 = 0
    /// In the order in which the operations were given.
    var underWay: [UnderWay] = []
    /// Whether a spare was refused for want of room, and whether none is to be prepared, since what is left
    /// is kept for a snapshot (rule 13).
    var isRefused = false
    public internal(set) var isHeldBack = false
    var prepareFrom: PrepareFrom = .now

    /// A log file that is written to.
    struct Segment: Sendable {
        let number: UInt64
        let bytes: UInt64
        /// Where the next batch goes.
        var end: UInt64
    }

    /// The file that becomes the next segment.
    struct Spare: Sendable {
        let number: UInt64
        /// How much of it is really written, or is being written.
        var prepared: UInt64 = 0
        var isUnderWay = false
    }

    /// The file of two slots.
    struct Vote: Sendable {
        var held: HardState
        var count: UInt64
        /// The slot to be written next: the older one.
        var slot: UInt64
        /// Neither slot is valid: both are written first.
        var isNew: Bool
        var isWiped: Bool
    }

    /// One `append` that waits for its batch.
    struct Gathered: Sendable {
        let pieces: [Piece]
        let first: LogIndex
        let last: EntryID
        let count: Int
        let bytes: Int
        let write: WriteID
    }

    /// What a start has to write (rule 10).
    struct Plan: Sendable {
        /// Every entry after the last batch that is stated to be durable.
        let rewritten: [Block]
        /// The entry before these: what the new segment goes on from.
        let base: EntryID
        let damage: Damage?
        let mustStoreIdentity: Bool
        /// Spares that an earlier start left.
        let stale: [UInt64]
        /// What else is not needed any more: removed after the start.
        let leftovers: [File]
        /// The number of the segment that it opens.
        let segment: UInt64
    }

    /// An operation that the disk has, and what its completion means.
    struct UnderWay: Sendable {
        let id: UInt64
        var effect: Effect
        var isDone = false
    }

    enum Effect: Sendable {
        case none
        case started
        case batch(UInt64, WriteID?)
        case stored(HardState)
        case storedIdentity
        case storedDamage
        case clearedDamage
        case persisted(WriteID)
        case received(next: UInt64, transfer: UInt64)
        /// A file that is not needed any more is gone: as a chore, or beside them.
        case removed(File)
        case dropped(File)
        /// A folder's names are synced, as a chore; all up to that entry is gone.
        case tidied(through: LogIndex?)
        /// The spare of this number is prepared so far.
        case prepared(UInt64, from: UInt64)
    }

    /// When the spare may be prepared further: after a refusal for want of room, not at once.
    enum PrepareFrom: Sendable {
        case now
        case aWhileAfterThisTurn
        case at(Instant)
    }

    enum Stopping: Sendable { case no, asked, done }

    /// Gives the disk an operation.
    mutating func give(
        _ action: Operation.Action, _ effect: Effect = .none, to operations: inout [Operation]
    ) {
        #if PlantedFaults
            let action = action.planted
        #endif
        operationCount += 1
        underWay.append(UnderWay(id: operationCount, effect: effect))
        operations.append(Operation(id: operationCount, action: action))
    }
}
