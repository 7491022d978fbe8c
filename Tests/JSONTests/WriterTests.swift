// The writer, and that the scanner reads back what it wrote.
import JSON
import Testing

/// The bytes that `body` appends, as text.
private func written(_ body: (inout [UInt8]) -> Void) -> String {
    var out: [UInt8] = []
    body(&out)
    return String(decoding: out, as: UTF8.self)
}

@Test(
    "decimal digits",
    arguments: [
        (0, "0"), (9, "9"), (10, "10"), (99, "99"), (100, "100"), (1_234_567_890, "1234567890"),
        (UInt64.max, "18446744073709551615"),
    ] as [(UInt64, String)])
func decimal(value: UInt64, text: String) {
    #expect(written { $0.append(decimal: value) } == text)
}

@Test("eight hexadecimal digits, whatever the number")
func hexadecimal() {
    #expect(written { $0.append(hexadecimal8: 0) } == "00000000")
    #expect(written { $0.append(hexadecimal8: 0xDEAD_BEEF) } == "deadbeef")
    #expect(written { $0.append(hexadecimal8: 0x12) } == "00000012")
}

@Test("literals and bytes are appended as they are")
func asTheyAre() {
    let some: [UInt8] = [0x61, 0x22]
    #expect(written { $0.append(literal: "{\"é\":") } == "{\"é\":")
    #expect(written { $0.append(bytes: some.span) } == "a\"")
    #expect(written { $0.append(bytes: [UInt8]().span) } == "")
}

@Test("strings are quoted, and escaped only where they must be")
func strings() {
    let all = Array("a\"\\/\u{8}\u{C}\n\r\t\u{1}\u{1F}\u{7F}é😀".utf8)
    let expected = #""a\"\\/\b\f\n\r\t\u0001\u001f"# + "\u{7F}é😀\""
    #expect(written { $0.append(jsonString: all.span) } == expected)
    #expect(written { $0.append(jsonString: [UInt8]().span) } == "\"\"")
}

@Test("every byte that needs an escape is found at every place of a long string")
func escapesEverywhere() throws {
    for byte in (0..<0x20).map(UInt8.init) + [0x22, 0x5C] {
        for place in 0..<20 {
            var text = [UInt8](repeating: 0x61, count: 20)
            #expect(plain(text))
            text[place] = byte
            #expect(!plain(text))
            #expect(try string(of: written { $0.append(jsonString: text.span) }) == text)
        }
    }
}

@Test("the neighbours of the bytes that need an escape are plain")
func neighbours() {
    let text: [UInt8] = [0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F, 0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F]
    for length in 0...text.count {
        #expect(plain(Array(text[..<length])))
    }
}

@Test(
    "base64 as in RFC 4648 §10",
    arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
func base64(plain: String, encoded: String) throws {
    #expect(written { $0.append(base64: Array(plain.utf8).span) } == encoded)
    #expect(try decoded("\"\(encoded)\"") == Array(plain.utf8))
}

@Test("base64 of every byte at every place comes back")
func base64Everything() throws {
    let all = (0...255).map(UInt8.init)
    for drop in 0..<4 {
        let bytes = Array(all.dropFirst(drop))
        #expect(try decoded("\"" + written { $0.append(base64: bytes.span) } + "\"") == bytes)
    }
}

@Test("escaped slashes in base64 are slashes")
func base64Slash() throws {
    #expect(try decoded(#""\/w==""#) == [0xFF])
}

@Test(
    "what is not strict base64 is refused and leaves the output alone",
    arguments: [
        "Zg", "Zg=", "Z===", "====", "=", "Zg==Zg==", "Zm9v Zm9v", "Zm-_", "Zh==", "Zm9=", "Zm9v\\n", "Z=g=",
        "é!==",
    ])
func badBase64(text: String) throws {
    #expect(try decoded("\"\(text)\"") == nil)
}

/// The bytes that a JSON string of base64 stands for.
private func decoded(_ text: String) throws -> [UInt8]? {
    let bytes = Array(text.utf8)
    var scanner = Scanner()
    guard case .string(let inside) = try scanner.next(in: bytes.span) else { return nil }
    var out: [UInt8] = [1, 2, 3]
    let isGood = inside.appendBase64Decoded(from: bytes.span, to: &out)
    #expect(out.prefix(3) == [1, 2, 3])
    if !isGood { #expect(out.count == 3) }
    return isGood ? Array(out.dropFirst(3)) : nil
}
