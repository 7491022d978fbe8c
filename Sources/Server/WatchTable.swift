// Who watches which keys, so that a write finds its watchers and nobody else (Interface §3).
internal import API
internal import KeyValue
internal import Network

/// The watchers of one key, or of one prefix.
final class WatchTopic {
    let keys: WatchedKeys
    let bytes: [UInt8]
    /// Of prefixes: the longest other one that this one begins with.
    fileprivate(set) var parent: WatchTopic?
    /// How many watchers there are, those among them that are behind, and long polls.
    fileprivate(set) var count = 0
    /// Those who are live, by the form of their streams.
    let feeds = WatchForm.allCases.map { _ in WatchFeed() }
    /// Those who wait for a change to read the key.
    var polls: [Token] = []

    // While events are gathered.

    /// A match whose revision is not over: whether it is the last of it is not known yet.
    var held: Event?
    var isTouched = false

    fileprivate init(_ keys: WatchedKeys) {
        self.keys = keys
        switch keys {
        case .key(let key): bytes = key
        case .prefix(let prefix): bytes = prefix
        }
    }
}

/// All topics, sorted: keys, and prefixes.
///
/// Prefixes of a key are found by one search: they all lie on the way from the last prefix that is not after
/// the key up through the parents, because whatever stands between a key and a prefix of it begins with that
/// prefix too.
struct WatchTable {
    private var keys: [WatchTopic] = []
    private var prefixes: [WatchTopic] = []
    /// How many watchers and long polls there are.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// The topic of these keys, with one watcher more.
    mutating func join(_ wish: WatchedKeys) -> WatchTopic {
        count += 1
        let topic: WatchTopic
        switch wish {
        case .key(let key):
            let place = Self.place(after: key.span, in: keys)
            if place > 0, keys[place - 1].bytes == key {
                topic = keys[place - 1]
            } else {
                topic = WatchTopic(wish)
                keys.insert(topic, at: place)
            }
        case .prefix(let prefix): topic = self.topic(prefix, wish)
        }
        topic.count += 1
        return topic
    }

    private mutating func topic(_ prefix: [UInt8], _ wish: WatchedKeys) -> WatchTopic {
        let place = Self.place(after: prefix.span, in: prefixes)
        if place > 0, prefixes[place - 1].bytes == prefix { return prefixes[place - 1] }
        let topic = WatchTopic(wish)
        var parent = place > 0 ? prefixes[place - 1] : nil
        while let above = parent, !prefix.starts(with: above.bytes) { parent = above.parent }
        topic.parent = parent
        prefixes.insert(topic, at: place)
        forEachBelow(place) { if $0.parent === parent { $0.parent = topic } }
        return topic
    }

    /// One watcher less.
    mutating func leave(_ topic: WatchTopic) {
        count -= 1
        topic.count -= 1
        guard topic.count == 0 else { return }
        switch topic.keys {
        case .key(let key): keys.remove(at: Self.place(after: key.span, in: keys) - 1)
        case .prefix(let prefix):
            let place = Self.place(after: prefix.span, in: prefixes) - 1
            forEachBelow(place) { if $0.parent === topic { $0.parent = topic.parent } }
            prefixes.remove(at: place)
        }
    }

    /// The prefixes that begin with the one at `place`: they follow it.
    private func forEachBelow(_ place: Int, _ body: (WatchTopic) -> Void) {
        let prefix = prefixes[place].bytes
        var next = place + 1
        while next < prefixes.count, prefixes[next].bytes.starts(with: prefix) {
            body(prefixes[next])
            next += 1
        }
    }

    /// Hands over the topics to which a key belongs.
    func forEachTopic(of key: Span<UInt8>, _ body: (WatchTopic) -> Void) {
        if !keys.isEmpty {
            let place = Self.place(after: key, in: keys)
            if place > 0, Self.compare(keys[place - 1].bytes, key) == 0 { body(keys[place - 1]) }
        }
        if prefixes.isEmpty { return }
        let place = Self.place(after: key, in: prefixes)
        var next = place > 0 ? prefixes[place - 1] : nil
        while let topic = next {
            if Self.begins(key, with: topic.bytes) { body(topic) }
            next = topic.parent
        }
    }

    /// Hands over all topics.
    func forEachTopic(_ body: (WatchTopic) -> Void) {
        for topic in keys { body(topic) }
        for topic in prefixes { body(topic) }
    }

    /// How many topics are not after these bytes.
    private static func place(after bytes: Span<UInt8>, in topics: [WatchTopic]) -> Int {
        var (low, high) = (0, topics.count)
        while low < high {
            let middle = (low + high) / 2
            if compare(topics[middle].bytes, bytes) > 0 { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private static func compare(_ a: [UInt8], _ b: Span<UInt8>) -> Int {
        let shared = min(a.count, b.count)
        for index in 0..<shared where a[index] != b[index] { return a[index] < b[index] ? -1 : 1 }
        return a.count - b.count
    }

    private static func begins(_ key: Span<UInt8>, with prefix: [UInt8]) -> Bool {
        guard key.count >= prefix.count else { return false }
        for index in prefix.indices where key[index] != prefix[index] { return false }
        return true
    }
}

/// Where one watcher stands, or one who waits for a key to change.
struct Watcher {
    enum Place {
        /// In the list of its feed at this place: it is given what comes, in its turn.
        case live(Int)
        /// It is given what comes after its cursor, as fast as it takes that.
        case behind
        /// Its cursor lies ahead of all that was served.
        case early
    }

    let topic: WatchTopic
    /// Nil: a long poll.
    let form: WatchForm?
    /// Up to here all was sent. Not kept up to date while it is live.
    var cursor: EventID
    var place = Place.behind
    /// Of one that is live: the number of the next piece that it takes.
    var position = 0

    init(_ topic: WatchTopic, _ form: WatchForm?, after cursor: EventID) {
        self.topic = topic
        self.form = form
        self.cursor = cursor
    }

    /// Nil: a long poll.
    var feed: WatchFeed? { form.map { topic.feeds[$0.rawValue] } }
    var isBehind: Bool { if case .behind = place { true } else { false } }
}

/// What is known of serving events, over all watchers.
struct Watches {
    var table = WatchTable()
    /// What happened up to this revision is in the feeds of those who are live, or was taken from there.
    var served = Revision.empty
    /// Feeds that somebody has something to take of, whose turn it is among them, and how much they hold.
    var active: [WatchFeed] = []
    var turn = 0
    var held = 0
    /// What was spent on serving so far is made up for at this moment (ns).
    var repaid: UInt64 = 0
    /// Watchers that are early.
    var early: Set<Token> = []
    /// Topics that the events being gathered belong to, those among them that hold one of the revision that
    /// is not over, and how many bytes it comes to.
    var touched: [WatchTopic] = []
    var holding: [WatchTopic] = []
    var gathered = 0
    /// Long polls have ended since the replica's turn did.
    var hasEndedWaits = false
    /// The last events that were written, by form, and by whether they were the last of their revision.
    var written: [(id: EventID, bytes: [UInt8])?] = Array(repeating: nil, count: 2 * WatchForm.allCases.count)
    /// So many events may still be looked at in this turn by those who are behind.
    var scansLeft = 0
}
