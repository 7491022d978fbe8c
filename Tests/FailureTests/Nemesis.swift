// The faults that real processes are put through, and who chooses among them.
import Foundation
import Testing

/// One kind of fault: begun, held for a while, and ended again.
enum Fault: String, CaseIterable {
    // What becomes of processes.
    case kill, killLeader, killAll, restartLoop, end, pause, pauseLeader, pauseMajority
    // What becomes of the bytes between them.
    case isolate, isolateLeader, split, mute, deaf, chain, ring, slow, lossy, thin
    // What becomes of disks.
    case slowDisk, failedSync, fullDisk, damage, wipe

    var isWeather: Bool {
        switch self {
        case .isolate, .isolateLeader, .split, .mute, .deaf, .chain, .ring, .slow, .lossy, .thin: true
        default: false
        }
    }
}

/// Puts a cluster through faults, by chance.
final class Nemesis {
    private let cluster: Cluster
    private let traffic: Traffic
    private var random: SplitMix64
    private let forecast: Forecast
    private let kinds: [Fault]
    /// How often each kind was done.
    private(set) var counts: [Fault: Int] = [:]
    /// What was done, with the seconds since the beginning.
    private(set) var told: [String] = []
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
                try cluster.weather?.set([:])
            } else {
                try process(fault)
            }
            if random.next() % 4 > 0 || fault.isLasting {
                try #require(traffic.waitFor(writes: 10, seconds: 40), "no writes any more after \(fault)")
            }
            told.append(String(format: "%.1f s over", Clock.now - begun))
            progress(Clock.now - begun)
        }
        try cluster.weather?.set([:])
        try cluster.start()
        try cluster.ready(seconds: 60)
    }

    private func note(_ fault: Fault, _ what: String = "") {
        counts[fault, default: 0] += 1
        told.append(String(format: "%.1f s %@ %@", Clock.now - begun, fault.rawValue, what))
    }

    private func draw(_ ids: [Int]) -> Int { ids[Int(random.next() % UInt64(ids.count))] }

    /// A leader if there is one just now, else anybody.
    private func leader() -> Int { cluster.leader() ?? draw(cluster.ids) }

    /// From a moment, in which nobody notices, to several election timeouts.
    private func hold() {
        let longest: UInt64 = random.next() % 3 == 0 ? 4_000 : 1_200
        usleep(UInt32(random.next() % longest) * 1_000)
    }

    private func weather(_ fault: Fault) throws {
        let id = draw(cluster.ids)
        let other = draw(cluster.ids.filter { $0 != id })
        let passages: [Way: Passage]
        var what = "\(id)"
        switch fault {
        case .isolateLeader:
            let leader = leader()
            what = "\(leader)"
            passages = forecast.split([leader])
        case .split:
            let minority = cluster.ids.shuffled(using: &random).prefix((cluster.ids.count - 1) / 2)
            what = minority.map { "\($0)" }.joined(separator: "+")
            passages = forecast.split(Set(minority))
        case .mute: passages = forecast.mute(id)
        case .deaf: passages = forecast.deaf(id)
        case .chain:
            what = "\(id)–\(other)"
            passages = forecast.chain(id, other)
        case .ring: passages = forecast.ring()
        case .slow: passages = forecast.everywhere(Passage(delay: 0.05, jitter: 0.1))
        case .lossy: passages = forecast.everywhere(Passage(lostPercent: 5))
        case .thin: passages = forecast.around(id, Passage(bytesPerSecond: 20_000))
        default: passages = forecast.split([id])
        }
        note(fault, what)
        try cluster.weather?.set(passages)
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
        case .slowDisk, .failedSync, .fullDisk, .damage, .wipe: try disk(fault, id)
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

    // Disks -----------------------------------------------------------------------------------------------

    private func disk(_ fault: Fault, _ id: Int) throws {
        // One bad disk at a time, and only where the others are well: more is more than a majority survives.
        try cluster.ready(seconds: 60)
        note(fault, "\(id)")
        switch fault {
        case .slowDisk:
            let delay = 20_000 + random.next() % 400_000
            try cluster.tracing(id, "fdatasync:delay_exit=\(delay)") { hold() }
        case .failedSync:
            try cluster.tracing(id, "fdatasync:error=EIO:when=1") {
                let hasSaid = Clock.poll(seconds: 20) {
                    guard let answer = cluster.get(id, "/readyz") else { return false }
                    return answer.status == 503 && answer.text.contains("disk")
                }
                try #require(hasSaid, "node \(id) goes on after a failed sync")
                hold()
            }
            cluster.kill(id)
            try cluster.start(id)
        case .fullDisk:
            try cluster.fill(id)
            hold()
            try cluster.empty(id)
        case .damage:
            cluster.kill(id)
            let place = try cluster.flip(id, &random)
            try cluster.start(id)
            told.append("flipped \(place)")
        default: try wipe(id)
        }
        try cluster.ready(seconds: 60)
    }

    /// The disk is empty after a kill: the node must not vote, nor acknowledge, until it is let in again.
    private func wipe(_ id: Int) throws {
        cluster.kill(id)
        try cluster.putAside(id)
        try cluster.start(id)
        // It is let in as a learner, and is a voter again once it has caught up.
        let isBack = Clock.poll(seconds: 60) { cluster.isReady(id) && cluster.isVoter(id) }
        try #require(isBack, "node \(id), wiped, does not come back")
    }
}

extension Fault {
    /// What is not over with the fault, so that nothing else may come on top.
    fileprivate var isLasting: Bool {
        switch self {
        case .slowDisk, .failedSync, .fullDisk, .damage, .wipe: true
        default: false
        }
    }

    fileprivate func isPossible(on cluster: Cluster) -> Bool {
        switch self {
        case .slowDisk, .failedSync: Cluster.canTrace
        case .fullDisk: cluster.hasOwnDisks
        case .ring: cluster.nodes.count > 3
        default: !isWeather || cluster.weather != nil
        }
    }
}
