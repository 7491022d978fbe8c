// The writer: JSON's pieces at the end of a growing buffer (RFC 8259, RFC 4648 §4).

extension [UInt8] {
    /// Appends the bytes, as they are.
    @inlinable
    public mutating func append(bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { buffer in unsafe append(contentsOf: buffer) }
    }

    /// Appends the literal's UTF-8, as it is.
    @inlinable
    public mutating func append(literal: StaticString) {
        unsafe append(
            contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Appends the number in decimal digits.
    @inlinable
    public mutating func append(decimal: UInt64) {
        if decimal < 10 {
            append(0x30 | UInt8(truncatingIfNeeded: decimal))
            return
        }
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = 20
        var rest = decimal
        while rest > 0 {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            first &-= 1
            digits[first] = 0x30 | UInt8(truncatingIfNeeded: digit)
            rest = quotient
        }
        append(bytes: digits.span.extracting(first..<20))
    }

    /// Appends exactly eight lower-case hexadecimal digits.
    @inlinable
    public mutating func append(hexadecimal8 value: UInt32) {
        append(addingCapacity: 8) { out in
            var shift: UInt32 = 32
            while shift > 0 {
                shift &-= 4
                out.append(hexadecimalDigit(UInt8(truncatingIfNeeded: value &>> shift) & 0xF))
            }
        }
    }

    /// Appends the text as a JSON string, quoted and escaped. The text must be valid UTF-8.
    @inlinable
    public mutating func append(jsonString text: Span<UInt8>) {
        append(UInt8(ascii: "\""))
        var offset = 0
        while true {
            let run = unescapedEnd(text, from: offset)
            append(bytes: text.extracting(offset..<run))
            guard run < text.count else { break }
            append(escaped: text[run])
            offset = run &+ 1
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends the bytes in base64 with padding, without quotes.
    public mutating func append(base64 bytes: Span<UInt8>) {
        append(addingCapacity: (bytes.count + 2) / 3 * 4) { out in
            var offset = 0
            while offset + 3 <= bytes.count {
                let bits =
                    UInt32(bytes[offset]) << 16 | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2])
                out.append(base64Digit(bits >> 18))
                out.append(base64Digit(bits >> 12))
                out.append(base64Digit(bits >> 6))
                out.append(base64Digit(bits))
                offset += 3
            }
            let left = bytes.count - offset
            guard left > 0 else { return }
            let bits = UInt32(bytes[offset]) << 16 | (left == 2 ? UInt32(bytes[offset + 1]) << 8 : 0)
            out.append(base64Digit(bits >> 18))
            out.append(base64Digit(bits >> 12))
            out.append(left == 2 ? base64Digit(bits >> 6) : UInt8(ascii: "="))
            out.append(UInt8(ascii: "="))
        }
    }

    @usableFromInline
    mutating func append(escaped byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append(literal: "\\\"")
        case UInt8(ascii: "\\"): append(literal: "\\\\")
        case 0x08: append(literal: "\\b")
        case 0x09: append(literal: "\\t")
        case 0x0A: append(literal: "\\n")
        case 0x0C: append(literal: "\\f")
        case 0x0D: append(literal: "\\r")
        default:
            append(literal: "\\u00")
            append(hexadecimalDigit(byte >> 4))
            append(hexadecimalDigit(byte & 0xF))
        }
    }

    /// Appends the UTF-8 of a scalar value.
    mutating func append(utf8 scalar: UInt32) {
        switch scalar {
        case 0..<0x80:
            append(UInt8(truncatingIfNeeded: scalar))
        case 0x80..<0x800:
            append(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
            append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
        case 0x800..<0x1_0000:
            append(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
            append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
            append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
        default:
            append(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
            append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F))
            append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
            append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
        }
    }
}

/// The lower-case digit of a number below 16.
@inlinable @inline(__always)
func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &+ value &- 10
}

private let base64Alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

private func base64Digit(_ bits: UInt32) -> UInt8 {
    unsafe base64Alphabet.utf8Start[Int(bits & 0x3F)]
}
