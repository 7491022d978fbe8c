// One entry of the log as one line of JSON (rule 4): the same bytes in memory, on the wire and on disk.
public import Consensus
internal import JSON

/// An encoded entry: `{"sum":"8 hex","index":7,"term":2,"command":{…}}` and a newline.
///
/// The checksum covers every byte after its closing quote up to and with the last brace. The command is one
/// JSON object without a newline; it is not parsed here, for the checksum vouches for it.
public struct EntryLine: Hashable, Sendable {
    public let id: EntryID
    /// The whole line, with its newline.
    public let line: Range<Int>
    /// The command alone.
    public let command: Range<Int>

    /// The bytes of a line besides its command, at most.
    public static let overheadMax = 80

    /// Reads and verifies the line that begins at `start`.
    ///
    /// - Throws: `WireError` if there is no whole valid line.
    public static func read(_ bytes: Span<UInt8>, at start: Int) throws(WireError) -> EntryLine {
        guard start >= 0, start < bytes.count else {
            throw WireError(offset: max(0, min(start, bytes.count)), problem: .end)
        }
        guard let newline = newline(in: bytes, from: start) else {
            throw WireError(offset: bytes.count, problem: .end)
        }
        var form = Form(start..<newline)
        try form.take("{\"sum\":\"", in: bytes)
        let sum = try form.sum(in: bytes)
        try form.take("\"", in: bytes)
        let covered = form.position..<newline
        try form.take(",\"index\":", in: bytes)
        let index = try form.number(from: 1, in: bytes)
        try form.take(",\"term\":", in: bytes)
        let term = try form.number(in: bytes)
        try form.take(",\"command\":", in: bytes)
        // An object, and after it the entry's own brace; the line may end right here.
        guard newline - form.position >= 3, bytes[form.position] == 0x7B, bytes[newline - 2] == 0x7D,
            bytes[newline - 1] == 0x7D
        else { throw form.error(.form) }
        let command = form.position..<newline - 1
        #if PlantedFaults
            if Planted.is(.ignoreEntryChecksum) {
                return EntryLine(
                    id: EntryID(term: Term(term), index: LogIndex(index)), line: start..<newline + 1,
                    command: command)
            }
        #endif
        guard checksum(bytes, in: covered) == sum else { throw WireError(offset: start, problem: .checksum) }
        return EntryLine(
            id: EntryID(term: Term(term), index: LogIndex(index)), line: start..<newline + 1,
            command: command)
    }

    /// The same line in a buffer that begins elsewhere.
    public func moved(by distance: Int) -> EntryLine {
        EntryLine(
            id: id, line: line.lowerBound + distance..<line.upperBound + distance,
            command: command.lowerBound + distance..<command.upperBound + distance)
    }

    /// The first newline at or after `start`, looked for eight bytes at a time.
    static func newline(in bytes: Span<UInt8>, from start: Int) -> Int? {
        unsafe bytes.withUnsafeBytes { raw in
            let ones: UInt64 = 0x0101_0101_0101_0101
            var place = start
            while place + 8 <= raw.count {
                let word =
                    unsafe UInt64(
                        littleEndian: raw.loadUnaligned(
                            fromByteOffset: place, as: UInt64.self)) ^ (ones &* 0x0A)
                let zeros = (word &- ones) & ~word & (ones << 7)
                if zeros != 0 { return place + zeros.trailingZeroBitCount / 8 }
                place += 8
            }
            while place < raw.count {
                if unsafe raw[place] == 0x0A { return place }
                place += 1
            }
            return nil
        }
    }
}
