// The scanner: the tokens of one JSON text over bytes that stay where they are (RFC 8259), no tree, no
// allocation.

/// Reads one JSON value token by token, from any offset of some bytes.
///
/// It holds its place and the nesting, never the bytes, which each call gets anew. It accepts exactly RFC
/// 8259, with nesting bounded, in UTF-8 without a byte order mark and without lone surrogates. After an error
/// its state means nothing.
public struct Scanner: Sendable {
    /// What the grammar allows next.
    @usableFromInline enum Expectation: UInt8, Sendable {
        case value, firstElement, firstName, separator
    }

    /// The offset after the last token.
    @inlinable public var position: Int { place }
    @usableFromInline var place: Int
    @usableFromInline var expectation = Expectation.value
    /// How many objects and arrays are open; at most 64.
    @usableFromInline var depth = 0
    @usableFromInline let depthMax: Int
    /// The open objects (1) and arrays (0), the innermost in the lowest bit.
    @usableFromInline var nesting: UInt64 = 0

    /// A scanner of the value that begins at `offset`; more than `depthMax` open brackets (at most 64) are an
    /// error.
    @inlinable public init(at offset: Int = 0, depthMax: Int = 64) {
        place = offset
        self.depthMax = min(depthMax, 64)
    }

    /// The next token. After the value it is `.end`, however often it is asked for; whoever has more to read
    /// after the value (a line of NDJSON) stops at the value's last token, and finds ``position`` right after
    /// it.
    @inlinable
    public mutating func next(in bytes: Span<UInt8>) throws(SyntaxError) -> Token {
        var byte = try skipWhitespace(in: bytes)
        switch expectation {
        case .value:
            return try value(byte, in: bytes)
        case .firstElement:
            return byte == UInt8(ascii: "]") ? close(.arrayEnd) : try value(byte, in: bytes)
        case .firstName:
            return byte == UInt8(ascii: "}") ? close(.objectEnd) : try name(byte, in: bytes)
        case .separator:
            guard depth > 0 else {
                guard place >= bytes.count else { throw SyntaxError(at: place, .trailingBytes) }
                return .end
            }
            let isObject = nesting & 1 == 1
            if byte == UInt8(ascii: ",") {
                place &+= 1
                byte = try skipWhitespace(in: bytes)
                return isObject ? try name(byte, in: bytes) : try value(byte, in: bytes)
            }
            if isObject {
                guard byte == UInt8(ascii: "}") else { throw SyntaxError(at: place, .expectedCommaOrBrace) }
                return close(.objectEnd)
            }
            guard byte == UInt8(ascii: "]") else { throw SyntaxError(at: place, .expectedCommaOrBracket) }
            return close(.arrayEnd)
        }
    }

    /// Skips the next value, whole; after a name, its value. Where an object's member comes next, the member
    /// is skipped.
    @inlinable
    public mutating func skipValue(in bytes: Span<UInt8>) throws(SyntaxError) {
        let outside = depth
        repeat {
            let token = try next(in: bytes)
            if case .name = token { _ = try next(in: bytes) }
            if depth < outside || token == .end { throw SyntaxError(at: place, .expectedValue) }
        } while depth > outside
    }

    /// The first byte that is not whitespace, at ``position`` afterwards. Where a token must follow and none
    /// does, an error; after the whole value, 0.
    @inlinable @inline(__always)
    mutating func skipWhitespace(in bytes: Span<UInt8>) throws(SyntaxError) -> UInt8 {
        while place < bytes.count {
            let byte = bytes[place]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
                return byte
            }
            place &+= 1
        }
        if depth == 0, expectation == .separator { return 0 }
        throw SyntaxError(at: bytes.count, .unexpectedEnd)
    }

    @inlinable @inline(__always)
    mutating func open(_ token: Token, object: Bool) throws(SyntaxError) -> Token {
        guard depth < depthMax else { throw SyntaxError(at: place, .tooDeep) }
        place &+= 1
        depth &+= 1
        nesting = nesting &<< 1 | (object ? 1 : 0)
        expectation = object ? .firstName : .firstElement
        return token
    }

    @inlinable @inline(__always)
    mutating func close(_ token: Token) -> Token {
        place &+= 1
        depth &-= 1
        nesting &>>= 1
        expectation = .separator
        return token
    }

    @inlinable
    mutating func value(_ byte: UInt8, in bytes: Span<UInt8>) throws(SyntaxError) -> Token {
        switch byte {
        case UInt8(ascii: "\""):
            let text = try string(in: bytes)
            expectation = .separator
            return .string(text)
        case UInt8(ascii: "{"): return try open(.objectStart, object: true)
        case UInt8(ascii: "["): return try open(.arrayStart, object: false)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let range = try number(in: bytes)
            expectation = .separator
            return .number(range)
        case UInt8(ascii: "t"): return try literal("true", .boolean(true), in: bytes)
        case UInt8(ascii: "f"): return try literal("false", .boolean(false), in: bytes)
        case UInt8(ascii: "n"): return try literal("null", .null, in: bytes)
        default: throw SyntaxError(at: place, .expectedValue)
        }
    }

    @inlinable
    mutating func name(_ byte: UInt8, in bytes: Span<UInt8>) throws(SyntaxError) -> Token {
        guard byte == UInt8(ascii: "\"") else { throw SyntaxError(at: place, .expectedName) }
        let text = try string(in: bytes)
        expectation = .value
        guard try skipWhitespace(in: bytes) == UInt8(ascii: ":") else {
            throw SyntaxError(at: place, .expectedColon)
        }
        place &+= 1
        return .name(text)
    }

    @inlinable
    mutating func literal(
        _ word: StaticString, _ token: Token, in bytes: Span<UInt8>
    ) throws(SyntaxError) -> Token {
        let length = word.utf8CodeUnitCount
        for index in 0..<length {
            guard place &+ index < bytes.count else { throw SyntaxError(at: bytes.count, .unexpectedEnd) }
            guard unsafe bytes[place &+ index] == word.utf8Start[index] else {
                throw SyntaxError(at: place, .badLiteral)
            }
        }
        place &+= length
        expectation = .separator
        return token
    }
}
