// Where members send their requests to each other: one path a kind.

/// The kind of a peer's request; which message it is follows from the path, so its object does not repeat it.
public enum PeerRoute: String, CaseIterable, Hashable, Sendable {
    case hello
    case append
    case vote
    case preVote = "pre-vote"
    case heartbeat
    case timeoutNow = "timeout-now"
    case readIndex = "read-index"
    case snapshot

    /// `/raft/append` and so on.
    public var path: StaticString {
        switch self {
        case .hello: "/raft/hello"
        case .append: "/raft/append"
        case .vote: "/raft/vote"
        case .preVote: "/raft/pre-vote"
        case .heartbeat: "/raft/heartbeat"
        case .timeoutNow: "/raft/timeout-now"
        case .readIndex: "/raft/read-index"
        case .snapshot: "/raft/snapshot"
        }
    }

    /// `application/x-ndjson` where lines may follow, otherwise `application/json` (rule 3).
    public var contentType: StaticString {
        switch self {
        case .append, .snapshot: "application/x-ndjson"
        case .hello, .vote, .preVote, .heartbeat, .timeoutNow, .readIndex: "application/json"
        }
    }

    /// The route with exactly this path, or nil.
    public init?(path: Span<UInt8>) {
        for route in Self.allCases {
            var form = Form(0..<path.count)
            if form.takes(route.path, in: path), form.isAtEnd {
                self = route
                return
            }
        }
        return nil
    }
}
