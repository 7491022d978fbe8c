// What stands before a client's request that one member sends on to another, the leader (Interface §5, §9).
public import Consensus
internal import JSON

/// Who sends a request on, and to whom: the first line of a body of `/raft/propose`; the request as HTTP
/// follows it.
///
/// `{"cluster":"32 hex","from":2,"boot":5,"to":1,"term":7}` and a newline.
public struct Forwarding: Hashable, Sendable {
    public let cluster: ClusterID
    public let from: NodeID
    public let boot: Boot
    public let to: NodeID
    public let term: Term

    public init(cluster: ClusterID, from: NodeID, boot: Boot, to: NodeID, term: Term) {
        self.cluster = cluster
        self.from = from
        self.boot = boot
        self.to = to
        self.term = term
    }

    /// Reads the line, and answers where the request begins.
    public static func read(_ bytes: Span<UInt8>) throws(WireError) -> (forwarding: Forwarding, request: Int)
    {
        var form = Form(0..<bytes.count)
        try form.take("{\"cluster\":\"", in: bytes)
        let cluster = try form.cluster(in: bytes)
        try form.take("\",\"from\":", in: bytes)
        let from = NodeID(try form.number(from: 1, in: bytes))
        try form.take(",\"boot\":", in: bytes)
        let boot = Boot(try form.number(in: bytes))
        try form.take(",\"to\":", in: bytes)
        let to = NodeID(try form.number(from: 1, in: bytes))
        try form.take(",\"term\":", in: bytes)
        let term = Term(try form.number(in: bytes))
        try form.take("}\n", in: bytes)
        let forwarding = Forwarding(cluster: cluster, from: from, boot: boot, to: to, term: term)
        return (forwarding, form.position)
    }

    /// Appends the line.
    public func encode(into out: inout [UInt8]) {
        out.append(literal: "{\"cluster\":\"")
        out.append(cluster: cluster)
        out.append(literal: "\",\"from\":")
        out.append(decimal: from.rawValue)
        out.append(literal: ",\"boot\":")
        out.append(decimal: boot.rawValue)
        out.append(literal: ",\"to\":")
        out.append(decimal: to.rawValue)
        out.append(literal: ",\"term\":")
        out.append(decimal: term.rawValue)
        out.append(literal: "}\n")
    }
}
