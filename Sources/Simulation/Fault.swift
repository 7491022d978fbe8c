// The table of faults: what can go wrong in a run, and how likely it is.
internal import Consensus

/// A kind of fault that a run injects and counts.
public enum Fault: Int, CaseIterable, Hashable, Sendable {
    case messageDropped, messageDuplicated, messageDelayed, messageReordered, messageCorrupted
    /// A broken connection is reported to the member that asked.
    case laneLost
    case partitioned, partitionedOneWay
    /// The process ends; what it wrote is in the page cache.
    case processKilled
    /// The machine loses power; what was not synced is kept, lost or torn by sector.
    case powerLost
    /// Any crash while the disk was in the middle of an operation.
    case crashedInOperation
    case allPowerLost
    case sectorLost, sectorTorn, nameLost
    case syncFailed, syncSlow, diskFull
    /// The disk does nothing for a while.
    case diskStalled
    /// A bit changes in what was durable.
    case bitRotted
    /// A bit changes, and the running node reads it for a peer.
    case bitRottedWhileRunning
    case diskWiped
    /// The files of the log are gone, and only they (a folder lost, a volume that is not there).
    case logLost
    /// A start makes another state of its disk than the others have: its hash differs. Once in a run at most,
    /// where all others are right and a majority of an odd number stays so.
    case stateChanged
    case paused, clockChanged
    case leadershipTransferred
    /// A slow leader leads on beside the next, and hears only one that is let in again without its disk
    /// (``Plot``). Five nodes or more.
    case leaderOutlived
    /// A crash came while a snapshot was written or installed.
    case crashedInSnapshot
    case clientMessageLost
    /// No faults, and counted with them: that runs do it is to be seen.
    case snapshotTaken, snapshotInstalled
    /// A client was given the answer that is kept under its write's name.
    case writeReplayed

    /// Those that are injected.
    public static let injected = allCases.filter {
        $0 != .snapshotTaken && $0 != .snapshotInstalled && $0 != .writeReplayed
    }
}

/// Some kinds of faults.
public struct FaultSet: Hashable, Sendable {
    private var bits: UInt64

    public static let none = FaultSet(bits: 0)
    public static let all = FaultSet(bits: Fault.injected.reduce(0) { $0 | bit($1) })

    public var count: Int { bits.nonzeroBitCount }
    public func contains(_ fault: Fault) -> Bool { bits & Self.bit(fault) != 0 }
    public mutating func insert(_ fault: Fault) { bits |= Self.bit(fault) }
    public mutating func remove(_ fault: Fault) { bits &= ~Self.bit(fault) }

    private init(bits: UInt64) { self.bits = bits }
    private static func bit(_ fault: Fault) -> UInt64 { 1 << UInt64(fault.rawValue) }
}

extension Fault {
    /// The fault of that name.
    public init?(named name: String) {
        guard let fault = Self.allCases.first(where: { "\($0)" == name }) else { return nil }
        self = fault
    }
}

/// How often each fault was injected.
struct FaultCounts {
    private(set) var counts = Array(repeating: 0, count: Fault.allCases.count)
    mutating func count(_ fault: Fault) { counts[fault.rawValue] += 1 }
}

/// The probabilities of one run.
///
/// Each kind is off in a part of the runs, and its strength is drawn: runs in which everything happens at
/// once hide what needs a long quiet time in between.
///
/// | what | unit | in how many runs | strength |
/// | --- | --- | --- | --- |
/// | drop | a message | 1/2 | 0.1 % to 10 % |
/// | duplicate | a message | 1/2 | 0.1 % to 30 % |
/// | long delay (5 to 400 ms, a quarter of them to 3 s) | a message | 1/2 | 0.1 % to 10 % |
/// | overtaken at once by a later one | a message | 1/3 | 1 % to 30 % |
/// | one bit flipped | a message | 1/2 | 0.05 % to 1 % |
/// | broken lane reported | a lost message | all | 50 % |
/// | client's message lost | a message | 1/2 | 0.1 % to 3 % |
/// | sync slow (20 to 1,500 ms) | a disk operation | 1/3 | 0.05 % to 1 % |
/// | sync fails | a write | 1/4 | 0.02 % to 0.3 % |
/// | no room for a spare | a preparation | 1/4 | 5 % to 50 % |
/// | no room for a piece of a snapshot, here or for a peer's | a write of it | 1/4 | 0.6 % to 6 % |
/// | crash while a snapshot is written or installed | a snapshot | 1/2 | 0.5 % to 20 % |
/// | larger faults (below) | at random times | all | every 50 to 2,500 ms |
///
/// Larger faults by weight: kill 14, power loss 12, power loss of all 3, pause 8, partition 10, one-way
/// partition 6, disk that stalls 5, clock 5, bit rot 5, bit rot while running 3, wipe 1, log lost 1, changed
/// state 2, transfer of leadership 8, a leader that leads on 6. A third of them look for the leader. Two
/// thirds of the crashes wait for the node's disk to be in the middle of an operation, half of the pauses for
/// a round of heartbeats. Of each run's larger faults, every kind is switched off with probability 1/4, and a
/// changed state with 7/10, for afterwards stores are not compared.
///
/// - A node is down for 10 ms to 2 s, paused for 20 ms to 3 s, cut off for 50 ms to 4 s, its disk stalls for
///   50 ms to 3 s; four stalls in ten come with a leader that is cut off beside it, and last up to 5 s.
/// - A power cut keeps all that was not synced, or nothing (a quarter each); or each sector has a fate of its
///   own: two in five are kept, one is torn, two are lost. Names that no sync has kept go from some moment on
///   (7/10), or each for itself. Six of ten crashes in the middle of an operation are power cuts.
/// - A clock runs at 0.4 to 2.5 times its rate until the next fault of that kind, or jumps by up to 10 s
///   (3/10).
/// - A bit rots in the newest snapshot (1/5, if there is one), or in what the log itself calls durable: what
///   no later head vouches for, nobody could tell from a torn write.
/// - Bit rot, a wiped disk and a lost log come only where those left, in every configuration that may decide,
///   are a majority without damage; a changed state once in a run, with an odd number of nodes that are all
///   well.
struct Odds {
    var drop: UInt64 = 0
    var duplicate: UInt64 = 0
    var delay: UInt64 = 0
    var reorder: UInt64 = 0
    var corrupt: UInt64 = 0
    var clientLoss: UInt64 = 0
    var slowSync: UInt64 = 0
    var failSync: UInt64 = 0
    var full: UInt64 = 0
    var crashInSnapshot: UInt64 = 0
    /// The usual time of a message and of a disk operation, in nanoseconds.
    var messageTime: UInt64 = 300_000
    var diskTime: UInt64 = 400_000
    /// How many clients call at the same moment, at most.
    var burstMax: UInt64 = 1
    var weights: [(fault: Fault, weight: UInt64)] = []
    /// Time between two larger faults, at most.
    var pauseMax: UInt64 = 1_000_000_000

    /// No faults at all.
    static let calm = Odds()

    private static let larger: [(fault: Fault, weight: UInt64)] = [
        (.processKilled, 14), (.powerLost, 12), (.allPowerLost, 3), (.paused, 8), (.partitioned, 10),
        (.partitionedOneWay, 6), (.clockChanged, 5), (.bitRotted, 5), (.bitRottedWhileRunning, 3),
        (.diskWiped, 1), (.leadershipTransferred, 8), (.diskStalled, 5), (.stateChanged, 2), (.logLost, 1),
        (.leaderOutlived, 6),
    ]
}

extension Odds {
    /// The probabilities that one seed gives.
    static func drawn(from random: inout Random, only faults: FaultSet) -> Odds {
        var odds = Odds()
        odds.drop = strength(1, in: 2, 1_000...100_000, &random)
        odds.duplicate = strength(1, in: 2, 1_000...300_000, &random)
        odds.delay = strength(1, in: 2, 1_000...100_000, &random)
        odds.reorder = strength(1, in: 3, 10_000...300_000, &random)
        odds.corrupt = strength(1, in: 2, 500...10_000, &random)
        odds.clientLoss = strength(1, in: 2, 1_000...30_000, &random)
        odds.slowSync = strength(1, in: 3, 500...10_000, &random)
        odds.failSync = strength(1, in: 4, 200...3_000, &random)
        odds.full = strength(1, in: 4, 50_000...500_000, &random)
        odds.crashInSnapshot = strength(1, in: 2, 5_000...200_000, &random)
        odds.messageTime = random.draw(50_000...2_000_000)
        odds.diskTime = random.draw(50_000...3_000_000)
        odds.burstMax = random.draw(1...6)
        odds.weights = larger.filter { fault, _ in
            // After that one, stores are not compared any more.
            !random.happens(fault == .stateChanged ? 700_000 : 250_000)
        }
        odds.pauseMax = random.draw(200_000_000...2_500_000_000)
        odds.keep(only: faults)
        return odds
    }

    /// No faults any more, and messages and disks that are never very slow.
    mutating func calm() {
        var calm = Odds.calm
        calm.messageTime = min(messageTime, Cluster.millisecond)
        calm.diskTime = min(diskTime, 2 * Cluster.millisecond)
        calm.burstMax = burstMax
        self = calm
    }

    /// What is not to be injected never happens; what is, happens as it would among all.
    private mutating func keep(only faults: FaultSet) {
        if !faults.contains(.messageDropped) { drop = 0 }
        if !faults.contains(.messageDuplicated) { duplicate = 0 }
        if !faults.contains(.messageDelayed) { delay = 0 }
        if !faults.contains(.messageReordered) { reorder = 0 }
        if !faults.contains(.messageCorrupted) { corrupt = 0 }
        if !faults.contains(.clientMessageLost) { clientLoss = 0 }
        if !faults.contains(.syncSlow) { slowSync = 0 }
        if !faults.contains(.syncFailed) { failSync = 0 }
        if !faults.contains(.diskFull) { full = 0 }
        if !faults.contains(.crashedInSnapshot) { crashInSnapshot = 0 }
        weights.removeAll { !faults.contains($0.fault) }
    }

    /// Small strengths are as likely as large ones: the logarithm is drawn.
    private static func strength(
        _ part: UInt64, in whole: UInt64, _ range: ClosedRange<UInt64>, _ random: inout Random
    ) -> UInt64 {
        guard random.next(below: whole) < part else { return 0 }
        var top = range.upperBound
        while top / 2 > range.lowerBound, random.happens(500_000) { top /= 2 }
        return random.draw(range.lowerBound...top)
    }

    /// The next larger fault.
    func larger(_ random: inout Random) -> Fault? {
        let total = weights.reduce(0) { $0 + $1.weight }
        guard total > 0 else { return nil }
        var place = random.next(below: total)
        for (fault, weight) in weights {
            if place < weight { return fault }
            place -= weight
        }
        return nil
    }
}
