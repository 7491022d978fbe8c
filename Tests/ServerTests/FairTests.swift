// One client's large or odd requests are nobody else's trouble, and what was asked before a connection ends
// is answered.
import Glibc
import Network
import Testing

@Suite struct FairTests {
    /// Writes so many keys with long names.
    private func fill(_ node: OneNode, _ count: Int) throws {
        let writer = try Caller(node.port)
        for start in stride(from: 0, to: count, by: 500) {
            let puts = (start..<start + 500).map { number in
                "{\"put\":{\"key\":\"a-key-of-some-length-\(number)\",\"value\":\"a value of some length\"}}"
            }
            let body = Array("{\"then\":[\(puts.joined(separator: ","))]}".utf8)
            #expect(try writer.ask("POST", "/txn", body).status == 200)
        }
    }

    @Test(
        "many long pages at once are made in many turns, and others are answered between them",
        arguments: ["&consistency=local", ""])
    func pages(consistency: String) throws {
        let node = try OneNode()
        try fill(node, 5_000)
        let pages = 300
        let target = "/kv?limit=10000&timeout=60s\(consistency)"
        let request = "HEAD \(target) HTTP/1.1\r\nHost: a\r\n\r\n"
        // All over one connection, and over as many.
        let one = try Caller(node.port)
        let many = try (0..<pages).map { _ in try Caller(node.port) }
        let probe = try Caller(node.port)
        // The last to connect is served: so are all others. What is sent now is all there when it goes on.
        #expect(try probe.ask("GET", "/livez").status == 200)
        kill(node.process, SIGSTOP)
        defer { kill(node.process, SIGCONT) }
        try one.send(String(repeating: request, count: pages))
        for caller in many { try caller.send(request) }
        kill(node.process, SIGCONT)
        var between = 0
        let last = try #require(many.last)
        while last.statusSoFar() == nil {
            #expect(try probe.ask("GET", "/livez").status == 200)
            between += 1
        }
        // (What takes long before the pages gives them as long a slice.)
        #expect(between >= pages / 16 || slowness > 1, "\(between) probes were answered meanwhile")
        for _ in 0..<pages {
            let head = try one.response(isHead: true)
            #expect(head.status == 200 && head.has("Content-Type: application/json"))
        }
        for caller in many.dropLast() { #expect(try caller.response(isHead: true).status == 200) }
    }

    @Test("a page that waits for its turn longer than its time is not made")
    func late() throws {
        let node = try OneNode()
        try fill(node, 5_000)
        let request = "HEAD /kv?limit=10000&timeout=60s HTTP/1.1\r\nHost: a\r\n\r\n"
        let others = try (0..<200).map { _ in try Caller(node.port) }
        let caller = try Caller(node.port)
        // The last to connect is served: so are all others. What is sent now is all there when it goes on.
        #expect(try caller.ask("GET", "/livez").status == 200)
        kill(node.process, SIGSTOP)
        defer { kill(node.process, SIGCONT) }
        for other in others { try other.send(request) }
        try caller.send("GET /kv?limit=10000&timeout=1ms HTTP/1.1\r\nHost: a\r\n\r\n")
        kill(node.process, SIGCONT)
        let answer = try caller.response()
        #expect(answer.status == 504 && answer.text.contains("timeout"), "\(answer.status)")
        for other in others { #expect(try other.response(isHead: true).status == 200) }
    }

    @Test(
        "who has asked and sends no more is answered, whatever follows the last whole request",
        arguments: ["", "\r\n", "GET /", "PUT /kv/b HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"])
    func halfClosed(rest: String) throws {
        let node = try OneNode()
        let probe = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
        let put = "PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
        for requests in [[probe], [put], [put, "GET /kv/a HTTP/1.1\r\nHost: a\r\n\r\n", probe, probe]] {
            let caller = try Caller(node.port)
            try caller.send(requests.joined() + rest)
            caller.endSending()
            for _ in requests { #expect([200, 201].contains(try caller.response().status)) }
            #expect(caller.isClosed())
        }
        #expect(try Caller(node.port).ask("GET", "/kv/b").status == 404)
    }

    @Test("connections that say nothing do not keep probes from their places")
    func silence() throws {
        let node = try OneNode(["--max-connections", "10"])
        let held = try (0..<10).map { _ in
            let caller = try Caller(node.port)
            #expect(try caller.ask("GET", "/livez").status == 200)
            return caller
        }
        let silent = try (0..<150).map { _ in try Caller(node.port) }
        #expect(try Caller(node.port).ask("GET", "/livez").status == 200)
        // They are let go soon, too.
        #expect(try #require(silent.last).isClosed())
        #expect(try held[3].ask("GET", "/kv/a").status == 404)
    }
}
