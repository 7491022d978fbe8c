// What all connections hold together: real contents beyond the bound get 429, nothing of them is applied.
import Glibc
import Network
import Testing

@Suite struct MemoryTests {
    private static let contentBytes = 1 << 20

    @Test(
        "contents of all connections together are bounded: 429 beyond, small ones are served, it recovers",
        arguments: [false, true])
    func contents(isChunked: Bool) throws {
        _ = descriptorLimit
        let bound = 16 << 20
        let node = try OneNode(["--max-connection-memory", "\(bound)"])
        let other = try Caller(node.port)
        #expect(try other.ask("PUT", "/kv/warm", [UInt8](repeating: 0, count: 1 << 20)).status == 201)
        let before = node.residentBytes
        let value = [UInt8](repeating: 7, count: Self.contentBytes)
        let callers = try (0..<200).map { number in
            let caller = try Caller(node.port)
            let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(value.count)"
            try caller.send("PUT /kv/c\(number) HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n")
            if isChunked { _ = try caller.sendSome(Array("100000\r\n".utf8)) }
            // All but the last byte; a node that refuses may not take the rest.
            _ = try caller.sendSome(value.dropLast())
            return caller
        }
        #expect(try other.ask("PUT", "/kv/small", [1]).status == 201)
        let grown = node.grown(since: before)
        // Arrays grow by doubling, and the allocator keeps some of what was freed.
        #expect(grown < 4 * bound, "\(grown) bytes")
        var held: [Int] = []
        for (number, caller) in callers.enumerated() {
            guard let status = caller.statusSoFar() else {
                held.append(number)
                continue
            }
            #expect(status == 429)
            let answer = try caller.response()
            #expect(answer.has("Retry-After: ") && answer.text.contains("\"code\":\"overloaded\""))
            #expect(caller.isClosed())
        }
        #expect(!held.isEmpty && held.count <= bound / value.count)
        for number in held {
            try callers[number].send(isChunked ? Array("\u{7}\r\n0\r\n\r\n".utf8) : [7])
            #expect(try callers[number].response().status == 201)
        }
        // What was refused is not there; what was held is; and there is room again.
        for number in [0, 50, 100, 150, 199] {
            let there = try other.ask("GET", "/kv/c\(number)")
            #expect(there.status == (held.contains(number) ? 200 : 404))
        }
        #expect(try other.ask("PUT", "/kv/after", value).status == 201)
    }

    @Test("slow contents that hold all there is are ended, and one that comes at once is taken")
    func slowContents() throws {
        let node = try OneNode(["--max-connection-memory", "\(4 << 20)"])
        let slow = try (0..<8).map { number in
            let caller = try Caller(node.port)
            try caller.send("PUT /kv/s\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            _ = try caller.sendSome([UInt8](repeating: 1, count: 600_000))
            return caller
        }
        let other = try Caller(node.port)
        let deadline = monotonicNanoseconds() + 20_000_000_000
        var status = 429
        while status == 429, monotonicNanoseconds() < deadline {
            let caller = try Caller(node.port)
            let value = [UInt8](repeating: 2, count: 1 << 20)
            try caller.send("PUT /kv/fast HTTP/1.1\r\nHost: a\r\nContent-Length: \(value.count)\r\n\r\n")
            _ = try caller.sendSome(value)
            status = try caller.response().status
            #expect(try other.ask("GET", "/livez").status == 200)
            usleep(20_000)
        }
        #expect(status == 201)
        #expect(try other.ask("GET", "/kv/s0").status == 404)
        withExtendedLifetime(slow) {}
    }

    @Test("writes that wait for a majority are bounded in bytes: 429 beyond, of which none is ever applied")
    func waitingWrites() throws {
        let cluster = try ThreeNodes(electionTimeout: slowness > 1 ? 12_000 : 3_000)
        let place = try cluster.leader()
        let leader = cluster.nodes[place]
        let others = (0..<3).filter { $0 != place }.map { cluster.nodes[$0] }
        defer { for node in cluster.nodes { kill(node.process, SIGCONT) } }
        let value = [UInt8](repeating: 7, count: 1 << 20)
        let callers = try (0..<80).map { number in
            let caller = try Caller(leader.port)
            try caller.send(
                "PUT /kv/w\(number)?timeout=60s HTTP/1.1\r\nHost: a\r\n"
                    + "Content-Length: \(value.count)\r\n\r\n")
            try caller.send(Array(value.dropLast()))
            return caller
        }
        // They come whole all at once, long before a leader alone notices that it is.
        for node in others + [leader] { kill(node.process, SIGSTOP) }
        for caller in callers { try caller.send([7]) }
        kill(leader.process, SIGCONT)
        var refused: [Int] = []
        let deadline = monotonicNanoseconds() + 5_000_000_000 * UInt64(slowness)
        while refused.isEmpty, monotonicNanoseconds() < deadline {
            refused = callers.indices.filter { callers[$0].statusSoFar() == 429 }
            usleep(10_000)
        }
        #expect(!refused.isEmpty && refused.count <= 80 - 40)
        for number in refused {
            let answer = try callers[number].response()
            #expect(answer.has("Retry-After: ") && answer.text.contains("\"code\":\"overloaded\""))
            // The connection goes on.
            #expect(try callers[number].ask("GET", "/livez").status == 200)
        }
        for node in others { kill(node.process, SIGCONT) }
        let now = cluster.nodes[try cluster.leader()]
        let reader = try Caller(now.port)
        var status = 0
        while status != 200 && status != 201, monotonicNanoseconds() < deadline + 20_000_000_000 {
            status = try Caller(now.port).ask("PUT", "/kv/after?redirect=no", [1]).status
        }
        #expect(status == 200 || status == 201)
        for number in refused {
            #expect(try reader.ask("GET", "/kv/w\(number)?redirect=no").status == 404)
        }
    }
}
