// The characters that HTTP tells apart (RFC 9110 §5.6), and the end of a line, eight bytes at a time.

/// The eight bytes at `offset`, the first in the lowest bits.
@inlinable @inline(__always)
func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
    // The callers have checked offset + 8 <= count.
    UInt64(
        littleEndian: unsafe bytes.bytes.unsafeLoadUnaligned(
            fromUncheckedByteOffset: offset, as: UInt64.self))
}

/// The first offset from `start` on of a control character (0 to 31, 127), or the count.
@inlinable
func controlOffset(_ bytes: Span<UInt8>, from start: Int) -> Int {
    var offset = start
    while offset &+ 8 <= bytes.count {
        let next = word(bytes, at: offset)
        let delete = next ^ 0x7F7F_7F7F_7F7F_7F7F
        // Above the lowest bit set, others may be set wrongly, because the subtractions borrow.
        let mask =
            (((next &- 0x2020_2020_2020_2020) & ~next) | ((delete &- 0x0101_0101_0101_0101) & ~delete))
            & 0x8080_8080_8080_8080
        if mask != 0 { return offset &+ mask.trailingZeroBitCount &>> 3 }
        offset &+= 8
    }
    while offset < bytes.count {
        let byte = bytes[offset]
        if byte < 0x20 || byte == 0x7F { break }
        offset &+= 1
    }
    return offset
}

/// What a byte may stand in, by its place: bit 0: a token (RFC 9110 §5.6.2); bit 1: the Host field's name, IP
/// literal and port (RFC 3986 §3.2.2); bit 2: a target, which is visible ASCII without a fragment, for that
/// part of a URL is never sent (RFC 9110 §7.1). As text, for that stands in the program as it is.
@inlinable @inline(__always)
func characterClass(_ byte: UInt8) -> UInt8 {
    let classes: StaticString = """
        @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@GDAGGGGFFGGFGGDGGGGGGGGGGFFDFDD\
        DGGGGGGGGGGGGGGGGGGGGGGGGGGFDFEGEGGGGGGGGGGGGGGGGGGGGGGGGGGDEDG@\
        @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\
        @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
        """
    // There are 256.
    return unsafe classes.utf8Start[Int(byte)]
}

/// Whether the byte may stand in a token (RFC 9110 §5.6.2).
@inlinable @inline(__always)
func isTokenCharacter(_ byte: UInt8) -> Bool { characterClass(byte) & 1 != 0 }

/// Whether the byte may stand in the Host field.
@inlinable @inline(__always)
func isHostCharacter(_ byte: UInt8) -> Bool { characterClass(byte) & 2 != 0 }

/// Whether the byte may stand in a target.
@inlinable @inline(__always)
func isTargetCharacter(_ byte: UInt8) -> Bool { characterClass(byte) & 4 != 0 }

/// Where the token (RFC 9110 §5.6.2) that begins at `start` ends.
@inlinable
public func tokenEnd(_ text: Span<UInt8>, from start: Int) -> Int {
    var end = start
    while end < text.count, isTokenCharacter(text[end]) { end &+= 1 }
    return end
}

/// The value of a hexadecimal digit, or nil.
@inlinable @inline(__always)
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    if byte &- 0x30 < 10 { return byte &- 0x30 }
    let letter = (byte | 0x20) &- UInt8(ascii: "a")
    return letter < 6 ? letter &+ 10 : nil
}

/// Whether the bytes of `range` are `literal`, whatever the case of their letters. `literal` is in lower
/// case, and of letters, digits and `-` only.
@inlinable
func matches(_ literal: StaticString, _ range: Range<Int>, in bytes: Span<UInt8>) -> Bool {
    let count = literal.utf8CodeUnitCount
    guard range.count == count else { return false }
    var index = 0
    while index < count {
        let byte = bytes[range.lowerBound &+ index]
        let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
        guard unsafe lower == literal.utf8Start[index] else { return false }
        index &+= 1
    }
    return true
}

/// The first offset of a colon in the range, or its end.
@inlinable
func colonOffset(_ range: Range<Int>, in bytes: Span<UInt8>) -> Int {
    var offset = range.lowerBound
    while offset &+ 8 <= range.upperBound {
        let colon = word(bytes, at: offset) ^ 0x3A3A_3A3A_3A3A_3A3A
        let mask = (colon &- 0x0101_0101_0101_0101) & ~colon & 0x8080_8080_8080_8080
        if mask != 0 { return offset &+ mask.trailingZeroBitCount &>> 3 }
        offset &+= 8
    }
    while offset < range.upperBound, bytes[offset] != UInt8(ascii: ":") { offset &+= 1 }
    return offset
}

/// The range without spaces and tabs at its ends.
@inlinable
func trimmed(_ range: Range<Int>, in bytes: Span<UInt8>) -> Range<Int> {
    var start = range.lowerBound
    var end = range.upperBound
    while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start &+= 1 }
    while end > start, bytes[end &- 1] == 0x20 || bytes[end &- 1] == 0x09 { end &-= 1 }
    return start..<end
}

/// The lines of a head, found without reading a byte twice, however the bytes arrive.
@usableFromInline
struct Lines: Sendable {
    /// Where the line that is being read begins.
    @usableFromInline var start = 0
    /// Up to where that line is known not to end.
    @usableFromInline var scanned = 0

    @inlinable init() {}

    /// The next line without its CR LF, or nil where its end has not come yet.
    @inlinable
    mutating func next(in bytes: Span<UInt8>) throws(MessageError) -> Range<Int>? {
        while true {
            scanned = controlOffset(bytes, from: scanned)
            guard scanned < bytes.count else { return nil }
            switch bytes[scanned] {
            case 0x09:
                scanned &+= 1
            case 0x0D:
                guard scanned &+ 1 < bytes.count else { return nil }
                guard bytes[scanned &+ 1] == 0x0A else {
                    throw MessageError(.bareCarriageReturn, at: scanned)
                }
                let line = start..<scanned
                scanned &+= 2
                start = scanned
                return line
            case 0x0A:
                throw MessageError(.bareLineFeed, at: scanned)
            default:
                throw MessageError(.controlCharacter, at: scanned)
            }
        }
    }
}
