// Many clients that are slow to send or to read: others are served meanwhile, and memory is bounded.
import Glibc
import Network
import Testing

@Suite struct SlowTests {
    private static let many = 500

    /// Makes a hundred small requests, which are answered as if nothing else happened.
    private func serve(_ node: OneNode) throws {
        let caller = try Caller(node.port)
        for number in 0..<50 {
            let value = Array("\(number)".utf8)
            // Beside other tests on a busy machine a disk may take its time.
            let put = try caller.ask("PUT", "/kv/other?timeout=30s", value)
            #expect(put.status == 200 || put.status == 201, "\(put.text)")
            let get = try caller.ask("GET", "/kv/other?timeout=30s")
            #expect(get.status == 200 && get.content == value, "\(get.text)")
        }
    }

    @Test("heads and contents that come slowly: others are served, each holds what it sent, and each is told")
    func senders() throws {
        _ = descriptorLimit
        let node = try OneNode(["--head-time", "3s"])
        try serve(node)
        let before = node.residentBytes
        let heads = try (0..<Self.many).map { _ in
            let caller = try Caller(node.port)
            try caller.send("GET /kv/a HTTP/1.1\r\nHost: a\r\nX-Slow:")
            return caller
        }
        let contents = try (0..<Self.many).map { _ in
            let caller = try Caller(node.port)
            try caller.send("PUT /kv/slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx")
            return caller
        }
        try serve(node)
        #expect(node.grown(since: before) / (2 * Self.many) < 6 << 10)
        for caller in heads + contents {
            #expect(try caller.response().status == 408)
            #expect(caller.isClosed())
        }
        #expect(try Caller(node.port).ask("GET", "/kv/slow").status == 404)
    }

    @Test("whoever drips content byte by byte has no more time than one who sends nothing")
    func drip() throws {
        let node = try OneNode(["--head-time", "400ms"])
        let caller = try Caller(node.port)
        try caller.send("PUT /kv/slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        let began = monotonicNanoseconds()
        while caller.statusSoFar() == nil, monotonicNanoseconds() < began + 8_000_000_000 {
            _ = try caller.sendSome([1])
            usleep(20_000)
        }
        #expect(caller.statusSoFar() == 408)
    }

    @Test("what comes as fast as it may is taken, though it takes longer than the time for a head")
    func steady() throws {
        let node = try OneNode(["--head-time", "1s"])
        let caller = try Caller(node.port)
        let value = [UInt8](repeating: 1, count: 900_000)
        try caller.send("PUT /kv/steady HTTP/1.1\r\nHost: a\r\nContent-Length: \(value.count)\r\n\r\n")
        // 50 pieces in two seconds: 450 KB/s, where 16 KiB/s would do.
        for piece in 0..<50 {
            try caller.send(Array(value[piece * 18_000..<(piece + 1) * 18_000]))
            usleep(40_000)
        }
        #expect(try caller.response().status == 201)
    }

    @Test(
        "large answers that nobody reads: memory is bounded in all, others are served, large answers too",
        arguments: [
            "GET /kv/big HTTP/1.1|Host: a||", "GET /kv?prefix=b HTTP/1.1|Host: a||",
            "GET /kv?prefix=b HTTP/1.1|Host: a|Accept: application/x-ndjson||",
        ])
    func readers(request: String) throws {
        _ = descriptorLimit
        let node = try OneNode(["--max-connection-memory", "\(32 << 20)"])
        let writer = try Caller(node.port)
        let big = [UInt8](repeating: 0x61, count: 1 << 20)
        for key in ["big", "b1", "b2"] { #expect(try writer.ask("PUT", "/kv/\(key)", big).status == 201) }
        _ = try writer.ask("GET", "/kv?prefix=b")
        let before = node.residentBytes
        let slow = try (0..<Self.many).map { _ in
            let caller = try Caller(node.port, receiveBufferBytes: 4_096)
            try caller.send(Table.bytes(request))
            return caller
        }
        try serve(node)
        let grown = node.grown(since: before)
        #expect(grown < 64 << 20, "\(grown) bytes")
        // Those who have not read for two seconds make room for one who does.
        let reader = try Caller(node.port)
        var answer = try reader.ask("GET", "/kv/big")
        let deadline = monotonicNanoseconds() + 20_000_000_000
        while answer.status != 200, monotonicNanoseconds() < deadline {
            #expect(answer.status == 429 && answer.has("Retry-After: "))
            usleep(50_000)
            answer = try reader.ask("GET", "/kv/big")
        }
        #expect(answer.content == big)
        withExtendedLifetime(slow) {}
    }
}
