// Answers that are taken as they come: what a sink gets, and when a call is made again (Interface §8).
import Client
import Testing

/// Keeps what it is given, up to a bound.
private final class Kept: ContentSink {
    private(set) var pieces: [[UInt8]] = []
    let bytesMax: Int

    init(bytesMax: Int = .max) { self.bytesMax = bytesMax }

    var bytes: [UInt8] { pieces.flatMap { $0 } }

    func take(_ bytes: ArraySlice<UInt8>) -> Bool {
        pieces.append(Array(bytes))
        return self.bytes.count < bytesMax
    }
}

@Suite("Streams")
struct StreamTests {
    private static let chunked =
        "HTTP/1.1 200 OK\r\nRast-Revision: 7\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"

    private let failing = StandIn.problem("503 Service Unavailable", "shutting_down")

    private func failure(_ cluster: Cluster, _ sink: Kept) -> CallFailure? {
        var cluster = cluster
        do throws(CallFailure) {
            _ = try cluster.call(read, to: sink)
            return nil
        } catch {
            return error
        }
    }

    @Test("a success's content goes to the sink, and none is in the response", arguments: [Int.max, 1, 3])
    func content(piece: Int) throws {
        try withStandIn(.bytes(Self.chunked, piece: piece)) { server in
            let sink = Kept()
            var cluster = try cluster(server.url)
            let response = try cluster.call(read, to: sink)
            #expect(text(sink.bytes) == "hello world")
            #expect(response.status == 200 && response.number("Rast-Revision") == 7)
            #expect(response.content.isEmpty)
        }
    }

    @Test("a refusal's content goes to the response, and none to the sink")
    func refusal() throws {
        try withStandIn(StandIn.problem("400 Bad Request", "bad_request")) { server in
            let sink = Kept()
            var cluster = try cluster(server.url)
            let response = try cluster.call(read, to: sink)
            #expect(response.problem?.code == "bad_request")
            #expect(sink.pieces.isEmpty)
        }
    }

    @Test("until content has come the call is made again, also elsewhere")
    func again() throws {
        try withStandIn(failing, failing, .bytes(Self.chunked)) { server in
            let sink = Kept()
            var cluster = try cluster(server.url)
            _ = try cluster.call(read, to: sink)
            #expect(text(sink.bytes) == "hello world")
            #expect(server.requests.count == 3)
        }
        try withStandIn(.bytes(Self.chunked)) { leader in
            let location = "Location: \(leader.url)/backup"
            let redirect = StandIn.problem("307 Temporary Redirect", "not_leader", "", location)
            try withStandIn(redirect) { follower in
                let sink = Kept()
                var cluster = try cluster(follower.url)
                _ = try cluster.call(read, to: sink)
                #expect(text(sink.bytes) == "hello world")
            }
        }
    }

    @Test("once content has come it is not: it would come twice")
    func cut() throws {
        let part = String(Self.chunked.dropLast(12))
        try withStandIn(.bytes(part)) { server in
            let sink = Kept()
            let failure = try #require(failure(try cluster(server.url, server.url), sink))
            guard case .cut = failure else {
                Issue.record("\(failure)")
                return
            }
            #expect(failure.description.hasPrefix("cut short: \(server.url): it closed the connection"))
            #expect(failure.exitStatus == 3)
            #expect(server.requests.count == 1)
            #expect("hello world".hasPrefix(text(sink.bytes)))
        }
    }

    @Test("a content that rests for as long as a call may take is cut")
    func rests() throws {
        try withStandIn(.paced([String(Self.chunked.dropLast(12))], milliseconds: 0)) { server in
            let start = secondsNow()
            let failure = try #require(failure(try cluster(server.url, seconds: 4), Kept()))
            guard case .cut = failure else {
                Issue.record("\(failure)")
                return
            }
            #expect(secondsNow() - start >= 4)
        }
    }

    @Test("a content that keeps coming may take longer than a call")
    func longer() throws {
        // The head, then two characters at a time: the last of them later than a call's time after the head.
        let content = Array(Self.chunked.suffix(20))
        let rest = stride(from: 0, to: content.count, by: 2).map { String(content[$0..<$0 + 2]) }
        let pieces = [String(Self.chunked.dropLast(20))] + rest
        try withStandIn(.paced(pieces, milliseconds: 500)) { server in
            let sink = Kept()
            var cluster = try cluster(server.url, seconds: 4)
            let start = secondsNow()
            _ = try cluster.call(read, to: sink)
            #expect(secondsNow() - start >= 5.5)
            #expect(text(sink.bytes) == "hello world")
        }
    }

    @Test("a sink that wants no more ends the call")
    func stopped() throws {
        try withStandIn(.bytes(Self.chunked)) { server in
            let sink = Kept(bytesMax: 3)
            let failure = failure(try cluster(server.url), sink)
            #expect(failure != nil)
            #expect(sink.pieces.count == 1)
        }
    }
}
