// The first line of a snapshot: whose state it is, at which entry, and what the rows after it add up to.
public import Consensus
internal import JSON

/// A snapshot's header (rule 26), one line:
/// ```
/// {"snapshot":{"sum":"8 hex","format":1,"cluster":"32 hex","last":[term,index],
/// "configuration":{"index":0,"members":{"voters":[1,2,3],"outgoing":[],"learners":[],"rising":[]}},
/// "revision":9,"clusterTime":1234,"hash":"16 hex","keys":7,"bytes":1024}}
/// ```
/// The sum covers every byte after its closing quote up to the newline.
public struct SnapshotHead: Hashable, Sendable {
    public let cluster: ClusterID
    /// The last entry that the state holds.
    public let last: EntryID
    /// The membership in force there, a joint one too. Its index is at most `last.index`.
    public let configuration: Configuration
    /// The store's revision, from 1 on.
    public let revision: UInt64
    /// Cluster time in milliseconds.
    public let clusterTime: UInt64
    /// The chain over all that was applied (rule 25).
    public let hash: UInt64
    /// How many keys there are.
    public let keys: UInt64
    /// The bytes of all keys and values.
    public let bytes: UInt64

    /// The one format of today.
    public static let format: UInt64 = 1
    /// The length of the line, at most: room for as many members as a membership may have.
    public static let lineBytesMax = 96 << 10

    public init(
        cluster: ClusterID, last: EntryID, configuration: Configuration, revision: UInt64,
        clusterTime: UInt64, hash: UInt64, keys: UInt64, bytes: UInt64
    ) {
        self.cluster = cluster
        self.last = last
        self.configuration = configuration
        self.revision = revision
        self.clusterTime = clusterTime
        self.hash = hash
        self.keys = keys
        self.bytes = bytes
    }

    /// Appends the line with its newline.
    public func encode(into out: inout [UInt8]) {
        out.append(literal: "{\"snapshot\":")
        let digits = out.beginSealed()
        out.append(literal: ",\"format\":")
        out.append(decimal: Self.format)
        out.append(literal: ",\"cluster\":\"")
        out.append(cluster: cluster)
        out.append(literal: "\",\"last\":")
        out.append(entryID: last)
        out.append(literal: ",\"configuration\":{\"index\":")
        out.append(decimal: configuration.index.rawValue)
        out.append(literal: ",\"members\":")
        MembershipCommand.append(configuration.membership, to: &out)
        out.append(literal: "},\"revision\":")
        out.append(decimal: revision)
        out.append(literal: ",\"clusterTime\":")
        out.append(decimal: clusterTime)
        out.append(literal: ",\"hash\":\"")
        out.append(hexadecimal8: UInt32(truncatingIfNeeded: hash >> 32))
        out.append(hexadecimal8: UInt32(truncatingIfNeeded: hash))
        out.append(literal: "\",\"keys\":")
        out.append(decimal: keys)
        out.append(literal: ",\"bytes\":")
        out.append(decimal: bytes)
        out.append(literal: "}}")
        out.seal(digits: digits)
        out.append(0x0A)
    }

    /// Reads and verifies a line, given without its newline.
    ///
    /// - Throws: `WireError`; `.format` only if a newer version wrote it.
    public init(_ line: Span<UInt8>) throws(WireError) {
        var form = Form(0..<line.count)
        try form.takeSealed("{\"snapshot\":{\"sum\":\"", in: line)
        try form.take(",\"format\":", in: line)
        try form.checkFormat(Self.format, in: line)
        try form.take(",\"cluster\":\"", in: line)
        cluster = try form.cluster(in: line)
        try form.take("\",\"last\":", in: line)
        last = try form.entryID(in: line)
        try form.take(",\"configuration\":{\"index\":", in: line)
        let index = LogIndex(try form.number(in: line))
        guard last.term > .zero, last.index > .zero, index <= last.index else { throw form.error(.order) }
        try form.take(",\"members\":", in: line)
        configuration = Configuration(index: index, membership: try form.membership(in: line))
        try form.take("},\"revision\":", in: line)
        revision = try form.number(from: 1, in: line)
        try form.take(",\"clusterTime\":", in: line)
        clusterTime = try form.number(in: line)
        try form.take(",\"hash\":\"", in: line)
        hash = try form.hexadecimal(digits: 16, in: line)
        try form.take("\",\"keys\":", in: line)
        keys = try form.number(in: line)
        try form.take(",\"bytes\":", in: line)
        bytes = try form.number(in: line)
        try form.take("}}", in: line)
        guard form.isAtEnd else { throw form.error(.form) }
    }
}

extension [UInt8] {
    fileprivate mutating func append(entryID id: EntryID) {
        append(0x5B)
        append(decimal: id.term.rawValue)
        append(0x2C)
        append(decimal: id.index.rawValue)
        append(0x5D)
    }
}
