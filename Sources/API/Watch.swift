// What a watch asks for: which keys, from where on, in which form (Interface §3).
internal import HTTP
internal import JSON
public import KeyValue

/// How events are written.
public enum WatchForm: Int, CaseIterable, Sendable {
    /// Server-sent events.
    case events
    /// One object a line.
    case lines
}

/// The wish of one who watches.
///
/// A class only so that other requests stay small; it never changes.
public final class Watch: Sendable {
    public let keys: WatchedKeys
    /// The last event that is known; nil: what happens from now on is wanted.
    public let since: EventID?
    public let form: WatchForm

    init(_ keys: WatchedKeys, since: EventID?, form: WatchForm) {
        self.keys = keys
        self.since = since
        self.form = form
    }
}

/// The wish to be answered only once a key has changed (`wait`, `after`).
///
/// A class for the same reason.
public final class KeyWait: Sendable {
    public let milliseconds: UInt64
    /// The key changed after this revision of the store; nil: after the one of now.
    public let after: Revision?

    init(milliseconds: UInt64, after: Revision?) {
        self.milliseconds = milliseconds
        self.after = after
    }

    /// 10 minutes.
    static let millisecondsMax: UInt64 = 600_000
}

extension EventID {
    /// Reads an id as it stands in streams: `11` stands after all events of that revision, `11.0` after its
    /// first. Nil: it is none.
    public init?(text: Span<UInt8>) {
        var point = 0
        while point < text.count, text[point] != UInt8(ascii: ".") { point += 1 }
        guard let revision = unsignedInteger(0..<point, in: text) else { return nil }
        if point == text.count {
            // There is nothing before the first revision.
            self = .end(of: max(Revision(revision), .empty))
            return
        }
        guard let place = unsignedInteger(point + 1..<text.count, in: text), place < UInt64(UInt32.max)
        else { return nil }
        self.init(Revision(revision), place: UInt32(place))
    }

    /// Appends the id as it stands in streams.
    func append(to out: inout [UInt8]) {
        out.append(decimal: revision.rawValue)
        if isEnd { return }
        out.append(UInt8(ascii: "."))
        out.append(decimal: UInt64(place))
    }
}

extension Request {
    /// The parameters and the form of a watch.
    mutating func readWatch(_ head: borrowing RequestHead, in bytes: Span<UInt8>) throws(Refusal) {
        var parameters = ListParameters()
        _ = try readQuery(head, in: bytes, list: &parameters)
        guard !(parameters.hasPrefix && parameters.watchedKey != nil) else {
            throw Refusal.badRequest("key or prefix is given, not both.")
        }
        if let field = head[.lastEventID], !field.isEmpty {
            guard let id = EventID(text: bytes.extracting(field)) else {
                throw Refusal.badRequest("Last-Event-ID is an id that a watch has sent, as 11 or 11.0.")
            }
            parameters.since = id
        }
        let accept = Accept(head)
        let isLines =
            accept.quality(of: "application/x-ndjson", in: bytes)
            > accept.quality(of: "text/event-stream", in: bytes)
        let keys = parameters.watchedKey.map { WatchedKeys.key($0) } ?? .prefix(parameters.prefix)
        more = .watch(Watch(keys, since: parameters.since, form: isLines ? .lines : .events))
    }
}
