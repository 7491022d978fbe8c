// What befalls the bytes between nodes: cut, one way or both, late, slow, lost.
import Foundation

/// From one node to another.
struct Way: Hashable, Sendable {
    let from: Int
    let to: Int

    var reversed: Way { Way(from: to, to: from) }
}

/// What the bytes on one way suffer.
struct Passage: Equatable, Sendable {
    var isCut = false
    /// So many seconds later, and up to so many more.
    var delay = 0.0
    var jitter = 0.0
    /// Of a hundred pieces so many are lost at first, and come when they are sent again.
    var lostPercent = 0
    var bytesPerSecond: Int?

    static let cut = Passage(isCut: true)
}

/// Who can make weather between processes.
protocol Weather: AnyObject {
    /// From now on these ways are like this, and all others clear.
    func set(_ passages: [Way: Passage]) throws
    /// The URL at which node `from` is to be told that node `to` is.
    func url(_ way: Way, of port: UInt16, at host: String) -> String
    /// The address from which node `id` dials, where that matters.
    func source(_ id: Int) -> String?
    /// How many packets, or pieces of a connection, were hit since it was set; cuts of a proxy hit none.
    var hits: Int { get }
    func end()
}

extension Cluster {
    /// How long a question and its answer take on a way, dialed as the peers dial; nil if none comes in time.
    func roundTrip(_ way: Way, milliseconds: Int) -> Double? {
        guard let weather else { return nil }
        let node = self[way.to]
        var call = Call.get(weather.url(way, of: node.port, at: node.host) + "/livez")
        call.source = weather.source(way.from)
        call.milliseconds = milliseconds
        let start = Clock.now
        guard ask(call).status == 200 else { return nil }
        return Clock.now - start
    }

    /// The longest round trip of a heartbeat of late, by who says that it leads.
    func leadersRoundTrip() -> Double? {
        for id in ids where status(id, "node", "role") as? String == "leader" {
            let members = status(id, "members") as? [[String: Any]] ?? []
            return members.compactMap { ($0["rttMs"] as? NSNumber)?.doubleValue }.max().map { $0 / 1_000 }
        }
        return nil
    }
}

/// The usual shapes of weather among nodes `1...count`.
struct Forecast {
    let ids: [Int]

    var all: [Way] { ids.flatMap { from in ids.filter { $0 != from }.map { Way(from: from, to: $0) } } }

    /// Nothing passes between the two groups.
    func split(_ group: Set<Int>) -> [Way: Passage] {
        passages(.cut) { group.contains($0.from) != group.contains($0.to) }
    }

    /// Nothing of what `id` says arrives.
    func mute(_ id: Int) -> [Way: Passage] { passages(.cut) { $0.from == id } }

    /// Nothing arrives at `id`.
    func deaf(_ id: Int) -> [Way: Passage] { passages(.cut) { $0.to == id } }

    /// The two do not reach each other; all others reach both.
    func chain(_ one: Int, _ other: Int) -> [Way: Passage] {
        passages(.cut) { Set([$0.from, $0.to]) == [one, other] }
    }

    /// Each reaches its neighbours in a ring only.
    func ring() -> [Way: Passage] {
        passages(.cut) { way in
            let distance = abs(way.from - way.to)
            return distance > 1 && distance < ids.count - 1
        }
    }

    func everywhere(_ passage: Passage) -> [Way: Passage] { passages(passage) { _ in true } }

    /// All that one node says and hears.
    func around(_ id: Int, _ passage: Passage) -> [Way: Passage] {
        passages(passage) { $0.from == id || $0.to == id }
    }

    private func passages(_ passage: Passage, _ isHit: (Way) -> Bool) -> [Way: Passage] {
        var found: [Way: Passage] = [:]
        for way in all where isHit(way) { found[way] = passage }
        return found
    }
}
