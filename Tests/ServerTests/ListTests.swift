// Lists over real sockets: pages on any node while writes go on, and streams that a client reads slowly.
import Foundation
import Glibc
import Network
import Testing

@Suite struct ListTests {
    @Test("cursors go on from node to node under writes: nothing that stayed is repeated or left out")
    func cursors() throws {
        let cluster = try ThreeNodes()
        let writer = try Caller(cluster.nodes[try cluster.leader()].port)
        let stay = (100..<200).map { "k\($0)" }
        for key in stay { #expect(try writer.ask("PUT", "/kv/\(key)", Array(key.utf8)).status == 201) }
        let callers = try cluster.nodes.map { try Caller($0.port) }
        var seen: [String] = []
        var cursor: String?
        var revision = 101
        for turn in 0..<1_000 {
            let parameters = "prefix=k&limit=7&redirect=no&min-revision=\(revision)"
            let page = try callers[turn % 3].ask(
                "GET", "/kv?\(parameters)\(cursor.map { "&cursor=\($0)" } ?? "")")
            #expect(page.status == 200 && page.has("Vary: Accept"))
            let object = try #require(
                JSONSerialization.jsonObject(with: Foundation.Data(page.content)) as? [String: Any])
            let entries = try #require(object["entries"] as? [[String: Any]])
            seen += entries.compactMap { $0["key"] as? String }
            for entry in entries { #expect(entry["value"] as? String == entry["key"] as? String) }
            #expect(try #require(object["revision"] as? Int) >= revision)
            cursor = object["next"] as? String
            if cursor == nil { break }
            // Beside those that stay, others come and go before and behind the cursor.
            for key in ["k1\(turn % 10)5x", "k0\(turn)"] {
                let put = try writer.ask("PUT", "/kv/\(key)", Array(key.utf8))
                revision = try #require(Int(put.field("Rast-Revision") ?? ""))
            }
            _ = try writer.ask("DELETE", "/kv/k1\((turn + 5) % 10)5x")
        }
        #expect(Set(seen).count == seen.count && seen == seen.sorted())
        #expect(Set(stay).isSubset(of: seen))
    }

    @Test("a stream is one revision, whole, however slowly it is read and whatever is written meanwhile")
    func stream() throws {
        let node = try OneNode()
        let writer = try Caller(node.port)
        let value = [UInt8](repeating: 0x61, count: 8 << 10)
        for number in 1_000..<2_000 { #expect(try writer.ask("PUT", "/kv/s\(number)", value).status == 201) }
        let before = node.residentBytes
        let reader = try Caller(node.port, receiveBufferBytes: 4_096)
        try reader.send("GET /kv?prefix=s HTTP/1.1\r\nHost: a\r\nAccept: application/x-ndjson\r\n\r\n")
        var written = 0
        let stream = try reader.streamed {
            // New values while it is under way, which it must not show.
            if written < 100 {
                _ = try? writer.ask("PUT", "/kv/s\(1_999 - written)", [0x62])
                written += 1
            }
        }
        #expect(stream.has("Rast-Revision: 1001") && stream.has("Content-Type: application/x-ndjson"))
        #expect(written == 100)
        let lines = stream.text.split(separator: "\n")
        #expect(lines.count == 1_000)
        for (number, line) in lines.enumerated() {
            #expect(line.hasPrefix("{\"key\":\"s\(number + 1_000)\",\"value\":\"aaaa"))
            #expect(line.hasSuffix("\"version\":1}"))
        }
        #expect(node.grown(since: before) < 8 << 20)
        // The connection goes on after it.
        #expect(try reader.ask("GET", "/kv/s1999").content == [0x62])
        #expect(try reader.ask("HEAD", "/kv?prefix=s", nil, "Accept: application/x-ndjson\r\n").status == 200)
        try reader.send("GET /kv HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n")
        #expect(try reader.response().status == 505)
    }

    @Test("several lists beside writes go on in turns, and are whole, whether the writes go on or end")
    func beside() throws {
        let node = try OneNode()
        let writer = try Caller(node.port)
        let value = String(repeating: "v", count: 1_000)
        for start in stride(from: 1_000, to: 5_000, by: 500) {
            let puts = (start..<start + 500).map { "{\"put\":{\"key\":\"s\($0)\",\"value\":\"\(value)\"}}" }
            #expect(
                try writer.ask("POST", "/txn", Array("{\"then\":[\(puts.joined(separator: ","))]}".utf8))
                    .status == 200)
        }
        let readers = try (0..<6).map { _ in try Caller(node.port) }
        for reader in readers {
            try reader.send("GET /kv?prefix=s HTTP/1.1\r\nHost: a\r\nAccept: application/x-ndjson\r\n\r\n")
        }
        for (place, reader) in readers.enumerated() {
            let stream = try reader.streamed {
                // The last ones end beside no writes.
                if place < 3 { #expect((try? writer.ask("PUT", "/kv/other", [0x62])) != nil) }
            }
            let lines = stream.text.split(separator: "\n")
            #expect(lines.count == 4_000)
            for (number, line) in lines.enumerated() {
                #expect(line.hasPrefix("{\"key\":\"s\(number + 1_000)\""))
            }
        }
    }

    @Test("who leaves in the middle of a stream leaves nothing behind")
    func abandoned() throws {
        let node = try OneNode()
        let writer = try Caller(node.port)
        let value = [UInt8](repeating: 0x61, count: 64 << 10)
        for number in 0..<200 { #expect(try writer.ask("PUT", "/kv/s\(number)", value).status == 201) }
        for _ in 0..<20 {
            let reader = try Caller(node.port, receiveBufferBytes: 4_096)
            try reader.send("GET /kv HTTP/1.1\r\nHost: a\r\nAccept: application/x-ndjson\r\n\r\n")
            #expect(try reader.response().status == 200)
        }
        #expect(try writer.ask("GET", "/kv?limit=1").text.contains("\"next\":"))
        // Streams under way hold a node that is asked to stop; these are gone.
        #expect(node.end(SIGTERM, within: 30) == 0)
        #expect(!node.log.contains("requests that are still in flight"))
    }
}
