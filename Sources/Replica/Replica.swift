// One member, whole, without IO: consensus, store, log cache and the table of who waits for what.
public import Consensus
public import KeyValue
public import Wire

/// A member of the cluster as a deterministic machine: events in by its methods, ``Effect``s out.
///
/// The shell calls any number of event methods, then ``turnEnded()``, then carries out what
/// ``takeEffects(into:)`` gives it, in order. What the simulator runs is exactly this.
public struct Replica: Sendable {
    public struct Settings: Sendable {
        public var node: NodeID
        /// The members named at the first start, this node among them.
        public var peers: [NodeID]
        /// Where clients reach this node; told to peers, who redirect there.
        public var url: [UInt8]
        public var heartbeat: Interval = .milliseconds(100)
        /// Election timeouts are drawn from this to twice this.
        public var electionTimeout: Interval = .milliseconds(500)
        public var appendBytesMax = 1 << 20
        public var flightsMax = 8
        public var cacheBytesMax = 64 << 20
        public var proposalsMax = 10_000
        public var proposalBytesMax = 64 << 20
        public var readsMax = 20_000
        /// A leader whose disk finishes nothing for so long hands over (rule 13).
        public var stallTime: Interval = .milliseconds(2_000)
        /// A snapshot is taken once so much of the log, or so many entries, were applied since the last one.
        public var snapshotBytes = 256 << 20
        public var snapshotEntries: UInt64 = 1_000_000
        /// After a snapshot could not be written, it is tried again so much later.
        public var snapshotRetry: Interval = .milliseconds(30_000)
        /// The same, where a repaired state waits for it.
        public var repairRetry: Interval = .milliseconds(5_000)
        /// States are compared at every so manieth entry: a power of two, and the same on every member.
        public var markInterval: UInt64 = Replay.markInterval
        /// What this node, where it leads, has the store's limits be.
        public var store = Store.Settings.usual
        /// How much of a snapshot travels at a time, and in a second, to one peer.
        public var pieceBytes = 1 << 20
        public var pieceBytesPerSecond: UInt64 = 64 << 20
        public init(node: NodeID, peers: [NodeID], url: [UInt8] = []) {
            self.node = node
            self.peers = peers.sorted()
            self.url = url
        }
    }

    /// What the disk told at the start.
    public struct Origin: Sendable {
        /// This start's number, new and durable by ``Replica/started()``.
        public var boot: Boot
        public var cluster: ClusterID?
        /// Term and vote; nil if none was ever given.
        public var hard: HardState?
        /// The snapshot that everything else begins with, if there is one.
        public var snapshot: StoredSnapshot?
        /// The entry before the first of `runs`; at most where the snapshot ends.
        public var base: EntryID
        public var runs: [Message.Run]
        /// The highest commit index told of; at most the log's last.
        public var commit: LogIndex
        /// Every entry after `commit`.
        public var tail: [Block]
        /// What the snapshot and the entries up to `commit` make.
        public var replay: Replay
        /// The log lacks something that was durable.
        public var isDamaged: Bool
        /// Term and vote are lost.
        public var isWiped: Bool
        public init(
            boot: Boot, cluster: ClusterID?, hard: HardState?, snapshot: StoredSnapshot? = nil,
            base: EntryID = .zero, runs: [Message.Run], commit: LogIndex, tail: [Block], replay: Replay,
            isDamaged: Bool, isWiped: Bool
        ) {
            self.boot = boot
            self.cluster = cluster
            self.hard = hard
            self.snapshot = snapshot
            self.base = base
            self.runs = runs
            self.commit = commit
            self.tail = tail
            self.replay = replay
            self.isDamaged = isDamaged
            self.isWiped = isWiped
        }
    }

    public let settings: Settings
    /// The applied state. Reading it at any time is a local read; a linearizable one waits for `.readable`.
    public internal(set) var store: Store
    public internal(set) var applied: LogIndex
    public internal(set) var raft: Raft
    var cache: LogCache
    var waiting = Waiting()
    var effects: [Effect] = []
    /// Consensus's outputs while they are worked off.
    var outputs: [Output] = []
    var isCarryingOut = false
    #if PlantedFaults
        /// ``Planted/skipEntryAtSnapshot``: the state before the last entry.
        var plantedStore = Store()
    #endif
    /// The entries of the append that is being taken in.
    var incoming: Block?
    /// The bytes of the snapshot's piece that is being taken in.
    var incomingPiece: [UInt8]?
    /// Entries up to here have been given to the journal.
    var handed: LogIndex
    /// Lines of entries that are proposed and not applied, in bytes.
    var proposalBytes = 0
    /// What was read from disk for a peer, until it is sent.
    var fetched: [Fetched] = []
    /// The last snapshot that is durable here, and one that is being written.
    public internal(set) var snapshot: StoredSnapshot?
    var taking: Taking?
    /// Lines of entries applied since the snapshot, in bytes.
    var bytesSinceSnapshot: Int
    var nextSnapshotAt = Instant(nanoseconds: 0)
    /// A snapshot is wanted though the log is short.
    var mustTakeSnapshot = false
    /// There is a newer snapshot than what the disk keeps the log for.
    var mustCompact = false
    /// Snapshots on their way to peers, and the one on its way here.
    var sending: [Sending] = []
    var receiving: Receiving?
    /// The store of a received snapshot, while consensus looks whether it is still wanted.
    var opened: OpenedSnapshot?
    /// Wiped nodes that ask this leader to be let in.
    var admissions: [Admission] = []
    /// The change of membership that is being proposed.
    var proposing: Change?
    /// The hashes that this member's state had, and whether it is right.
    var marks: StateMarks
    public internal(set) var trust = Trust.trusted
    /// The right state, while it is brought to where this member stands.
    var repair: Repair?
    /// On the leader: what it asks, who has said that its state is wrong, and whether no majority is alike.
    var asking: Asking?
    var wrongPeers: [NodeID] = []
    var areStatesSplit = false
    /// What the heartbeat that is being answered has asked.
    var accordAsked: Accord?
    /// In which term this leader has proposed its limits of the store.
    var settingsTerm: Term?
    var start: FirstStart
    var isStarted = false
    var isClosing = false
    /// What the disk has room for, in bytes of entries, while it is full.
    var roomBytes: UInt64?
    /// What did not fit was refused: the rest is refused too, until there is plenty.
    var hasRefused = false
    /// What was last said of the others' room.
    var othersLackRoom = false
    var hasDiskFailed = false
    /// Since when the disk has had entries to write and finished none.
    var diskBusySince: Instant?
    var stamp: Stamp
    /// On the leader: until when each lease lives, and which it has proposed to end.
    var leaseClock: LeaseClock?
    var expiring: Expiring?
    var now = Instant(nanoseconds: 0)
    var leaderlessSince: Instant?
    /// The last leader heard of, for people.
    var lastLeader: NodeID?
    var nextExpiry = Instant(nanoseconds: 0)

    /// A clock of the shell's, in nanoseconds, to measure by and never to decide by; nil in a simulation.
    public var stopwatch: (@Sendable () -> UInt64)?
    /// What it has said of each commit's application since this was last emptied.
    public var applyNanoseconds: [UInt64] = []

    struct Fetched: Sendable {
        let peer: NodeID
        let block: Block
    }

    /// A member as its disk tells of it.
    ///
    /// `seed` is the source of election timeouts and of a new cluster's id: it must differ from node to node
    /// and from start to start.
    public init(settings: Settings, origin: Origin, seed: UInt64) {
        self.settings = settings
        store = origin.replay.store
        stamp = Stamp(store.clusterTime)
        marks = origin.replay.marks
        snapshot = origin.snapshot
        bytesSinceSnapshot = origin.replay.bytes
        applied = origin.commit
        cache = LogCache(origin.tail)
        let log = LogShape(base: origin.base, runs: origin.runs)
        handed = log.lastIndex
        proposalBytes = cache.bytes
        var raftSettings = Raft.Settings(id: settings.node)
        raftSettings.heartbeat = settings.heartbeat
        raftSettings.electionTimeout = settings.electionTimeout
        raftSettings.flightsMax = settings.flightsMax
        raftSettings.readsMax = settings.readsMax
        var random = Random(seed: seed)
        let hard = origin.hard ?? HardState(term: .zero, vote: nil, count: 0)
        raft = Raft(
            settings: raftSettings, configurations: Self.configurations(settings, origin), boot: origin.boot,
            hard: hard, log: log, commit: origin.commit, standing: Self.standing(origin), seed: random.next())
        let hasHistory = hard.term > .zero || log.lastIndex > .zero || origin.isDamaged || origin.isWiped
        start = FirstStart(
            peers: settings.peers.filter { $0 != settings.node }, cluster: origin.cluster,
            hasHistory: hasHistory, isWiped: origin.isWiped,
            draw: ClusterID(high: random.next(), low: random.next()))
    }

    private static func standing(_ origin: Origin) -> Raft.Standing {
        if origin.isWiped { return .wiped(until: nil) }
        return origin.isDamaged ? .damaged : .whole
    }

    /// Who belongs to the cluster, as far back as the log may be cut: the snapshot's word or the first
    /// start's, then what the entries after it say.
    private static func configurations(_ settings: Settings, _ origin: Origin) -> [Configuration] {
        let named = Configuration(index: .zero, membership: Membership(voters: settings.peers))
        var all = [origin.snapshot?.configuration ?? named] + origin.replay.configurations
        for block in origin.tail { all += block.configurations }
        return all
    }

    /// Whether this member takes part in consensus.
    var isRunning: Bool { isStarted && start.isOver }

    // Time and turns ---------------------------------------------------------------------------------------

    /// The time, which comes from one clock and never goes back. At least every 10 ms, and at each turn's
    /// start.
    public mutating func tick(_ now: Instant) {
        self.now = max(now, self.now)
        if isStarted { askPeersWhoTheyAre() }
        if isRunning {
            step(.tick(now: self.now))
            handOverIfDiskStalls()
            expireWhatIsDue()
            sayIfOthersLackRoom()
        }
        guard self.now >= nextExpiry else { return }
        nextExpiry = self.now + .milliseconds(10)
        #if PlantedFaults
            if Planted.is(.timeoutMeansNotApplied) {
                waiting.expire(
                    self.now, write: { effects.append(.failed($0, .timedOut(.notApplied))) },
                    read: { effects.append(.failed($0, .timedOut(.notApplied))) })
            }
        #endif
        waiting.expire(
            self.now, write: { effects.append(.failed($0, .timedOut(.unknown))) },
            read: { effects.append(.failed($0, .timedOut(.notApplied))) })
    }

    /// What gathers behind a stuck disk is sent to the peers, and the one that has it all takes over. If
    /// there is none, this node stays, and tries again after as long.
    private mutating func handOverIfDiskStalls() {
        guard raft.role == .leader, raft.isWriting else {
            diskBusySince = nil
            return
        }
        let since = diskBusySince ?? now
        diskBusySince = since
        guard now - since >= settings.stallTime else { return }
        diskBusySince = now
        effects.append(.notice(.diskStalls))
        step(.transfer(to: nil))
    }

    /// Everything that was ready has been taken in: what gathered goes out.
    public mutating func turnEnded() {
        if isRunning {
            proposeSettingsIfDue()
            step(.turnEnded)
            sendToWrongPeers()
            goOnSending()
            goOnRepairing()
            takeSnapshotIfDue()
            compactIfDue()
        }
        waiting.unpark(applied: applied) { effects.append(.readable($0)) }
        waiting.release(through: store.revision, applied: applied) { effects.append(.readable($0)) }
        cache.trim(to: settings.cacheBytesMax, keepingAfter: min(raft.durable, applied))
    }

    /// The effects so far, in `taken`, whose room is kept for the next ones. `taken` must be empty.
    public mutating func takeEffects(into taken: inout [Effect]) {
        precondition(taken.isEmpty)
        swap(&effects, &taken)
    }

    /// Whether there are effects to be taken.
    public var hasEffects: Bool { !effects.isEmpty }

    // Handing over (SIGTERM) -------------------------------------------------------------------------------

    /// Hands leadership to `peer`, or to whoever has got furthest. Does nothing where this node does not
    /// lead.
    public mutating func transferLeadership(to peer: NodeID?) {
        guard isRunning, raft.role == .leader else { return }
        step(.transfer(to: peer))
    }

    /// From now on no client's request is taken.
    public mutating func close() { isClosing = true }
}
