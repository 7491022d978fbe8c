// Reads JSON that is written in one exact form: fixed names in a fixed order, no spacing. Never traps.
internal import Consensus

/// A place in some bytes from which fixed text and numbers are taken, one after the other.
///
/// What is stored and sent has one canonical form. So an unknown, missing or repeated name is refused by
/// comparing bytes, and nothing is parsed twice or kept.
struct Form {
    private(set) var position: Int
    let end: Int

    /// - Precondition: `range` lies in the bytes that the other functions are given.
    init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position == end }

    func error(_ problem: WireError.Problem) -> WireError { WireError(offset: position, problem: problem) }

    mutating func skipByte() { position += 1 }

    /// Takes `text`, which must stand here.
    mutating func take(_ text: StaticString, in bytes: Span<UInt8>) throws(WireError) {
        let count = text.utf8CodeUnitCount
        let start = unsafe text.utf8Start
        let common = min(count, end - position)
        if common == count, unsafe Self.isSame(bytes, position, start, count) {
            position += count
            return
        }
        for offset in 0..<common {
            guard unsafe bytes[position + offset] == start[offset] else {
                throw WireError(offset: position + offset, problem: .form)
            }
        }
        guard common == count else { throw WireError(offset: end, problem: .end) }
        position += count
    }

    /// Takes `text` if it stands here.
    mutating func takes(_ text: StaticString, in bytes: Span<UInt8>) -> Bool {
        let count = text.utf8CodeUnitCount
        let start = unsafe text.utf8Start
        guard count <= end - position, unsafe Self.isSame(bytes, position, start, count) else { return false }
        position += count
        return true
    }

    /// Whether the `count` bytes from `position` on, which are there, are those at `start`: eight at a time.
    private static func isSame(
        _ bytes: Span<UInt8>, _ position: Int, _ start: UnsafePointer<UInt8>, _ count: Int
    ) -> Bool {
        precondition(position >= 0 && position + count <= bytes.count)
        let other = unsafe UnsafeRawPointer(start)
        return unsafe bytes.withUnsafeBytes { raw in
            var place = 0
            while place + 8 <= count {
                guard
                    unsafe raw.loadUnaligned(fromByteOffset: position + place, as: UInt64.self)
                        == other.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                else { return false }
                place += 8
            }
            while place < count {
                guard unsafe raw[position + place] == start[place] else { return false }
                place += 1
            }
            return true
        }
    }

    /// A plain integer from `least` to 2^53−1.
    mutating func number(from least: UInt64 = 0, in bytes: Span<UInt8>) throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        var digits = 0
        while position + digits < end {
            let digit = bytes[position + digits] &- 0x30
            guard digit < 10 else { break }
            // 16 digits at most, so this cannot overflow.
            guard digits < 16, !(digits == 1 && value == 0) else { throw error(.number) }
            value = value * 10 + UInt64(digit)
            digits += 1
        }
        guard digits > 0 else { throw error(position < end ? .number : .end) }
        guard value >= least, value <= largestNumber else { throw error(.number) }
        position += digits
        return value
    }

    /// A plain integer from `least` to 2^53−1, or `null`.
    mutating func numberOrNull(from least: UInt64, in bytes: Span<UInt8>) throws(WireError) -> UInt64? {
        takes("null", in: bytes) ? nil : try number(from: least, in: bytes)
    }

    mutating func boolean(in bytes: Span<UInt8>) throws(WireError) -> Bool {
        if takes("true", in: bytes) { return true }
        try take("false", in: bytes)
        return false
    }

    /// Exactly `digits` lower-case hexadecimal digits, at most 16.
    mutating func hexadecimal(digits: Int, in bytes: Span<UInt8>) throws(WireError) -> UInt64 {
        guard digits <= end - position else { throw WireError(offset: end, problem: .end) }
        var value: UInt64 = 0
        for offset in 0..<digits {
            let byte = bytes[position + offset]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: throw WireError(offset: position + offset, problem: .form)
            }
            value = value << 4 | UInt64(digit)
        }
        position += digits
        return value
    }

    /// A checksum's eight digits.
    mutating func sum(in bytes: Span<UInt8>) throws(WireError) -> UInt32 {
        UInt32(truncatingIfNeeded: try hexadecimal(digits: 8, in: bytes))
    }

    mutating func cluster(in bytes: Span<UInt8>) throws(WireError) -> ClusterID {
        ClusterID(
            high: try hexadecimal(digits: 16, in: bytes), low: try hexadecimal(digits: 16, in: bytes))
    }

    /// `[term,index]`
    mutating func entryID(in bytes: Span<UInt8>) throws(WireError) -> EntryID {
        try take("[", in: bytes)
        let term = try number(in: bytes)
        try take(",", in: bytes)
        let index = try number(in: bytes)
        try take("]", in: bytes)
        return EntryID(term: Term(term), index: LogIndex(index))
    }

    /// Steps over `count` bytes.
    mutating func skip(_ count: Int) throws(WireError) {
        guard count >= 0, count <= end - position else { throw WireError(offset: end, problem: .end) }
        position += count
    }
}
