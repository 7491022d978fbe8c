// Very many connections, and no descriptors left: who is there is served, and it recovers (Interface §10).
import Glibc
import Network
import Testing

@Suite struct DescriptorTests {
    @Test("10,000 connections rest, with at most 4 KiB each, and others are served at once")
    func idle() throws {
        // Client and server are two processes, each with the limit of its own; tests that run beside this one
        // want some too.
        let count = min(10_000, descriptorLimit - 4_000)
        if count < 10_000 {
            print("only \(descriptorLimit) descriptors a process: \(count) connections instead of 10,000")
        }
        try #require(count > 1_000, "ulimit -Hn allows too little to see anything")
        let node = try OneNode(["--max-connections", "\(count + 50)", "--idle-time", "600s"])
        #expect(try Caller(node.port).ask("PUT", "/kv/a", [1]).status == 201)
        let before = node.residentBytes
        var resting: [Caller] = []
        for _ in 0..<count {
            let caller = try Caller(node.port)
            #expect(try caller.ask("GET", "/kv/a").content == [1])
            resting.append(caller)
        }
        let each = node.grown(since: before) / count
        #expect(each <= 4_096, "\(each) bytes")
        let other = try Caller(node.port)
        for _ in 0..<100 {
            #expect(try other.ask("PUT", "/kv/b", [2]).status < 300)
            #expect(try other.ask("GET", "/kv/b?consistency=local").content == [2])
        }
        #expect(try other.ask("GET", "/metrics").text.contains("\nrast_http_connections \(count + 1)\n"))
        for place in stride(from: 0, to: count, by: count / 10) {
            #expect(try resting[place].ask("GET", "/kv/a").status == 200)
        }
    }

    @Test("a low limit of descriptors leaves a reserve: probes are served, and files of the log are opened")
    func lowLimit() throws {
        let node = try OneNode(descriptors: 200)
        #expect(node.log.contains("only 200 files may be open here: 72 connections are served"))
        let held = try (0..<72).map { _ in
            let caller = try Caller(node.port)
            #expect(try caller.ask("GET", "/kv/a").status == 404)
            return caller
        }
        for _ in 0..<100 {
            #expect(try Caller(node.port).ask("GET", "/kv/a").status == 503)
            #expect(try Caller(node.port).ask("GET", "/readyz").status == 200)
        }
        // Several files of the log, each of 1 MiB.
        let value = [UInt8](repeating: 1, count: 1 << 20)
        for _ in 0..<5 { #expect(try held[3].ask("PUT", "/kv/big", value).status < 300) }
        #expect(node.openDescriptors < 200)
    }

    @Test("none left at all: who is connected is served, peers too; who comes is turned away; it recovers")
    func exhausted() throws {
        let cluster = try ThreeNodes()
        let leader = cluster.nodes[try cluster.leader()]
        let old = try Caller(leader.port)
        #expect(try old.ask("PUT", "/kv/a", [1]).status == 201)
        // The log's next file would get the descriptor that is kept for turning away.
        try until { leader.hasSpare }
        try leader.limitDescriptors(to: leader.openDescriptors)
        // Numbers below the limit that were free are taken first.
        var held: [Caller] = []
        for _ in 0..<20 {
            let caller = try Caller(leader.port)
            guard let answer = try? caller.ask("GET", "/livez"), answer.status == 200 else { break }
            held.append(caller)
        }
        #expect(held.count < 20)
        for _ in 0..<300 { #expect(try Caller(leader.port).isClosed()) }
        for number in 0..<100 {
            #expect(try old.ask("PUT", "/kv/a", Array("\(number)".utf8)).status == 200)
            #expect(try old.ask("GET", "/kv/a").text == "\(number)")
        }
        #expect(leader.log.contains("out of descriptors"))
        // Files of the log that are to come.
        let value = [UInt8](repeating: 1, count: 1 << 20)
        for _ in 0..<4 { #expect(try old.ask("PUT", "/kv/big", value).status < 300) }
        try leader.limitDescriptors(to: descriptorLimit)
        #expect(try Caller(leader.port).ask("GET", "/kv/a").text == "99")
        #expect(try old.ask("GET", "/status").text.contains("\"role\":\"leader\""))
    }

    @Test("who can neither be accepted nor turned away waits at no cost, and is served when there is room")
    func stuck() throws {
        let node = try OneNode()
        let old = try Caller(node.port)
        #expect(try old.ask("GET", "/kv/a").status == 404)
        // Below all that are open: not even what is closed can be had again.
        try node.limitDescriptors(to: 3)
        let waiting = try Caller(node.port)
        let before = node.processorTicks
        for _ in 0..<10 {
            #expect(try old.ask("GET", "/kv/a").status == 404)
            usleep(100_000)
        }
        #expect(node.processorTicks - before < 50)
        try node.limitDescriptors(to: descriptorLimit)
        #expect(try waiting.ask("GET", "/kv/a").status == 404)
    }
}
