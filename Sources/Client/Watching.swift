// A watch that outlives its connections: it goes on after the last event, at whichever node (Interface §3).

/// One event as it came, or word of how far the stream is.
public struct WatchedEvent: Sendable {
    /// The object, without its line's end.
    public let text: [UInt8]
    public let document: Document

    /// `put`, `delete`, `expire`, `progress` or `lagging`.
    public var kind: String { document["event"]?.string ?? "" }
    public var key: [UInt8] { document["key"]?.bytes ?? [] }
}

/// Watches keys at one endpoint after the other, without a loss and without a repetition.
public struct Watching {
    private let endpoints: [Endpoint]
    private let timeoutNanoseconds: UInt64
    private let query: [UInt8]
    /// What comes next stands after this id.
    public private(set) var id: [UInt8]?
    /// Who is asked first.
    private var first = 0

    /// Progress comes every 15 s; a connection that says nothing for so long is given up.
    private static let silenceNanoseconds: UInt64 = 40_000_000_000
    private static let pauseNanoseconds: UInt64 = 100_000_000

    /// - Parameters:
    ///   - endpoints: the cluster's nodes; each of them answers.
    ///   - query: which keys, percent-encoded: `prefix=…` or `key=…`.
    ///   - id: after which event to begin; nil: with what happens from now on.
    ///   - timeoutNanoseconds: how long a node is looked for that answers, each time anew.
    public init(_ endpoints: [Endpoint], query: [UInt8], after id: [UInt8]?, timeoutNanoseconds: UInt64) {
        self.endpoints = endpoints
        self.query = query
        self.id = id
        self.timeoutNanoseconds = timeoutNanoseconds
    }

    /// Hands over events until `body` answers false (nil is then the result), or a node refuses for good.
    ///
    /// - Throws: `CallFailure` where no node could be asked any more.
    public mutating func run(_ body: @escaping (WatchedEvent) -> Bool) throws(CallFailure) -> Response? {
        while true {
            var call = Call(.get, path: "/watch")
            call.query = query
            call.fields = [Call.Field("Accept", Array("application/x-ndjson".utf8))]
            // In the query too it would do; but a header is what overrides it.
            if let id { call.fields.append(Call.Field("Last-Event-ID", id)) }
            var cluster = Cluster(
                Array(endpoints[first...] + endpoints[..<first]), timeoutNanoseconds: timeoutNanoseconds)
            cluster.silenceNanosecondsMax = Self.silenceNanoseconds
            let sink = WatchSink(after: id, body)
            do throws(CallFailure) {
                let response = try cluster.call(call, to: sink)
                if !response.isSuccess { return response }
            } catch {
                if case .cut = error {} else if !sink.isOver { throw error }
            }
            if sink.isOver { return nil }
            id = sink.id
            first = (first + 1) % max(1, endpoints.count)
            if !sink.hasEvents { pause(until: Moment.now.advanced(by: Self.pauseNanoseconds)) }
        }
    }
}

/// Takes a stream apart into lines, and remembers the last id.
private final class WatchSink: ContentSink {
    private var rest: [UInt8] = []
    private let body: (WatchedEvent) -> Bool
    private(set) var id: [UInt8]?
    private(set) var hasEvents = false
    private(set) var isOver = false

    init(after id: [UInt8]?, _ body: @escaping (WatchedEvent) -> Bool) {
        self.id = id
        self.body = body
    }

    func take(_ bytes: ArraySlice<UInt8>) -> Bool {
        var bytes = bytes
        while let end = bytes.firstIndex(of: 0x0A) {
            let line = rest + bytes[..<end]
            rest = []
            bytes = bytes[(end + 1)...]
            // What cannot be read is no event; the connection is given up, and asked for again.
            guard let document = Document(line) else { return false }
            let event = WatchedEvent(text: line, document: document)
            if event.kind == "lagging" { return false }
            if let id = document["id"]?.bytes { self.id = id }
            guard event.kind != "progress" else { continue }
            hasEvents = true
            if !body(event) {
                isOver = true
                return false
            }
        }
        rest += bytes
        return true
    }
}
