// What a request asks for: settled from its head alone, before any content is read.
public import HTTP
public import KeyValue

/// What a node takes.
public struct RequestLimits: Sendable {
    /// The largest value in bytes.
    public var valueBytesMax: Int
    /// The largest content of a peer's message in bytes.
    public var peerBytesMax: Int
    /// Whether a node that does not lead may send clients to the one that does.
    public var mayRedirect: Bool
    /// What a request may name as its origin and its host; nil: the node's own origin, and any host.
    public var places: AcceptedPlaces?

    public init(valueBytesMax: Int = 1 << 20, peerBytesMax: Int = 16 << 20, mayRedirect: Bool = true) {
        self.valueBytesMax = valueBytesMax
        self.peerBytesMax = peerBytesMax
        self.mayRedirect = mayRedirect
    }
}

/// What a request is to do.
public enum Action: Sendable, Equatable {
    /// GET or HEAD of one key.
    case read
    case put, delete
    /// `/txn`: conditions and operations, all of it atomic.
    case transaction
    /// DELETE of many keys.
    case deleteRange
    /// GET or HEAD of many keys.
    case list
    /// `/leases`: all of them, or a new one.
    case leases, grant
    /// `/leases/{id}`: one of them, or its end.
    case lease, revoke
    /// `/leases/{id}/keepalive`
    case keepAlive
    /// `/livez` and `/healthz`.
    case live
    case ready(isVerbose: Bool)
    case status, metrics, openapi, dashboard
    /// `/cluster/members`
    case members
    /// `/cluster/leader`: leadership is to go to another member.
    case transfer
    /// `/cluster/snapshot`: this node takes a snapshot.
    case snapshot
    /// `/watch`: what happens to keys, as a stream.
    case watch
    /// `/backup`: everything, as a file.
    case backup
    /// OPTIONS: which methods the route takes.
    case options(Route)
    case peer(PeerCall)
}

/// How old an answer may be.
public enum Consistency: Sendable, Equatable {
    case linearizable
    /// This node's applied state, however old.
    case local
}

/// A request whose head has been found good. Its ranges are those of the head: offsets in the connection's
/// bytes.
public struct Request: Sendable {
    public let action: Action
    public let route: Route
    /// The key as it stands in the path; empty where the route has none.
    public internal(set) var rawKey = 0..<0
    /// Whether the key has percent-escapes.
    public internal(set) var isKeyEscaped = false
    /// A PUT's content type; nil means `application/octet-stream`.
    public internal(set) var contentType: Range<Int>?
    /// What If-Match and If-None-Match demand.
    public internal(set) var precondition = Precondition()
    /// How long the client waits, in milliseconds.
    public internal(set) var timeoutMilliseconds = Request.timeoutMillisecondsDefault
    public internal(set) var consistency = Consistency.linearizable
    /// A lease's id, or, with the highest bit, milliseconds; one word, for requests are copied.
    var life: UInt64 = 0
    static let isTime: UInt64 = 1 << 63
    /// Where the client's own name for a write begins, and how long it is; 0: it has none.
    var nameStart: UInt32 = 0
    var nameCount: UInt32 = 0

    /// How long a PUT's key is to live.
    public var lifetime: Lifetime {
        if action != .put || life == 0 { return .unbounded }
        return life & Self.isTime == 0 ? .lease(life) : .ttl(milliseconds: life & ~Self.isTime)
    }
    /// The id in the path of a lease; 0: the path has none, or nothing that is one.
    public var lease: UInt64 { action == .put ? 0 : life }
    /// The client's own name for a write, without the quotes that it may have.
    public var idempotencyKey: Range<Int>? {
        nameCount == 0 ? nil : Int(nameStart)..<Int(nameStart) + Int(nameCount)
    }
    /// The answer comes from a state that has this revision; 0: any will do.
    public internal(set) var revisionMin = Revision(0)
    /// What some requests ask for besides; one word, for requests are copied.
    var more = More.nothing

    /// A request has one of these at most.
    enum More: Sendable {
        case nothing
        case listing(Listing)
        case watch(Watch)
        case wait(KeyWait)
    }

    /// What a list asks for, or which range a delete; nil where the request is neither.
    public var listing: Listing? { if case .listing(let listing) = more { listing } else { nil } }
    /// What a watch asks for; nil where the request is none.
    public var watch: Watch? { if case .watch(let watch) = more { watch } else { nil } }
    /// What a read of a key waits for before it is answered.
    public var wait: KeyWait? { if case .wait(let wait) = more { wait } else { nil } }
    /// Whether the answer is the JSON form of the key (`format=json`).
    public internal(set) var wantsJSON = false
    /// How a large answer may be coded.
    public internal(set) var coding = ContentCoding.identity
    /// Whether a follower may answer with a redirect: not with `redirect=no`, and not where the client has
    /// shown credentials, which it would drop on the way to another host.
    public internal(set) var mayRedirect = true
    /// The most bytes of content that are taken.
    public internal(set) var contentBytesMax = 0

    /// The most bytes of a transaction.
    public static let transactionBytesMax = 4 << 20
    /// 5 s.
    public static let timeoutMillisecondsDefault: UInt64 = 5_000
    /// 60 s.
    public static let timeoutMillisecondsMax: UInt64 = 60_000

    /// Asks for nothing: what stands where there is no request.
    public static var nothing: Request { Request(.live, .livez) }

    init(_ action: Action, _ route: Route) {
        self.action = action
        self.route = route
    }

    /// Lends the key's bytes, decoded. `scratch` is used only where the key has escapes.
    @inlinable
    public func withKey<R, E: Error>(
        in bytes: Span<UInt8>, scratch: inout [UInt8], _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        guard isKeyEscaped else { return try body(bytes.extracting(rawKey)) }
        scratch.removeAll(keepingCapacity: true)
        // Settled when the request was read: the escapes are good.
        _ = try? appendDecoded(rawKey, in: bytes, plusIsSpace: false, to: &scratch)
        return try body(scratch.span)
    }

    /// Lends the content type of a PUT; empty means `application/octet-stream`.
    @inlinable
    public func withContentType<R, E: Error>(
        in bytes: Span<UInt8>, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        try body(bytes.extracting(contentType ?? 0..<0))
    }
}
