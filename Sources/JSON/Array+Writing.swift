// The writer: JSON's pieces at the end of a growing buffer (RFC 8259, RFC 4648 §4).

extension [UInt8] {
    /// Appends the bytes, as they are.
    @inlinable @inline(__always)
    public mutating func append(bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe append(from: start, count: source.count)
        }
    }

    /// Appends the literal's UTF-8, as it is; a few machine instructions, since its length is known to the
    /// compiler.
    @inlinable @inline(__always)
    public mutating func append(literal: StaticString) {
        unsafe append(from: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    /// Appends memory. `append(contentsOf:)` of the standard library takes several times the instructions for
    /// the short pieces that messages are made of.
    @inlinable @inline(__always)
    @unsafe mutating func append(from start: UnsafePointer<UInt8>, count: Int) {
        append(addingCapacity: count) { out in
            unsafe out.withUnsafeMutableBufferPointer { buffer, initialized in
                guard let target = buffer.baseAddress else { return }
                unsafe UnsafeMutableRawPointer(target).copyMemory(from: start, byteCount: count)
                initialized = count
            }
        }
    }

    /// Appends the number in decimal digits.
    @inlinable
    public mutating func append(decimal: UInt64) {
        var count = 1
        var bound: UInt64 = 10
        while decimal >= bound {
            count &+= 1
            // 10^19 is the last power of ten that fits.
            if count == 20 { break }
            bound &*= 10
        }
        append(addingCapacity: count) { out in
            unsafe out.withUnsafeMutableBufferPointer { buffer, initialized in
                var rest = decimal
                var index = count
                while index > 0 {
                    index &-= 1
                    let quotient = rest / 10
                    unsafe buffer[index] = 0x30 | UInt8(truncatingIfNeeded: rest &- quotient &* 10)
                    rest = quotient
                }
                initialized = count
            }
        }
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
        let run = unescapedEnd(text, from: 0)
        append(bytes: text.extracting(0..<run))
        if run < text.count { append(escaping: text, from: run) }
        append(UInt8(ascii: "\""))
    }

    /// Appends the text from `start` on, where the first byte is one that must be escaped.
    @usableFromInline
    mutating func append(escaping text: Span<UInt8>, from start: Int) {
        var offset = start
        while offset < text.count {
            append(escaped: text[offset])
            let run = unescapedEnd(text, from: offset + 1)
            append(bytes: text.extracting((offset + 1)..<run))
            offset = run
        }
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
