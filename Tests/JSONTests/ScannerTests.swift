// The scanner: its tokens, its errors with their places, skipping, what strings and numbers mean.
import JSON
import Testing

@Test("an object's tokens, with ranges in the bytes")
func objectTokens() throws {
    let text = #" {"a" : [1, -2.5e+3,true , false,null,{}],"é\n":"x"} "#
    let bytes = Array(text.utf8)
    var scanner = Scanner()
    #expect(try scanner.next(in: bytes.span) == .objectStart)
    let a = try scanner.nextText(in: bytes)
    #expect(a.reads("a", in: bytes))
    #expect(!a.reads("b", in: bytes))
    #expect(!a.isEscaped)
    #expect(try scanner.next(in: bytes.span) == .arrayStart)
    #expect(try scanner.next(in: bytes.span) == .number(9..<10))
    #expect(try scanner.next(in: bytes.span) == .number(12..<19))
    #expect(try scanner.next(in: bytes.span) == .boolean(true))
    #expect(try scanner.next(in: bytes.span) == .boolean(false))
    #expect(try scanner.next(in: bytes.span) == .null)
    #expect(try scanner.next(in: bytes.span) == .objectStart)
    #expect(try scanner.next(in: bytes.span) == .objectEnd)
    #expect(try scanner.next(in: bytes.span) == .arrayEnd)
    let e = try scanner.nextText(in: bytes)
    #expect(e.isEscaped)
    #expect(e.reads("é\n", in: bytes))
    let x = try scanner.nextText(in: bytes)
    #expect(x.reads("x", in: bytes))
    #expect(try scanner.next(in: bytes.span) == .objectEnd)
    #expect(try scanner.next(in: bytes.span) == .end)
    #expect(try scanner.next(in: bytes.span) == .end)
    #expect(scanner.position == bytes.count)
}

@Test(
    "each problem is named, with its offset",
    arguments: [
        ("", Problem.unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("[1", .unexpectedEnd, 2),
        ("{\"a\"", .unexpectedEnd, 4), ("\"abc", .unexpectedEnd, 4), ("tru", .unexpectedEnd, 3),
        ("-", .unexpectedEnd, 1), ("1.", .unexpectedEnd, 2), ("?", .expectedValue, 0),
        ("[1,]", .expectedValue, 3), ("[,1]", .expectedValue, 1), ("]", .expectedValue, 0),
        ("{1:2}", .expectedName, 1), ("{\"a\":1,}", .expectedName, 7), ("{\"a\" 1}", .expectedColon, 5),
        ("[1 2]", .expectedCommaOrBracket, 3), ("[1}", .expectedCommaOrBracket, 2),
        ("{\"a\":1]", .expectedCommaOrBrace, 6), ("1 2", .trailingBytes, 2), ("{}x", .trailingBytes, 2),
        ("-a", .badNumber, 1), ("01", .badNumber, 0), ("1.e1", .badNumber, 2), ("trux", .badLiteral, 0),
        ("\"\\x\"", .badEscape, 1), ("\"\\u12g4\"", .badEscape, 1), ("\"\\uD800\"", .loneSurrogate, 1),
        ("\"\\uDC00\"", .loneSurrogate, 1), ("\"\\uD800\\u0041\"", .loneSurrogate, 1),
        ("\"a\nb\"", .controlCharacter, 2), ("\"0123456789\u{1F}\"", .controlCharacter, 11),
        ("\u{FEFF}{}", .expectedValue, 0),
    ])
func problems(text: String, expected: Problem, offset: Int) {
    #expect(problem(of: text.utf8) == SyntaxError(at: offset, expected))
    #expect(expected.message.utf8CodeUnitCount > 0)
}

@Test(
    "bytes that are not UTF-8 are refused wherever they stand in a string",
    arguments: [
        [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xE2, 0x82],
        [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
        [0xF0, 0x9F, 0x98],
    ] as [[UInt8]])
func notUTF8(bad: [UInt8]) {
    for lead in 0...17 {
        let inside = [UInt8](repeating: 0x61, count: lead) + bad
        #expect(problem(of: [0x22] + inside + [0x22])?.problem == .badUTF8)
        #expect(problem(of: [0x22] + inside + [0x22])?.offset == lead + 1)
        #expect(!utf8(inside))
        #expect(!plain(inside))
    }
}

@Test("the first and last character of every UTF-8 length is accepted")
func utf8Edges() {
    let edges = "\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFF}\u{10000}\u{10FFFF}"
    for lead in 0...9 {
        let bytes = Array((String(repeating: "a", count: lead) + edges).utf8)
        #expect(utf8(bytes))
        #expect(plain(bytes))
        #expect(problem(of: [0x22] + bytes + [0x22]) == nil)
    }
}

@Test("nesting up to the limit is accepted, and one more is not")
func depth() {
    let open = [UInt8](repeating: UInt8(ascii: "["), count: 64)
    let close = [UInt8](repeating: UInt8(ascii: "]"), count: 64)
    #expect(problem(of: open + close) == nil)
    #expect(problem(of: open + open + close + close) == SyntaxError(at: 64, .tooDeep))
    #expect(problem(of: "[{\"a\":[]}]".utf8, depthMax: 3) == nil)
    #expect(problem(of: "[{\"a\":[]}]".utf8, depthMax: 2) == SyntaxError(at: 6, .tooDeep))
    #expect(problem(of: open + open + close + close, depthMax: 1000) == SyntaxError(at: 64, .tooDeep))
}

@Test("a value is found inside other bytes, and the place after it is known")
func insideABuffer() throws {
    let bytes = Array("xx{\"a\":[1,2]}\n{\"b\":3}\n".utf8)
    var scanner = Scanner(at: 2)
    try scanner.skipValue(in: bytes.span)
    #expect(scanner.position == 13)
    var second = Scanner(at: 14)
    #expect(try second.next(in: bytes.span) == .objectStart)
    let name = try second.nextText(in: bytes)
    #expect(name.reads("b", in: bytes))
    #expect(try second.next(in: bytes.span) == .number(19..<20))
}

@Test("skipping a member's value, an element, a whole member")
func skipping() throws {
    let bytes = Array(#"{"a":{"x":[1,{"y":"]}"}]},"b":[10,[20],30],"c":1}"#.utf8)
    var scanner = Scanner()
    #expect(try scanner.next(in: bytes.span) == .objectStart)
    _ = try scanner.next(in: bytes.span)
    try scanner.skipValue(in: bytes.span)
    let b = try scanner.nextText(in: bytes)
    #expect(b.reads("b", in: bytes))
    #expect(try scanner.next(in: bytes.span) == .arrayStart)
    try scanner.skipValue(in: bytes.span)
    try scanner.skipValue(in: bytes.span)
    let thirty = try scanner.nextNumber(in: bytes)
    #expect(unsignedInteger(thirty, in: bytes.span) == 30)
    var end = scanner
    #expect(throws: SyntaxError.self) { try end.skipValue(in: bytes.span) }
    #expect(try scanner.next(in: bytes.span) == .arrayEnd)
    try scanner.skipValue(in: bytes.span)
    #expect(try scanner.next(in: bytes.span) == .objectEnd)
    #expect(try scanner.next(in: bytes.span) == .end)
}

@Test("strings mean what their escapes say")
func unescaping() throws {
    let escaped = #""a\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\uDE00z""#
    #expect(try string(of: escaped) == Array("a\"\\/\u{8}\u{C}\n\r\té€😀z".utf8))
    #expect(try string(of: "\"plain é €\"") == Array("plain é €".utf8))
    #expect(try string(of: "\"\"") == [])
    #expect(try string(of: #""\u0000""#) == [0])
}

@Test("names are compared by meaning, not by spelling")
func escapedNames() throws {
    let bytes = Array(#""k\u0065y""#.utf8)
    var scanner = Scanner()
    let text = try scanner.nextText(in: bytes)
    #expect(text.reads("key", in: bytes))
    #expect(!text.reads("kex", in: bytes))
    #expect(!text.reads("keys", in: bytes))
}

@Test(
    "only plain integers from 0 to 2^53−1 are integers",
    arguments: [
        ("0", 0), ("7", 7), ("9007199254740991", 9_007_199_254_740_991), ("9007199254740992", nil),
        ("-0", nil), ("-1", nil), ("1.0", nil), ("1e3", nil), ("99999999999999999999", nil),
    ] as [(String, UInt64?)])
func integers(text: String, value: UInt64?) throws {
    let bytes = Array(text.utf8)
    var scanner = Scanner()
    let range = try scanner.nextNumber(in: bytes)
    #expect(unsignedInteger(range, in: bytes.span) == value)
}
