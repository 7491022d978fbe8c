// Whose data a folder holds: the file `rast.json` (rule 9).
public import Consensus
internal import JSON

/// `{"sum":"8 hex","format":1,"cluster":"32 hex","node":1}` and a newline, padded to 4 KiB. The sum
/// covers every byte after its closing quote up to the newline.
public struct Identity: Hashable, Sendable {
    public let cluster: ClusterID
    public let node: NodeID

    public init(cluster: ClusterID, node: NodeID) {
        self.cluster = cluster
        self.node = node
    }

    public func encode(into out: inout [UInt8]) {
        let start = out.count
        let digits = out.beginSealed()
        out.append(literal: ",\"format\":")
        out.append(decimal: SegmentHead.format)
        out.append(literal: ",\"cluster\":\"")
        out.append(cluster: cluster)
        out.append(literal: "\",\"node\":")
        out.append(decimal: node.rawValue)
        out.append(0x7D)
        out.seal(digits: digits)
        out.append(0x0A)
        out.pad(from: start)
    }

    /// Reads and verifies a whole file.
    ///
    /// - Throws: `WireError`; `.format` only if a newer version wrote it.
    public init(_ bytes: Span<UInt8>) throws(WireError) {
        var page = try Page("{\"sum\":\"", bytes, at: 0)
        guard bytes.count == pageBytes else { throw WireError(offset: pageBytes, problem: .form) }
        try page.take(",\"format\":", in: bytes)
        try page.checkFormat(SegmentHead.format, in: bytes)
        cluster = try page.cluster(",\"cluster\":\"", in: bytes)
        node = NodeID(try page.number("\",\"node\":", from: 1, in: bytes))
        try page.end("}", in: bytes)
    }
}
