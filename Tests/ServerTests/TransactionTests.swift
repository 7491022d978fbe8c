// Transactions and range deletes over real sockets: on the leader, through a follower, by many at once.
import Glibc
import Network
import Testing

@Suite struct TransactionTests {
    let cluster: ThreeNodes
    let leader: OneNode
    let follower: OneNode
    init() throws {
        cluster = try ThreeNodes()
        (leader, follower) = try cluster.leaderAndFollower()
    }

    private static func transact(_ caller: Caller, _ text: String, _ query: String = "") throws -> Response {
        try caller.ask("POST", "/txn\(query)", Array(text.utf8))
    }

    @Test("a transaction is one revision on every node, whoever was asked; a follower redirects or asks")
    func everywhere() throws {
        let caller = try Caller(leader.port)
        let first = try Self.transact(
            caller,
            #"{"if":[{"key":"a","exists":false}],"then":["#
                + #"{"put":{"key":"a","value":"1"}},{"get":{"key":"a"}}]}"#)
        let numbers = #""revision":2,"createdRevision":2,"version":1"#
        #expect(
            first.text == #"{"succeeded":true,"revision":2,"results":[{"put":{"key":"a",\#(numbers)}},"#
                + #"{"get":{"key":"a","value":"1","encoding":"utf-8","#
                + #""contentType":"application/octet-stream",\#(numbers)}}]}"# + "\n")
        #expect(first.status == 200 && first.head.contains("Rast-Revision: 2\r\n"))
        let other = try Caller(follower.port)
        let again =
            #"{"if":[{"key":"a","exists":false}],"else":[{"delete":{"prefix":"a"}},{"get":{"key":"a"}}]}"#
        let redirected = try Self.transact(other, again)
        #expect(redirected.status == 307)
        #expect(redirected.head.contains("Location: http://127.0.0.1:\(leader.port)/txn\r\n"))
        #expect(
            try Self.transact(other, again, "?redirect=no").text
                == #"{"succeeded":false,"revision":3,"results":[{"delete":{"deleted":1}},{"get":null}]}"#
                + "\n")
        let flaw = try Self.transact(other, #"{"then":[{"get":{"key":""}}]}"#, "?redirect=no")
        #expect(flaw.status == 400 && flaw.text.contains("At /then/0/get/key: "))
        for node in cluster.nodes {
            let read = try Caller(node.port).ask("GET", "/kv/a?redirect=no")
            #expect(read.status == 404 && read.has("Rast-Revision: 3"))
        }
    }

    @Test("a range is deleted through any node, and what is not said is not deleted")
    func ranges() throws {
        let caller = try Caller(follower.port)
        for key in ["a/1", "a/2", "b/1", "c"] {
            #expect(try caller.ask("PUT", "/kv/\(key)?redirect=no", [1]).status == 201)
        }
        #expect(try caller.ask("DELETE", "/kv?prefix=a").status == 307)
        let deleted = try caller.ask("DELETE", "/kv?prefix=a%2F&redirect=no")
        #expect(deleted.text == "{\"deleted\":2,\"revision\":6}\n" && deleted.has("Rast-Revision: 6"))
        #expect(
            try caller.ask("DELETE", "/kv?prefix=a%2F&redirect=no").text
                == "{\"deleted\":0,\"revision\":6}\n")
        #expect(try caller.ask("DELETE", "/kv?redirect=no").status == 400)
        #expect(
            try caller.ask("DELETE", "/kv?start=b&end=c&redirect=no").text
                == "{\"deleted\":1,\"revision\":7}\n")
        #expect(try caller.ask("GET", "/kv/c?redirect=no").status == 200)
        #expect(try caller.ask("DELETE", "/kv?all&redirect=no").status == 400)
        #expect(
            try caller.ask("DELETE", "/kv?prefix=&all&redirect=no").text
                == "{\"deleted\":1,\"revision\":8}\n")
    }

    @Test("the largest transactions and answers pass a follower; a larger one is 413 or answer_too_large")
    func sizes() throws {
        let caller = try Caller(follower.port)
        let value = String(repeating: "v", count: 1 << 20)
        // Three values fill most of a body.
        for first in stride(from: 0, to: 15, by: 3) {
            let puts = (first..<first + 3).map { #"{"put":{"key":"k\#($0)","value":"\#(value)"}}"# }
            let body = #"{"then":[\#(puts.joined(separator: ","))]}"#
            let padded = body + String(repeating: " ", count: (4 << 20) - body.utf8.count)
            #expect(try Self.transact(caller, padded, "?redirect=no&timeout=60s").status == 200)
        }
        let list = #"{"then":[{"put":{"key":"w","value":""}},{"list":{"prefix":"k","limit":100}}]}"#
        let listed = try Self.transact(caller, list, "?redirect=no&timeout=60s")
        #expect(listed.status == 200 && listed.text.utf8.count > 15 << 20)
        #expect(listed.text.hasSuffix("\"more\":false}}]}\n"))
        #expect(try caller.ask("PUT", "/kv/k15?redirect=no&timeout=60s", Array(value.utf8)).status == 201)
        let refused = try Self.transact(caller, list, "?redirect=no&timeout=60s")
        #expect(refused.status == 400 && refused.text.contains("\"answer_too_large\""))
        #expect(try caller.ask("GET", "/kv/w?format=json&redirect=no").text.contains("\"version\":1}"))
        let large = try Caller(leader.port).ask(
            "POST", "/txn", [UInt8](repeating: 0x20, count: (4 << 20) + 1))
        #expect(large.status == 413)
    }

    @Test("500 puts under an Idempotency-Key take effect once, and their answer is given again")
    func named() throws {
        let caller = try Caller(follower.port)
        let puts = (0..<500).map { #"{"put":{"key":"n/\#($0)","value":"1","ttl":"1h"}}"# }
        let body = Array(#"{"then":[\#(puts.joined(separator: ",")),{"get":{"key":"n/7"}}]}"#.utf8)
        let name = "Idempotency-Key: five hundred\r\n"
        let first = try caller.ask("POST", "/txn?redirect=no", body, name)
        #expect(first.status == 200 && first.text.contains("\"ttl\":3600}"))
        // Until less is left of the key's life than the first answer said.
        try until { try caller.ask("GET", "/kv/n/7?format=json&redirect=no").text.contains("\"ttl\":359") }
        let again = try Caller(leader.port).ask("POST", "/txn", body, name)
        #expect(again.status == 200 && again.text == first.text && again.has("Idempotency-Replayed: true"))
    }

    @Test("what fails when it is applied names its operation, through a follower too")
    func places() throws {
        let caller = try Caller(follower.port)
        let leaseless = try Self.transact(
            caller, #"{"then":[{"put":{"key":"a","value":""}},{"put":{"key":"b","value":"","lease":"99"}}]}"#,
            "?redirect=no")
        #expect(leaseless.status == 409 && leaseless.text.contains("At /then/1/put/lease: there is no such"))
    }

    @Test("many that add to two counters by comparing lose nothing, and never see one without the other")
    func counters() async throws {
        let ports = cluster.nodes.map(\.port)
        let setup = #"{"then":[{"put":{"key":"x","value":"0"}},{"put":{"key":"y","value":"0"}}]}"#
        #expect(try Self.transact(try Caller(leader.port), setup).status == 200)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for place in 0..<6 { group.addTask { try Self.add(30, at: ports[place % 3]) } }
            try await group.waitForAll()
        }
        for key in ["x", "y"] {
            let read = try Caller(leader.port).ask("GET", "/kv/\(key)?format=json&redirect=no")
            #expect(read.text.contains("\"value\":\"180\"") && read.text.contains("\"version\":181}"))
        }
    }

    /// Adds one so many times to both; after each failure it knows the values of that moment.
    private static func add(_ times: Int, at port: UInt16) throws {
        let caller = try Caller(port)
        var known = 0
        var done = 0
        while done < times {
            let value = #""value":"\#(known + 1)""#
            let puts = #"{"put":{"key":"x",\#(value)}},{"put":{"key":"y",\#(value)}}"#
            let reads = #"{"get":{"key":"x"}},{"get":{"key":"y"}}"#
            let answer = try transact(
                caller, #"{"if":[{"key":"x","value":"\#(known)"}],"then":[\#(puts)],"else":[\#(reads)]}"#,
                "?redirect=no")
            try #require(answer.status == 200)
            if answer.text.contains("\"succeeded\":true") {
                done += 1
                known += 1
                continue
            }
            let numbers = answer.text.split(separator: "\"value\":\"").dropFirst().compactMap {
                Int($0.prefix { $0 != "\"" })
            }
            try #require(numbers.count == 2 && numbers[0] == numbers[1])
            known = numbers[0]
        }
    }
}
