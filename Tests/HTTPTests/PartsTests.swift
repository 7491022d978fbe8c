// Entity tags, percent-decoding, query parameters, the writer, and responses read back.
import HTTP
import Testing

/// The tags of a field given as lines, as text; `~` marks weak ones.
private func tags(_ lines: [String], _ field: Field = .ifMatch) throws -> [String]? {
    let name = field == .ifMatch ? "If-Match" : "If-None-Match"
    let bytes = wire("GET / HTTP/1.1|Host: a|" + lines.map { "\(name): \($0)|X: y|" }.joined() + "|")
    guard var tags = EntityTags(field, of: try head(bytes)) else { return nil }
    var found: [String] = []
    while let tag = try tags.next(in: bytes.span) {
        switch tag {
        case .any: found.append("*")
        case .strong(let range): found.append(text(range, of: bytes))
        case .weak(let range): found.append("~" + text(range, of: bytes))
        }
    }
    return found
}

@Test("lists of entity tags, over several lines, with empty members")
func entityTags() throws {
    #expect(try tags([]) == nil)
    #expect(try tags(["*"]) == ["*"])
    #expect(try tags(["\"5\""]) == ["5"])
    #expect(try tags(["\"5\", W/\"6\" ,\"\""]) == ["5", "~6", ""])
    #expect(try tags([",, \"a,b\",", "", "\"c\""], .ifNoneMatch) == ["a,b", "c"])
    #expect(try tags(["\"W/\""]) == ["W/"])
}

@Test(
    "malformed lists of entity tags are refused, never ignored",
    arguments: [
        ["5"], [""], [","], ["\"5"], ["5\""], ["\"5\" \"6\""], ["\"5\"6"], ["w/\"5\""], ["W\"5\""], ["W/5"],
        ["W/"],
        ["W"], ["*, \"5\""], ["\"5\", *"], ["*", "*"], ["\"5\"", "*"], ["**"], ["\"a b\""], ["'5'"],
    ])
func malformedTags(lines: [String]) {
    #expect(throws: MessageError.self) { try tags(lines) }
}

/// The text with its escapes decoded, or nil.
private func decoded(_ text: String, plusIsSpace: Bool = false) -> [UInt8]? {
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    do {
        try appendDecoded(0..<bytes.count, in: bytes.span, plusIsSpace: plusIsSpace, to: &out)
        return out
    } catch {
        return nil
    }
}

@Test("escapes are decoded exactly once, and a plus is a space in queries only")
func percentDecoding() {
    #expect(decoded("a%2Fb%252f+%e2%82%AC") == Array("a/b%2f+€".utf8))
    #expect(decoded("a+b%2B", plusIsSpace: true) == Array("a b+".utf8))
    #expect(decoded("%00%FF") == [0, 0xFF])
    for bad in ["%", "a%2", "%2g", "%g2", "%%41", "% 1"] { #expect(decoded(bad) == nil, "\(bad)") }
}

@Test("a query's parameters in order, flags without a value, names by meaning")
func parameters() {
    let bytes = Array("a=1&b&&c=&%64=x=y&e%3=1".utf8)
    var walk = Parameters(0..<bytes.count)
    var found: [Parameter] = []
    while let next = walk.next(in: bytes.span) { found.append(next) }
    #expect(found.map { text($0.name, of: bytes) } == ["a", "b", "c", "%64", "e%3"])
    #expect(found.map { $0.value.map { text($0, of: bytes) } } == ["1", nil, "", "x=y", "1"])
    let isD = found[3].isNamed("d", in: bytes.span)
    #expect(isD)
    let isE = found[4].isNamed("e", in: bytes.span)
    #expect(!isE)
    var none = Parameters(nil)
    #expect(none.next(in: bytes.span) == nil)
}

@Test(
    "dates as RFC 9110 §5.6.7 writes them",
    arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
        (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"), (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
    ])
func dates(seconds: Int, expected: String) {
    var out: [UInt8] = []
    Writer.appendDate(secondsSince1970: seconds, to: &out)
    #expect(out == wire("Date: \(expected)|"))
}

@Test("a status has the words of the registry (RFC 9110 §15, RFC 6585, RFC 4918)")
func titles() {
    let words: [(Int, String)] = [
        (200, "OK"), (201, "Created"), (204, "No Content"), (304, "Not Modified"),
        (307, "Temporary Redirect"),
        (400, "Bad Request"), (401, "Unauthorized"), (403, "Forbidden"), (404, "Not Found"),
        (405, "Method Not Allowed"), (408, "Request Timeout"), (409, "Conflict"), (410, "Gone"),
        (411, "Length Required"), (412, "Precondition Failed"), (413, "Content Too Large"),
        (414, "URI Too Long"), (415, "Unsupported Media Type"), (417, "Expectation Failed"),
        (422, "Unprocessable Content"), (429, "Too Many Requests"),
        (431, "Request Header Fields Too Large"), (501, "Not Implemented"), (503, "Service Unavailable"),
        (504, "Gateway Timeout"), (505, "HTTP Version Not Supported"), (507, "Insufficient Storage"),
    ]
    for (status, title) in words {
        var out: [UInt8] = []
        Writer.appendStatusLine(status, to: &out)
        #expect(out == wire("HTTP/1.1 \(status) \(title)|"))
    }
}

@Test("chunks come back from the decoder, of every size")
func chunks() throws {
    for size in [1, 9, 15, 16, 17, 255, 256, 4096, 70_000] {
        let content = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        var out: [UInt8] = []
        Writer.appendChunk(content.span, to: &out)
        Writer.appendChunk([UInt8]().span, to: &out)
        Writer.appendChunk(content.span, to: &out)
        Writer.appendLastChunk(to: &out)
        var decoder = ContentDecoder(.chunked, contentBytesMax: 2 * size)
        var offset = 0
        var back: [UInt8] = []
        while case .content(let range) = try decoder.next(out.span, at: &offset) { back += out[range] }
        #expect(decoder.isComplete)
        #expect(offset == out.count)
        #expect(back == content + content)
    }
}

@Test("a response that was written is read back, however its bytes arrive")
func responses() throws {
    var out: [UInt8] = []
    Writer.appendContinue(to: &out)
    Writer.appendStatusLine(201, to: &out)
    Writer.appendField("Content-Type", "application/json", to: &out)
    Writer.appendField("Location", Array("/a".utf8).span, to: &out)
    Writer.appendField("Content-Length", 2, to: &out)
    Writer.appendEnd(to: &out)
    out += Array("{}".utf8)
    #expect(
        out
            == wire(
                "HTTP/1.1 100 Continue||HTTP/1.1 201 Created|Content-Type: application/json|"
                    + "Location: /a|Content-Length: 2||{}"
            ))
    for step in [1, 2, 5, 1000] {
        var parser = ResponseParser()
        var start = 0
        var heads: [ResponseHead] = []
        var end = 0
        while heads.count < 2, end < out.count + step {
            let part = Array(out[start..<min(end, out.count)])
            if case .head(let head) = try parser.parse(part.span, limits: Limits()) {
                heads.append(head)
                if head.isInterim { start += head.count }
            } else {
                end += step
            }
        }
        #expect(heads.map(\.status) == [100, 201])
        let last = try #require(heads.last)
        let rest = Array(out[start...])
        let contentFound = last.wholeContent(in: rest.span)
        let content = try #require(contentFound)
        #expect(text(content, of: rest) == "{}")
        #expect(last.keepAlive)
        #expect(text(try #require(last[.location]), of: rest) == "/a")
    }
}

@Test(
    "malformed responses are refused",
    arguments: [
        ("HTTP/1.1 20 OK||", Flaw.badStatusLine), ("HTTP/1.1 2000 OK||", .badStatusLine),
        ("HTTP/1.1 099 OK||", .badStatusLine), ("HTTP/1.1 600 OK||", .badStatusLine), ("||", .badStatusLine),
        ("HTTP/2.0 200 OK||", .unknownVersion), ("XTTP/1.1 200 OK||", .malformedVersion),
        ("HTTP/1.1 200 OK||", .unknownLength), ("HTTP/1.1 200 OK|Content-Length: x||", .badLength),
        ("HTTP/1.1 200 OK|Content-Length: 1|Content-Length: 1||", .secondLength),
        ("HTTP/1.1 200 OK|Content-Length: 1|Transfer-Encoding: chunked||", .lengthAndChunked),
        ("HTTP/1.1 200 OK|A : b||", .spaceBeforeColon),
    ])
func malformedResponses(response: String, expected: Flaw) {
    var parser = ResponseParser()
    let bytes = wire(response)
    do {
        _ = try parser.parse(bytes.span, limits: Limits())
        Issue.record("it was accepted")
    } catch {
        #expect(error.flaw == expected)
    }
}

@Test(
    "RFC 9110 §15: the words of the statuses that are not often seen",
    arguments: [
        (413, "Content Too Large"), (414, "URI Too Long"), (417, "Expectation Failed"),
        (422, "Unprocessable Content"), (431, "Request Header Fields Too Large"),
        (505, "HTTP Version Not Supported"), (507, "Insufficient Storage"),
    ])
func titles(status: Int, title: String) { #expect("\(Writer.title(of: status))" == title) }

@Test("a 204 and a 304 have no content, whatever their fields say")
func noContent() throws {
    for response in [
        "HTTP/1.1 204 No Content||", "HTTP/1.1 304 Not Modified|Content-Length: 5||", "HTTP/1.1 304||",
    ] {
        var parser = ResponseParser()
        let bytes = wire(response)
        guard case .head(let head) = try parser.parse(bytes.span, limits: Limits()) else {
            throw Unfinished()
        }
        #expect(head.framing == .none)
        #expect(head.count == bytes.count)
    }
}

@Test("a request that was written is read back")
func requests() throws {
    var out: [UInt8] = []
    Writer.appendRequestLine(
        "POST", target: Array("/raft/append".utf8).span, host: Array("h:1".utf8).span, to: &out)
    Writer.appendField("Content-Length", 0, to: &out)
    Writer.appendEnd(to: &out)
    let reading = try #require(try read(out))
    #expect(reading.method == .post)
    #expect(reading.path == "/raft/append")
    #expect(reading.host == "h:1")
    #expect(reading.framing == .length(0))
}
