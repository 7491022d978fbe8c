// What a node's log lacks though it was durable (rule 12): the file `damaged`.
public import Consensus
internal import JSON

/// `{"sum":"8 hex","reason":"batch","segment":3,"offset":8192,"index":17}` and a newline, padded to 4 KiB.
public struct Damage: Hashable, Sendable, CustomStringConvertible {
    /// What was found.
    public enum Reason: String, CaseIterable, Hashable, Sendable {
        /// A batch that was durable is not whole any more.
        case batch
        /// A segment's header is not whole any more.
        case header
        /// A segment is missing.
        case segment
        /// The snapshot that the log goes on from is missing or not whole any more.
        case snapshot
        /// An entry that was read back is not whole any more.
        case entry
        /// The record of the damage is itself not whole any more.
        case record
    }
    public let reason: Reason
    /// The number of the log file, and the place in it; 0 if unknown.
    public let segment: UInt64
    public let offset: UInt64
    /// The first index that may be lost.
    public let index: LogIndex

    public init(reason: Reason, segment: UInt64, offset: UInt64, index: LogIndex) {
        self.reason = reason
        self.segment = segment
        self.offset = offset
        self.index = index
    }

    /// For people: what, where, and what happens now.
    public var description: String {
        let what =
            switch reason {
            case .batch: "a batch that was durable is damaged"
            case .header: "the header of a log file is damaged"
            case .segment: "a log file is missing"
            case .snapshot: "the snapshot that the log goes on from is missing or damaged"
            case .entry: "an entry that was durable is damaged"
            case .record: "the record of an earlier damage is itself damaged"
            }
        return "\(what): log/\(segment).ndjson, byte \(offset); entries from \(index) on are fetched from "
            + "the other members, and until then this node neither votes nor stands"
    }

    public func encode(into out: inout [UInt8]) {
        let start = out.count
        let digits = out.beginSealed()
        out.append(literal: ",\"reason\":\"")
        out.append(contentsOf: reason.rawValue.utf8)
        out.append(literal: "\",\"segment\":")
        out.append(decimal: segment)
        out.append(literal: ",\"offset\":")
        out.append(decimal: offset)
        out.append(literal: ",\"index\":")
        out.append(decimal: index.rawValue)
        out.append(0x7D)
        out.seal(digits: digits)
        out.append(0x0A)
        out.pad(from: start)
    }

    /// Reads and verifies a whole file.
    public init(_ bytes: Span<UInt8>) throws(WireError) {
        var page = try Page("{\"sum\":\"", bytes, at: 0)
        guard bytes.count == pageBytes else { throw WireError(offset: pageBytes, problem: .form) }
        try page.take(",\"reason\":\"", in: bytes)
        reason = try Self.reason(&page, in: bytes)
        segment = try page.number("\",\"segment\":", in: bytes)
        offset = try page.number(",\"offset\":", in: bytes)
        index = LogIndex(try page.number(",\"index\":", in: bytes))
        try page.end("}", in: bytes)
    }

    private static func reason(_ page: inout Page, in bytes: Span<UInt8>) throws(WireError) -> Reason {
        if page.form.takes("batch", in: bytes) { return .batch }
        if page.form.takes("header", in: bytes) { return .header }
        if page.form.takes("segment", in: bytes) { return .segment }
        if page.form.takes("snapshot", in: bytes) { return .snapshot }
        if page.form.takes("entry", in: bytes) { return .entry }
        try page.take("record", in: bytes)
        return .record
    }
}
