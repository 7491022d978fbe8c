// The faults that real processes are put through, and what was seen of them.
import Foundation

/// One kind of fault: begun, held for a while, and ended again.
enum Fault: String, CaseIterable {
    // What becomes of processes.
    case kill, killLeader, killAll, restartLoop, end, pause, pauseLeader, pauseMajority
    // What becomes of the bytes between them.
    case isolate, isolateLeader, split, mute, deaf, chain, ring, slow, lossy, thin
    // What becomes of disks.
    case slowDisk, failedSync, fullDisk, damage, damageSnapshot, wrongState, wipe

    var isWeather: Bool {
        switch self {
        case .isolate, .isolateLeader, .split, .mute, .deaf, .chain, .ring, .slow, .lossy, .thin: true
        default: false
        }
    }
}

extension Fault {
    /// What is not over with the fault, so that nothing else may come on top.
    var isLasting: Bool {
        switch self {
        case .slowDisk, .failedSync, .fullDisk, .damage, .damageSnapshot, .wrongState, .wipe: true
        default: false
        }
    }

    func isPossible(on cluster: Cluster) -> Bool {
        switch self {
        case .slowDisk, .failedSync: Cluster.canTrace
        case .fullDisk: cluster.hasOwnDisks
        case .ring: cluster.nodes.count > 3
        default: !isWeather || cluster.weather != nil
        }
    }
}

/// How often each fault was done, and what was seen of it: what no test sees may not have happened.
struct Sightings {
    private struct Sight {
        let what: String
        var numbers: [Double]
    }
    private(set) var counts: [Fault: Int] = [:]
    private var sights: [Fault: [Sight]] = [:]

    mutating func count(_ fault: Fault) { counts[fault, default: 0] += 1 }

    /// `number`: of seconds, or of what the words name.
    mutating func add(_ fault: Fault, _ what: String, _ number: Double) {
        var known = sights[fault] ?? []
        if let place = known.firstIndex(where: { $0.what == what }) {
            known[place].numbers.append(number)
        } else {
            known.append(Sight(what: what, numbers: [number]))
        }
        sights[fault] = known
    }

    func count(of fault: Fault, _ what: String) -> Int {
        sights[fault]?.first { $0.what == what }?.numbers.count ?? 0
    }

    /// A line a fault: how often, and from the smallest to the largest number of each thing that was seen.
    var lines: [String] {
        Fault.allCases.compactMap { fault in
            counts[fault].map { count in
                let seen = (sights[fault] ?? []).map { sight in
                    let range = [sight.numbers.min() ?? 0, sight.numbers.max() ?? 0].map {
                        String(format: $0 == $0.rounded() || $0 >= 10 ? "%.0f" : "%.3f", $0)
                    }
                    return "\(sight.what) \(sight.numbers.count)× \(range[0])–\(range[1])"
                }
                return "  \(fault.rawValue) \(count)" + (seen.isEmpty ? "" : ": ")
                    + seen.joined(separator: "; ")
            }
        }
    }
}
