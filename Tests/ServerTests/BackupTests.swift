// Backups over real sockets: one moment, whatever is written meanwhile and however slowly they are read.
import Glibc
import KeyValue
import Network
import Snapshot
import Testing
import Wire

@Suite struct BackupTests {
    /// What a backup's bytes hold.
    private func restored(_ file: [UInt8]) throws -> SnapshotDecoder.Decoded {
        var decoder = BackupDecoder()
        try decoder.feed(file.span)
        return try decoder.finish()
    }

    /// Bytes that do not compress, others for each seed.
    private func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        while bytes.count < count {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            withUnsafeBytes(of: state) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// A connection on which a backup has begun; it waits until there is room for one.
    private func begun(on node: OneNode) throws -> Caller {
        let deadline = monotonicNanoseconds() + 20_000_000_000
        while true {
            let reader = try Caller(node.port, receiveBufferBytes: 4_096)
            try reader.send("GET /backup HTTP/1.1\r\nHost: a\r\n\r\n")
            let status = try reader.response().status
            if status == 200 { return reader }
            guard status == 429, monotonicNanoseconds() < deadline else {
                throw Trouble(description: "no backup begins: \(status)")
            }
            usleep(10_000)
        }
    }

    @Test("a backup is one moment, whole, however slowly it is read and whatever is written meanwhile")
    func oneMoment() throws {
        let node = try OneNode()
        let writer = try Caller(node.port)
        let values = (0..<300).map { noise(32 << 10, seed: UInt64($0)) }
        for (number, value) in values.enumerated() {
            #expect(try writer.ask("PUT", "/kv/s\(number + 1_000)", value).status == 201)
        }
        #expect(try writer.ask("DELETE", "/kv/s1000").status == 200)
        let before = node.residentBytes
        let reader = try Caller(node.port, receiveBufferBytes: 4_096)
        try reader.send("GET /backup HTTP/1.1\r\nHost: a\r\n\r\n")
        var written = 0
        let backup = try reader.streamed {
            if written < 50 {
                _ = try? writer.ask("PUT", "/kv/s\(1_299 - written)", [0x62])
                written += 1
            }
        }
        #expect(written == 50)
        #expect(backup.has("Content-Type: application/gzip") && backup.has("Rast-Revision: 302"))
        #expect(backup.has("Content-Disposition: attachment; filename=\"rast-302.ndjson.gz\""))
        #expect(!backup.has("Content-Encoding") && !backup.has("Rast-Applied-Index"))
        let whole = try restored(backup.content)
        #expect(whole.head.revision == 302 && whole.head.keys == 299)
        for (number, value) in values.enumerated().dropFirst() {
            let key = Array("s\(number + 1_000)".utf8)
            #expect(whole.store.record(key.span)?.value == value)
        }
        // Pieces wait until there is room for them.
        #expect(node.grown(since: before) < 12 << 20)
        // The connection goes on after it.
        #expect(try reader.ask("GET", "/kv/s1299").content == [0x62])
    }

    @Test("the head alone, another revision of HTTP, parameters")
    func heads() throws {
        let node = try OneNode()
        let caller = try Caller(node.port)
        #expect(try caller.ask("PUT", "/kv/a", [0x61]).status == 201)
        let head = try caller.ask("HEAD", "/backup")
        #expect(head.status == 200 && head.has("Transfer-Encoding: chunked") && head.has("Rast-Revision: 2"))
        #expect(try caller.ask("GET", "/kv/a").status == 200)
        #expect(try caller.ask("GET", "/backup?limit=3").status == 400)
        #expect(try caller.ask("POST", "/backup", []).status == 405)
        // A state of that revision is waited for, and does not come.
        #expect(try caller.ask("GET", "/backup?min-revision=99&timeout=50ms").status == 504)
        try caller.send("GET /backup?consistency=local&min-revision=2 HTTP/1.1\r\nHost: a\r\n\r\n")
        let local = try caller.streamed()
        #expect(local.has("Rast-Applied-Index: ") && local.has("Rast-Leader-Contact: 0"))
        #expect(try restored(local.content).store.count == 1)
        try caller.send("GET /backup HTTP/1.0\r\n\r\n")
        #expect(try caller.response().status == 505)
    }

    @Test("four at a time, each with its own state; who leaves in the middle leaves nothing behind")
    func several() throws {
        let node = try OneNode()
        let writer = try Caller(node.port)
        for number in 0..<100 {
            let value = noise(128 << 10, seed: UInt64(number))
            #expect(try writer.ask("PUT", "/kv/s\(number)", value).status == 201)
        }
        for _ in 0..<5 {
            var readers: [Caller] = []
            for number in 0..<4 {
                #expect(try writer.ask("PUT", "/kv/last", [UInt8(number)]).status < 300)
                // Those of the round before are gone once that is noticed.
                readers.append(try begun(on: node))
            }
            let refused = try writer.ask("GET", "/backup")
            #expect(refused.status == 429 && refused.has("Retry-After: "))
            #expect(refused.text.contains("overloaded"))
        }
        // Backups under way hold a node that is asked to stop; these are gone.
        #expect(node.end(SIGTERM, within: 30) == 0)
        #expect(!node.log.contains("requests that are still in flight"))
    }

    @Test(
        "any node gives one: by redirect, by itself after asking the leader, and without a quorum if told so")
    func everyNode() throws {
        let cluster = try ThreeNodes()
        let leader = try cluster.leader()
        let writer = try Caller(cluster.nodes[leader].port)
        #expect(try writer.ask("PUT", "/kv/a", [0x61]).status == 201)
        let follower = cluster.nodes[(leader + 1) % 3]
        let caller = try Caller(follower.port)
        let redirect = try caller.ask("GET", "/backup?timeout=2s")
        #expect(redirect.status == 307)
        #expect(redirect.has("Location: http://127.0.0.1:\(cluster.nodes[leader].port)/backup?timeout=2s"))
        try caller.send("GET /backup?redirect=no HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try restored(try caller.streamed().content).head.revision == 2)
        for node in cluster.nodes where node !== follower { _ = node.end(SIGKILL) }
        #expect([503, 504].contains(try caller.ask("GET", "/backup?redirect=no&timeout=1s").status))
        try caller.send("GET /backup?consistency=local HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try restored(try caller.streamed().content).head.keys == 1)
    }
}
