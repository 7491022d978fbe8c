// Keys over real sockets: what a client may send, in whatever pieces, and what comes back (Interface §2, §5).
import Testing

@Suite struct RequestTests {
    let node: OneNode
    init() throws { node = try OneNode() }

    @Test("a key is written, read, replaced and removed, each with its status and revision")
    func life() throws {
        let caller = try Caller(node.port)
        let created = try caller.ask("PUT", "/kv/a", Array("one".utf8), "Content-Type: text/plain\r\n")
        #expect(created.status == 201)
        #expect(created.has("ETag: \"2\""))
        let replaced = try caller.ask("PUT", "/kv/a", Array("two".utf8))
        #expect(replaced.status == 200)
        #expect(replaced.text == "{\"key\":\"a\",\"revision\":3,\"createdRevision\":2,\"version\":2}\n")
        let read = try caller.ask("GET", "/kv/a")
        #expect(read.text == "two")
        #expect(read.has("Rast-Revision: 3"))
        #expect(read.has("Content-Type: application/octet-stream"))
        let head = try caller.ask("HEAD", "/kv/a")
        #expect(head.status == 200 && head.has("Content-Length: 3"))
        #expect(try caller.ask("DELETE", "/kv/a").text == "{\"key\":\"a\",\"deleted\":1,\"revision\":4}\n")
        #expect(try caller.ask("DELETE", "/kv/a").text == "{\"key\":\"a\",\"deleted\":0,\"revision\":4}\n")
        #expect(try caller.ask("GET", "/kv/a").status == 404)
    }

    @Test("conditions are decided when the write is applied, and name the present tag")
    func conditions() throws {
        let caller = try Caller(node.port)
        #expect(try caller.ask("PUT", "/kv/a", [1], "If-None-Match: *\r\n").status == 201)
        let second = try caller.ask("PUT", "/kv/a", [2], "If-None-Match: *\r\n")
        #expect(second.status == 412 && second.has("ETag: \"2\""))
        #expect(try caller.ask("PUT", "/kv/a", [3], "If-Match: \"7\"\r\n").status == 412)
        #expect(try caller.ask("PUT", "/kv/a", [3], "If-Match: \"2\"\r\n").status == 200)
        #expect(try caller.ask("DELETE", "/kv/none", nil, "If-Match: *\r\n").status == 412)
        #expect(try caller.ask("PUT", "/kv/a", [3], "If-Match: 5\r\n").status == 400)
        #expect(try caller.ask("GET", "/kv/a", nil, "If-None-Match: \"3\"\r\n").status == 304)
    }

    @Test("a request is understood in whatever pieces its bytes come")
    func pieces() throws {
        let caller = try Caller(node.port)
        let request = Array("PUT /kv/p HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello".utf8)
        for byte in request { try caller.send([byte]) }
        #expect(try caller.response().status == 201)
        #expect(try caller.ask("GET", "/kv/p").text == "hello")
    }

    @Test("pipelined requests are answered in their order, a write before the read behind it")
    func pipelining() throws {
        let caller = try Caller(node.port)
        var requests = ""
        for number in 0..<200 {
            requests += "PUT /kv/n HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n\(number + 100)"
            requests += "GET /kv/n HTTP/1.1\r\nHost: test\r\n\r\n"
        }
        try caller.send(requests)
        for number in 0..<200 {
            #expect(try caller.response().status == (number == 0 ? 201 : 200))
            #expect(try caller.response().text == "\(number + 100)")
        }
    }

    @Test("chunked content is put together, and what follows it on the connection is understood")
    func chunked() throws {
        let caller = try Caller(node.port)
        let value = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7 / 5) }
        try caller.send("PUT /kv/c HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        var rest = value[...]
        var size = 1
        while !rest.isEmpty {
            let piece = rest.prefix(size)
            try caller.send("\(String(piece.count, radix: 16))\r\n")
            try caller.send(Array(piece) + Array("\r\n".utf8))
            rest = rest.dropFirst(size)
            size = size * 3 % 40_009 + 1
        }
        try caller.send("0\r\n\r\nGET /kv/c HTTP/1.1\r\nHost: test\r\n\r\n")
        #expect(try caller.response().status == 201)
        #expect(try caller.response().content == value)
    }

    @Test("values up to the limit come back byte for byte; those beyond it are refused before they are read")
    func limits() throws {
        let value = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) }
        let caller = try Caller(node.port)
        #expect(try caller.ask("PUT", "/kv/v", value).status == 201)
        #expect(try caller.ask("GET", "/kv/v").content == value)
        #expect(try caller.ask("PUT", "/kv/v", []).status == 200)
        #expect(try caller.ask("GET", "/kv/v").content == [])
        try caller.send("PUT /kv/v HTTP/1.1\r\nHost: test\r\nContent-Length: 1048577\r\n\r\n")
        let refused = try caller.response()
        #expect(refused.status == 413 && refused.has("Connection: close"))
        #expect(caller.isClosed())

        let second = try Caller(node.port)
        try second.send("PUT /kv/v HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n")
        #expect(try second.response().status == 413)
    }

    @Test("100 Continue comes where the content is wanted, and the final status where it is not")
    func expectations() throws {
        let caller = try Caller(node.port)
        try caller.send(
            "PUT /kv/e HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        #expect(try caller.response().status == 100)
        try caller.send("ok")
        #expect(try caller.response().status == 201)
        try caller.send(
            "PUT /kv/e HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n")
        #expect(try caller.response().status == 413)
        #expect(caller.isClosed())
    }

    @Test("who ends sending after a request still gets the answer")
    func halfClosed() throws {
        let caller = try Caller(node.port)
        try caller.send("PUT /kv/h HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx")
        caller.endSending()
        #expect(try caller.response().status == 201)
        #expect(caller.isClosed())
    }

    @Test("content that is cut short changes nothing")
    func cutShort() throws {
        do {
            let caller = try Caller(node.port)
            try caller.send("PUT /kv/cut HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf")
        }
        #expect(try Caller(node.port).ask("GET", "/kv/cut").status == 404)
    }

    @Test(
        "what is no request is answered with 400, and the connection ends",
        arguments: [
            "GARBAGE\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n",
            "PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "PUT /kv/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ])
    func garbage(request: String) throws {
        let caller = try Caller(node.port)
        try caller.send(request)
        #expect(try caller.response().status == 400)
        #expect(caller.isClosed())
    }

    @Test("routes, methods, and what is not built yet")
    func routes() throws {
        let caller = try Caller(node.port)
        #expect(try caller.ask("GET", "/nowhere").status == 404)
        let post = try caller.ask("POST", "/kv/a", [])
        #expect(post.status == 405 && post.has("Allow: GET, HEAD, PUT, DELETE, OPTIONS"))
        #expect(try caller.ask("HEAD", "/watch").status == 200)
        #expect(try caller.ask("PUT", "/kv/a").status == 411)
        #expect(try caller.ask("GET", "/livez").text == "ok\n")
        #expect(try caller.ask("GET", "/readyz?verbose").text.contains("[+]leader ok"))
        #expect(try caller.ask("GET", "/status").text.contains("\"role\":\"leader\""))
        #expect(try caller.ask("POST", "/raft/append", Array("{}".utf8)).status == 400)
        let json = "Content-Type: application/json\r\n"
        #expect(try caller.ask("POST", "/raft/append", Array("{}\n".utf8), json).status == 400)
        #expect(try caller.ask("GET", "/livez").status == 200)
    }
}
