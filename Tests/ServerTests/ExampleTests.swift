// Every example of openapi.yaml: each request is sent as it stands there, and each answer is what it says.
import Foundation
import Glibc
import Testing

@Suite struct ExampleTests {
    /// What cannot be brought about at will in a test of seconds.
    private static let unprovoked: Set = [
        // Ten thousand proposals under way.
        "getKey 429 application/problem+json",
        // An answer within the milliseconds between a signal and the end.
        "getKey 503 application/problem+json stopping",
        // A hand-over that meets another, one that hangs, a disk that fails in the middle of a snapshot.
        "transferLeadership 409 application/problem+json",
        "transferLeadership 504 application/problem+json",
        "snapshot 507 application/problem+json",
    ]

    @Test("every example is sent, and answered as openapi.yaml says; and nothing lacks one")
    func examples() throws {
        let cluster = try ThreeNodes(electionTimeout: 3_000)
        let callers = try cluster.nodes.map { try Caller($0.port) }
        let contract = try Contract(try callers[0].ask("GET", "/openapi.yaml").text)
        #expect(try contract.lacking.isEmpty)
        // The story is told by node 1.
        if try cluster.leader() != 0 {
            let json = "Content-Type: application/json\r\n"
            _ = try callers[0].ask("POST", "/cluster/leader?redirect=no", Array("{\"id\":1}".utf8), json)
            try until { try cluster.leader() == 0 }
        }
        let play = Play(contract: contract, caller: callers[0])
        try keys(play)
        try lists(play)
        try transactions(play)
        try refusals(play, port: cluster.nodes[0].port)
        try leases(play)
        try node(play)
        try watches(play, port: cluster.nodes[0].port)
        try alone(contract)
        try losses(contract, cluster, callers)
        #expect(try Set(contract.unused) == Self.unprovoked)
    }

    /// Revisions 2 to 9: what a key is answered with.
    private func keys(_ play: Play) throws {
        try play.ask(
            "putKey", at: ["key": "@path", "ttl": "@"], with: .example("application/json", "setting"),
            gives: 201)
        try play.ask("deleteKeys", at: ["prefix": "@"], gives: 200)
        let text = Content.example("text/plain", "greeting")
        try play.ask(
            "putKey", at: ["key": "@word", "If-None-Match": "@absent"], with: text, gives: 201, like: "")
        try play.ask("putKey", at: ["key": "app/a"], with: .bytes("text/plain", Array("1".utf8)), gives: 201)
        let octets = Content.example("application/octet-stream")
        try play.ask("putKey", at: ["key": "app/b", "timeout": "@"], with: octets, gives: 201)
        // Twice, and it takes effect once.
        try play.ask(
            "putKey", at: ["key": "greeting", "Idempotency-Key": "@"], with: text, gives: 200, like: "")
        let again = try play.ask(
            "putKey", at: ["key": "greeting", "Idempotency-Key": "@"], with: text, gives: 200, like: "")
        #expect(again.has("Idempotency-Replayed: true"))
        let other = Content.bytes("text/plain", [0x61])
        try play.ask(
            "putKey", at: ["key": "greeting", "Idempotency-Key": "@"], with: other, gives: 422, like: "reused"
        )
        try play.ask(
            "putKey", at: ["key": "greeting", "If-None-Match": "@absent"], with: text, gives: 412, like: "")

        try play.ask("getKey", at: ["key": "@word"], gives: 200, like: "raw", type: "*/*")
        try play.ask("getKey", at: ["key": "@word", "format": "json"], gives: 200, like: "text")
        try play.ask("getKey", at: ["key": "@word", "If-None-Match": "@revision"], gives: 304)
        try play.ask(
            "getKey", at: ["key": "@word", "wait": "@", "timeout": "@"], gives: 200, like: "raw", type: "*/*")
        try play.ask("deleteKey", at: ["key": "@word", "If-Match": "@revision"], gives: 200, like: "deleted")
        try play.ask("deleteKey", at: ["key": "@word"], gives: 200, like: "absent")
        try play.ask("getKey", at: ["key": "@word"], gives: 404, like: "")
        let two = Content.bytes("text/plain", Array("2".utf8))
        try play.ask("putKey", at: ["key": "app/b", "If-Match": "@present"], with: two, gives: 200)
    }

    /// At revision 9.
    private func lists(_ play: Play) throws {
        try play.ask("listKeys", at: ["prefix": "@", "Accept-Encoding": "@"], gives: 200, like: "whole")
        try play.ask("listKeys", at: ["prefix": "@", "keys": "", "limit": "1"], gives: 200, like: "keys")
        try play.ask("listKeys", at: ["delimiter": "@"], gives: 200, like: "folded")
        try play.stream("listKeys", ["prefix": "app/a"], accept: "application/x-ndjson")
    }

    /// Revisions 10 to 15.
    private func transactions(_ play: Play) throws {
        let logo = Content.bytes("image/x-tiny", [0xFF, 0x00, 0xFF])
        try play.ask("putKey", at: ["key": "logo"], with: logo, gives: 201)
        try play.ask("getKey", at: ["key": "logo", "format": "json"], gives: 200, like: "bytes")
        try play.ask("transaction", with: .example("application/json", "swap"), gives: 200, like: "then")
        try play.ask("transaction", with: .example("application/json", "swap"), gives: 200, like: "else")
        try play.ask("deleteKeys", at: ["prefix": "app/"], gives: 200, like: "deleted")
        try play.ask("deleteKeys", at: ["prefix": "app/"], gives: 200, like: "none")
        for key in ["todo/7", "count"] {
            try play.ask("putKey", at: ["key": key], with: .bytes("text/plain", [0x31]), gives: 201)
        }
        try play.ask("transaction", with: .example("application/json", "move"), gives: 200, like: "moved")
        for part in 0..<11 {
            let puts = (0..<1_000).map { "{\"put\":{\"key\":\"many/\(part)/\($0)\",\"value\":\"\"}}" }
            let body = Array("{\"then\":[\(puts.joined(separator: ","))]}".utf8)
            try play.ask("transaction", with: .bytes("application/json", body), gives: 200)
        }
        try play.ask("deleteKeys", at: ["prefix": "many/"], gives: 422, like: "tooMany")
    }

    /// What is wrong with a request.
    private func refusals(_ play: Play, port: UInt16) throws {
        try play.ask("getKey", at: ["key": "a"], gives: 400, like: "", query: "tll=1")
        try play.ask("getKey", at: ["key": "a"], gives: 403, like: "", fields: "Origin: http://elsewhere\r\n")
        try play.ask("status", gives: 405, like: "", method: "POST")
        try play.ask("addMember", gives: 501, like: "")
        let text = Content.bytes("text/plain", [0x61])
        try play.ask(
            "putKey", at: ["key": "a"], with: text, gives: 415, like: "", fields: "Content-Encoding: gzip\r\n"
        )
        try play.ask("putKey", at: ["key": "a", "lease": "99"], with: text, gives: 409, like: "")
        try play.ask("putKey", at: ["key": "a"], gives: 411, like: "")
        // Nothing can follow on these connections.
        let large = Play(contract: play.contract, caller: try Caller(port))
        try large.ask("putKey", at: ["key": "a"], gives: 413, like: "", fields: "Content-Length: 1048577\r\n")
        let expecting = Play(contract: play.contract, caller: try Caller(port))
        try expecting.ask(
            "putKey", at: ["key": "a"], with: text, gives: 417, like: "", fields: "Expect: a-miracle\r\n")
    }

    private func leases(_ play: Play) throws {
        let own: Set = ["id", "revision"]
        let granted = try play.ask(
            "grantLease", with: .example("application/json", "any"), gives: 201, like: "", masked: own)
        try play.ask("listLeases", gives: 200, like: "", masked: own)
        let id = try #require(granted.field("Location")?.split(separator: "/").last.map(String.init))
        try play.ask("revokeLease", at: ["id": id], gives: 200)
        try play.ask("grantLease", with: .example("application/json", "chosen"), gives: 201)
        try play.ask("grantLease", with: .example("application/json", "chosen"), gives: 409, like: "")
        try play.ask(
            "putKey", at: ["key": "owner", "lease": "7"], with: .bytes("text/plain", Array("bob".utf8)),
            gives: 200)
        try play.ask("getLease", at: ["id": "7"], gives: 200, like: "", masked: own)
        try play.ask("keepLease", at: ["id": "7"], gives: 200, like: "", masked: own)
        try play.ask("revokeLease", at: ["id": "7"], gives: 200, like: "", masked: own)
        try play.ask("getLease", at: ["id": "7"], gives: 404, like: "")
    }

    /// What a node says of itself.
    private func node(_ play: Play) throws {
        for probe in ["livez", "healthz"] { try play.ask(probe, gives: 200, like: "", type: "text/plain") }
        try play.ask("readyz", gives: 200, like: "plain", type: "text/plain")
        try play.ask("readyz", at: ["verbose": ""], gives: 200, like: "verbose", type: "text/plain")
        try play.ask("metrics", gives: 200, like: "", type: "text/plain")
        try play.ask("openapi", gives: 200, like: "", type: "application/yaml")
        try play.ask("dashboard", gives: 200, like: "", type: "text/html")
        try play.ask("listMembers", gives: 200, like: "")
        try play.ask("snapshot", gives: 200, like: "", masked: ["bytes"])
        let leader = Content.bytes("application/json", Array("{\"id\":9}".utf8))
        try play.ask("transferLeadership", with: leader, gives: 404, like: "")
    }

    private func watches(_ play: Play, port: UInt16) throws {
        let watcher = Play(contract: play.contract, caller: try Caller(port))
        try watcher.events(["prefix": "@", "since": "8"], accept: "text/event-stream")
        let lines = Play(contract: play.contract, caller: try Caller(port))
        try lines.events(["key": "owner", "since": "10"], accept: "application/x-ndjson", skipping: 1)
    }

    /// A cluster of one, which keeps one event, and one whose disk is full from the beginning.
    private func alone(_ contract: Contract) throws {
        let node = try OneNode(["--history-events", "1"])
        let play = Play(contract: contract, caller: try Caller(node.port))
        try play.ask(
            "peerCall", at: ["call": "hello"], with: .example("application/json", "hello"), gives: 200,
            like: "hello")
        try play.ask(
            "peerCall", at: ["call": "vote"], with: .example("application/x-ndjson", "vote"), gives: 409,
            like: "")
        for _ in 0..<3 { _ = try play.caller.ask("PUT", "/kv/a", [0x61]) }
        try play.ask("watch", at: ["since": "1", "timeout": "1s"], gives: 410, like: "", masked: ["oldest"])
        // More than any disk has.
        let full = try OneNode(["--disk-reserve", "1099511627776"])
        let writer = Play(contract: contract, caller: try Caller(full.port))
        try until { try writer.caller.ask("PUT", "/kv/a", [0x61]).status == 507 }
        try writer.ask("putKey", at: ["key": "a"], with: .bytes("text/plain", [0x61]), gives: 507, like: "")
    }

    /// What is answered by those who do not lead, and by one whom the others have left.
    private func losses(_ contract: Contract, _ cluster: ThreeNodes, _ callers: [Caller]) throws {
        let (first, second) = (
            Play(contract: contract, caller: callers[0]), Play(contract: contract, caller: callers[1])
        )
        _ = cluster.nodes[2].end(SIGKILL)
        try until { try callers[0].ask("GET", "/status").text.contains("\"healthy\":false") }
        let own: Set = ["id", "revision", "keys", "bytes", "leases", "watchers", "snapshotBytes"]
        try first.ask("status", gives: 200, like: "", masked: own)
        try first.ask("transferLeadership", with: .example("application/json"), gives: 200, like: "")
        try until { try callers[1].ask("GET", "/status").text.contains("\"role\":\"leader\"") }
        try first.ask("getKey", at: ["key": "a"], gives: 307, like: "")
        _ = cluster.nodes[0].end(SIGKILL)
        // It leads until it has missed the others for an election timeout.
        try second.ask("getKey", at: ["key": "a", "timeout": "50ms"], gives: 504, like: "")
        let text = Content.bytes("text/plain", [0x61])
        try second.ask("putKey", at: ["key": "a", "timeout": "50ms"], with: text, gives: 504, like: "")
        try until { try callers[1].ask("GET", "/kv/a").text.contains("no_quorum") }
        try second.ask("putKey", at: ["key": "a"], with: text, gives: 503, like: "noQuorum")
        try second.ask("readyz", gives: 503, like: "")
    }
}
