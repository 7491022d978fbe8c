// Who chooses among faults, begins them, and ends them.
import Foundation
import Testing

/// Puts a cluster through faults, by chance.
final class Nemesis {
    let cluster: Cluster
    let traffic: Traffic
    var random: SplitMix64
    let forecast: Forecast
    private let kinds: [Fault]
    var seen = Sightings()
    /// What was done, with the seconds since the beginning.
    var told: [String] = []
    private let begun = Clock.now

    init(_ cluster: Cluster, _ traffic: Traffic, seed: UInt64, kinds: [Fault] = Fault.allCases) {
        self.cluster = cluster
        self.traffic = traffic
        random = SplitMix64(state: seed)
        forecast = Forecast(ids: cluster.ids)
        self.kinds = kinds.filter { $0.isPossible(on: cluster) }
    }

    /// For so many seconds: a fault, mostly until it is over, and sometimes with a second one within it.
    ///
    /// Each kind comes once before any comes again.
    func rage(seconds: Double, progress: (Double) -> Void = { _ in }) throws {
        let deadline = Clock.now + seconds
        var left: [Fault] = []
        while Clock.now < deadline {
            if left.isEmpty { left = kinds.shuffled(using: &random) }
            let fault = left.removeFirst()
            if fault.isWeather {
                try weather(fault)
                if random.next() % 3 == 0,
                    let next = left.firstIndex(where: { !$0.isWeather && !$0.isLasting })
                {
                    try process(left.remove(at: next))
                } else {
                    hold()
                }
                try clear(fault)
            } else {
                try process(fault)
            }
            if random.next() % 4 > 0 || fault.isLasting {
                let end = Clock.now
                try #require(traffic.waitFor(writes: 10, seconds: 40), "no writes any more after \(fault)")
                seen.add(fault, "ten writes later, after s", Clock.now - end)
            }
            told.append(String(format: "%.1f s over", Clock.now - begun))
            progress(Clock.now - begun)
        }
        try cluster.weather?.set([:])
        try cluster.start()
        try cluster.ready(seconds: 60)
    }

    func note(_ fault: Fault, _ what: String = "") {
        seen.count(fault)
        told.append(String(format: "%.1f s %@ %@", Clock.now - begun, fault.rawValue, what))
    }

    func draw(_ ids: [Int]) -> Int { ids[Int(random.next() % UInt64(ids.count))] }

    /// A leader if there is one just now, else anybody.
    func leader() -> Int { cluster.leader() ?? draw(cluster.ids) }

    /// From a moment, in which nobody notices, to several election timeouts.
    func hold() {
        let longest: UInt64 = random.next() % 3 == 0 ? 4_000 : 1_200
        usleep(UInt32(random.next() % longest) * 1_000)
    }

    private func process(_ fault: Fault) throws {
        let id = draw(cluster.ids)
        switch fault {
        case .killLeader: try kill([leader()], fault)
        case .killAll: try kill(cluster.ids, fault)
        case .restartLoop:
            note(fault, "\(id)")
            for _ in 0..<5 {
                cluster.kill(id)
                try cluster.start(id)
                usleep(UInt32(random.next() % 400) * 1_000)
            }
        case .end:
            note(fault, "\(id)")
            cluster.signal(id, SIGTERM)
            let code = cluster.ended(id, seconds: 20)
            // In its first moments it does not know yet that it should hand over.
            try #require(code == 0 || code == -SIGTERM, "node \(id) does not end on SIGTERM: \(code ?? -99)")
            try cluster.start(id)
        case .pause: pause([id], fault)
        case .pauseLeader: pause([leader()], fault)
        case .pauseMajority:
            pause(Array(cluster.ids.shuffled(using: &random).prefix(cluster.ids.count / 2 + 1)), fault)
        case .slowDisk, .failedSync, .fullDisk, .damage, .damageSnapshot, .wrongState, .wipe:
            try disk(fault, id)
        default: try kill([id], fault)
        }
    }

    private func kill(_ ids: [Int], _ fault: Fault) throws {
        note(fault, ids.map { "\($0)" }.joined(separator: "+"))
        cluster.kill(ids)
        hold()
        for id in ids { try cluster.start(id) }
    }

    private func pause(_ ids: [Int], _ fault: Fault) {
        note(fault, ids.map { "\($0)" }.joined(separator: "+"))
        for id in ids { cluster.signal(id, SIGSTOP) }
        hold()
        for id in ids { cluster.signal(id, SIGCONT) }
    }
}
