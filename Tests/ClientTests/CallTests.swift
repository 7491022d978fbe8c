// Who is asked, again and elsewhere: redirects, retries only where they are safe, deadlines (Interface §5).
import Client
import Glibc
import Testing

@Suite("Calls")
struct CallTests {
    static let leaderless = StandIn.problem("503 Service Unavailable", "no_leader", ",\"missing\":[2,3]")

    @Test("a request as it is on the wire")
    func wire() throws {
        try withStandIn(StandIn.answer("201 Created", "{\"revision\":2}")) { server in
            var call = write("hello")
            call.fields.append(Call.Field("If-None-Match", bytes("*")))
            appendParameter("format", bytes("json"), to: &call.query)
            var cluster = try cluster(server.url)
            let response = try cluster.call(call)
            #expect(response.status == 201)
            #expect(
                server.requests == [
                    "PUT /kv/a?format=json HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"
                        + "Connection: close\r\nIf-None-Match: *\r\nContent-Length: 5\r\n\r\nhello"
                ])
        }
    }

    @Test("the node is told to answer before the client stops listening")
    func timeoutParameter() throws {
        try withStandIn(StandIn.answer("200 OK", "x")) { server in
            var call = read
            call.tellsTimeout = true
            var cluster = try cluster(server.url, seconds: 2)
            _ = try cluster.call(call)
            let target = try #require(server.requests.first?.split(separator: " ").dropFirst().first)
            let told = try #require(Int(target.dropFirst("/kv/a?timeout=".count).dropLast(2)))
            #expect(target.hasPrefix("/kv/a?timeout=") && target.hasSuffix("ms"))
            #expect((1_500...1_800).contains(told))
        }
    }

    @Test(
        "a 307 is followed, path and query byte for byte; a write goes with its content"
    )
    func redirect() throws {
        try withStandIn(StandIn.answer("200 OK", "{\"revision\":9}", "ETag: \"9\"")) { leader in
            let location = "Location: \(leader.url)/kv/a%2Fb?timeout=1s"
            let redirect = StandIn.problem("307 Temporary Redirect", "not_leader", "", location)
            try withStandIn(redirect) { follower in
                var cluster = try cluster(follower.url)
                let response = try cluster.call(write("x"))
                #expect(response.status == 200 && response.keyRevision == 9)
                #expect(response.endpoint.description == leader.url)
                #expect(leader.requests.first?.hasPrefix("PUT /kv/a%2Fb?timeout=1s HTTP/1.1\r\n") == true)
                #expect(leader.requests.first?.hasSuffix("\r\n\r\nx") == true)
                // Who leads is remembered.
                _ = try cluster.call(read)
                #expect(follower.requests.count == 1 && leader.requests.count == 2)
            }
        }
    }

    @Test("nodes that redirect to each other are asked a bounded number of times, and not as fast as can be")
    func circle() throws {
        let server = try StandIn()
        defer { server.stop() }
        server.play([
            StandIn.problem("307 Temporary Redirect", "not_leader", "", "Location: \(server.url)/kv/a")
        ])
        guard
            case .noLeader(_, let isWrite, _) = whyNot(write("x"), in: try cluster(server.url, seconds: 2))
        else {
            Issue.record("it is no lack of a leader")
            return
        }
        #expect(isWrite)
        #expect((5...100).contains(server.requests.count))
    }

    @Test(
        "a redirect to where this client cannot go is the answer",
        arguments: ["https://127.0.0.1:1/kv/a", "//evil/kv/a", "http://a b/", "ftp://a/"])
    func strangeRedirect(location: String) throws {
        try withStandIn(StandIn.answer("307 Temporary Redirect", "", "Location: \(location)")) { server in
            var cluster = try cluster(server.url)
            #expect(try cluster.call(write("x")).status == 307)
            #expect(server.requests.count == 1)
        }
    }

    @Test("503 no_leader: a write is made again, for nothing was applied, until there is a leader")
    func election() throws {
        try withStandIn(Self.leaderless, Self.leaderless, StandIn.answer("201 Created", "{}")) { server in
            var cluster = try cluster(server.url)
            #expect(try cluster.call(write("x")).status == 201)
            #expect(server.requests.count == 3)
        }
    }

    @Test("503 no_leader to the end: exit 3, what the node said, whom to start")
    func noLeader() throws {
        try withStandIn(Self.leaderless) { server in
            let start = secondsNow()
            let failure = try #require(whyNot(write("x"), in: try cluster(server.url, seconds: 2)))
            #expect(secondsNow() - start < 3)
            #expect(failure.exitStatus == 3)
            #expect(
                failure.description
                    == "no leader within 2 s, so nothing was changed: \(server.url) says: "
                    + "This is no_leader. Start the missing members (2, 3), or wait longer with --timeout.")
            // Backed off: far from as fast as can be.
            #expect((3...25).contains(server.requests.count))
        }
    }

    @Test("429: asked again only after the seconds that Retry-After says; exit 1 where they are too many")
    func overloaded() throws {
        let refusal = StandIn.problem("429 Too Many Requests", "overloaded", "", "Retry-After: 1")
        try withStandIn(refusal, StandIn.answer("200 OK", "{}")) { server in
            let start = secondsNow()
            var cluster = try cluster(server.url)
            #expect(try cluster.call(write("x")).status == 200)
            #expect(secondsNow() - start >= 1)
        }
        try withStandIn(refusal) { server in
            let failure = try #require(whyNot(write("x"), in: try cluster(server.url, seconds: 0.9)))
            #expect(failure.exitStatus == 1 && failure.description.contains("Nothing was changed"))
            #expect(server.requests.count == 1)
        }
    }

    @Test(
        "a write that may have been applied is never sent again: exit 3, outcome unknown",
        arguments: [
            StandIn.Answer.hangUp, .bytes("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"),
            .bytes("SSH-2.0\r\n\r\n"),
            StandIn.problem("504 Gateway Timeout", "timeout", ",\"outcome\":\"unknown\""),
            // What a proxy says is not rast's word.
            StandIn.answer("503 Service Unavailable", "<html>"), StandIn.answer("502 Bad Gateway"),
            StandIn.answer("429 Too Many Requests"), StandIn.answer("504 Gateway Timeout"),
            StandIn.answer("500 Internal Server Error"),
        ])
    func unknown(answer: StandIn.Answer) throws {
        try withStandIn(answer) { server in
            try withStandIn(StandIn.answer("200 OK", "{}")) { other in
                let failure = try #require(whyNot(write("x"), in: try cluster(server.url, other.url)))
                #expect(failure.exitStatus == 3)
                #expect(failure.description.hasPrefix("outcome unknown: \(server.url): "))
                #expect(server.requests.count == 1 && other.requests.isEmpty)
            }
        }
    }

    @Test("a refusal says nothing of the attempt before it that got no answer: outcome unknown")
    func doubt() throws {
        var named = write("x")
        named.giveName()
        for code in ["disk_full", "answer_too_large"] {
            let refusal = StandIn.problem("400 Bad Request", code)
            try withStandIn(.hangUp, refusal) { server in
                let failure = try #require(whyNot(named, in: try cluster(server.url)))
                #expect(failure.exitStatus == 3 && failure.description.hasPrefix("outcome unknown: "))
                #expect(server.requests.count == 2)
            }
            try withStandIn(refusal) { server in
                var cluster = try cluster(server.url)
                #expect(try cluster.call(named).problem?.code == code)
            }
        }
    }

    @Test(
        "a read is asked elsewhere after the same",
        arguments: [
            StandIn.Answer.hangUp, .bytes("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"),
            .bytes("SSH-2.0\r\n\r\n"),
            StandIn.problem("504 Gateway Timeout", "timeout"),
            StandIn.answer("503 Service Unavailable", "<html>"),
            StandIn.answer("502 Bad Gateway"), StandIn.answer("500 Internal Server Error"), .silence,
        ])
    func readElsewhere(answer: StandIn.Answer) throws {
        try withStandIn(answer) { server in
            try withStandIn(StandIn.answer("200 OK", "x")) { other in
                var cluster = try cluster(server.url, other.url, seconds: 2)
                #expect(text(try cluster.call(read).content) == "x")
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test("504 not_applied: the write may be made again")
    func notApplied() throws {
        let refusal = StandIn.problem("504 Gateway Timeout", "timeout", ",\"outcome\":\"not_applied\"")
        try withStandIn(refusal, StandIn.answer("200 OK", "{}")) { server in
            var cluster = try cluster(server.url)
            #expect(try cluster.call(write("x")).status == 200)
        }
        try withStandIn(refusal) { server in
            let failure = try #require(whyNot(write("x"), in: try cluster(server.url, seconds: 1.5)))
            #expect(failure.exitStatus == 3)
            #expect(
                failure.description.hasPrefix("no answer within 1500 ms: \(server.url): This is timeout."))
            #expect(failure.description.contains("Nothing was changed"))
        }
    }

    @Test("a refused connection: the next endpoint gets the write at once")
    func refusedConnection() throws {
        let (hold, port) = try StandIn.refusingPort()
        defer { close(hold) }
        try withStandIn(StandIn.answer("200 OK", "{}")) { server in
            let start = secondsNow()
            var cluster = try cluster("http://127.0.0.1:\(port)", server.url)
            #expect(try cluster.call(write("x")).status == 200)
            #expect(secondsNow() - start < 1)
        }
    }

    @Test("a redirect to a leader that is gone: the write is tried again elsewhere")
    func goneLeader() throws {
        let (hold, port) = try StandIn.refusingPort()
        defer { close(hold) }
        let redirect = StandIn.problem(
            "307 Temporary Redirect", "not_leader", "", "Location: http://127.0.0.1:\(port)/kv/a")
        try withStandIn(redirect, redirect, StandIn.answer("200 OK", "{}")) { server in
            var cluster = try cluster(server.url)
            #expect(try cluster.call(write("x")).status == 200)
            #expect(server.requests.count == 3)
        }
    }

    @Test("nobody there: exit 3, each endpoint and why, what to do")
    func nobody() throws {
        let (hold, port) = try StandIn.refusingPort()
        defer { close(hold) }
        let cluster = try cluster("http://127.0.0.1:\(port)", "http://nowhere.invalid:1", seconds: 0.3)
        let failure = try #require(whyNot(write("x"), in: cluster))
        #expect(failure.exitStatus == 3)
        #expect(failure.description.contains("http://127.0.0.1:\(port): Connection refused; "))
        #expect(failure.description.contains("http://nowhere.invalid:1: its name "))
        #expect(failure.description.contains("--endpoints or RAST_ENDPOINTS"))
        #expect(!failure.description.contains("\n"))
    }

    @Test("nobody there for long: asked again until the time is over, however often that was")
    func nobodyForLong() throws {
        let (hold, port) = try StandIn.refusingPort()
        defer { close(hold) }
        // Past some forty rounds, after each of which more patience is had.
        let cluster = try cluster("http://127.0.0.1:\(port)", seconds: 16)
        #expect(try #require(whyNot(write("x"), in: cluster)).exitStatus == 3)
    }

    @Test("a node that says nothing: the deadline holds; a write's outcome is unknown, a read has none")
    func silence() throws {
        try withStandIn(.silence) { server in
            let start = secondsNow()
            let missed = try #require(whyNot(read, in: try cluster(server.url, seconds: 0.4)))
            #expect(missed.description.hasPrefix("no answer within 400 ms: "))
            let unknown = try #require(whyNot(write("x"), in: try cluster(server.url, seconds: 0.4)))
            #expect(unknown.description.hasPrefix("outcome unknown: "))
            #expect((0.8..<2.5).contains(secondsNow() - start))
            #expect(server.requests.count == 2)
        }
    }
}
