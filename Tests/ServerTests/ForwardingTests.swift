// Three nodes: what a follower does itself, what it sends on, and what it says when it cannot (Interface §5).
import Glibc
import Network
import Testing

@Suite struct ForwardingTests {
    let cluster: ThreeNodes
    let leader: OneNode
    let follower: OneNode
    let other: OneNode
    init() throws {
        cluster = try ThreeNodes()
        let place = try cluster.leader()
        leader = cluster.nodes[place]
        follower = cluster.nodes[(place + 1) % 3]
        other = cluster.nodes[(place + 2) % 3]
    }

    @Test(
        "a follower redirects, and with redirect=no or credentials it asks the leader in the client's stead")
    func writes() throws {
        let caller = try Caller(follower.port)
        let redirected = try caller.ask("PUT", "/kv/a?timeout=2s", [1])
        #expect(redirected.status == 307)
        #expect(redirected.has("Location: http://127.0.0.1:\(leader.port)/kv/a?timeout=2s"))
        let put = try caller.ask(
            "PUT", "/kv/a?redirect=no", Array("one".utf8), "Content-Type: text/plain\r\n")
        #expect(put.status == 201 && put.has("ETag: \"2\"") && put.has("Date: "))
        #expect(put.text == "{\"key\":\"a\",\"revision\":2,\"createdRevision\":2,\"version\":1}\n")
        #expect(put.head.components("Rast-Node: ") == 1)
        let ids = try [follower, leader].map { try Caller($0.port).ask("GET", "/livez").field("Rast-Node") }
        #expect(put.field("Rast-Node") == ids[0] && ids[0] != ids[1])
        let credentials = "Authorization: Bearer x\r\n"
        #expect(
            try caller.ask("PUT", "/kv/a", Array("two".utf8), credentials + "If-Match: \"2\"\r\n").status
                == 200)
        let failed = try caller.ask(
            "PUT", "/kv/a", [], credentials + "If-Match: \"2\"\r\nIf-Match: \"9\"\r\n")
        #expect(failed.status == 412 && failed.has("ETag: \"3\""))
        #expect(try caller.ask("PUT", "/kv/a?redirect=no", [], "If-Match: 5\r\n").status == 400)
        let read = try caller.ask("GET", "/kv/a?redirect=no")
        #expect(read.text == "two" && read.has("Content-Type: application/octet-stream"))
        #expect(
            try caller.ask("DELETE", "/kv/a?redirect=no").text
                == "{\"key\":\"a\",\"deleted\":1,\"revision\":4}\n")
        #expect(try caller.ask("GET", "/kv/a", nil, credentials).status == 404)
    }

    @Test("large values, chunked ones and keys with escapes arrive whole at the leader")
    func contents() throws {
        let caller = try Caller(follower.port)
        let value = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        #expect(try caller.ask("PUT", "/kv/big?redirect=no", value).status == 201)
        try caller.send(
            "PUT /kv/x%2Fy%20z?redirect=no HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        try caller.send("3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
        #expect(try caller.response().text.contains("\"key\":\"x/y z\""))
        try caller.send(
            "PUT /kv/e?redirect=no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        #expect(try caller.response().status == 100)
        try caller.send("ok")
        #expect(try caller.response().status == 201)
        let reader = try Caller(other.port)
        #expect(try reader.ask("GET", "/kv/big?redirect=no").content == value)
        #expect(try reader.ask("GET", "/kv/x/y%20z?redirect=no").text == "abcdefg")
        #expect(try reader.ask("GET", "/kv/e?redirect=no").text == "ok")
    }

    @Test("what is sent on keeps the order of its connection, and a read behind a write sees it")
    func order() throws {
        let caller = try Caller(follower.port)
        var requests = ""
        for number in 100..<300 {
            requests += "PUT /kv/n?redirect=no HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\(number)"
            requests += "GET /kv/n?redirect=no HTTP/1.1\r\nHost: a\r\n\r\n"
        }
        try caller.send(requests)
        for number in 100..<300 {
            #expect(try caller.response().status == (number == 100 ? 201 : 200))
            #expect(try caller.response().text == "\(number)")
        }
    }

    @Test("a follower's linearizable read sees every write that was acknowledged, wherever that was")
    func followerReads() throws {
        let writers = [try Caller(leader.port), try Caller(other.port)]
        let reader = try Caller(follower.port)
        for number in 0..<100 {
            let put = try writers[number % 2].ask("PUT", "/kv/r?redirect=no", Array("\(number)".utf8))
            #expect(put.status == (number == 0 ? 201 : 200))
            #expect(try reader.ask("GET", "/kv/r?redirect=no").text == "\(number)")
            let revision = try #require(put.field("Rast-Revision"))
            let local = try reader.ask("GET", "/kv/r?consistency=local&min-revision=\(revision)")
            #expect(local.text == "\(number)" && local.has("Rast-Applied-Index: "))
        }
        #expect(try reader.ask("GET", "/kv/r?consistency=local&min-revision=9999&timeout=20ms").status == 504)
        #expect(try reader.ask("GET", "/kv/r?redirect=no&min-revision=9999&timeout=20ms").status == 504)
        #expect(try reader.ask("GET", "/kv/r?redirect=no").status == 200)
    }

    @Test("leadership goes where it is asked to, through any node, and the members say so")
    func transfer() throws {
        let caller = try Caller(follower.port)
        let id = try #require(Int(try Caller(other.port).ask("GET", "/livez").field("Rast-Node") ?? ""))
        #expect(try caller.ask("POST", "/cluster/leader", []).status == 307)
        #expect(try caller.ask("POST", "/cluster/leader?redirect=no", Array("{\"id\":9}".utf8)).status == 404)
        #expect(
            try caller.ask("POST", "/cluster/leader?redirect=no", Array("{\"id\":1,}".utf8)).status == 400)
        let done = try caller.ask("POST", "/cluster/leader?redirect=no", Array("{\"id\":\(id)}".utf8))
        #expect(done.status == 200 && done.text.hasPrefix("{\"members\":[{\"id\":1,"))
        #expect(try cluster.leader() == id - 1)
        let same = try Caller(other.port).ask("POST", "/cluster/leader", Array("{\"id\":\(id)}".utf8))
        #expect(same.status == 200 && same.text.contains("\"matchIndex\":"))
        // The leader's view, wherever it is asked for.
        #expect(try caller.ask("GET", "/cluster/members").text.contains("\"matchIndex\":"))
        #expect(try caller.ask("PUT", "/kv/after?redirect=no", [1]).status == 201)
    }

    @Test("only members may send requests on, to the node they mean; a receiver that does not lead refuses")
    func strangers() throws {
        let status = try Caller(follower.port).ask("GET", "/status").text
        let cluster = try #require(status.split(separator: "\"cluster\":{\"id\":\"").last?.prefix(32))
        let ids = try [follower, leader, other].map {
            try #require(Int(try Caller($0.port).ask("GET", "/livez").field("Rast-Node") ?? ""))
        }
        func propose(_ cluster: Substring, from: Int, to: Int, _ request: String) throws -> Response {
            let body =
                "{\"cluster\":\"\(cluster)\",\"from\":\(from),\"boot\":1,\"to\":\(to),\"term\":1}\n\(request)"
            return try Caller(follower.port).ask(
                "POST", "/raft/propose", Array(body.utf8), "Content-Type: application/x-ndjson\r\n")
        }
        let put = "PUT /kv/p HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
        let refused = try propose(cluster, from: ids[2], to: ids[0], put)
        #expect(refused.status == 200 && refused.text.hasPrefix("HTTP/1.1 503 "))
        #expect(refused.text.contains("\"reason\":\"not_leading\"") && !refused.text.contains("Rast-Node"))
        let zeros = Substring(repeating: "0", count: 32)
        #expect(try propose(zeros, from: ids[2], to: ids[0], put).status == 409)
        #expect(try propose(cluster, from: ids[2], to: ids[1], put).status == 409)
        #expect(try propose(cluster, from: ids[0], to: ids[0], put).status == 409)
        #expect(try propose(cluster, from: 9, to: ids[0], put).status == 409)
        #expect(try propose("x", from: ids[2], to: ids[0], put).status == 400)
        #expect(try propose(cluster, from: ids[2], to: ids[0], "PUT /kv/p HTTP/1.1\r\n").status == 400)
        #expect(try propose(cluster, from: ids[2], to: ids[0], "").status == 400)
        #expect(try propose(cluster, from: ids[2], to: ids[0], String(put.dropLast())).status == 400)
        let garbage = try propose(cluster, from: ids[2], to: ids[0], "x\r\n\r\n")
        #expect(garbage.status == 200 && garbage.text.hasPrefix("HTTP/1.1 400 "))
        #expect(try Caller(follower.port).ask("GET", "/kv/p?redirect=no").status == 404)
    }
}

@Suite struct ForwardingFailureTests {
    @Test(
        "a leader that stops answering: unknown, in time; a follower alone says that nothing was applied"
    )
    func lostLeader() throws {
        let cluster = try ThreeNodes(["--redirect", "no"], electionTimeout: 3_000)
        let place = try cluster.leader()
        let follower = cluster.nodes[(place + 1) % 3]
        let caller = try Caller(follower.port)
        #expect(try caller.ask("PUT", "/kv/a", [1]).status == 201)
        #expect(try caller.ask("GET", "/kv/a").status == 200)
        kill(cluster.nodes[place].process, SIGSTOP)
        let began = monotonicNanoseconds()
        let lost = try caller.ask("PUT", "/kv/b?timeout=300ms", [2])
        let took = (monotonicNanoseconds() - began) / 1_000_000
        #expect(lost.status == 504 && lost.text.contains("\"outcome\":\"unknown\""))
        #expect(took >= 300 && took < 2_500)
        #expect(try caller.ask("GET", "/kv/a?timeout=100ms").status == 504)
        #expect(try caller.ask("GET", "/kv/a?consistency=local").status == 200)
        // Without the leader its own word is all there is, and it comes in time.
        #expect(try caller.ask("GET", "/cluster/members?timeout=100ms").status == 200)
        kill(cluster.nodes[place].process, SIGCONT)
        var status = 0
        let deadline = monotonicNanoseconds() + 20_000_000_000
        while status != 200 && monotonicNanoseconds() < deadline {
            status = try caller.ask("PUT", "/kv/a", [3]).status
        }
        #expect(status == 200)
    }

    @Test("a leader that is gone: what cannot be sent is not applied, and says so")
    func goneLeader() throws {
        let cluster = try ThreeNodes(["--redirect", "no"], electionTimeout: 3_000)
        let place = try cluster.leader()
        let caller = try Caller(cluster.nodes[(place + 1) % 3].port)
        #expect(try caller.ask("PUT", "/kv/a", [1]).status == 201)
        #expect(try caller.ask("GET", "/kv/a").status == 200)
        _ = cluster.nodes[place].end(SIGKILL)
        let refused = try caller.ask("PUT", "/kv/a", [2])
        #expect(refused.status == 503 && refused.text.contains("leader_unreachable"))
        #expect(refused.has("Retry-After: "))
        #expect(try caller.ask("GET", "/kv/a?consistency=local").content == [1])
    }

    @Test("one client's short time takes nothing from others whom the leader is asked for, nor from its next")
    func shortTime() throws {
        let cluster = try ThreeNodes(["--redirect", "no"], electionTimeout: 3_000)
        let place = try cluster.leader()
        let follower = cluster.nodes[(place + 1) % 3]
        let patient = try Caller(follower.port)
        let hasty = try Caller(follower.port)
        #expect(try hasty.ask("PUT", "/kv/before", [1]).status == 201)
        kill(cluster.nodes[place].process, SIGSTOP)
        try patient.send("PUT /kv/a?timeout=20s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")
        let lost = try hasty.ask("PUT", "/kv/b?timeout=50ms", [2])
        #expect(lost.status == 504 && lost.text.contains("\"outcome\":\"unknown\""))
        #expect(try hasty.ask("GET", "/cluster/members?timeout=50ms").status == 200)
        #expect(patient.statusSoFar() == nil)
        // The leader's answers to those two come before the one to this.
        try hasty.send("PUT /kv/c?timeout=20s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n3")
        kill(cluster.nodes[place].process, SIGCONT)
        let first = try patient.response()
        #expect(first.status == 201 && first.text.contains("\"key\":\"a\""))
        let second = try hasty.response()
        #expect(second.status == 201 && second.text.contains("\"key\":\"c\""))
        #expect(try hasty.ask("GET", "/kv/a").text == "1")
    }

    @Test("what has not left the follower when its time is over is never applied, and the client is told so")
    func takenBack() throws {
        let cluster = try ThreeNodes(["--redirect", "no"], electionTimeout: 3_000)
        let place = try cluster.leader()
        let follower = cluster.nodes[(place + 1) % 3]
        #expect(try Caller(follower.port).ask("PUT", "/kv/before", [1]).status == 201)
        kill(cluster.nodes[place].process, SIGSTOP)
        // More than the kernel takes for a process that stands still.
        let value = [UInt8](repeating: 7, count: 1 << 20)
        let callers = try (0..<16).map { number in
            let caller = try Caller(follower.port)
            try caller.send(
                "PUT /kv/w\(number)?timeout=300ms HTTP/1.1\r\nHost: a\r\n"
                    + "Content-Length: \(value.count)\r\n\r\n")
            try caller.send(value)
            return caller
        }
        let answers = try callers.map { try $0.response() }
        kill(cluster.nodes[place].process, SIGCONT)
        let unsent = answers.indices.filter { answers[$0].status != 504 }
        #expect(unsent.contains { answers[$0].status == 503 })
        for number in unsent where answers[number].status != 429 {
            #expect(answers[number].text.contains("leader_unreachable"))
        }
        // Behind all that is on its way.
        try until { try Caller(follower.port).ask("PUT", "/kv/before", [2]).status == 200 }
        let reader = try Caller(follower.port)
        for number in unsent { #expect(try reader.ask("GET", "/kv/w\(number)").status == 404) }
    }

    @Test("a lease whose keys take more than any transaction's answer comes through a follower")
    func largeLease() throws {
        let cluster = try ThreeNodes(["--redirect", "no"], electionTimeout: 4_000)
        let (_, follower) = try cluster.leaderAndFollower()
        let caller = try Caller(follower.port)
        let wish = Array(#"{"ttl":"1h","id":"77"}"#.utf8)
        #expect(try caller.ask("POST", "/leases", wish).status == 201)
        // JSON has six bytes for each of theirs.
        let tail = String(repeating: "\\u0001", count: 1_020)
        let keys = (1_000..<4_000).map { "\"\($0)\(tail)\"" }
        for first in stride(from: 0, to: keys.count, by: 600) {
            let puts = keys[first..<first + 600].map {
                #"{"put":{"key":\#($0),"value":"","lease":"77"}}"#
            }
            let body = Array(#"{"then":[\#(puts.joined(separator: ","))]}"#.utf8)
            #expect(try caller.ask("POST", "/txn?timeout=30s", body).status == 200)
        }
        let list = Array("\"keys\":[\(keys.joined(separator: ","))]}\n".utf8)
        #expect(list.count > (16 << 20) + (64 << 10))
        for (method, target) in [("GET", "/leases/77"), ("POST", "/leases/77/keepalive")] {
            let answer = try caller.ask(method, "\(target)?timeout=30s")
            let isWhole = answer.content.suffix(list.count).elementsEqual(list)
            #expect(answer.status == 200 && isWhole)
        }
        #expect(try caller.ask("PUT", "/kv/after", [1]).status == 201)
    }
}

extension Response {
    func field(_ name: String) -> String? {
        head.split(separator: "\r\n").first { $0.hasPrefix("\(name): ") }.map {
            String($0.dropFirst(name.count + 2))
        }
    }
}

extension String {
    /// How often a part stands in it.
    func components(_ part: String) -> Int {
        split(separator: part, omittingEmptySubsequences: false).count - 1
    }
}
