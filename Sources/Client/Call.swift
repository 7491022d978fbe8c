// One request as it is to be made: method, target, fields and content (RFC 9110 §9, RFC 9112 §3).
internal import HTTP

/// What is asked of the cluster.
public struct Call: Sendable {
    public enum Verb: Sendable {
        case get, put, post, delete

        var name: StaticString {
            switch self {
            case .get: "GET"
            case .put: "PUT"
            case .post: "POST"
            case .delete: "DELETE"
            }
        }
    }

    /// One header field; its value holds no control characters.
    public struct Field: Sendable {
        public let name: StaticString
        public let value: [UInt8]
        public init(_ name: StaticString, _ value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    public let verb: Verb
    /// Percent-encoded, with its first slash.
    public let path: [UInt8]
    /// Percent-encoded, without the question mark.
    public var query: [UInt8] = []
    public var fields: [Field] = []
    /// The content; nil where the request has none.
    public var content: [UInt8]?
    /// Whether the node is told how long the client waits, by `timeout` in the query.
    public var tellsTimeout = false

    public init(_ verb: Verb, path: [UInt8]) {
        self.verb = verb
        self.path = path
    }

    public init(_ verb: Verb, path: String) { self.init(verb, path: Array(path.utf8)) }

    /// Whether doing it twice may do harm. Only a request that changes nothing may be sent again after it may
    /// have arrived.
    public var isWrite: Bool { verb != .get }

    /// The request target for a client that waits so long; the node is given nine tenths of it, so that its
    /// word on the outcome arrives before the client stops listening.
    func target(waiting nanoseconds: UInt64) -> [UInt8] {
        var query = query
        if tellsTimeout {
            let milliseconds = min(max(nanoseconds / 10 * 9 / 1_000_000, 1), 60_000)
            appendParameter("timeout", Array("\(milliseconds)ms".utf8), to: &query)
        }
        return query.isEmpty ? path : path + [UInt8(ascii: "?")] + query
    }

    /// Content from this size on is offered before it is sent (RFC 9110 §10.1.1): who redirects or refuses it
    /// can say so first.
    static let offeredBytesMin = 16 << 10
    var isOffered: Bool { (content?.count ?? 0) >= Self.offeredBytesMin }

    /// The head of the request to that endpoint.
    func head(target: [UInt8], at endpoint: Endpoint) -> [UInt8] {
        var head: [UInt8] = []
        Writer.appendRequestLine(
            verb.name, target: target.span, host: Array(endpoint.authority.utf8).span, to: &head)
        Writer.appendField("Connection", "close", to: &head)
        for field in fields { Writer.appendField(field.name, field.value.span, to: &head) }
        if let content { Writer.appendField("Content-Length", content.count, to: &head) }
        if isOffered { Writer.appendField("Expect", "100-continue", to: &head) }
        Writer.appendEnd(to: &head)
        return head
    }
}
