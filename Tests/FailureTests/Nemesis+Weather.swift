// The faults between processes, and what a question on a way that is hit comes to.
import Foundation
import Testing

extension Nemesis {
    static let roundTrip = "round trip s"
    private static let leadersRoundTrip = "the leader's round trip s"
    /// What a run must have seen of faults that it did often.
    static let showing: [(Fault, String)] = [
        (.slow, roundTrip), (.slow, leadersRoundTrip), (.damage, "whole again, after s"),
        (.damageSnapshot, "was damaged"), (.wrongState, "right again, after s"),
    ]

    /// Begins the weather of a fault, and sees that it is there.
    func weather(_ fault: Fault) throws {
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
        case .slow:
            // 50 to 300 ms each way: from what an election survives to what it does not.
            let delay = 0.05 + Double(random.next() % 100) / 1_000
            let jitter = Double(random.next() % 150) / 1_000
            what = String(format: "%.0f to %.0f ms each way", 1_000 * delay, 1_000 * (delay + jitter))
            passages = forecast.everywhere(Passage(delay: delay, jitter: jitter))
        case .lossy: passages = forecast.everywhere(Passage(lostPercent: 5))
        case .thin: passages = forecast.around(id, Passage(bytesPerSecond: 20_000))
        default: passages = forecast.split([id])
        }
        note(fault, what)
        try cluster.weather?.set(passages)
        let ways = passages.keys.sorted { ($0.from, $0.to) < ($1.from, $1.to) }.shuffled(using: &random)
        if let least = passages.values.map(\.delay).min(), least > 0 {
            try feel(ways, lateBy: 2 * least)
        } else if let way = ways.first, passages[way]?.isCut == true, random.next() % 4 > 0 {
            // Otherwise it may be a moment that nobody notices.
            try #require(
                cluster.roundTrip(way, milliseconds: 80) == nil, "\(way) is cut, and a question is answered")
            seen.add(fault, "unanswered, after s", 0.08)
        }
    }

    /// Every answer that comes at all has been on both ways, and so have those that the leader gets.
    private func feel(_ ways: [Way], lateBy least: Double) throws {
        for way in ways.prefix(3) {
            // A node may just be starting: then another is asked.
            guard let time = cluster.roundTrip(way, milliseconds: 1_500) else { continue }
            try #require(time >= least, "\(way) should be late by \(least) s, and was by \(time) s")
            seen.add(.slow, Self.roundTrip, time)
            break
        }
        var heartbeat = 0.0
        let isFelt = Clock.poll(seconds: 2, every: 50_000) {
            heartbeat = cluster.leadersRoundTrip() ?? 0
            return heartbeat >= least
        }
        // There need not be a leader in such weather; the end of the run asks whether ever one felt it.
        if isFelt { seen.add(.slow, Self.leadersRoundTrip, heartbeat) }
    }

    /// Ends the weather of a fault.
    func clear(_ fault: Fault) throws {
        if let hits = cluster.weather?.hits, hits > 0 { seen.add(fault, "hits", Double(hits)) }
        try cluster.weather?.set([:])
    }
}
