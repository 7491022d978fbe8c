// Problems: refusals, redirects, no leader, time that ran out (RFC 9457, Interface §5).
public import HTTP
internal import JSON
public import KeyValue

/// Why no leader is known (Interface §5).
public enum Leaderless: String, Sendable, CaseIterable {
    case noQuorum = "no_quorum"
    case election, starting
    case diskFailed = "disk_failed"
    /// This node's disk is empty, or term and vote are lost, while its peers have a history.
    case wiped
    /// This node's log is damaged and not repaired yet.
    case damaged
    /// This node's state is not what a majority of the members made of the same log.
    case wrongState = "wrong_state"
    /// No majority of the members has the same state.
    case statesDiffer = "states_differ"
    /// A forwarded request, or one that may not be redirected, met a node that does not lead.
    case notLeading = "not_leading"
    /// The leader is known, but this node does not reach it.
    case unreachable = "leader_unreachable"
}

/// What an answer says where no leader is known: the request was certainly not applied.
public struct NoLeader: Sendable, Equatable {
    public var reason: Leaderless
    /// The ids of the members that this node hears, and of those that it does not.
    public var reachable: [UInt64]
    public var missing: [UInt64]
    /// The id of the last leader that this node knew.
    public var lastLeader: UInt64?

    public init(reason: Leaderless, reachable: [UInt64], missing: [UInt64], lastLeader: UInt64?) {
        self.reason = reason
        self.reachable = reachable
        self.missing = missing
        self.lastLeader = lastLeader
    }
}

/// Whether a write that got no answer in time may still take effect.
public enum WriteOutcome: String, Sendable {
    case unknown
    case notApplied = "not_applied"
}

extension Answer {
    /// Answers with the problem that a refusal is.
    public func append(_ refusal: Refusal, storeRevision: Revision? = nil, to out: inout [UInt8]) {
        append(refusal, storeRevision: storeRevision, fields: [UInt8]().span, to: &out)
    }

    /// `307` to the leader.
    ///
    /// - Parameters:
    ///   - leader: the leader's id.
    ///   - url: the leader's URL for clients, `http://host:port`, without a path.
    ///   - head: the request.
    ///   - bytes: the bytes in which it stands; path and query are given back as they were received.
    ///   - out: where the response goes.
    public func appendRedirect(
        leader: UInt64, url: Span<UInt8>, head: borrowing RequestHead, in bytes: Span<UInt8>,
        to out: inout [UInt8]
    ) {
        var fields: [UInt8] = []
        fields.append(literal: "Location: ")
        fields.append(bytes: url)
        if head.path.isEmpty { fields.append(UInt8(ascii: "/")) }
        fields.append(bytes: bytes.extracting(head.path.lowerBound..<head.target.upperBound))
        fields.append(literal: "\r\nRast-Leader: ")
        fields.append(decimal: leader)
        fields.append(literal: "; url=\"")
        fields.append(bytes: url)
        fields.append(literal: "\"\r\n")
        append(
            Refusal(307, .notLeader, "Node \(leader) is the leader; curl -L goes there."),
            fields: fields.span,
            to: &out)
    }

    /// `503`: nobody is known to lead, and nothing was applied.
    public func append(_ noLeader: NoLeader, to out: inout [UInt8]) {
        var members: [UInt8] = []
        members.append(literal: ",\"reason\":\"")
        members.append(text: noLeader.reason.rawValue)
        members.append(literal: "\",\"reachable\":")
        members.append(ids: noLeader.reachable)
        members.append(literal: ",\"missing\":")
        members.append(ids: noLeader.missing)
        if let last = noLeader.lastLeader {
            members.append(literal: ",\"lastLeader\":")
            members.append(decimal: last)
        }
        let detail =
            switch noLeader.reason {
            case .noQuorum: "No majority of the members can be reached; nothing was applied."
            case .election: "A leader is being elected; nothing was applied."
            case .starting: "The cluster starts once every named member has answered; nothing was applied."
            case .diskFailed: "A write to this node's disk has failed; restart it. Nothing was applied."
            case .wiped: "This node's disk is empty while its peers have a history; nothing was applied."
            case .damaged: "This node's log is damaged; nothing was applied."
            case .wrongState: "This node's state is not the majority's; it is being repaired."
            case .statesDiffer: "No majority of the members has the same state; nothing was applied."
            case .unreachable: "The leader cannot be reached from this node; nothing was applied."
            case .notLeading: "This node does not lead; nothing was applied."
            }
        append(Refusal(503, .noLeader, detail), members: members.span, to: &out)
    }

    /// `504`: the time is over. A write says whether it may yet take effect; a read has no outcome.
    public func appendTimeout(_ outcome: WriteOutcome?, to out: inout [UInt8]) {
        var members: [UInt8] = []
        if let outcome {
            members.append(literal: ",\"outcome\":\"")
            members.append(text: outcome.rawValue)
            members.append(literal: "\"")
        }
        let detail =
            switch outcome {
            case .unknown: "The write was not confirmed in time; it may yet be applied."
            case .notApplied: "The write was not applied, and will not be."
            case nil: "The read could not be confirmed in time."
            }
        append(Refusal(504, .timeout, detail), members: members.span, to: &out)
    }

    /// Appends a problem: `fields` are further header lines, `members` further members of the object, each
    /// with its comma in front.
    func append(
        _ refusal: Refusal, storeRevision: Revision? = nil, fields: Span<UInt8>, to out: inout [UInt8]
    ) {
        append(refusal, storeRevision: storeRevision, fields: fields, members: [UInt8]().span, to: &out)
    }

    func append(_ refusal: Refusal, members: Span<UInt8>, to out: inout [UInt8]) {
        append(refusal, storeRevision: nil, fields: [UInt8]().span, members: members, to: &out)
    }

    func append(
        _ refusal: Refusal, storeRevision: Revision?, fields: Span<UInt8> = Span(), members: Span<UInt8>,
        to out: inout [UInt8]
    ) {
        Writer.appendStatusLine(refusal.status, to: &out)
        begin("Cache-Control: no-store\r\nContent-Type: application/problem+json\r\n", to: &out)
        out.append(bytes: fields)
        if let route = refusal.allowing {
            out.append(literal: "Allow: ")
            out.append(literal: route.allow)
            out.append(literal: "\r\n")
        }
        if let seconds = refusal.retryAfterSeconds {
            field("Retry-After: ", UInt64(max(seconds, 0)), to: &out)
        }
        if refusal.code == .unsupportedEncoding { out.append(literal: "Accept-Encoding: identity\r\n") }
        if let storeRevision { field("Rast-Revision: ", storeRevision.rawValue, to: &out) }
        var content: [UInt8] = []
        content.append(literal: "{\"type\":\"about:blank\",\"title\":\"")
        content.append(literal: Writer.title(of: refusal.status))
        content.append(literal: "\",\"status\":")
        content.append(decimal: UInt64(refusal.status))
        content.append(literal: ",\"detail\":")
        content.append(jsonString: Array(refusal.detail.utf8).span)
        content.append(literal: ",\"code\":\"")
        content.append(text: refusal.code.rawValue)
        content.append(UInt8(ascii: "\""))
        content.append(bytes: members)
        content.append(literal: "}\n")
        end(content.span, to: &out)
    }
}

extension [UInt8] {
    /// Appends the text as it is.
    mutating func append(text: String) { append(contentsOf: text.utf8) }

    /// Appends the text as a JSON string.
    mutating func append(jsonText text: String) { append(jsonString: Array(text.utf8).span) }

    /// Appends an array of numbers.
    mutating func append(ids: [UInt64]) {
        append(UInt8(ascii: "["))
        for (index, id) in ids.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            append(decimal: id)
        }
        append(UInt8(ascii: "]"))
    }
}
