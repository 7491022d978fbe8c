// What befalls the bytes between nodes: cut, one way or both, late, slow, lost.
import Foundation

/// From one node to another.
struct Way: Hashable, Sendable {
    let from: Int
    let to: Int
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
