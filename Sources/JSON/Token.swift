// The tokens of a JSON text, and what may be wrong with one (RFC 8259).

/// Where a JSON text is wrong.
public struct SyntaxError: Error, Equatable, Sendable {
    /// The offset in the scanned bytes at which the problem begins.
    public let offset: Int
    public let problem: Problem

    @inlinable public init(at offset: Int, _ problem: Problem) {
        self.offset = offset
        self.problem = problem
    }
}

/// What may be wrong with a JSON text.
public enum Problem: UInt8, Equatable, Sendable {
    case unexpectedEnd, expectedValue, expectedName, expectedColon
    case expectedCommaOrBracket, expectedCommaOrBrace, trailingBytes
    case badNumber, badLiteral, badEscape, badUTF8, loneSurrogate, controlCharacter, tooDeep

    /// The problem as a sentence for people.
    public var message: StaticString {
        switch self {
        case .unexpectedEnd: "the text ends too early"
        case .expectedValue: "a value was expected"
        case .expectedName: "a name in double quotes was expected"
        case .expectedColon: "a colon was expected"
        case .expectedCommaOrBracket: "a comma or a closing bracket was expected"
        case .expectedCommaOrBrace: "a comma or a closing brace was expected"
        case .trailingBytes: "bytes follow the value"
        case .badNumber: "a digit was expected"
        case .badLiteral: "true, false or null was expected"
        case .badEscape: "this escape is not one of JSON"
        case .badUTF8: "these bytes are not UTF-8"
        case .loneSurrogate: "this half of a surrogate pair stands alone"
        case .controlCharacter: "a control character must be escaped"
        case .tooDeep: "the nesting is too deep"
        }
    }
}

/// The inside of a string token, without its quotes.
public struct Text: Equatable, Sendable {
    /// Where it stands in the scanned bytes, still escaped.
    public let range: Range<Int>
    /// Whether it holds a backslash, so that its bytes differ from its meaning.
    public let isEscaped: Bool

    @inlinable init(range: Range<Int>, isEscaped: Bool) {
        self.range = range
        self.isEscaped = isEscaped
    }
}

/// One token of a JSON text; ranges are offsets in the scanned bytes.
public enum Token: Equatable, Sendable {
    case objectStart, objectEnd, arrayStart, arrayEnd
    /// A member's name; the scanner has consumed the colon.
    case name(Text)
    case string(Text)
    case number(Range<Int>)
    case boolean(Bool)
    case null
    /// The whole text was one value, and nothing but whitespace followed.
    case end
}
