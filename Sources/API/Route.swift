// The routes: which paths there are, which methods each takes, and which are built (they mirror
// openapi.yaml).
public import HTTP

/// A peer's question, by the last part of its path (Interface §9); the raw values are those parts.
public enum PeerCall: String, CaseIterable, Sendable, Equatable {
    case hello, append, vote
    case preVote = "pre-vote"
    case heartbeat
    case timeoutNow = "timeout-now"
    case readIndex = "read-index"
    case snapshot, propose

    /// Whether this version answers it.
    public var isBuilt: Bool {
        switch self {
        case .hello, .append, .vote, .preVote, .heartbeat, .timeoutNow, .readIndex, .snapshot, .propose: true
        }
    }
}

/// What a path names.
public enum Route: Sendable, Equatable {
    case key, list, transaction, watch, leases, lease, keepalive
    case livez, healthz, readyz, status, metrics, openapi, dashboard
    case members, member, promote, demote, leader, snapshot, backup
    case peer(PeerCall)
    /// `OPTIONS *`.
    case server

    /// The route's name, as `openapi.yaml` and the metrics have it; never a key.
    public var name: StaticString {
        switch self {
        case .key: "/kv/{key}"
        case .list: "/kv"
        case .transaction: "/txn"
        case .watch: "/watch"
        case .leases: "/leases"
        case .lease: "/leases/{id}"
        case .keepalive: "/leases/{id}/keepalive"
        case .livez: "/livez"
        case .healthz: "/healthz"
        case .readyz: "/readyz"
        case .status: "/status"
        case .metrics: "/metrics"
        case .openapi: "/openapi.yaml"
        case .dashboard: "/"
        case .members: "/cluster/members"
        case .member: "/cluster/members/{id}"
        case .promote: "/cluster/members/{id}/promote"
        case .demote: "/cluster/members/{id}/demote"
        case .leader: "/cluster/leader"
        case .snapshot: "/cluster/snapshot"
        case .backup: "/backup"
        case .peer: "/raft/{call}"
        case .server: "*"
        }
    }

    /// The value of the Allow field.
    public var allow: StaticString {
        switch self {
        case .key: "GET, HEAD, PUT, DELETE, OPTIONS"
        case .list, .lease: "GET, HEAD, DELETE, OPTIONS"
        case .leases, .members: "GET, HEAD, POST, OPTIONS"
        case .transaction, .keepalive, .promote, .demote, .leader, .snapshot, .peer: "POST, OPTIONS"
        case .member: "DELETE, OPTIONS"
        case .watch, .livez, .healthz, .readyz, .status, .metrics, .openapi, .dashboard, .backup:
            "GET, HEAD, OPTIONS"
        case .server: "GET, HEAD, PUT, POST, DELETE, OPTIONS"
        }
    }

    /// Whether the route takes this method.
    public func takes(_ method: Method) -> Bool {
        switch method {
        case .options: return true
        case .patch, .other: return false
        case .get, .head, .put, .post, .delete: break
        }
        switch self {
        case .key: return method != .post
        case .list, .lease: return method != .post && method != .put
        case .leases, .members: return method != .put && method != .delete
        case .transaction, .keepalive, .promote, .demote, .leader, .snapshot, .peer: return method == .post
        case .member: return method == .delete
        case .watch, .livez, .healthz, .readyz, .status, .metrics, .openapi, .dashboard, .backup:
            return method == .get || method == .head
        case .server: return false
        }
    }

    /// Whether this version answers that method on it; otherwise it is `501` `not_implemented`.
    public func isBuilt(for method: Method) -> Bool {
        switch self {
        case .key, .livez, .healthz, .readyz, .status, .metrics, .openapi, .dashboard, .leader, .snapshot,
            .server:
            true
        case .list, .transaction: true
        case .members, .backup, .watch: method == .get || method == .head
        case .peer(let call): call.isBuilt
        case .leases, .lease, .keepalive: true
        case .member, .promote, .demote: false
        }
    }
}

extension Route {
    /// The route of a path as it was received; nil where there is none.
    public static func find(_ path: Span<UInt8>) -> Route? {
        // An absolute target without a path asks for the root (RFC 9110 §4.2.3).
        guard path.count > 1 else { return .dashboard }
        if path.begins(with: "/kv/") { return .key }
        if path.begins(with: "/raft/") { return peer(path.extracting(6..<path.count)) }
        if path.begins(with: "/cluster/") { return cluster(path.extracting(8..<path.count)) }
        if path.begins(with: "/leases/") { return lease(path.extracting(8..<path.count)) }
        if path.equals("/kv") { return .list }
        if path.equals("/livez") { return .livez }
        if path.equals("/healthz") { return .healthz }
        if path.equals("/readyz") { return .readyz }
        if path.equals("/status") { return .status }
        if path.equals("/metrics") { return .metrics }
        if path.equals("/txn") { return .transaction }
        if path.equals("/watch") { return .watch }
        if path.equals("/leases") { return .leases }
        if path.equals("/backup") { return .backup }
        if path.equals("/openapi.yaml") { return .openapi }
        return nil
    }

    private static func peer(_ call: Span<UInt8>) -> Route? {
        if call.equals("append") { return .peer(.append) }
        if call.equals("heartbeat") { return .peer(.heartbeat) }
        if call.equals("hello") { return .peer(.hello) }
        if call.equals("vote") { return .peer(.vote) }
        if call.equals("pre-vote") { return .peer(.preVote) }
        if call.equals("timeout-now") { return .peer(.timeoutNow) }
        if call.equals("read-index") { return .peer(.readIndex) }
        if call.equals("snapshot") { return .peer(.snapshot) }
        return call.equals("propose") ? .peer(.propose) : nil
    }

    private static func cluster(_ path: Span<UInt8>) -> Route? {
        if path.equals("/leader") { return .leader }
        if path.equals("/snapshot") { return .snapshot }
        if path.equals("/members") { return .members }
        guard path.begins(with: "/members/") else { return nil }
        let rest = path.extracting(9..<path.count)
        let id = rest.prefixWithoutSlash
        if id == 0 { return nil }
        if id == rest.count { return .member }
        let action = rest.extracting(id..<rest.count)
        if action.equals("/promote") { return .promote }
        return action.equals("/demote") ? .demote : nil
    }

    private static func lease(_ rest: Span<UInt8>) -> Route? {
        let id = rest.prefixWithoutSlash
        if id == 0 { return nil }
        if id == rest.count { return .lease }
        return rest.extracting(id..<rest.count).equals("/keepalive") ? .keepalive : nil
    }
}

extension Span<UInt8> {
    /// Whether the bytes are `literal`.
    func equals(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && begins(with: literal)
    }

    /// Whether `literal` stands at the beginning.
    func begins(with literal: StaticString) -> Bool {
        guard count >= literal.utf8CodeUnitCount else { return false }
        for index in 0..<literal.utf8CodeUnitCount {
            guard unsafe self[index] == literal.utf8Start[index] else { return false }
        }
        return true
    }

    /// Whether the bytes are `literal`, whatever the case of their ASCII letters; `literal` is in lower case.
    func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        for index in 0..<count {
            let byte = self[index]
            let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            guard unsafe lower == literal.utf8Start[index] else { return false }
        }
        return true
    }

    /// How many bytes stand before the first slash, or all of them.
    var prefixWithoutSlash: Int {
        var index = 0
        while index < count, self[index] != UInt8(ascii: "/") { index += 1 }
        return index
    }
}
