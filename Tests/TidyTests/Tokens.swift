// A scanner that is good enough for the rules: Swift source as words, symbols and strings, without comments.

/// One piece of a Swift source.
struct Token: Equatable {
    enum Kind: Equatable { case word, symbol, string }
    let kind: Kind
    /// A word or symbol as it stands, a string without its quotes.
    let text: String
    /// Counted from 1.
    let line: Int
    /// Whether nothing stands between this token and the one before.
    let isAdjacent: Bool
}

/// The tokens of a Swift source. What is interpolated into a string stays part of the string.
func tokens(of source: String) -> [Token] {
    var scanner = TokenScanner(bytes: Array(source.utf8))
    return scanner.all()
}

private struct TokenScanner {
    let bytes: [UInt8]
    var position = 0
    var line = 1
    var found: [Token] = []
    var lastEnd = -1

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func all() -> [Token] {
        while position < bytes.count {
            let start = position
            if skipsSpaceOrComment() { continue }
            let startLine = line
            if let string = string() {
                add(.string, string, from: start, line: startLine)
            } else if isWord(at: position) {
                while isWord(at: position) { position += 1 }
                add(.word, text(start..<position), from: start, line: startLine)
            } else {
                position += 1
                add(.symbol, text(start..<position), from: start, line: startLine)
            }
        }
        return found
    }

    private mutating func add(_ kind: Token.Kind, _ text: String, from start: Int, line: Int) {
        found.append(Token(kind: kind, text: text, line: line, isAdjacent: start == lastEnd))
        lastEnd = position
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    private func byte(_ offset: Int) -> UInt8 { offset < bytes.count ? bytes[offset] : 0 }

    private func stands(_ literal: String, at offset: Int) -> Bool {
        bytes[min(offset, bytes.count)...].starts(with: literal.utf8)
    }

    private func isWord(at offset: Int) -> Bool {
        switch byte(offset) {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...:
            true
        default: false
        }
    }

    private mutating func advance() {
        if byte(position) == UInt8(ascii: "\n") { line += 1 }
        position += 1
    }

    private mutating func skipsSpaceOrComment() -> Bool {
        if byte(position) <= UInt8(ascii: " ") {
            advance()
        } else if stands("//", at: position) {
            while position < bytes.count, byte(position) != UInt8(ascii: "\n") { position += 1 }
        } else if stands("/*", at: position) {
            var depth = 0
            repeat {
                if stands("/*", at: position) {
                    depth += 1
                    position += 2
                } else if stands("*/", at: position) {
                    depth -= 1
                    position += 2
                } else {
                    advance()
                }
            } while depth > 0 && position < bytes.count
        } else {
            return false
        }
        return true
    }

    /// The string literal that begins here, if one does: with hashes, of many lines, with interpolations.
    private mutating func string() -> String? {
        var hashes = 0
        while byte(position + hashes) == UInt8(ascii: "#") { hashes += 1 }
        guard byte(position + hashes) == UInt8(ascii: "\"") else { return nil }
        let quote = stands("\"\"\"", at: position + hashes) ? "\"\"\"" : "\""
        let pounds = String(repeating: "#", count: hashes)
        position += hashes + quote.utf8.count
        let start = position
        while position < bytes.count {
            if stands(quote + pounds, at: position) {
                let content = text(start..<position)
                position += quote.utf8.count + hashes
                return content
            }
            if stands("\\" + pounds + "(", at: position) {
                position += 2 + hashes
                skipInterpolation()
            } else if stands("\\" + pounds, at: position) {
                position += 1 + hashes
                advance()
            } else {
                advance()
            }
        }
        return text(start..<bytes.count)
    }

    private mutating func skipInterpolation() {
        var depth = 1
        while depth > 0, position < bytes.count {
            if string() != nil { continue }
            if byte(position) == UInt8(ascii: "(") { depth += 1 }
            if byte(position) == UInt8(ascii: ")") { depth -= 1 }
            advance()
        }
    }
}
