// What a member asks and answers before it belongs to a cluster (rule 1): the one without a cluster id.
public import Consensus
internal import JSON

/// Who a node is and what it holds: question and answer of `/raft/hello`.
///
/// ```
/// {"node":1,"boot":3,"cluster":null,"history":false,"damaged":false,"wiped":false,"url":"http://…",
/// "offer":"32 hex","admitted":[0,0]}
/// ```
/// in one line.
public struct Hello: Hashable, Sendable {
    public let node: NodeID
    public let boot: Boot
    /// The cluster whose id it holds durably, if any.
    public let cluster: ClusterID?
    /// Whether it has ever voted, or holds an entry.
    public let hasHistory: Bool
    /// Whether its log lacks something that was durable.
    public let isDamaged: Bool
    /// Whether its vote is lost, though it may have given one: it asks to be let in anew.
    public let isWiped: Bool
    /// Where clients reach it; visible ASCII, at most ``urlBytesMax``, possibly empty.
    public let url: [UInt8]
    /// In a question of the lowest id: the id it drew, answered when it is durable at the other.
    public let offer: ClusterID?
    /// In a leader's answer to a wiped node: the committed entry, of the leader's own term, that made that
    /// node a learner; zero if there is none.
    public let admitted: EntryID

    public init(
        node: NodeID, boot: Boot, cluster: ClusterID?, hasHistory: Bool, isDamaged: Bool,
        isWiped: Bool = false, url: [UInt8] = [], offer: ClusterID? = nil, admitted: EntryID = .zero
    ) {
        precondition(url.count <= Self.urlBytesMax)
        self.url = url
        self.node = node
        self.boot = boot
        self.cluster = cluster
        self.hasHistory = hasHistory
        self.isDamaged = isDamaged
        self.isWiped = isWiped
        self.admitted = admitted
        self.offer = offer
    }

    public static let urlBytesMax = 1024

    /// Reads exactly one hello, with or without its newline.
    public init(_ bytes: Span<UInt8>) throws(WireError) {
        var form = Form(0..<bytes.count)
        try form.take("{\"node\":", in: bytes)
        node = NodeID(try form.number(from: 1, in: bytes))
        try form.take(",\"boot\":", in: bytes)
        boot = Boot(try form.number(in: bytes))
        try form.take(",\"cluster\":", in: bytes)
        cluster = try Self.clusterOrNull(&form, in: bytes)
        try form.take(",\"history\":", in: bytes)
        hasHistory = try form.boolean(in: bytes)
        try form.take(",\"damaged\":", in: bytes)
        isDamaged = try form.boolean(in: bytes)
        try form.take(",\"wiped\":", in: bytes)
        isWiped = try form.boolean(in: bytes)
        try form.take(",\"url\":\"", in: bytes)
        url = try form.plainText(max: Self.urlBytesMax, in: bytes)
        try form.take(",\"offer\":", in: bytes)
        offer = try Self.clusterOrNull(&form, in: bytes)
        try form.take(",\"admitted\":", in: bytes)
        admitted = try form.entryID(in: bytes)
        try form.take("}", in: bytes)
        _ = form.takes("\n", in: bytes)
        guard form.isAtEnd else { throw form.error(.form) }
    }

    /// Appends the object and a newline.
    public func encode(into out: inout [UInt8]) {
        out.append(literal: "{\"node\":")
        out.append(decimal: node.rawValue)
        out.append(literal: ",\"boot\":")
        out.append(decimal: boot.rawValue)
        out.append(literal: ",\"cluster\":")
        Self.append(cluster, to: &out)
        out.append(literal: hasHistory ? ",\"history\":true" : ",\"history\":false")
        out.append(literal: isDamaged ? ",\"damaged\":true" : ",\"damaged\":false")
        out.append(literal: isWiped ? ",\"wiped\":true" : ",\"wiped\":false")
        out.append(literal: ",\"url\":\"")
        out.append(contentsOf: url)
        out.append(literal: "\",\"offer\":")
        Self.append(offer, to: &out)
        out.append(literal: ",\"admitted\":[")
        out.append(decimal: admitted.term.rawValue)
        out.append(0x2C)
        out.append(decimal: admitted.index.rawValue)
        out.append(literal: "]}\n")
    }

    private static func clusterOrNull(
        _ form: inout Form, in bytes: Span<UInt8>
    ) throws(WireError) -> ClusterID? {
        if form.takes("null", in: bytes) { return nil }
        try form.take("\"", in: bytes)
        let id = try form.cluster(in: bytes)
        try form.take("\"", in: bytes)
        return id
    }

    private static func append(_ cluster: ClusterID?, to out: inout [UInt8]) {
        guard let cluster else { return out.append(literal: "null") }
        out.append(0x22)
        out.append(cluster: cluster)
        out.append(0x22)
    }
}
