// One exchange: framings, pieces, interim answers, content that is offered first (RFC 9112, RFC 9110
// §10.1.1).
import Client
import Testing

@Suite("Exchanges")
struct ExchangeTests {
    private func answer(to call: Call = read, _ answer: StandIn.Answer) throws -> Response {
        try withStandIn(answer) { server in
            var cluster = try cluster(server.url)
            return try cluster.call(call)
        }
    }

    @Test(
        "content by length and in chunks, whole and byte by byte",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                + "6;x=y\r\n world\r\n0\r\nT: v\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
                + "HTTP/1.1 200 OK\r\ncontent-length:11\r\n\r\nhello world",
        ], [Int.max, 1])
    func framings(bytes: String, piece: Int) throws {
        let response = try answer(.bytes(bytes, piece: piece))
        #expect(response.status == 200 && text(response.content) == "hello world")
    }

    @Test("an empty value, and bytes that are no text, arrive as they are")
    func bytesAsTheyAre() throws {
        #expect(try answer(StandIn.answer("200 OK")).content.isEmpty)
        #expect(
            try answer(StandIn.answer("200 OK", "\u{0}\r\n\r\n\u{7F}")).content == [0, 13, 10, 13, 10, 127])
    }

    @Test("fields are found in any case, without whitespace around them")
    func fields() throws {
        let response = try answer(
            StandIn.answer(
                "412 Precondition Failed", "", "etag: \"12\"  ", "RAST-Revision:\t99", "X-ETag: no"))
        #expect(response.keyRevision == 12 && response.number("Rast-Revision") == 99)
        #expect(response.field("Absent") == nil && response.field("-ETag") == nil)
        #expect(try answer(StandIn.answer("200 OK", "", "ETag: W/\"7\"")).keyRevision == 7)
        #expect(try answer(StandIn.answer("200 OK", "", "ETag: 7")).keyRevision == nil)
    }

    @Test("a problem is the node's word; any other refusal is told by its status")
    func problems() throws {
        let refusal = try answer(StandIn.problem("404 Not Found", "key_not_found"))
        #expect(refusal.problem?.code == "key_not_found" && refusal.trouble == "This is key_not_found.")
        let other = try answer(StandIn.answer("404 Not Found", "<html>"))
        #expect(other.problem == nil && other.trouble == "HTTP status 404, without a word of why")
    }

    @Test(
        "what is no whole HTTP answer is none",
        arguments: [
            "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil the end",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ])
    func malformed(bytes: String) throws {
        try withStandIn(.bytes(bytes)) { server in
            let failure = try #require(whyNot(read, in: try cluster(server.url, seconds: 0.2)))
            #expect(failure.exitStatus == 3 && failure.description.contains(server.url))
        }
    }

    private static let large = String(repeating: "0123456789abcdef", count: 1 << 16)

    @Test("large content is offered first, and sent when it is wanted")
    func offered() throws {
        try withStandIn(.continued("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")) { server in
            var cluster = try cluster(server.url)
            #expect(try cluster.call(write(Self.large)).status == 201)
            let request = try #require(server.requests.first)
            #expect(request.contains("\r\nExpect: 100-continue\r\n") && request.hasSuffix(Self.large))
        }
    }

    @Test("large content is sent all the same where nobody asks for it")
    func offeredToTheDeaf() throws {
        try withStandIn(StandIn.answer("201 Created")) { server in
            var cluster = try cluster(server.url)
            #expect(try cluster.call(write(Self.large)).status == 201)
            #expect(server.requests.first?.hasSuffix(Self.large) == true)
        }
    }

    @Test("a refusal in place of the 100 is the answer, and the content is never sent")
    func offeredInVain() throws {
        try withStandIn(.early("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")) { server in
            var cluster = try cluster(server.url)
            #expect(try cluster.call(write(Self.large)).status == 413)
            #expect(server.requests.first?.hasSuffix("\r\n\r\n") == true)
        }
    }

    @Test("small content is not offered")
    func small() throws {
        try withStandIn(StandIn.answer("201 Created")) { server in
            var cluster = try cluster(server.url)
            _ = try cluster.call(write("x"))
            #expect(server.requests.first?.contains("Expect") == false)
        }
    }
}
