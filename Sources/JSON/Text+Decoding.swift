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
            return out.append(base64Decoding: plain.span)
        }
        return out.append(base64Decoding: bytes.extracting(range))
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
