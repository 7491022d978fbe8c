// Eight bytes at a time: where the plain part of a string ends, and whether bytes are UTF-8 (RFC 3629).

/// The eight bytes at `offset`, the first in the lowest bits.
@inlinable @inline(__always)
func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
    // The callers have checked offset + 8 <= count.
    UInt64(
        littleEndian: unsafe bytes.bytes.unsafeLoadUnaligned(
            fromUncheckedByteOffset: offset, as: UInt64.self))
}

/// The high bit of each byte that is a quote, a backslash or a control; above the lowest one set, others may
/// be set wrongly, because the subtractions borrow.
@inlinable @inline(__always)
func escapeMask(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let quote = word ^ 0x2222_2222_2222_2222
    let backslash = word ^ 0x5C5C_5C5C_5C5C_5C5C
    let found =
        ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
        | ((word &- 0x2020_2020_2020_2020) & ~word)
    return found & 0x8080_8080_8080_8080
}

/// The first offset from `start` on of a quote, a backslash or a control, or the count.
@inlinable
func unescapedEnd(_ bytes: Span<UInt8>, from start: Int) -> Int {
    var offset = start
    while offset &+ 8 <= bytes.count {
        let mask = escapeMask(word(bytes, at: offset))
        if mask != 0 { return offset &+ mask.trailingZeroBitCount &>> 3 }
        offset &+= 8
    }
    while offset < bytes.count {
        let byte = bytes[offset]
        if byte < 0x20 || byte == 0x22 || byte == 0x5C { break }
        offset &+= 1
    }
    return offset
}

/// The first offset from `start` on of a quote, a backslash, a control or a byte outside ASCII, or the count.
@inlinable
func plainEnd(_ bytes: Span<UInt8>, from start: Int) -> Int {
    var offset = start
    while offset &+ 8 <= bytes.count {
        let next = word(bytes, at: offset)
        let mask = escapeMask(next) | (next & 0x8080_8080_8080_8080)
        if mask != 0 { return offset &+ mask.trailingZeroBitCount &>> 3 }
        offset &+= 8
    }
    while offset < bytes.count {
        let byte = bytes[offset]
        if byte < 0x20 || byte == 0x22 || byte == 0x5C || byte >= 0x80 { break }
        offset &+= 1
    }
    return offset
}

/// How many bytes the character outside ASCII at `offset` has (RFC 3629 §4), or 0 if it is not UTF-8.
@inlinable
func sequenceLength(_ bytes: Span<UInt8>, at offset: Int) -> Int {
    let left = bytes.count &- offset
    let first = bytes[offset]
    guard left >= 2, first >= 0xC2 else { return 0 }
    let second = bytes[offset &+ 1]
    if first < 0xE0 { return second & 0xC0 == 0x80 ? 2 : 0 }
    guard left >= 3, bytes[offset &+ 2] & 0xC0 == 0x80 else { return 0 }
    if first < 0xF0 {
        let low: UInt8 = first == 0xE0 ? 0xA0 : 0x80
        let high: UInt8 = first == 0xED ? 0x9F : 0xBF
        return second >= low && second <= high ? 3 : 0
    }
    guard left >= 4, first < 0xF5, bytes[offset &+ 3] & 0xC0 == 0x80 else { return 0 }
    let low: UInt8 = first == 0xF0 ? 0x90 : 0x80
    let high: UInt8 = first == 0xF4 ? 0x8F : 0xBF
    return second >= low && second <= high ? 4 : 0
}

/// Whether the bytes are UTF-8; fast where they are ASCII.
@inlinable
public func isUTF8(_ bytes: Span<UInt8>) -> Bool {
    var offset = 0
    while offset < bytes.count {
        if offset &+ 8 <= bytes.count, word(bytes, at: offset) & 0x8080_8080_8080_8080 == 0 {
            offset &+= 8
        } else if bytes[offset] < 0x80 {
            offset &+= 1
        } else {
            let length = sequenceLength(bytes, at: offset)
            if length == 0 { return false }
            offset &+= length
        }
    }
    return true
}

/// Whether all bytes may stand in a JSON string as they are: UTF-8 without quote, backslash and controls.
@inlinable
public func isPlain(_ bytes: Span<UInt8>) -> Bool {
    var offset = plainEnd(bytes, from: 0)
    while offset < bytes.count {
        if bytes[offset] < 0x80 { return false }
        let length = sequenceLength(bytes, at: offset)
        if length == 0 { return false }
        offset = plainEnd(bytes, from: offset &+ length)
    }
    return true
}

/// The value of a number token that is a plain integer from 0 to 2^53−1: no sign, fraction or exponent; else
/// nil.
@inlinable
public func unsignedInteger(_ range: Range<Int>, in bytes: Span<UInt8>) -> UInt64? {
    guard !range.isEmpty, range.count <= 16 else { return nil }
    var value: UInt64 = 0
    for offset in range {
        let digit = bytes[offset] &- 0x30
        guard digit < 10 else { return nil }
        value = value &* 10 &+ UInt64(digit)
    }
    guard value <= (1 << 53) - 1 else { return nil }
    return value
}
