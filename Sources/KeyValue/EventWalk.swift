// One watcher's way through the history, from its place on, a bounded piece at a time (Interface §3).

/// The keys that are watched.
public enum WatchedKeys: Hashable, Sendable {
    case key([UInt8])
    /// All that begin with these bytes.
    case prefix([UInt8])

    /// Whether a change of this key is among what is watched.
    public func contains(_ record: Record) -> Bool {
        switch self {
        case .key(let key):
            guard record.keyCount == key.count else { return false }
            return record.withKey { Self.begins($0, with: key.span) }
        case .prefix(let prefix):
            guard record.keyCount >= prefix.count else { return false }
            return record.withKey { Self.begins($0, with: prefix.span) }
        }
    }

    private static func begins(_ key: Span<UInt8>, with prefix: Span<UInt8>) -> Bool {
        for index in prefix.indices where key[index] != prefix[index] { return false }
        return true
    }
}

/// Finds what one watcher is to be told, and remembers how far it has looked.
public struct EventWalk: Sendable {
    private let keys: WatchedKeys
    private let end: Revision
    /// All up to here was handed over, or is of other keys.
    public private(set) var cursor: EventID
    /// How many events were looked at.
    public private(set) var scans = 0
    /// Everything up to the end was looked at.
    public private(set) var isOver = false

    /// - Parameters:
    ///   - keys: what is watched.
    ///   - cursor: where the way begins; the history holds all after it.
    ///   - end: the last revision that is looked at.
    public init(_ keys: WatchedKeys, after cursor: EventID, through end: Revision) {
        self.keys = keys
        self.cursor = cursor
        self.end = end
    }

    /// Hands over what is watched until `body` answers false.
    ///
    /// - Parameters:
    ///   - history: where it is found.
    ///   - scansMax: so many events are looked at, and more only where a match was found and its revision
    ///     must be looked at to its end.
    ///   - body: takes an event, and whether it is the last of its revision that is watched.
    public mutating func forEach(
        in history: History, scansMax: Int, _ body: (Event, _ isLast: Bool) -> Bool
    ) {
        // Whether a match is the last of its revision is seen by what follows.
        var held: Event?
        var isStopped = false
        let limit = scans + scansMax
        history.forEach(after: cursor) { event in
            if event.revision > end { return false }
            if let match = held, match.revision != event.revision {
                held = nil
                isStopped = !hand(match, isLast: true, body)
            }
            if held == nil, scans >= limit { isStopped = true }
            if isStopped {
                // A revision that was looked at to its end is not wanted again, and may be trimmed.
                if event.place == 0 { cursor = max(cursor, .end(of: event.id.whole)) }
                return false
            }
            scans += 1
            guard keys.contains(event.record) else {
                if held == nil { cursor = event.id }
                return true
            }
            if let match = held {
                held = nil
                isStopped = !hand(match, isLast: false, body)
                if isStopped { return false }
            }
            held = event
            return true
        }
        if isStopped { return }
        if let match = held { _ = hand(match, isLast: true, body) }
        isOver = true
        cursor = max(cursor, .end(of: end))
    }

    private mutating func hand(
        _ event: Event, isLast: Bool, _ body: (Event, Bool) -> Bool
    ) -> Bool {
        cursor = isLast ? .end(of: event.revision) : event.id
        return body(event, isLast)
    }
}
