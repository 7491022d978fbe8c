// Clients that are slow, silent, too many or too fast: bounds hold, everybody else is served (Interface §10).
import Glibc
import Network
import Testing

@Suite struct PressureTests {
    @Test("a head that does not end in time is answered with 408; a silent connection is closed")
    func slowHead() throws {
        let node = try OneNode(["--head-time", "200ms", "--idle-time", "400ms"])
        let slow = try Caller(node.port)
        try slow.send("GET /kv/a HTTP/1.1\r\nHost:")
        let silent = try Caller(node.port)
        let idle = try Caller(node.port)
        #expect(try idle.ask("GET", "/livez").status == 200)
        let answer = try slow.response()
        #expect(answer.status == 408)
        #expect(slow.isClosed())
        #expect(silent.isClosed())
        #expect(idle.isClosed())
    }

    @Test("beyond the limit of connections clients get 503, probes are answered, and it recovers")
    func connections() throws {
        let node = try OneNode(["--max-connections", "20"])
        var held: [Caller] = []
        for _ in 0..<20 {
            let caller = try Caller(node.port)
            #expect(try caller.ask("GET", "/livez").status == 200)
            held.append(caller)
        }
        let extra = try Caller(node.port)
        let refused = try extra.ask("GET", "/kv/a")
        #expect(refused.status == 503 && refused.text.contains("too_many_connections"))
        #expect(extra.isClosed())
        #expect(try Caller(node.port).ask("GET", "/livez").status == 200)
        #expect(try held[7].ask("GET", "/kv/a").status == 404)
        held.removeAll()
        var status = 503
        let deadline = monotonicNanoseconds() + 10_000_000_000
        while status == 503 && monotonicNanoseconds() < deadline {
            status = try Caller(node.port).ask("GET", "/kv/a").status
        }
        #expect(status == 404)
    }

    @Test("who reads no answers is not read from, holds little, and stalls nobody")
    func backPressure() throws {
        let node = try OneNode()
        let other = try Caller(node.port)
        #expect(try other.ask("PUT", "/kv/big", [UInt8](repeating: 7, count: 1 << 20)).status == 201)
        let before = node.residentBytes
        let greedy = try Caller(node.port, receiveBufferBytes: 4_096)
        let request = Array("GET /kv/big HTTP/1.1\r\nHost: test\r\n\r\n".utf8)
        var wanted: [UInt8] = []
        for _ in 0..<1_000 { wanted += request }
        // A thousand answers of 1 MiB that nobody reads: only a few of them are ever made.
        try greedy.send(wanted)
        for _ in 0..<50 { #expect(try other.ask("GET", "/kv/none").status == 404) }
        #expect(node.grown(since: before) < 16 << 20)
        // It may still read them, every one.
        for _ in 0..<20 { #expect(try greedy.response().content.count == 1 << 20) }
    }

    @Test("many connections that rest hold at most 4 KiB each")
    func idleMemory() throws {
        let node = try OneNode()
        let value = [UInt8](repeating: 1, count: 100)
        #expect(try Caller(node.port).ask("PUT", "/kv/a", value).status == 201)
        let before = node.residentBytes
        var resting: [Caller] = []
        for _ in 0..<400 {
            let caller = try Caller(node.port)
            #expect(try caller.ask("GET", "/kv/a").content == value)
            resting.append(caller)
        }
        #expect(node.grown(since: before) / resting.count <= 4_096)
        #expect(try resting[399].ask("GET", "/kv/a").status == 200)
    }

    @Test("contents that were announced and do not come take no memory")
    func slowContent() throws {
        let node = try OneNode()
        let before = node.residentBytes
        var waiting: [Caller] = []
        for _ in 0..<100 {
            let caller = try Caller(node.port)
            try caller.send("PUT /kv/s HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\nx")
            waiting.append(caller)
        }
        #expect(try Caller(node.port).ask("GET", "/kv/s").status == 404)
        #expect(node.grown(since: before) < 100 * (32 << 10))
        try waiting[0].send([UInt8](repeating: 2, count: 999_999))
        #expect(try waiting[0].response().status == 201)
    }

    @Test("SIGTERM ends an idle node with status 0, and the key is there after the next start")
    func stopping() throws {
        let node = try OneNode()
        let caller = try Caller(node.port)
        #expect(try caller.ask("PUT", "/kv/a", [1]).status == 201)
        #expect(node.end(SIGTERM) == 0)
        #expect(throws: Trouble.self) { try Caller(node.port) }
    }
}
