// One node: its disk, its clock, and the process that runs on them while it is up.
internal import Consensus
internal import Journal
internal import KeyValue
internal import Replica
internal import Snapshot
internal import Wire

/// A node of the simulated cluster. Its fields are changed by ``Cluster`` alone.
final class SimulatedNode {
    let place: Int
    let id: NodeID
    var disk = SimulatedDisk()
    var random: Random

    /// What runs while it is up.
    var process: Process?
    /// Rises at each start and at each crash: what belongs to an older one is void.
    var life = 0
    var isPaused = false
    /// It is paused soon after its next round.
    var pausesInRound = false
    /// What arrived while it was paused.
    var missed: [Event] = []
    var effects: [Effect] = []
    var isTurnDue = false
    /// When time is told next.
    var nextTick = UInt64.max
    /// Its next start takes the snapshot's state for another.
    var misremembers = false
    /// Its state was made to differ, or it has found so, and it has not been repaired yet.
    var isStateWrong = false
    /// The boot of the first start, for ``Sabotage/keepBoot``.
    var firstBoot: Boot?

    // The disk's queue. The first is under way.
    var operations: [Operation] = []
    var isDiskBusy = false
    /// The snapshot that the worker is writing.
    var taking: SnapshotTaking?
    /// Nothing is done before.
    var diskStalledUntil: UInt64 = 0
    var hasDiskFailed = false
    /// The process ends in the middle of the next operation.
    var crashesInOperation = false

    // The clock: what it showed at `clockSince`, and how fast it runs, in thousandths.
    var clockStart: UInt64
    var clockSince: UInt64 = 0
    var clockRate: UInt64 = 1_000

    // What the simulator knows of it.
    /// The log as it was handed to the disk in this life.
    var log: [LogRecord] = []
    var durable = DurableState()
    /// Who belonged to the cluster when its process ended.
    var lastMemberships: [Membership] = []
    /// What an operation that was never confirmed may have left instead.
    var maybe: DurableState?
    /// Snapshots that have their names, and where the last log file begins, none of them durable yet.
    var named: [EntryID] = []
    var opened: EntryID?
    /// The snapshot that a start read last, by its file's bytes.
    var snapshotRead: (bytes: [UInt8], decoded: SnapshotDecoder.Decoded)?
    /// What was on its disk before that was damaged: when it calls itself whole, it must have it again.
    var owed: [LogRecord] = []
    /// What it knew to be committed in a term that it led.
    var led: (term: UInt64, commit: LogIndex) = (0, .zero)
    /// Applied entries are checked up to here.
    var checked = 0
    var health = Health.whole
    var isStarted = false
    /// The cluster's id that it was seen to tell, and to hold on its disk, in one of its lives.
    var clusterTold: (life: Int, id: ClusterID)?
    /// It was wiped, and the leader has let it in.
    var wasAdmitted = false
    /// How much was committed when it lost its disk: the entry that lets it in again comes later.
    var committedAtLoss = 0
    /// It counts again, and its disk does not say so yet.
    var isRejoining = false
    /// The vote with which its disk says so.
    var rejoinsWith: UInt64 = 0
    /// Recovery found damage, and it is not repaired yet.
    var knowsDamage = false
    /// The number of its last start that got as far as to speak.
    var bootSpoken = Boot(0)
    /// While it leads: its cluster time and its clock at a moment of that term.
    var ledTime: (term: Term, time: UInt64, clock: Instant)?
    /// While it leads: since when leases live on, by its clock.
    var leaseSince: [UInt64: Instant] = [:]
    /// What that was made of: leases change only with what is applied and what is about to end.
    var leasesNoted: (applied: LogIndex, expiring: [UInt64])?
    /// By term, for whom it was seen to vote.
    var votes: [NodeID?] = []
    /// Those that it gave before its disk was lost: they may still be on their way.
    var lostVotes: [NodeID?] = []

    enum Health {
        case whole
        /// Something durable was changed, or is known to be damaged, and not repaired yet.
        case damaged
        /// It has lost its vote or all its data: it must stay mute for good.
        case wiped
        /// It cannot start any more; an operator would have to empty it.
        case dead
    }

    /// Neither its disk nor its state is in question.
    var isSound: Bool { health == .whole && !isStateWrong }

    /// A member and its journal: what a crash ends. (A class, for reading a part of them must not copy all.)
    final class Process {
        var replica: Replica
        var journal: Journal

        /// (Nor does this copy it: it is stored.)
        var leads: Bool { replica.raft.leadership != nil }
        var hasWaiting: Bool { look(&replica) { $0.hasWaiting } }
        var expiringLeases: [UInt64] { look(&replica) { $0.expiringLeases } }
        var remainingTimes: (UInt64) -> Interval? { look(&replica) { $0.remainingTimes } }
        func checkInvariants() { look(&replica) { $0.checkInvariants() } }
        func tellRoom() { replica.roomLeft(look(&journal) { $0.room }) }

        /// (Asked of what a class holds, a copy would be made of all of it first.)
        @inline(never)
        private func look<Whole, Part>(_ whole: inout Whole, _ part: (inout Whole) -> Part) -> Part {
            part(&whole)
        }

        init(_ replica: Replica, _ journal: Journal) {
            self.replica = replica
            self.journal = journal
        }
    }

    init(place: Int, random: Random) {
        self.place = place
        id = NodeID(UInt64(place) + 1)
        self.random = random
        clockStart = self.random.draw(1...1_000_000_000_000)
    }

    var isUp: Bool { process != nil }
    /// Up, and neither stopped nor without a disk.
    var isWell: Bool { isUp && !isPaused && !hasDiskFailed }

    func clock(at now: UInt64) -> Instant {
        Instant(nanoseconds: clockStart + (now - clockSince) / 1_000 * clockRate)
    }

    func advanceClock(by nanoseconds: UInt64) { clockStart += nanoseconds }

    func setClock(rate: UInt64, at now: UInt64) {
        clockStart = clock(at: now).nanoseconds
        clockSince = now
        clockRate = rate
    }
}
