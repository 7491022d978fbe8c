// The first line of a snapshot: whose state it is, at which entry, and what the rows after it add up to.
public import Consensus
internal import JSON

/// A snapshot's header (rule 26), one line:
/// ```
/// {"snapshot":{"sum":"8 hex","format":1,"cluster":"32 hex","last":[term,index],
/// "configuration":{"index":0,"members":{"voters":[1,2,3],"outgoing":[],"learners":[],"rising":[]}},
/// "revision":9,"clusterTime":1234,"hash":"16 hex","keys":7,"bytes":1024,"leases":1,"answers":2,
/// "history":{"events":2,"after":7,"eventsMax":100000,"bytesMax":67108864}}}
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
    /// How many leases there are.
    public let leases: UInt64
    /// How many answers are kept under idempotency keys; a backup has none.
    public let answers: UInt64
    /// Which events it has.
    public let history: History

    /// The events that come last, and what bounds them.
    public struct History: Hashable, Sendable {
        /// How many there are.
        public let events: UInt64
        /// Every event after this revision is there; at most the store's.
        public let after: UInt64
        /// So many events, and so many bytes of what they hold, are kept.
        public let eventsMax: UInt64
        public let bytesMax: UInt64

        public init(
            events: UInt64, after: UInt64, eventsMax: UInt64 = 100_000, bytesMax: UInt64 = 64 << 20
        ) {
            self.events = events
            self.after = after
            self.eventsMax = eventsMax
            self.bytesMax = bytesMax
        }
    }

    /// The one format of today.
    public static let format: UInt64 = 1
    /// The length of the line, at most: room for as many members as a membership may have.
    public static let lineBytesMax = 96 << 10

    /// Without a history there are no events, and the usual bounds.
    public init(
        cluster: ClusterID, last: EntryID, configuration: Configuration, revision: UInt64,
        clusterTime: UInt64, hash: UInt64, keys: UInt64, bytes: UInt64, leases: UInt64 = 0,
        answers: UInt64 = 0, history: History? = nil
    ) {
        self.history = history ?? History(events: 0, after: revision)
        self.cluster = cluster
        self.last = last
        self.configuration = configuration
        self.revision = revision
        self.clusterTime = clusterTime
        self.hash = hash
        self.keys = keys
        self.bytes = bytes
        self.leases = leases
        self.answers = answers
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
        out.append(literal: ",\"leases\":")
        out.append(decimal: leases)
        out.append(literal: ",\"answers\":")
        out.append(decimal: answers)
        out.append(literal: ",\"history\":{\"events\":")
        out.append(decimal: history.events)
        out.append(literal: ",\"after\":")
        out.append(decimal: history.after)
        out.append(literal: ",\"eventsMax\":")
        out.append(decimal: history.eventsMax)
        out.append(literal: ",\"bytesMax\":")
        out.append(decimal: history.bytesMax)
        out.append(literal: "}}}")
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
        try form.take(",\"leases\":", in: line)
        leases = try form.number(in: line)
        try form.take(",\"answers\":", in: line)
        answers = try form.number(in: line)
        try form.take(",\"history\":{\"events\":", in: line)
        let events = try form.number(in: line)
        try form.take(",\"after\":", in: line)
        let after = try form.number(from: 1, in: line)
        guard after <= revision else { throw form.error(.order) }
        try form.take(",\"eventsMax\":", in: line)
        let eventsMax = try form.number(from: 1, in: line)
        try form.take(",\"bytesMax\":", in: line)
        let bytesMax = try form.number(from: 1, in: line)
        history = History(events: events, after: after, eventsMax: eventsMax, bytesMax: bytesMax)
        try form.take("}}}", in: line)
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
