// Large answers to clients that take gzip, over real sockets: the same content as without, on the same terms.
import CZlib
import Glibc
import Network
import Testing

/// What one gzip member holds; nil where the bytes are anything else than exactly one.
func gunzipped(_ bytes: [UInt8]) -> [UInt8]? {
    var bytes = bytes
    var stream = z_stream()
    inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    defer { inflateEnd(&stream) }
    var out: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let room = buffer.count
    let isWhole = bytes.withUnsafeMutableBufferPointer { source in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        while true {
            let code = buffer.withUnsafeMutableBufferPointer { target in
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(room)
                return inflate(&stream, Z_NO_FLUSH)
            }
            out += buffer[..<(room - Int(stream.avail_out))]
            if code == Z_STREAM_END { return stream.avail_in == 0 }
            if code != Z_OK { return false }
        }
    }
    return isWhole ? out : nil
}

@Suite struct CompressionTests {
    private static let gzip = "Accept-Encoding: gzip\r\n"
    private static let lines = "Accept: application/x-ndjson\r\n"

    /// Writes keys, by transactions of a thousand; `value` makes each one's value, of plain characters.
    private func write(_ count: Int, to node: OneNode, _ value: (Int) -> String) throws {
        let writer = try Caller(node.port)
        for start in stride(from: 0, to: count, by: 500) {
            let puts = (start..<min(start + 500, count)).map {
                "{\"put\":{\"key\":\"c\($0 + 10_000)\",\"value\":\"\(value($0))\"}}"
            }
            let body = Array("{\"then\":[\(puts.joined(separator: ","))]}".utf8)
            #expect(try writer.ask("POST", "/txn", body).status == 200)
        }
    }

    private func stream(_ caller: Caller, _ fields: String, method: String = "GET") throws -> Response {
        try caller.send("\(method) /kv HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        return method == "HEAD" ? try caller.response(isHead: true) : try caller.streamed()
    }

    /// Without the fields that no two answers share.
    private func lasting(_ head: String) -> [Substring] {
        head.split(separator: "\r\n").filter { !$0.hasPrefix("Date: ") }
    }

    @Test(
        "a list of 10,000 keys is the same with gzip and without, as a page and as a stream, and so are heads"
    )
    func tenThousand() throws {
        let node = try OneNode()
        try write(10_000, to: node) { "value \($0)" }
        let caller = try Caller(node.port)
        let page = try caller.ask("GET", "/kv?limit=10000")
        let coded = try caller.ask("GET", "/kv?limit=10000", nil, Self.gzip)
        #expect(page.status == 200 && page.content.count > 1_000_000 && !page.has("Content-Encoding"))
        #expect(coded.status == 200 && coded.has("Content-Encoding: gzip"))
        #expect(coded.has("Content-Type: application/json") && coded.has("Vary: Accept, Accept-Encoding"))
        #expect(coded.content.count < page.content.count / 5)
        #expect(gunzipped(coded.content) == page.content)
        let head = try caller.ask("HEAD", "/kv?limit=10000", nil, Self.gzip)
        #expect(lasting(head.head) == lasting(coded.head))

        let plain = try stream(caller, Self.lines)
        let codedStream = try stream(caller, Self.lines + Self.gzip)
        #expect(plain.text.split(separator: "\n").count == 10_000 && !plain.has("Content-Encoding"))
        #expect(codedStream.has("Content-Encoding: gzip") && codedStream.has("X-Accel-Buffering: no"))
        #expect(codedStream.content.count < plain.content.count / 5)
        #expect(gunzipped(codedStream.content) == plain.content)
        let streamHead = try stream(caller, Self.lines + Self.gzip, method: "HEAD")
        #expect(lasting(streamHead.head) == lasting(codedStream.head))
        // The connection goes on after each, and requests that come together are answered in order.
        try caller.send("GET /kv?limit=5000 HTTP/1.1\r\nHost: a\r\n\(Self.gzip)\r\n")
        try caller.send("GET /kv/c10007 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try caller.response().has("Content-Encoding: gzip"))
        #expect(try caller.response().text == "value 7")
    }

    @Test(
        "as it is: without the field, by q=0, where it is liked better, where it is short, and a key's value")
    func asItIs() throws {
        let node = try OneNode()
        try write(500, to: node) { _ in "aaaaaaaa" }
        let caller = try Caller(node.port)
        for field in ["gzip;q=0", "*;q=0", "identity, gzip;q=0.5", "br, deflate", "", "gzip;q=0, *"] {
            for target in ["/kv", "/", "/openapi.yaml", "/metrics"] {
                let answer = try caller.ask("GET", target, nil, "Accept-Encoding: \(field)\r\n")
                #expect(answer.status == 200 && !answer.has("Content-Encoding"), "\(target) \(field)")
                #expect(answer.has("Vary: Accept") && answer.content.count > 4 << 10)
            }
        }
        let short = try caller.ask("GET", "/kv?limit=3", nil, Self.gzip)
        #expect(!short.has("Content-Encoding") && short.has("Vary: Accept, Accept-Encoding"))
        try caller.send("GET /kv?limit=3 HTTP/1.1\r\nHost: a\r\n\(Self.lines)\(Self.gzip)\r\n")
        let shortStream = try caller.streamed()
        #expect(!shortStream.has("Content-Encoding") && shortStream.text.hasPrefix("{\"key\":"))
        // Unless a short one is not taken as it is.
        let only = "Accept-Encoding: gzip, identity;q=0\r\n"
        let forced = try caller.ask("GET", "/kv?limit=3", nil, only)
        #expect(forced.has("Content-Encoding: gzip") && gunzipped(forced.content) == short.content)
        try caller.send("GET /kv?limit=3 HTTP/1.1\r\nHost: a\r\n\(Self.lines)\(only)\r\n")
        #expect(gunzipped(try caller.streamed().content) == shortStream.content)
        // The tag of a value is strong, and is its revision.
        #expect(try caller.ask("PUT", "/kv/large", [UInt8](repeating: 0x61, count: 100_000)).status == 201)
        let value = try caller.ask("GET", "/kv/large", nil, only)
        #expect(value.content.count == 100_000 && !value.has("Content-Encoding") && !value.has("Vary"))
    }

    @Test("so is a list of leases, and a short one goes as it is")
    func leases() throws {
        let node = try OneNode()
        let caller = try Caller(node.port)
        for id in 1...300 {
            let wish = Array(#"{"ttl":"24h","id":"\#(id)"}"#.utf8)
            #expect(try caller.ask("POST", "/leases", wish).status == 201)
        }
        let coded = try caller.ask("GET", "/leases?limit=300", nil, Self.gzip)
        #expect(coded.status == 200 && coded.has("Content-Encoding: gzip"))
        #expect(coded.has("Vary: Accept-Encoding") && coded.has("Rast-Revision: "))
        let text = String(decoding: gunzipped(coded.content) ?? [], as: UTF8.self)
        #expect(text.contains(#""count":300,"leases":[{"id":"1","ttl":86400,"remaining":86"#))
        let head = try caller.ask("HEAD", "/leases?limit=300", nil, Self.gzip)
        #expect(head.content.isEmpty && head.has("Content-Encoding: gzip"))
        let short = try caller.ask("GET", "/leases?limit=3", nil, Self.gzip)
        #expect(short.status == 200 && !short.has("Content-Encoding") && short.has("Vary: Accept-Encoding"))
    }

    @Test("documents and metrics are compressed, in HTTP/1.0 too")
    func documents() throws {
        let node = try OneNode()
        let caller = try Caller(node.port)
        for target in ["/", "/openapi.yaml"] {
            let plain = try caller.ask("GET", target)
            let coded = try caller.ask("GET", target, nil, Self.gzip)
            #expect(coded.has("Content-Encoding: gzip") && coded.has("Vary: Accept-Encoding"))
            #expect(gunzipped(coded.content) == plain.content)
            let head = try caller.ask("HEAD", target, nil, Self.gzip)
            #expect(lasting(head.head) == lasting(coded.head))
            try caller.send("GET \(target) HTTP/1.0\r\nConnection: keep-alive\r\n\(Self.gzip)\r\n")
            #expect(gunzipped(try caller.response().content) == plain.content)
        }
        let metrics = try caller.ask("GET", "/metrics", nil, Self.gzip)
        let text = String(decoding: gunzipped(metrics.content) ?? [], as: UTF8.self)
        #expect(text.contains("\nrast_raft_is_leader 1\n"))
    }

    @Test("a stream that is read slowly is one revision, whole, and takes little memory")
    func slowly() throws {
        let node = try OneNode()
        var state: UInt64 = 1
        // It compresses by half, no more: so it is long on the wire.
        let noise = (0..<2_000).map { _ in
            (0..<200).reduce(into: "") { text, _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += String(state >> 8, radix: 16)
            }
        }
        try write(2_000, to: node) { noise[$0] }
        let before = node.residentBytes
        let writer = try Caller(node.port)
        let reader = try Caller(node.port, receiveBufferBytes: 4_096)
        try reader.send("GET /kv HTTP/1.1\r\nHost: a\r\n\(Self.lines)\(Self.gzip)\r\n")
        var written = 0
        let coded = try reader.streamed {
            if written < 50 {
                _ = try? writer.ask("PUT", "/kv/c\(11_999 - written)", [0x62])
                written += 1
            }
        }
        #expect(written == 50 && coded.has("Content-Encoding: gzip") && coded.content.count > 2_000_000)
        let text = String(decoding: gunzipped(coded.content) ?? [], as: UTF8.self)
        let rows = text.split(separator: "\n")
        #expect(rows.count == 2_000)
        for (place, row) in rows.enumerated() { #expect(row.contains("\"value\":\"\(noise[place])\"")) }
        #expect(node.grown(since: before) < 8 << 20)
    }

    @Test("who leaves in the middle of a compressed answer leaves nothing behind")
    func abandoned() throws {
        let node = try OneNode()
        try write(10_000, to: node) { "value \($0)" }
        let writer = try Caller(node.port)
        for turn in 0..<20 {
            let reader = try Caller(node.port, receiveBufferBytes: 4_096)
            let fields = turn % 2 == 0 ? Self.lines + Self.gzip : Self.gzip
            try reader.send("GET /kv?limit=10000 HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
            // Some leave before the answer begins, some in its middle, some have only ended their own half.
            if turn % 4 >= 2 { #expect(try reader.response().status == 200) }
        }
        let half = try Caller(node.port)
        try half.send("GET /kv?limit=10000 HTTP/1.1\r\nHost: a\r\n\(Self.gzip)\r\n")
        half.endSending()
        #expect(gunzipped(try half.response().content) != nil)
        #expect(try writer.ask("GET", "/kv?limit=1").text.contains("\"next\":"))
        #expect(node.end(SIGTERM, within: 30) == 0)
        #expect(!node.log.contains("requests that are still in flight"))
    }
}
