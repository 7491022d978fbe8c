// What a string token means: its unescaped bytes, a comparison, the bytes that its base64 stands for (RFC
// 4648 §4).

extension Text {
    /// Whether the unescaped text is `literal`.
    @inlinable
    public func equals(_ literal: StaticString, in bytes: Span<UInt8>) -> Bool {
        if isEscaped { return equalsUnescaped(literal, in: bytes) }
        guard range.count == literal.utf8CodeUnitCount else { return false }
        for index in 0..<range.count {
            guard unsafe bytes[range.lowerBound &+ index] == literal.utf8Start[index] else { return false }
        }
        return true
    }

    /// Appends the unescaped bytes to `out`. `bytes` are those that the scanner read.
    @inlinable
    public func append(from bytes: Span<UInt8>, to out: inout [UInt8]) {
        if isEscaped {
            appendUnescaped(from: bytes, to: &out)
        } else {
            out.append(bytes: bytes.extracting(range))
        }
    }

    /// Appends the bytes that the text stands for as base64, and says whether it is strict base64: the
    /// standard alphabet, padded, no unused bits set, nothing between. If not, `out` is as before.
    public func appendBase64Decoded(from bytes: Span<UInt8>, to out: inout [UInt8]) -> Bool {
        if isEscaped {
            // Some writers escape the slash, which is of the alphabet.
            var plain: [UInt8] = []
            appendUnescaped(from: bytes, to: &plain)
            return appendDecoded(plain.span, to: &out)
        }
        return appendDecoded(bytes.extracting(range), to: &out)
    }

    @usableFromInline
    func equalsUnescaped(_ literal: StaticString, in bytes: Span<UInt8>) -> Bool {
        var plain: [UInt8] = []
        appendUnescaped(from: bytes, to: &plain)
        guard plain.count == literal.utf8CodeUnitCount else { return false }
        for index in 0..<plain.count {
            guard unsafe plain[index] == literal.utf8Start[index] else { return false }
        }
        return true
    }

    @usableFromInline
    func appendUnescaped(from bytes: Span<UInt8>, to out: inout [UInt8]) {
        let text = bytes.extracting(range)
        var offset = 0
        while offset < text.count {
            let run = unescapedEnd(text, from: offset)
            out.append(bytes: text.extracting(offset..<run))
            guard run + 1 < text.count else { return }
            offset = run + 2
            switch text[run + 1] {
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "u"):
                guard var scalar = codeUnit(text, at: run) else { return }
                offset = run + 6
                if scalar & 0xFC00 == 0xD800, let low = codeUnit(text, at: offset) {
                    scalar = 0x1_0000 + (scalar & 0x3FF) << 10 + (low & 0x3FF)
                    offset += 6
                }
                out.append(utf8: scalar)
            default: out.append(text[run + 1])
            }
        }
    }
}

/// The value of each character of the base64 alphabet from `+` on, plus 32; `~` is not in it.
private let base64Values: StaticString =
    "^~~~_TUVWXYZ[\\]~~~~~~~ !\"#$%&'()*+,-./0123456789~~~~~~:;<=>?@ABCDEFGHIJKLMNOPQRS"

private func base64Value(_ byte: UInt8) -> UInt32? {
    let index = Int(byte) - 43
    guard index >= 0, index < base64Values.utf8CodeUnitCount else { return nil }
    let value = unsafe base64Values.utf8Start[index] - 32
    return value < 64 ? UInt32(value) : nil
}

private func appendDecoded(_ text: Span<UInt8>, to out: inout [UInt8]) -> Bool {
    guard text.count % 4 == 0 else { return false }
    guard text.count > 0 else { return true }
    let before = out.count
    var end = text.count
    if text[end - 1] == UInt8(ascii: "=") { end -= 1 }
    if text[end - 1] == UInt8(ascii: "=") { end -= 1 }

    var bits: UInt32 = 0
    for offset in 0..<end {
        guard let value = base64Value(text[offset]) else {
            out.removeSubrange(before...)
            return false
        }
        bits = bits << 6 | value
        if offset & 3 == 3 {
            out.append(UInt8(truncatingIfNeeded: bits >> 16))
            out.append(UInt8(truncatingIfNeeded: bits >> 8))
            out.append(UInt8(truncatingIfNeeded: bits))
        }
    }
    switch end & 3 {
    case 0: return true
    case 2 where bits & 0xF == 0:
        out.append(UInt8(truncatingIfNeeded: bits >> 4))
        return true
    case 3 where bits & 0x3 == 0:
        out.append(UInt8(truncatingIfNeeded: bits >> 10))
        out.append(UInt8(truncatingIfNeeded: bits >> 2))
        return true
    default:
        out.removeSubrange(before...)
        return false
    }
}
