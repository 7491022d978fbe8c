// The line before some rows of a snapshot: how much they are, and their checksum.
internal import JSON

/// A block's head: `{"block":{"sum":"8 hex","bytes":131072,"rows":345}}`, spaces up to 79 bytes and a
/// newline.
///
/// The sum covers every byte after its closing quote up to the last byte of the rows. All heads are of one
/// length, so a writer leaves the room and fills it in once it knows the rows.
public struct SnapshotBlockHead: Hashable, Sendable {
    /// The length of the rows' lines, with their newlines.
    public let bytes: UInt64
    /// How many there are, one at least.
    public let rows: UInt64

    /// The length of a head with its newline: that of the longest numbers.
    public static let lineBytes = 80
    /// The part of a head that its sum does not cover.
    static let prefixBytes = 26

    public init(bytes: UInt64, rows: UInt64) {
        self.bytes = bytes
        self.rows = rows
    }

    /// Appends a head's length of spaces, for ``fill(_:at:)``.
    public static func reserve(in out: inout [UInt8]) {
        out.append(contentsOf: repeatElement(0x20, count: lineBytes))
    }

    /// Writes a head over the room at `start`, after which `rows` rows stand up to the end.
    ///
    /// - Returns: the checksum of head and rows, going on from `sum`, that of all before it.
    public static func fill(
        _ out: inout [UInt8], at start: Int, rows: UInt64, after sum: UInt32
    ) -> UInt32 {
        var line: [UInt8] = []
        line.append(literal: "{\"block\":")
        let digits = line.beginSealed()
        line.append(literal: ",\"bytes\":")
        line.append(decimal: UInt64(out.count - start - lineBytes))
        line.append(literal: ",\"rows\":")
        line.append(decimal: rows)
        line.append(literal: "}}")
        line.append(contentsOf: repeatElement(0x20, count: lineBytes - 1 - line.count))
        line.append(0x0A)
        for offset in line.indices { out[start + offset] = line[offset] }
        let covered = start + digits + 9..<out.count
        let own = checksum(out.span, in: covered)
        out.patch(sum: own, digits: start + digits)
        let prefix = checksum(out.span, in: start..<covered.lowerBound, after: sum)
        return combined(prefix, own, bytes: covered.count)
    }

    /// Reads a head, without checking its sum: for this the rows are needed, of which only the head tells
    /// the length.
    ///
    /// - Returns: the head and its sum.
    public static func read(
        _ line: Span<UInt8>
    ) throws(WireError) -> (head: SnapshotBlockHead, sum: UInt32) {
        var form = Form(0..<line.count)
        try form.take("{\"block\":{\"sum\":\"", in: line)
        let sum = try form.sum(in: line)
        try form.take("\",\"bytes\":", in: line)
        let bytes = try form.number(from: 1, in: line)
        try form.take(",\"rows\":", in: line)
        let rows = try form.number(from: 1, in: line)
        try form.take("}}", in: line)
        while form.position < lineBytes - 1 { try form.take(" ", in: line) }
        try form.take("\n", in: line)
        guard form.isAtEnd else { throw form.error(.form) }
        return (SnapshotBlockHead(bytes: bytes, rows: rows), sum)
    }

    /// Checks a block against its own sum.
    ///
    /// - Parameters:
    ///   - block: the head's line and the rows.
    ///   - own: the sum that its head says.
    ///   - before: the checksum of all that stands before the block.
    /// - Returns: the checksum that goes on from `before` over the block.
    /// - Throws: `WireError` if the checksum is another.
    public static func verify(
        _ block: Span<UInt8>, sum own: UInt32, after before: UInt32
    ) throws(WireError) -> UInt32 {
        let covered = prefixBytes..<block.count
        guard checksum(block, in: covered) == own else { throw WireError(offset: 0, problem: .checksum) }
        let prefix = checksum(block, in: 0..<prefixBytes, after: before)
        return combined(prefix, own, bytes: covered.count)
    }
}
