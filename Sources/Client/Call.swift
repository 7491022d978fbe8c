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
    /// How long the node is asked to wait before it answers, by `wait` in the query; 0: not at all.
    public var waitNanoseconds: UInt64 = 0

    public init(_ verb: Verb, path: [UInt8]) {
        self.verb = verb
        self.path = path
        isRepeatable = verb == .get
    }

    public init(_ verb: Verb, path: String) { self.init(verb, path: Array(path.utf8)) }

    /// Whether it changes something.
    public var isWrite: Bool { verb != .get }

    /// Whether it may be sent again after it may have arrived: it changes nothing, or has a name under which
    /// it takes effect once.
    public private(set) var isRepeatable: Bool

    /// Gives a write a name (`Idempotency-Key`): 128 bits by chance.
    public mutating func giveName() {
        let name = [UInt64.random(in: 0 ... .max), .random(in: 0 ... .max)].map {
            let digits = String($0, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        fields.append(Field("Idempotency-Key", Array(name.joined().utf8)))
        isRepeatable = true
    }

    /// The request target for a client that waits so long; the node is given nine tenths of it, so that its
    /// word on the outcome arrives before the client stops listening.
    ///
    /// `wait`: what is left of the time that the node is asked to wait.
    func target(waiting nanoseconds: UInt64, wait: UInt64 = 0) -> [UInt8] {
        var query = query
        if waitNanoseconds > 0 {
            appendParameter("wait", Array("\(wait / 1_000_000)ms".utf8), to: &query)
        }
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
