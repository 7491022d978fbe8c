// Valid requests, read whole and in every splitting; malformed ones, each with its flaw (RFC 9112).
import HTTP
import Testing

/// Valid requests, and what they say.
private let valid: [(String, Reading)] = [
    (
        "GET / HTTP/1.1|Host: a||",
        Reading(
            method: .get, path: "/", host: "a", framing: .none, keepAlive: true, content: "", rest: 0)
    ),
    (
        "|PUT /kv/a%2Fb?ttl=1s&x HTTP/1.1|hOsT:  h:80 \t|Content-Length: 5|X:|"
            + "Content-Type:text/plain||helloGET",
        Reading(
            method: .put, path: "/kv/a%2Fb", query: "ttl=1s&x", host: "h:80", framing: .length(5),
            keepAlive: true,
            content: "hello", rest: 3)
    ),
    (
        "POST /txn HTTP/1.1|Host: a|Transfer-Encoding: Chunked||"
            + "5|hello|6;a=b;c=\"d\\\" ;\"| world|000|T: x||rest",
        Reading(
            method: .post, path: "/txn", host: "a", framing: .chunked, keepAlive: true,
            content: "hello world", rest: 4)
    ),
    (
        "HEAD /a?b?c HTTP/1.0||",
        Reading(
            method: .head, path: "/a", query: "b?c", framing: .none, keepAlive: false, content: "", rest: 0)
    ),
    (
        "DELETE /a? HTTP/1.0|Connection: x, Keep-Alive|Host:||",
        Reading(
            method: .delete, path: "/a", query: "", host: "", framing: .none, keepAlive: true, content: "",
            rest: 0)
    ),
    (
        "GET /a HTTP/1.1|Host: a|Connection: keep-alive|Connection: foo,,close||",
        Reading(method: .get, path: "/a", host: "a", framing: .none, keepAlive: false, content: "", rest: 0)
    ),
    (
        "OPTIONS * HTTP/1.1|Host: a||",
        Reading(method: .options, path: "", host: "a", framing: .none, keepAlive: true, content: "", rest: 0)
    ),
    (
        "GET HTTP://[::1]:8001/x?y HTTP/1.1|Host: other||",
        Reading(
            method: .get, path: "/x", query: "y", host: "[::1]:8001", framing: .none, keepAlive: true,
            content: "",
            rest: 0)
    ),
    (
        "GET https://a?y=/ HTTP/1.1|Host: other||",
        Reading(
            method: .get, path: "", query: "y=/", host: "a", framing: .none, keepAlive: true, content: "",
            rest: 0)
    ),
    (
        "CONNECT a:80 HTTP/1.1|Host: a||",
        Reading(method: .other, path: "", host: "a", framing: .none, keepAlive: false, content: "", rest: 0)
    ),
    (
        "get /a HTTP/1.7|Host: a|Content-Length: 003||abc",
        Reading(
            method: .other, path: "/a", host: "a", framing: .length(3), keepAlive: true, content: "abc",
            rest: 0)
    ),
    (
        "PATCH /a HTTP/1.1|Host: a|X-Bytes: D\u{fc}sseldorf\t1|Content-Length: 0||",
        Reading(
            method: .patch, path: "/a", host: "a", framing: .length(0), keepAlive: true, content: "", rest: 0)
    ),
]

@Test("valid requests read the same, however their bytes arrive", arguments: valid.indices)
func validRequests(index: Int) throws {
    let (request, expected) = valid[index]
    let bytes = wire(request)
    #expect(try read(bytes) == expected)
    for step in [1, 2, 3, 7] {
        #expect(try read(bytes, step: step) == expected, "in pieces of \(step)")
    }
    // Cut anywhere before its end, a request is not whole, and not wrong either.
    for end in 0..<(bytes.count - expected.rest) {
        #expect(try read(Array(bytes[..<end])) == nil, "cut at \(end)")
    }
}

/// Malformed requests, each with its flaw.
private let malformed: [(String, Flaw)] = [
    ("GET / HTTP/1.1\nHost: a||", .bareLineFeed),
    ("GET / HTTP/1.1|Host: a\n|", .bareLineFeed),
    ("GET / HTTP/1.1|Host: a|\n", .bareLineFeed),
    ("GET / HTTP/1.1\rHost: a||", .bareCarriageReturn),
    ("GET / HTTP/1.1|Host: a\rX: b||", .bareCarriageReturn),
    ("GET / HTTP/1.1|Host: a|X: a\u{0}b||", .controlCharacter),
    ("GET / HTTP/1.1|Host: a|X: a\u{7F}b||", .controlCharacter),
    ("GET / HTTP/1.1|Host: a|X: a\u{1B}b||", .controlCharacter),
    ("||GET / HTTP/1.1|Host: a||", .badMethod),
    (" GET / HTTP/1.1|Host: a||", .badMethod),
    ("G@T / HTTP/1.1|Host: a||", .badMethod),
    ("GET\t/ HTTP/1.1|Host: a||", .badMethod),
    ("GET|Host: a||", .badRequestLine),
    ("GET /|Host: a||", .badRequestLine),
    ("GET  / HTTP/1.1|Host: a||", .badRequestLine),
    ("GET / HTTP/1.1 |Host: a||", .malformedVersion),
    ("GET /  HTTP/1.1|Host: a||", .malformedVersion),
    ("GET /a b HTTP/1.1|Host: a||", .malformedVersion),
    ("GET / http/1.1|Host: a||", .malformedVersion),
    ("GET / HTTP/11|Host: a||", .malformedVersion),
    ("GET / HTTP/1.10|Host: a||", .malformedVersion),
    ("GET / ICE/1.0|Host: a||", .malformedVersion),
    ("GET / HTTP/2.0|Host: a||", .unknownVersion),
    ("GET / HTTP/0.9|Host: a||", .unknownVersion),
    ("PRI * HTTP/2.0||SM||", .unknownVersion),
    ("GET /\u{e9} HTTP/1.1|Host: a||", .badTarget),
    ("GET /a#b HTTP/1.1|Host: a||", .badTarget),
    ("GET a HTTP/1.1|Host: a||", .badTarget),
    ("GET * HTTP/1.1|Host: a||", .badTarget),
    ("GET ftp://a/ HTTP/1.1|Host: a||", .badTarget),
    ("GET http:/a HTTP/1.1|Host: a||", .badTarget),
    ("GET http:///a HTTP/1.1|Host: a||", .badTarget),
    ("GET http://user@a/ HTTP/1.1|Host: a||", .badTarget),
    ("GET / HTTP/1.1||", .missingHost),
    ("GET / HTTP/1.1|Host: a|Host: a||", .secondHost),
    ("GET / HTTP/1.0|Host: a|host: b||", .secondHost),
    ("GET / HTTP/1.1|Host: a b||", .badHost),
    ("GET / HTTP/1.1|Host: a/b||", .badHost),
    ("GET / HTTP/1.1|Host: u@a||", .badHost),
    ("GET / HTTP/1.1| Host: a||", .foldedLine),
    ("GET / HTTP/1.1|Host: a|X: a| b||", .foldedLine),
    ("GET / HTTP/1.1|Host: a|X: a|\tb||", .foldedLine),
    ("GET / HTTP/1.1|Host : a||", .spaceBeforeColon),
    ("GET / HTTP/1.1|Host\t: a||", .spaceBeforeColon),
    ("GET / HTTP/1.1|Host: a|X||", .missingColon),
    ("GET / HTTP/1.1|Host: a|: x||", .badFieldName),
    ("GET / HTTP/1.1|Host: a|X@: x||", .badFieldName),
    ("GET / HTTP/1.1|Host: a|\u{e9}: x||", .badFieldName),
    ("GET / HTTP/1.1|Host: a|Content-Type: a/b|Content-Type: a/b||", .repeatedField),
    ("GET / HTTP/1.1|Host: a|Authorization: a|Authorization: a||", .repeatedField),
    ("PUT / HTTP/1.1|Host: a|Content-Length: 1|Content-Length: 1||a", .secondLength),
    ("PUT / HTTP/1.1|Host: a|Content-Length: 1, 1||a", .badLength),
    ("PUT / HTTP/1.1|Host: a|Content-Length: +1||a", .badLength),
    ("PUT / HTTP/1.1|Host: a|Content-Length: -1||a", .badLength),
    ("PUT / HTTP/1.1|Host: a|Content-Length: 0x1||a", .badLength),
    ("PUT / HTTP/1.1|Host: a|Content-Length: 1 2||a", .badLength),
    ("PUT / HTTP/1.1|Host: a|Content-Length:||a", .badLength),
    ("PUT / HTTP/1.1|Host: a|Content-Length: 99999999999999999999||a", .badLength),
    ("PUT / HTTP/1.1|Host: a|Content-Length: 1|Transfer-Encoding: chunked||0||", .lengthAndChunked),
    ("PUT / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 1||0||", .lengthAndChunked),
    ("PUT / HTTP/1.1|Host: a|Transfer-Encoding: gzip||", .badTransferEncoding),
    ("PUT / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||0||", .badTransferEncoding),
    ("PUT / HTTP/1.1|Host: a|Transfer-Encoding: chunked, chunked||0||", .badTransferEncoding),
    (
        "PUT / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked||0||",
        .badTransferEncoding
    ),
    ("PUT / HTTP/1.1|Host: a|Transfer-Encoding:||0||", .badTransferEncoding),
    ("PUT / HTTP/1.1|Host: a|Transfer-Encoding: xchunked||0||", .badTransferEncoding),
    ("PUT / HTTP/1.0|Host: a|Transfer-Encoding: chunked||0||", .badTransferEncoding),
]

@Test("what could be read in two ways is refused, however its bytes arrive", arguments: malformed.indices)
func malformedRequests(index: Int) throws {
    let (request, expected) = malformed[index]
    for step in [Int.max, 1, 2, 5] {
        #expect(flaw(wire(request), step: step) == expected, "\(request) in pieces of \(step)")
    }
}

/// Malformed chunked content, each with its flaw.
private let malformedChunks: [(String, Flaw)] = [
    ("x|", .badChunkSize), ("|", .badChunkSize), (" 1|a|0||", .badChunkSize), ("1 |a|0||", .badChunkSize),
    ("-1|a|0||", .badChunkSize), ("0x1|a|0||", .badChunkSize), ("1\na|0||", .badChunkSize),
    ("1\r\ra|0||", .badChunkSize), ("1|ab|0||", .badChunkEnd), ("1|a\n0||", .badChunkEnd),
    ("1|a\r0||", .badChunkEnd), ("1;|a|0||", .badChunkExtension), ("1;a=|a|0||", .badChunkExtension),
    ("1;a =b|a|0||", .badChunkExtension), ("1;a=\"b|a|0||", .badChunkExtension),
    ("1;a=\"b\"c|a|0||", .badChunkExtension), ("1;a\n|", .badChunkExtension), ("0| x||", .badTrailer),
    ("0|x||", .badTrailer), ("0|x:\u{0}||", .badTrailer), ("0|\r\r", .badTrailer), ("0|:x||", .badTrailer),
    ("0\n\n", .badChunkSize), ("FFFFFFFFFFFFFFFFF|", .contentTooLarge), ("100001|", .contentTooLarge),
    ("80000|" + String(repeating: "a", count: 0x80000) + "|80001|", .contentTooLarge),
]

@Test("malformed chunks are refused, however their bytes arrive", arguments: malformedChunks.indices)
func malformedChunkedContent(index: Int) throws {
    let (content, expected) = malformedChunks[index]
    let bytes = wire("PUT / HTTP/1.1|Host: a|Transfer-Encoding: chunked||" + content)
    for step in bytes.count < 1000 ? [Int.max, 1, 2] : [.max, 100_000] {
        #expect(flaw(bytes, step: step) == expected, "\(content.prefix(40)) in pieces of \(step)")
    }
}

@Test("chunk extensions, zeros before sizes and trailers are bounded over the whole message")
func chunkOverhead() {
    let start = "PUT / HTTP/1.1|Host: a|Transfer-Encoding: chunked||"
    let long = String(repeating: "a", count: 6000)
    #expect(flaw(wire(start + "1;\(long)|a|1;\(long)|a|0||")) == nil)
    #expect(flaw(wire(start + "1;\(long)|a|1;\(long)|a|1;\(long)|a|0||")) == .chunkOverhead)
    #expect(flaw(wire(start + String(repeating: "0", count: 17_000))) == .chunkOverhead)
    #expect(flaw(wire(start + "0|x: \(long)|x: \(long)|x: \(long)||")) == .chunkOverhead)
}

@Test("the limits hold exactly, also before a line's end has come")
func limits() {
    let limits = Limits(requestLineBytesMax: 20, fieldBytesMax: 40, fieldCountMax: 3)
    #expect(flaw(wire("GET /7890a HTTP/1.1|Host: a||"), limits: limits) == nil)
    #expect(flaw(wire("GET /7890ab HTTP/1.1|Host: a||"), limits: limits) == nil)
    #expect(flaw(wire("GET /7890abc HTTP/1.1|Host: a||"), limits: limits) == .requestLineTooLong)
    #expect(flaw(wire("GET /7890abcdefghijklmnopqr"), limits: limits) == .requestLineTooLong)
    #expect(
        flaw(wire("GET / HTTP/1.1|Host: a|X: " + String(repeating: "b", count: 24) + "||"), limits: limits)
            == nil)
    let large = wire("GET / HTTP/1.1|Host: a|X: " + String(repeating: "b", count: 25) + "||")
    for step in [Int.max, 1, 3] { #expect(flaw(large, step: step, limits: limits) == .headTooLarge) }
    #expect(
        flaw(wire("GET / HTTP/1.1|Host: a|X: " + String(repeating: "b", count: 40)), limits: limits)
            == .headTooLarge)
    #expect(flaw(wire("GET / HTTP/1.1|Host: a|A:|B:||"), limits: limits) == nil)
    #expect(flaw(wire("GET / HTTP/1.1|Host: a|A:|B:|C:||"), limits: limits) == .tooManyFields)
    #expect(MessageError(.requestLineTooLong, at: 0).status == 414)
    #expect(MessageError(.tooManyFields, at: 0).status == 431)
}

@Test("an error names its place")
func places() {
    #expect(throws: MessageError(.spaceBeforeColon, at: 20)) { try read(wire("GET / HTTP/1.1|Host : a||")) }
    #expect(throws: MessageError(.badLength, at: 43)) {
        try read(wire("PUT / HTTP/1.1|Host: a|Content-Length: 12a||"))
    }
    #expect(throws: MessageError(.badTarget, at: 6)) { try read(wire("GET /a#b HTTP/1.1|Host: a||")) }
}

@Test("requests in a row are read one after the other from the same bytes")
func pipelined() throws {
    var bytes = wire(
        "GET /a HTTP/1.1|Host: a||PUT /b HTTP/1.1|Host: a|Content-Length: 2||hiGET /c HTTP/1.1|Host: a||")
    var parser = RequestParser()
    var paths: [String] = []
    while case .head(let head) = try parser.parse(bytes.span, limits: Limits()) {
        paths.append(text(head.path, of: bytes))
        let contentFound = head.wholeContent(in: bytes.span)
        let content = try #require(contentFound)
        bytes.removeSubrange(..<content.upperBound)
    }
    #expect(paths == ["/a", "/b", "/c"])
    #expect(bytes.isEmpty)
    #expect(!parser.isMidway)
}

@Test("a content that has not all arrived is not whole")
func wholeContent() throws {
    let bytes = wire("PUT /b HTTP/1.1|Host: a|Content-Length: 3||hi")
    let head = try head(bytes)
    #expect(head.wholeContent(in: bytes.span) == nil)
    #expect(head.wholeContent(in: (bytes + [0x21]).span) == 47..<50)
    #expect(try HTTPTests.head(wire("PUT /b HTTP/1.1|Host: a||")).wholeContent(in: bytes.span) == 28..<28)
}

@Test(
    "what Expect asks for",
    arguments: [
        ("PUT / HTTP/1.1|Host: a|Expect: 100-Continue||", Expect.continue),
        ("PUT / HTTP/1.1|Host: a||", .none), ("PUT / HTTP/1.1|Host: a|Expect: tea||", .other),
        ("PUT / HTTP/1.1|Host: a|Expect: 100-continue|Expect: tea||", .other),
        ("PUT / HTTP/1.0|Expect: 100-continue||", .none),
    ])
func expectation(request: String, expected: Expect) throws {
    #expect(try head(wire(request)).expectation == expected)
}

@Test("known fields are found by name in any case, and lists keep all their lines")
func knownFields() throws {
    let names: [(Field, String)] = [
        (.host, "hosT"), (.accept, "Accept"), (.expect, "EXPECT"), (.origin, "Origin"),
        (.ifMatch, "If-Match"),
        (.connection, "connection"), (.contentType, "Content-type"), (.authorization, "Authorization"),
        (.contentRange, "Content-Range"), (.ifNoneMatch, "If-None-Match"), (.lastEventID, "Last-Event-ID"),
        (.idempotencyKey, "Idempotency-Key"), (.contentEncoding, "Content-Encoding"), (.location, "Location"),
    ]
    var request = "GET / HTTP/1.1|"
    for (index, (_, name)) in names.enumerated() { request += "\(name): v\(index)|X-\(name): no|" }
    let bytes = wire(request + "Accept: second|Accept-Language: no|ACCEPT:\tthird ||")
    let head = try head(bytes)
    for (index, (field, _)) in names.enumerated() {
        let value = try #require(head[field])
        #expect(text(value, of: bytes) == "v\(index)")
        #expect(head.fields.isRepeated(field) == (field == .accept))
    }
    #expect(head[.contentLength] == nil)
    let first = try #require(head[.accept])
    let secondFound = head.fields.next(.accept, after: first.upperBound, in: bytes.span)
    let second = try #require(secondFound)
    #expect(text(second, of: bytes) == "second")
    let thirdFound = head.fields.next(.accept, after: second.upperBound, in: bytes.span)
    let third = try #require(thirdFound)
    #expect(text(third, of: bytes) == "third")
    #expect(head.fields.next(.accept, after: third.upperBound, in: bytes.span) == nil)
}

@Test("every byte that is no token character ends a field name, and every token character may stand in one")
func tokenCharacters() {
    let others = Set("!#$%&'*+-.^_`|~".utf8)
    for byte in UInt8.min...UInt8.max {
        let isToken =
            others.contains(byte) || (byte < 128 && Character(UnicodeScalar(byte)).isLetter)
            || (0x30...0x39).contains(byte)
        let bytes = wire("GET / HTTP/1.1|Host: a|X") + [byte] + wire(": b||")
        // A colon ends the name early: the line is still one.
        #expect((flaw(bytes) == nil) == (isToken || byte == UInt8(ascii: ":")), "byte \(byte)")
    }
}

@Test("random changes to requests never crash the parser, and errors lie inside the bytes")
func mutations() {
    var state: UInt64 = 42
    func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
    for (request, _) in valid {
        for _ in 0..<300 {
            var bytes = wire(request)
            for _ in 0...random(3) { bytes[random(bytes.count)] = UInt8(random(256)) }
            do {
                let whole = try read(bytes)
                let again = try read(bytes, step: 1 + random(9))
                #expect(again == whole)
            } catch {
                #expect(error.offset <= bytes.count)
                #expect(flaw(bytes, step: 1 + random(9)) == error.flaw)
            }
        }
    }
}
