// Leases, keys that end and idempotency keys over real sockets: through any node, across a change of leader.
import Glibc
import Network
import Testing

@Suite struct LeaseTests {
    let cluster: ThreeNodes
    let leader: OneNode
    let follower: OneNode
    init() throws {
        cluster = try ThreeNodes()
        (leader, follower) = try cluster.leaderAndFollower()
    }

    private static func grant(_ caller: Caller, _ text: String, _ fields: String = "") throws -> Response {
        try caller.ask("POST", "/leases?redirect=no", Array(text.utf8), fields)
    }

    /// Waits for an answer of that status: how many seconds after `start` it came.
    private static func wait(
        for status: Int, _ caller: Caller, _ target: String, since start: UInt64
    ) throws -> Double {
        try until { try caller.ask("GET", target).status == status }
        return Double(monotonicNanoseconds() - start) / 1e9
    }

    /// What a lease says of itself, with any whole number of seconds left up to `most`.
    private static func says(_ text: String, _ keys: String, most: Int) -> Bool {
        (1...most).contains {
            text == #"{"id":"77","ttl":3.5,"remaining":\#($0),"keys":[\#(keys)]}"# + "\n"
        }
    }

    @Test("a lease holds its keys while it is kept alive, and no longer; a follower asks or redirects")
    func life() throws {
        let caller = try Caller(follower.port)
        #expect(try caller.ask("POST", "/leases", Array(#"{"ttl":1}"#.utf8)).status == 307)
        let granted = try Self.grant(caller, #"{"ttl":"3500ms","id":"77"}"#)
        #expect(granted.status == 201 && granted.has("Location: /leases/77"))
        #expect(Self.says(granted.text, "", most: 4), "\(granted.text)")
        #expect(try Self.grant(caller, #"{"ttl":1,"id":"77"}"#).status == 409)
        #expect(try caller.ask("PUT", "/kv/a?lease=77&redirect=no", [1]).status == 201)
        #expect(try caller.ask("PUT", "/kv/b?lease=77&redirect=no", [1]).status == 201)
        #expect(try caller.ask("PUT", "/kv/c?lease=78&redirect=no", [1]).status == 409)
        #expect(try caller.ask("GET", "/kv/a?consistency=local&min-revision=3").has("Rast-Lease: 77"))
        var start = monotonicNanoseconds()
        for _ in 0..<8 {
            usleep(500_000)
            start = monotonicNanoseconds()
            let kept = try caller.ask("POST", "/leases/77/keepalive?redirect=no")
            #expect(kept.status == 200)
            #expect(Self.says(kept.text, #""a","b""#, most: 4), "\(kept.text)")
        }
        let seconds = try Self.wait(for: 404, try Caller(leader.port), "/leases/77", since: start)
        #expect(seconds >= 3.5 && seconds < 10)
        let gone = try caller.ask("GET", "/kv?redirect=no")
        #expect(gone.text.contains(#"{"revision":4,"count":0,"#), "both went at one revision")
        #expect(try caller.ask("POST", "/leases/77/keepalive?redirect=no").status == 404)
        #expect(try caller.ask("DELETE", "/leases/77?redirect=no").status == 404)
        for (method, id) in [("GET", "x"), ("DELETE", "x"), ("DELETE", "77"), ("DELETE", "0")] {
            let absent = try caller.ask(method, "/leases/\(id)?redirect=no")
            #expect(absent.status == 404 && absent.has("Rast-Revision: 4"), "\(method) \(id)")
        }
    }

    @Test("a revoked lease takes its keys along; leases are listed in pages")
    func revoked() throws {
        let caller = try Caller(follower.port)
        for _ in 0..<5 { #expect(try Self.grant(caller, #"{"ttl":"1h"}"#).status == 201) }
        let first = try caller.ask("GET", "/leases?limit=3&redirect=no").text
        let next = try #require(first.split(separator: "\"next\":\"").last?.split(separator: "\"").first)
        let second = try caller.ask("GET", "/leases?limit=3&cursor=\(next)&redirect=no").text
        let ids = (first + second).split(separator: "\"id\":\"").dropFirst()
            .compactMap { $0.split(separator: "\"").first }
        #expect(ids.count == 5 && Set(ids).count == 5 && !second.contains("next"))
        let id = try #require(ids.first)
        #expect(try caller.ask("PUT", "/kv/a?lease=\(id)&redirect=no", [1]).status == 201)
        #expect(
            try caller.ask("DELETE", "/leases/\(id)?redirect=no").text
                == #"{"id":"\#(id)","deleted":1,"revision":3}"# + "\n")
        #expect(try caller.ask("GET", "/kv/a?redirect=no").status == 404)
        #expect(try Caller(leader.port).ask("GET", "/status").text.contains(#""leases":4"#))
        #expect(try Caller(leader.port).ask("GET", "/metrics").text.contains("\nrast_leases 4\n"))
    }

    @Test("a key with a time to live goes soon after it, and never before")
    func ttl() throws {
        let caller = try Caller(leader.port)
        let start = monotonicNanoseconds()
        let puts = (1..<50).map { #"{"put":{"key":"t\#($0)","value":"1","ttl":"3s"}}"# }
        let body = Array(#"{"then":[\#(puts.joined(separator: ","))]}"#.utf8)
        #expect(try caller.ask("POST", "/txn", body).status == 200)
        #expect(try caller.ask("PUT", "/kv/t0?ttl=3s", [1]).status == 201)
        let put = monotonicNanoseconds()
        let head = try caller.ask("GET", "/kv/t0").head
        #expect((1...3).contains { head.contains("Rast-TTL: \($0)\r\n") }, "\(head)")
        let json = try caller.ask("GET", "/kv/t0?format=json").text
        #expect((1...3).contains { json.contains(#""ttl":\#($0)}"#) }, "\(json)")
        // On every node, whether it leads or not.
        #expect(try caller.ask("PUT", "/kv/later?ttl=100s", [1]).status == 201)
        let revision = try caller.ask("GET", "/status").text.split(separator: "\"revision\":").last
        let least = try #require(revision?.prefix { $0.isNumber })
        for node in cluster.nodes {
            let read = try Caller(node.port)
                .ask("GET", "/kv/later?consistency=local&min-revision=\(least)").head
            let left = try #require(
                read.split(separator: "Rast-TTL: ").last.flatMap { Int($0.prefix { $0.isNumber }) })
            #expect((90...100).contains(left), "\(left) s left on node at \(node.port)")
        }
        // A later write without one takes it away.
        #expect(try caller.ask("PUT", "/kv/t1", [2]).status == 200)
        #expect(try Self.wait(for: 404, caller, "/kv/t49", since: start) >= 3)
        #expect(try Self.wait(for: 404, caller, "/kv/t0", since: put) < 8)
        #expect(try caller.ask("GET", "/kv/t1").status == 200)
    }

    @Test("a change of leader ends no lease early: it begins its time anew")
    func changeOfLeader() throws {
        let caller = try Caller(follower.port)
        #expect(try Self.grant(caller, #"{"ttl":"4s","id":"5"}"#).status == 201)
        #expect(try caller.ask("PUT", "/kv/held?lease=5&redirect=no", [1]).status == 201)
        usleep(1_500_000)
        let start = monotonicNanoseconds()
        let moved = try caller.ask("POST", "/cluster/leader?redirect=no")
        #expect(moved.status == 200)
        let place = try cluster.leader()
        let next = try Caller(cluster.nodes[place].port)
        let seconds = try Self.wait(for: 404, next, "/leases/5?redirect=no", since: start)
        #expect(seconds >= 4 && seconds < 12)
        #expect(try next.ask("GET", "/kv/held?redirect=no").status == 404)
    }

    @Test("a write that is sent again takes effect once, whoever is asked, also after a change of leader")
    func once() throws {
        let key = "Idempotency-Key: \"K 1\"\r\n"
        let first = try Caller(leader.port).ask("PUT", "/kv/a", [1], key)
        #expect(first.status == 201 && !first.head.contains("Replayed"))
        _ = try Caller(leader.port).ask("PUT", "/kv/a", [2])
        #expect(try Caller(leader.port).ask("POST", "/cluster/leader").status == 200)
        _ = try cluster.leader()
        for node in cluster.nodes {
            let again = try Caller(node.port).ask("PUT", "/kv/a?redirect=no&timeout=3s", [1], key)
            #expect(again.status == 201 && again.text == first.text)
            #expect(again.has("Idempotency-Replayed: true") && again.has("ETag: \"2\""))
            let other = try Caller(node.port).ask("PUT", "/kv/a?redirect=no", [3], key)
            #expect(other.status == 422 && other.text.contains("\"idempotency_key_reused\""))
            let lease = try Self.grant(try Caller(node.port), #"{"ttl":60}"#, "Idempotency-Key: L\r\n")
            #expect(lease.status == 201)
        }
        let caller = try Caller(leader.port)
        #expect(try caller.ask("GET", "/kv/a?redirect=no&format=json").text.contains(#""version":2}"#))
        #expect(try caller.ask("GET", "/leases?redirect=no").text.contains(#""count":1,"#))
        let deleted = try caller.ask("DELETE", "/kv/a?redirect=no", nil, "Idempotency-Key: D\r\n")
        #expect(deleted.text == #"{"key":"a","deleted":1,"revision":4}"# + "\n")
        let again = try caller.ask("DELETE", "/kv/a?redirect=no", nil, "Idempotency-Key: D\r\n")
        #expect(again.text == deleted.text)
        let failed = try caller.ask(
            "PUT", "/kv/a?redirect=no", [1], "Idempotency-Key: F\r\nIf-Match: *\r\n")
        #expect(failed.status == 412)
        _ = try caller.ask("PUT", "/kv/a?redirect=no", [1])
        let still = try caller.ask(
            "PUT", "/kv/a?redirect=no", [1], "Idempotency-Key: F\r\nIf-Match: *\r\n")
        #expect(still.status == 412 && still.has("Idempotency-Replayed: true"))
    }

    @Test("many at once with one key: one of them takes effect, and all are told the same")
    func together() async throws {
        let ports = cluster.nodes.map(\.port)
        let answers = try await withThrowingTaskGroup(of: String.self) { group in
            for place in 0..<24 {
                group.addTask {
                    let caller = try Caller(ports[place % 3])
                    return try caller.ask(
                        "POST", "/txn?redirect=no",
                        Array(#"{"then":[{"put":{"key":"n","value":"1"}}]}"#.utf8),
                        "Idempotency-Key: same\r\n"
                    ).text
                }
            }
            var answers: Set<String> = []
            for try await answer in group { answers.insert(answer) }
            return answers
        }
        #expect(answers.count == 1)
        let read = try Caller(leader.port).ask("GET", "/kv/n?format=json&redirect=no")
        #expect(read.text.contains(#""version":1}"#))
    }
}
