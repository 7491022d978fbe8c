// Which web pages may ask a node, and as whom it may be asked (Interface §11).
import Testing

@Suite struct OriginTests {
    @Test("--allow-origin and --allow-host: what is named is served, the rest gets 403, on every route")
    func places() throws {
        let node = try OneNode([
            "--allow-origin", "https://kv.example.com,http://b:8080", "--allow-host", "kv.example.com,b:1",
        ])
        let caller = try Caller(node.port)
        func status(_ line: String, host: String, origin: String? = nil) throws -> Int {
            let fields = origin.map { "Origin: \($0)\r\n" } ?? ""
            try caller.send("\(line) HTTP/1.1\r\nHost: \(host)\r\n\(fields)Content-Length: 0\r\n\r\n")
            let answer = try caller.response()
            #expect(answer.text.contains("\"code\":\"cross_origin\"") == (answer.status == 403))
            return answer.status
        }
        #expect(try status("PUT /kv/a", host: "kv.example.com", origin: "https://kv.example.com") == 201)
        #expect(try status("GET /", host: "KV.EXAMPLE.COM:\(node.port)", origin: "http://B:8080") == 200)
        #expect(try status("GET /status", host: "127.0.0.1:\(node.port)") == 200)
        #expect(try status("GET /livez", host: "b:1", origin: "http://b:1") == 200)
        for line in ["PUT /kv/a", "GET /kv/a", "GET /livez", "GET /", "POST /raft/vote", "OPTIONS /kv"] {
            #expect(try status(line, host: "evil", origin: "http://evil") == 403)
            #expect(try status(line, host: "evil") == 403)
            #expect(try status(line, host: "kv.example.com", origin: "http://evil") == 403)
        }
        #expect(try status("GET /kv/a", host: "kv.example.com") == 200)
    }

    @Test("a cluster whose nodes accept one name goes on: peers and what they send on are accepted")
    func peers() throws {
        let cluster = try ThreeNodes(["--allow-host", "kv.example.com", "--redirect", "no"])
        let place = try cluster.leader()
        let caller = try Caller(cluster.nodes[(place + 1) % 3].port)
        try caller.send("PUT /kv/a HTTP/1.1\r\nHost: kv.example.com\r\nContent-Length: 1\r\n\r\nx")
        #expect(try caller.response().status == 201)
        try caller.send("PUT /kv/a HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx")
        #expect(try caller.response().status == 403)
    }
}
