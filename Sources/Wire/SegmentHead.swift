// The first page of a log file (rule 6): whose it is, and where the file before it ends.
public import Consensus
internal import JSON

/// A segment's header:
/// ```
/// {"segment":{"sum":"8 hex","format":1,"cluster":"32 hex","node":1,"boot":3,"segment":2,"after":17,
/// "durable":18,"base":[2,40]}}
/// ```
/// in one line, padded to 4 KiB. The sum covers every byte after its closing quote up to the newline.
public struct SegmentHead: Hashable, Sendable {
    public let cluster: ClusterID
    public let node: NodeID
    public let boot: Boot
    public let segment: UInt64
    /// The sequence of the last batch of the segments before: what stands there beyond it is void.
    public let after: UInt64
    /// Every batch up to this one was on disk before this file got its name: in this file too, if it began
    /// with batches of an earlier start. At least `after`.
    public let durable: UInt64
    /// The entry that the log ends with before this file's batches: what was read before and stands behind
    /// it is removed, and all of the log is if it has no such entry. So this is also how a log is discarded
    /// for a snapshot. Zero where the log is empty.
    public let base: EntryID

    /// The one format of today.
    public static let format: UInt64 = 1

    public init(
        cluster: ClusterID, node: NodeID, boot: Boot, segment: UInt64, after: UInt64, durable: UInt64,
        base: EntryID
    ) {
        self.cluster = cluster
        self.node = node
        self.boot = boot
        self.segment = segment
        self.after = after
        self.durable = durable
        self.base = base
    }

    /// Appends one page.
    public func encode(into out: inout [UInt8]) {
        let start = out.count
        out.append(literal: "{\"segment\":")
        let digits = out.beginSealed()
        out.append(literal: ",\"format\":")
        out.append(decimal: Self.format)
        out.append(literal: ",\"cluster\":\"")
        out.append(cluster: cluster)
        out.append(literal: "\",\"node\":")
        out.append(decimal: node.rawValue)
        out.append(literal: ",\"boot\":")
        out.append(decimal: boot.rawValue)
        out.append(literal: ",\"segment\":")
        out.append(decimal: segment)
        out.append(literal: ",\"after\":")
        out.append(decimal: after)
        out.append(literal: ",\"durable\":")
        out.append(decimal: durable)
        out.append(literal: ",\"base\":[")
        out.append(decimal: base.term.rawValue)
        out.append(0x2C)
        out.append(decimal: base.index.rawValue)
        out.append(literal: "]}}")
        out.seal(digits: digits)
        out.append(0x0A)
        out.pad(from: start)
    }

    /// Reads and verifies the page that begins at `start`.
    ///
    /// - Throws: `WireError`; `.format` only if a newer version wrote it.
    public init(_ bytes: Span<UInt8>, at start: Int) throws(WireError) {
        var page = try Page("{\"segment\":{\"sum\":\"", bytes, at: start)
        try page.take(",\"format\":", in: bytes)
        try page.checkFormat(Self.format, in: bytes)
        cluster = try page.cluster(",\"cluster\":\"", in: bytes)
        node = NodeID(try page.number("\",\"node\":", from: 1, in: bytes))
        boot = Boot(try page.number(",\"boot\":", in: bytes))
        segment = try page.number(",\"segment\":", in: bytes)
        after = try page.number(",\"after\":", in: bytes)
        durable = try page.number(",\"durable\":", in: bytes)
        base = try page.entryID(",\"base\":", in: bytes)
        guard durable >= after, (base.term == .zero) == (base.index == .zero) else {
            throw page.form.error(.order)
        }
        try page.end("}}", in: bytes)
    }
}
