// Strings and numbers of the scanner (RFC 8259 §6, §7).

extension Scanner {
    /// The string whose opening quote is at ``position``.
    @inlinable
    mutating func string(in bytes: Span<UInt8>) throws(SyntaxError) -> Text {
        let start = place &+ 1
        var isEscaped = false
        var offset = plainEnd(bytes, from: start)
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\"") {
                place = offset &+ 1
                return Text(range: start..<offset, isEscaped: isEscaped)
            }
            if byte == UInt8(ascii: "\\") {
                isEscaped = true
                offset = try escapeEnd(bytes, at: offset)
            } else if byte >= 0x80 {
                let length = sequenceLength(bytes, at: offset)
                if length == 0 { throw SyntaxError(at: offset, .badUTF8) }
                offset &+= length
            } else {
                throw SyntaxError(at: offset, .controlCharacter)
            }
            offset = plainEnd(bytes, from: offset)
        }
        throw SyntaxError(at: bytes.count, .unexpectedEnd)
    }

    /// The offset after the escape at `start`; both halves of a surrogate pair are one escape.
    @usableFromInline
    func escapeEnd(_ bytes: Span<UInt8>, at start: Int) throws(SyntaxError) -> Int {
        guard start + 1 < bytes.count else { throw SyntaxError(at: bytes.count, .unexpectedEnd) }
        switch bytes[start + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start + 2
        case UInt8(ascii: "u"):
            guard let unit = codeUnit(bytes, at: start) else { throw SyntaxError(at: start, .badEscape) }
            guard unit & 0xF800 == 0xD800 else { return start + 6 }
            guard unit < 0xDC00, let low = codeUnit(bytes, at: start + 6), low & 0xFC00 == 0xDC00 else {
                throw SyntaxError(at: start, .loneSurrogate)
            }
            return start + 12
        default:
            throw SyntaxError(at: start, .badEscape)
        }
    }

    /// The number that begins at ``position``; what follows it is the next token's matter.
    @inlinable
    mutating func number(in bytes: Span<UInt8>) throws(SyntaxError) -> Range<Int> {
        let start = place
        if bytes[place] == UInt8(ascii: "-") { place &+= 1 }
        if place < bytes.count, bytes[place] == UInt8(ascii: "0") {
            place &+= 1
            // A leading zero is named here, so that the message points at the number.
            if place < bytes.count, bytes[place] &- 0x30 < 10 { throw SyntaxError(at: start, .badNumber) }
        } else {
            try digits(in: bytes)
        }
        if place < bytes.count, bytes[place] == UInt8(ascii: ".") {
            place &+= 1
            try digits(in: bytes)
        }
        if place < bytes.count, bytes[place] | 0x20 == UInt8(ascii: "e") {
            place &+= 1
            if place < bytes.count, bytes[place] == UInt8(ascii: "+") || bytes[place] == UInt8(ascii: "-") {
                place &+= 1
            }
            try digits(in: bytes)
        }
        return start..<place
    }

    /// One digit or more.
    @inlinable @inline(__always)
    mutating func digits(in bytes: Span<UInt8>) throws(SyntaxError) {
        let start = place
        while place < bytes.count, bytes[place] &- 0x30 < 10 { place &+= 1 }
        guard place > start else {
            throw SyntaxError(at: place, place < bytes.count ? .badNumber : .unexpectedEnd)
        }
    }
}

/// The UTF-16 code unit of the escape `\uXXXX` at `start`, or nil if there is none.
@usableFromInline
func codeUnit(_ bytes: Span<UInt8>, at start: Int) -> UInt32? {
    guard start + 6 <= bytes.count, bytes[start] == UInt8(ascii: "\\"), bytes[start + 1] == UInt8(ascii: "u")
    else {
        return nil
    }
    var unit: UInt32 = 0
    for offset in (start + 2)..<(start + 6) {
        let byte = bytes[offset]
        let letter = byte | 0x20
        let digit: UInt8
        if byte &- 0x30 < 10 {
            digit = byte &- 0x30
        } else if letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "f") {
            digit = letter - UInt8(ascii: "a") + 10
        } else {
            return nil
        }
        unit = unit << 4 | UInt32(digit)
    }
    return unit
}
