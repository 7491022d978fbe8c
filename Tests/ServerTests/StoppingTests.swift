// SIGTERM while answers are under way: they are finished, within five seconds (Interface §12).
import Glibc
import Network
import Testing

@Suite struct StoppingTests {
    /// More than the kernel takes, whatever its buffers are.
    private static let answers = 8
    private static let big = [UInt8](repeating: 0x61, count: 1 << 20)

    /// A connection that has asked for several large values, of which the first is on its way.
    private func reader(of node: OneNode) throws -> Caller {
        #expect(try Caller(node.port).ask("PUT", "/kv/big", Self.big).status == 201)
        let reader = try Caller(node.port, receiveBufferBytes: 16 << 10)
        let request = "GET /kv/big?consistency=local HTTP/1.1\r\nHost: a\r\n\r\n"
        try reader.send(String(repeating: request, count: Self.answers))
        try until { reader.statusSoFar() == 200 }
        return reader
    }

    @Test("who reads slowly gets all of what it asked for; who rests holds nobody")
    func slowReader() throws {
        let node = try OneNode()
        let resting = try Caller(node.port)
        #expect(try resting.ask("GET", "/livez").status == 200)
        let reader = try reader(of: node)
        kill(node.process, SIGTERM)
        // Long enough for a node that would not wait.
        usleep(300_000)
        for _ in 0..<Self.answers {
            let answer = try reader.response()
            #expect(answer.status == 200 && answer.content == Self.big)
        }
        // No further signal: only its end is waited for.
        #expect(node.end(0, within: 15) == 0)
        #expect(!node.log.contains("5 s have passed"))
        #expect(resting.isClosed())
    }

    @Test("who does not read holds a node for five seconds, and no longer")
    func stuckReader() throws {
        let node = try OneNode()
        let reader = try reader(of: node)
        let start = monotonicNanoseconds()
        #expect(node.end(SIGTERM, within: 15) == 0)
        #expect(monotonicNanoseconds() - start > 4_500_000_000)
        #expect(node.log.contains("5 s have passed"))
        withExtendedLifetime(reader) {}
    }

    @Test("who has asked for a snapshot hears of it")
    func snapshot() throws {
        let node = try OneNode()
        let writer = try Caller(node.port)
        // So much that it is not written before the signal comes.
        for number in 0..<16 { #expect(try writer.ask("PUT", "/kv/s\(number)", Self.big).status == 201) }
        let asker = try Caller(node.port)
        try asker.send("POST /cluster/snapshot HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        // The loop has one thread: when this is answered, it has read what was sent before.
        #expect(try writer.ask("GET", "/livez").status == 200)
        kill(node.process, SIGTERM)
        #expect(try asker.response().status == 200)
        #expect(node.end(0) == 0)
    }
}
