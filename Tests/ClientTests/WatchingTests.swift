// A watch over lost connections: it goes on after its last id, at another node, and ends only where it must.
import Client
import Testing

@Suite("Watching")
struct WatchingTests {
    private static let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    /// A stream of these lines that is then cut.
    private func stream(_ lines: String...) -> StandIn.Answer {
        let chunks = lines.map { "\(String($0.utf8.count + 1, radix: 16))\r\n\($0)\n\r\n" }
        return .bytes(Self.head + chunks.joined())
    }

    private func event(_ id: String, _ kind: String = "put") -> String {
        "{\"event\":\"\(kind)\",\"id\":\"\(id)\",\"revision\":\(id.prefix { $0 != "." }),\"key\":\"k\"}"
    }

    /// The ids of the first `count` events, and the answer that ended it.
    private func watch(
        _ urls: [String], after id: String? = nil, count: Int
    ) throws -> (ids: [String], end: Response?) {
        var watching = Watching(
            try urls.map { try Endpoint($0) }, query: bytes("prefix=k"), after: id.map { bytes($0) },
            timeoutNanoseconds: 2_000_000_000)
        var ids: [String] = []
        let end = try watching.run { event in
            ids.append(event.document["id"]?.string ?? "")
            return ids.count < count
        }
        return (ids, end)
    }

    private func idAsked(_ request: String) -> String? {
        let line = request.split(separator: "\r\n").first { $0.hasPrefix("Last-Event-ID: ") }
        return line.map { String($0.dropFirst(15)) }
    }

    @Test("after a cut it goes on at the other node with its last id, whichever form that has")
    func hops() throws {
        let first = [
            stream(event("5", "progress"), event("6.0")), stream(event("7.0", "progress"), event("7")),
        ]
        try withStandIn(first[0], first[1]) { one in
            try withStandIn(stream(event("6.0", "progress"), event("6"), event("7.0"))) { other in
                let (ids, end) = try watch([one.url, other.url], count: 4)
                #expect(ids == ["6.0", "6", "7.0", "7"])
                #expect(end == nil)
                #expect(idAsked(one.requests[0]) == nil)
                #expect(idAsked(other.requests[0]) == "6.0")
                #expect(idAsked(one.requests[1]) == "7.0")
                #expect(one.requests[0].hasPrefix("GET /watch?prefix=k HTTP/1.1\r\n"))
                #expect(one.requests[0].contains("Accept: application/x-ndjson\r\n"))
            }
        }
    }

    @Test("progress counts: it goes on after what was said to be sent, and is no event")
    func progress() throws {
        let script = [
            stream(event("5", "progress"), event("9", "progress")),
            stream(event("9", "progress"), event("12", "delete")),
        ]
        try withStandIn(script[0], script[1]) { server in
            let (ids, _) = try watch([server.url], count: 1)
            #expect(ids == ["12"])
            #expect(idAsked(server.requests[1]) == "9")
        }
    }

    @Test("a line that comes in parts is one, and one that is cut off is none")
    func parts() throws {
        let line = event("6")
        let text = Self.head + "\(String(line.utf8.count + 1, radix: 16))\r\n\(line)\n\r\n5\r\n{\"eve"
        try withStandIn(.bytes(text, piece: 3), stream(event("6", "progress"), event("7"))) { server in
            let (ids, _) = try watch([server.url], after: "5", count: 2)
            #expect(ids == ["6", "7"])
            #expect(idAsked(server.requests[0]) == "5")
            #expect(idAsked(server.requests[1]) == "6")
        }
    }

    @Test("one that was too slow asks again; what is gone is told")
    func gone() throws {
        let lagging = "{\"event\":\"lagging\",\"id\":\"6\",\"revision\":6,\"oldest\":40}"
        try withStandIn(
            stream(event("5", "progress"), event("6"), lagging), StandIn.problem("410 Gone", "compacted")
        ) { server in
            let (ids, end) = try watch([server.url], count: 9)
            #expect(ids == ["6"])
            #expect(end?.problem?.code == "compacted")
            #expect(idAsked(server.requests[1]) == "6")
        }
    }

    @Test("where nobody answers any more it ends after the time that a call has")
    func unreachable() throws {
        let closed = try StandIn.refusingPort()
        try withStandIn(stream(event("5", "progress"), event("6"))) { server in
            server.play([stream(event("5", "progress"), event("6")), .hangUp])
            let start = secondsNow()
            do {
                _ = try watch([server.url, "http://127.0.0.1:\(closed.port)"], count: 9)
                Issue.record("it ended well")
            } catch let failure as CallFailure {
                #expect(failure.exitStatus == 3)
            }
            #expect(secondsNow() - start < 10)
        }
    }

    @Test("a node that waits is asked for the time that is left, and is given it")
    func waits() throws {
        try withStandIn(StandIn.problem("503 Service Unavailable", "no_leader"), StandIn.answer("200 OK")) {
            server in
            var call = Call(.get, path: "/kv/a")
            call.waitNanoseconds = 3_000_000_000
            call.tellsTimeout = true
            var cluster = try cluster(server.url, seconds: 2)
            #expect(try cluster.call(call).status == 200)
            let waits = server.requests.map { request -> Int in
                let text = request.split(separator: "wait=").dropFirst().first ?? ""
                return Int(text.prefix { $0.isNumber }) ?? -1
            }
            #expect(waits.count == 2 && waits[0] <= 3_000 && waits[0] > 2_900)
            #expect(waits[1] < waits[0])
            #expect(server.requests[0].contains("timeout=1"))
        }
    }
}
