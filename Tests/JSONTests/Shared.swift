// What these tests share: the whole of a text as tokens.
import JSON

/// All tokens of a text, `.end` included.
func tokens(of text: some Collection<UInt8>, depthMax: Int = 64) throws(SyntaxError) -> [Token] {
    let bytes = Array(text)
    var scanner = Scanner(depthMax: depthMax)
    var tokens: [Token] = []
    repeat {
        tokens.append(try scanner.next(in: bytes.span))
    } while tokens.last != .end
    return tokens
}

/// What is wrong with a text, or nil.
func problem(of text: some Collection<UInt8>, depthMax: Int = 64) -> SyntaxError? {
    do {
        _ = try tokens(of: text, depthMax: depthMax)
        return nil
    } catch {
        return error
    }
}

/// The unescaped bytes of a text that is one string.
func string(of text: String) throws -> [UInt8] {
    let bytes = Array(text.utf8)
    var scanner = Scanner()
    guard case .string(let inside) = try scanner.next(in: bytes.span) else { return [] }
    var out: [UInt8] = []
    inside.append(from: bytes.span, to: &out)
    return out
}

// Spans cannot pass through `#expect`, so these take arrays.

func plain(_ bytes: [UInt8]) -> Bool { isPlain(bytes.span) }

func utf8(_ bytes: [UInt8]) -> Bool { isUTF8(bytes.span) }

extension Text {
    func reads(_ literal: StaticString, in bytes: [UInt8]) -> Bool { equals(literal, in: bytes.span) }
}

/// Another token came than the test expects.
struct Unexpected: Error {
    let token: Token
}

extension Scanner {
    /// The next token, which must be a name or a string.
    mutating func nextText(in bytes: [UInt8]) throws -> Text {
        let token = try next(in: bytes.span)
        switch token {
        case .name(let text), .string(let text): return text
        default: throw Unexpected(token: token)
        }
    }

    /// The next token, which must be a number.
    mutating func nextNumber(in bytes: [UInt8]) throws -> Range<Int> {
        let token = try next(in: bytes.span)
        guard case .number(let range) = token else { throw Unexpected(token: token) }
        return range
    }
}
