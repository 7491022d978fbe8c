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
    /// A bit changes in what was durable.
    case bitRotted
    /// A bit changes, and the running node reads it for a peer.
    case bitRottedWhileRunning
    case diskWiped
    case paused, clockChanged
    case leadershipTransferred
    case clientMessageLost
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
/// | duplicate | a message | 1/2 | 0.1 % to 5 % |
/// | long delay (5 to 400 ms, so that it is overtaken) | a message | 1/2 | 0.1 % to 10 % |
/// | overtaken at once by a later one | a message | 1/3 | 1 % to 30 % |
/// | one bit flipped | a message | 1/2 | 0.05 % to 1 % |
/// | broken lane reported | a lost message | all | 50 % |
/// | client's message lost | a message | 1/2 | 0.1 % to 3 % |
/// | sync slow (20 to 1,500 ms) | a disk operation | 1/3 | 0.05 % to 1 % |
/// | sync fails | a write | 1/4 | 0.02 % to 0.3 % |
/// | no room for a spare | a preparation | 1/4 | 5 % to 50 % |
/// | larger faults (below) | at random times | all | every 50 to 2,500 ms |
///
/// Larger faults by weight: kill 14, power loss 12, power loss of all 3, pause 8, partition 10, one-way
/// partition 6, clock 5, bit rot 5, bit rot while running 3, wipe 1, transfer of leadership 8. Two thirds of
/// the crashes wait for the node's disk to be in the middle of an operation. Of each run's larger faults,
/// every kind is switched off with probability 1/4.
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
    /// The usual time of a message and of a disk operation, in nanoseconds.
    var messageTime: UInt64 = 300_000
    var diskTime: UInt64 = 400_000
    /// The usual time between two calls of a client.
    var thinkTime: UInt64 = 10_000_000
    var weights: [(fault: Fault, weight: UInt64)] = []
    /// Time between two larger faults, at most.
    var pauseMax: UInt64 = 1_000_000_000

    /// No faults at all.
    static let calm = Odds()

    private static let larger: [(fault: Fault, weight: UInt64)] = [
        (.processKilled, 14), (.powerLost, 12), (.allPowerLost, 3), (.paused, 8), (.partitioned, 10),
        (.partitionedOneWay, 6), (.clockChanged, 5), (.bitRotted, 5), (.bitRottedWhileRunning, 3),
        (.diskWiped, 1), (.leadershipTransferred, 8),
    ]
}

extension Odds {
    /// The probabilities that one seed gives.
    static func drawn(from random: inout Random) -> Odds {
        var odds = Odds()
        odds.drop = strength(1, in: 2, 1_000...100_000, &random)
        odds.duplicate = strength(1, in: 2, 1_000...50_000, &random)
        odds.delay = strength(1, in: 2, 1_000...100_000, &random)
        odds.reorder = strength(1, in: 3, 10_000...300_000, &random)
        odds.corrupt = strength(1, in: 2, 500...10_000, &random)
        odds.clientLoss = strength(1, in: 2, 1_000...30_000, &random)
        odds.slowSync = strength(1, in: 3, 500...10_000, &random)
        odds.failSync = strength(1, in: 4, 200...3_000, &random)
        odds.full = strength(1, in: 4, 50_000...500_000, &random)
        odds.messageTime = random.draw(50_000...2_000_000)
        odds.diskTime = random.draw(50_000...3_000_000)
        odds.thinkTime = random.draw(500_000...20_000_000)
        odds.weights = larger.filter { _ in !random.happens(250_000) }
        odds.pauseMax = random.draw(200_000_000...2_500_000_000)
        return odds
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
