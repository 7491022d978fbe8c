// One node: everything the loop thread owns, in one struct, and its life from recovery to exit.
internal import API
internal import Consensus
internal import HTTP
internal import Journal
internal import KeyValue
internal import Logging
internal import Network
internal import Replica
internal import Wire

/// The shell around one member: sockets, threads, clocks and the disk. It decides nothing.
///
/// All of it belongs to the loop thread, and is one struct: access to a class's fields is checked at run time
/// for exclusivity, which was a fifth of a write's instructions in a prototype.
struct Node: ~Copyable {
    let configuration: Configuration
    let log: Logger
    let directory: DataDirectory
    var replica: Replica
    var journal: Journal
    let disk: DiskThread
    let reader: ReaderThread
    let worker: WorkerThread
    /// Two, so that no list waits for a backup's pieces.
    let compressor: PieceThread
    let backupThread: PieceThread
    let resolver: Resolver
    let arrivals: Mailbox<Arrival>
    let wake: Wake
    let signals: SignalInbox
    var poller: Poller
    /// What must not wait behind thousands of ready clients, watched once more: peers, and finished writes.
    var urgent: Poller
    var listener: Listener
    var clients = Slots<Client>()
    var links = Slots<PeerLink>()
    /// Sorted by id; `links` holds each one's connections at `place * Way.allCases.count + way`.
    var peers: [PeerTable.Row] = []
    var timers = Timers()
    var pool = BufferPool()
    var meters = Meters()
    /// What clients hold beyond small buffers, the streams that wait for room, and when slow ones were looked
    /// for.
    var bytesHeld = 0
    var starved: [Token] = []
    var lookedForSlowAt: UInt64 = 0
    /// How many clients stand for requests that peers sent on, and those that are answered.
    var proxies = 0
    var answeredProxies: [Token] = []
    /// How many requests the leader has from here, and how many lists are being sent.
    var forwarded = 0
    var streams = 0
    /// How many of these are backups.
    var backups = 0
    var listPace = ListPace()
    /// Those who watch keys, and how far they have been served.
    var watches = Watches()
    /// The client that asked for the hand-over of leadership under way.
    var transferring: Token?
    var limits = Limits()
    /// Nanoseconds of the monotonic clock at the beginning of the turn.
    var now: UInt64
    /// The cluster's time, as of this turn: what is left of a key's life is told by it.
    var clusterTime = ClusterTime.zero
    let startedAt: UInt64
    /// By the wall clock.
    let startedAtSeconds: UInt64
    /// Connections to be flushed at the end of the turn, and those to be looked at again in the next.
    var touchedClients: [UInt32] = []
    var touchedLinks: [UInt32] = []
    var runnable: [Token] = []
    var running: [Token] = []
    /// How much of this turn's time is used, and whose large answers wait for a further one.
    var pace = Pace()
    var postponed: [Token] = []
    /// Connections in reserved places, in the order in which they came; some of them may be gone.
    var extras: [Token] = []
    /// Reused from turn to turn.
    var effects: [Effect] = []
    var operations: [Operation] = []
    var outcomes: [DiskOutcome] = []
    var completions: [Completion] = []
    var arrived: [Arrival] = []
    var context: Context
    var contextTime: UInt64 = 0
    var requestLimits: RequestLimits
    /// Those of requests that peers send on.
    var forwardedLimits: RequestLimits
    /// What the data directory takes, as it was when it was last asked for.
    var usage: DiskUsage
    var usageAskedAt: UInt64 = 0
    /// When the log last spoke of a full disk; 0: it is not.
    var fullSaidAt: UInt64 = 0
    /// Keys with escapes are decoded here.
    var scratch: [UInt8] = []
    var stopping = Stopping.no
    var isOver = false
    /// Named by its protocol for the compiler's sake: a value that holds such a one is known by its address
    /// alone. Otherwise the check of ownership counts all fields of a node anew at each look at one of them,
    /// and this room is compiled in six minutes rather than one.
    var jitter: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    /// When the log last said whom the first start waits for, and last complained of a peer's message.
    var lastComplaintAt: UInt64 = 0
    var lastRefusalAt: UInt64 = 0
    var lastShortageAt: UInt64 = 0
    /// While nobody is accepted for want of descriptors: when it is tried again.
    var listensAgainAt: UInt64?

    /// How far the node is on its way to its end.
    enum Stopping {
        case no
        /// No requests are taken any more; what is in flight may end until the deadline. `asked` are those
        /// who were to lead so far, in order; the next one is asked at `next`, if this node still leads then.
        case handingOver(until: UInt64, asked: [NodeID], next: UInt64)
        /// The journal writes its last.
        case closingJournal(until: UInt64)
    }

    /// Takes one turn after the other until the node is asked to end. Answers the exit status.
    mutating func run() throws(SystemError) {
        try poller.add(listener.descriptor, as: Place.listener.token, for: .reading)
        try poller.add(wake.descriptor, as: Place.wake.token, for: .reading)
        try urgent.add(wake.descriptor, as: Place.wake.token, for: .reading)
        try poller.add(signals.descriptor, as: Place.signals.token, for: .reading)
        journal.start(into: &operations)
        disk.carryOut(&operations)
        while !isOver { try takeTurn() }
    }
}

/// What other threads hand to the loop.
enum Arrival: Sendable {
    /// A peer's name was looked up for that link.
    case addresses(link: UInt64, [Address])
    case usage(DiskUsage)
    /// A piece of what this client is being sent; nil after the last.
    case compressed([UInt8]?, client: UInt64)
    /// Entries were read for a peer.
    case entries([Block], for: NodeID)
    /// They could not be.
    case unreadable(LoadError, after: LogIndex, for: NodeID)
    /// A part of a snapshot was read for a peer; nil if it could not be.
    case piece([UInt8]?, of: EntryID, offset: UInt64, for: NodeID)
    case snapshotTaken(EntryID, sum: UInt32, bytes: UInt64)
    case snapshotFailed(EntryID, why: String)
    /// What was received was read back; nil, and why, if it is no snapshot.
    case opened(OpenedSnapshot?, why: String)
}

/// What a token of the poller stands for: the upper bits of its slot say which table it is in.
enum Place {
    static let clientBits: UInt32 = 0
    static let linkBits: UInt32 = 1 << 28
    static let fixedBits: UInt32 = 2 << 28
    static let kindMask: UInt32 = 15 << 28

    case listener, wake, signals
    var token: Token {
        switch self {
        case .listener: Token(slot: Self.fixedBits, generation: 1)
        case .wake: Token(slot: Self.fixedBits | 1, generation: 1)
        case .signals: Token(slot: Self.fixedBits | 2, generation: 1)
        }
    }
}

/// The peers' rows, found by id.
enum PeerTable {
    struct Row: Sendable {
        let id: NodeID
        /// Where clients reach it: as `--peers` says, until it says itself.
        var url: BaseURL
    }
}

/// What the data directory takes, and what is left to it, in bytes.
struct DiskUsage: Sendable {
    var logBytes: UInt64 = 0
    /// Nil where the system does not say.
    var freeBytes: UInt64?
    /// What snapshots that are being written or received take by now.
    var draftBytes: UInt64 = 0
    /// How many descriptors the process has open, where the system says.
    var openDescriptors: UInt64?
}
