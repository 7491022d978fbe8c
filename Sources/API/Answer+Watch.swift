// What a watch is answered with: events as a stream, in two forms, or that they are gone (Interface §3).
internal import HTTP
internal import JSON
public import KeyValue

extension Answer {
    /// `200` and the head of a watch, whose events follow as chunks without an end.
    public func appendWatchHead(_ form: WatchForm, storeRevision: Revision, to out: inout [UInt8]) {
        switch form {
        case .events:
            begin(
                """
                HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: text/event-stream\r\n\
                Vary: Accept\r\nX-Accel-Buffering: no\r\n
                """, to: &out)
        case .lines:
            begin(
                """
                HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/x-ndjson\r\n\
                Vary: Accept\r\nX-Accel-Buffering: no\r\n
                """, to: &out)
        }
        field("Rast-Revision: ", storeRevision.rawValue, to: &out)
        out.append(literal: "Transfer-Encoding: chunked\r\n\r\n")
    }

    /// `410`: what is asked for is older than what is kept; `oldest` is the oldest `since` that is answered.
    public func appendCompacted(oldest: Revision, storeRevision: Revision, to out: inout [UInt8]) {
        var members: [UInt8] = []
        members.append(literal: ",\"oldest\":")
        members.append(decimal: oldest.rawValue)
        append(
            Refusal(
                410, .compacted,
                "Events up to revision \(oldest) are gone: list the keys, and watch from the list's revision."
            ),
            storeRevision: storeRevision, members: members.span, to: &out)
    }
}

extension WatchForm {
    /// Appends an event.
    ///
    /// - Parameters:
    ///   - event: what happened.
    ///   - isLast: whether none of its revision follows in this stream: its id is then the revision alone.
    ///   - now: cluster time, for what is left of the key's life.
    ///   - out: where it goes.
    public func append(_ event: Event, isLast: Bool, now: ClusterTime, to out: inout [UInt8]) {
        let kind: StaticString =
            switch event.kind {
            case .put: "put"
            case .delete: "delete"
            case .expire: "expire"
            }
        let id = isLast ? .end(of: event.revision) : event.id
        begin(kind, id, hasID: true, to: &out)
        out.appendStart(of: kind, id, event.revision)
        out.append(literal: ",\"key\":")
        event.record.withKey { out.append(jsonString: $0) }
        if event.kind == .put { out.append(restOf: event.record, now: now) }
        end(to: &out)
    }

    /// Appends that everything up to `id` was sent.
    ///
    /// `isOpening`: also how long a client shall wait before it connects again.
    public func appendProgress(_ id: EventID, isOpening: Bool, to out: inout [UInt8]) {
        if isOpening, self == .events { out.append(literal: "retry: 1000\n") }
        begin("progress", id, hasID: true, to: &out)
        out.appendStart(of: "progress", id, id.whole)
        end(to: &out)
    }

    /// Appends that the client was too slow, and lacks what came after `id`. The id that it has stays.
    public func appendLagging(_ id: EventID, oldest: Revision, to out: inout [UInt8]) {
        begin("lagging", id, hasID: false, to: &out)
        out.appendStart(of: "lagging", id, id.whole)
        out.append(literal: ",\"oldest\":")
        out.append(decimal: oldest.rawValue)
        end(to: &out)
    }

    private func begin(_ kind: StaticString, _ id: EventID, hasID: Bool, to out: inout [UInt8]) {
        guard self == .events else { return }
        if hasID {
            out.append(literal: "id: ")
            id.append(to: &out)
            out.append(UInt8(ascii: "\n"))
        }
        out.append(literal: "event: ")
        out.append(literal: kind)
        out.append(literal: "\ndata: ")
    }

    private func end(to out: inout [UInt8]) {
        out.append(literal: self == .events ? "}\n\n" : "}\n")
    }
}

extension [UInt8] {
    /// `{"event":"put","id":"11","revision":11`
    fileprivate mutating func appendStart(of kind: StaticString, _ id: EventID, _ revision: Revision) {
        append(literal: "{\"event\":\"")
        append(literal: kind)
        append(literal: "\",\"id\":\"")
        id.append(to: &self)
        append(literal: "\",\"revision\":")
        append(decimal: revision.rawValue)
    }

    /// What the form of `format=json` has besides key and revision.
    fileprivate mutating func append(restOf record: Record, now: ClusterTime) {
        append(valueOf: record)
        append(contentTypeOf: record)
        append(literal: ",\"createdRevision\":")
        append(decimal: record.createdRevision.rawValue)
        append(literal: ",\"version\":")
        append(decimal: record.version)
        append(holdOf: record, now: now)
    }
}
