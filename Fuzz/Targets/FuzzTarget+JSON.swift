// The scanner and the writer: what is read and written again is read as the same (RFC 8259).
import JSON

/// A token as it means, without the place at which it stood.
private enum Meaning: Equatable {
    case mark(Token)
    case name([UInt8])
    /// Also the bytes that it stands for as base64, if it does.
    case string([UInt8], base64: [UInt8]?)
    case number([UInt8])
}

extension FuzzTarget {
    func feedJSON(_ bytes: [UInt8]) throws(Contradiction) {
        let meanings: [Meaning]
        do throws(SyntaxError) {
            meanings = try Self.meanings(of: bytes)
        } catch {
            try expect(error.offset >= 0 && error.offset <= bytes.count, "an error at \(error.offset)")
            try expect((try? Self.skip(bytes)) == nil, "a text with an error is skipped")
            return
        }
        try expect((try? Self.skip(bytes)) != nil, "a text without an error cannot be skipped")
        let again = Self.write(meanings)
        try expect(
            (try? Self.meanings(of: again)) == meanings,
            "written again as \(String(decoding: again, as: UTF8.self))")
        for case .string(let text, let base64) in meanings {
            try expect(String(validating: text, as: UTF8.self) != nil, "a string that is not UTF-8")
            guard let base64 else { continue }
            var encoded: [UInt8] = []
            encoded.append(base64: base64.span)
            // Strict: no two texts stand for the same bytes.
            try expect(encoded == text, "base64 that is not strict")
        }
    }

    private static func skip(_ bytes: [UInt8]) throws(SyntaxError) {
        var scanner = Scanner()
        try scanner.skipValue(in: bytes.span)
        guard try scanner.next(in: bytes.span) == .end else {
            throw SyntaxError(at: scanner.position, .trailingBytes)
        }
    }

    private static func meanings(of bytes: [UInt8]) throws(SyntaxError) -> [Meaning] {
        var scanner = Scanner()
        var found: [Meaning] = []
        while true {
            let token = try scanner.next(in: bytes.span)
            switch token {
            case .name(let text): found.append(.name(meaning(of: text, in: bytes)))
            case .string(let text):
                var decoded: [UInt8] = []
                let isBase64 = text.appendBase64Decoded(from: bytes.span, to: &decoded)
                found.append(.string(meaning(of: text, in: bytes), base64: isBase64 ? decoded : nil))
            case .number(let range): found.append(.number(Array(bytes[range])))
            case .end: return found
            case .objectStart, .objectEnd, .arrayStart, .arrayEnd, .boolean, .null:
                found.append(.mark(token))
            }
        }
    }

    private static func meaning(of text: Text, in bytes: [UInt8]) -> [UInt8] {
        var plain: [UInt8] = []
        text.append(from: bytes.span, to: &plain)
        return plain
    }

    private static func write(_ meanings: [Meaning]) -> [UInt8] {
        var out: [UInt8] = []
        var mayNeedComma = false
        for meaning in meanings {
            let isClosing = meaning == .mark(.objectEnd) || meaning == .mark(.arrayEnd)
            if mayNeedComma && !isClosing { out.append(UInt8(ascii: ",")) }
            mayNeedComma = true
            switch meaning {
            case .name(let text):
                out.append(jsonString: text.span)
                out.append(UInt8(ascii: ":"))
                mayNeedComma = false
            case .string(let text, _): out.append(jsonString: text.span)
            case .number(let digits): out += digits
            case .mark(.objectStart):
                out.append(UInt8(ascii: "{"))
                mayNeedComma = false
            case .mark(.arrayStart):
                out.append(UInt8(ascii: "["))
                mayNeedComma = false
            case .mark(.objectEnd): out.append(UInt8(ascii: "}"))
            case .mark(.arrayEnd): out.append(UInt8(ascii: "]"))
            case .mark(.boolean(let isTrue)): out.append(literal: isTrue ? "true" : "false")
            case .mark: out.append(literal: "null")
            }
        }
        return out
    }
}
