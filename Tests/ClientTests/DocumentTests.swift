// Answers read as trees, and a cluster seen through several of them.
import Client
import Glibc
import Testing

@Suite("Documents")
struct DocumentTests {
    @Test("members, elements, numbers as written, and where each value stands")
    func tree() throws {
        let content = bytes(#" {"a":[1,0.250,-3],"b":{"c":"x\u0041\n"},"d":true,"e":null,"f":false} "#)
        let document = try #require(Document(content))
        #expect(document["a"]?.elements?.map(\.digits) == ["1", "0.250", "-3"])
        #expect(document["a"]?.elements?.map(\.number) == [1, nil, nil])
        #expect(document["b"]?["c"]?.string == "xA\n")
        #expect(document["d"]?.boolean == true && document["f"]?.boolean == false)
        #expect(document["x"] == nil && document["a"]?["b"] == nil)
        let places = ["a": "[1,0.250,-3]", "d": "true", "e": "null", "f": "false"]
        for (name, written) in places {
            let range = try #require(document[name]?.range)
            #expect(text(Array(content[range])) == written)
        }
        let inner = try #require(document["b"]?["c"]?.range)
        #expect(text(Array(content[inner])) == #""x\u0041\n""#)
        #expect(text(Array(content[document.range])).hasSuffix("false}"))
    }

    @Test(
        "what is not one JSON value is none",
        arguments: ["", "{", "{}x", "[1,]", "nul", "{\"a\":}", String(repeating: "[", count: 5_000)])
    func malformed(content: String) { #expect(Document(bytes(content)) == nil) }

    @Test("base64 is decoded only where it is strict")
    func base64() {
        #expect(Document(bytes("\"AP8=\""))?.base64 == [0, 255])
        #expect(Document(bytes("\"AP8\""))?.base64 == nil)
        #expect(Document(bytes("\"A\\\"==\""))?.base64 == nil)
    }

    private static func status(
        _ id: Int, _ role: String, term: Int, members: [(id: Int, url: String)], leader: Bool
    ) -> StandIn.Answer {
        let list = members.map { member in
            let more =
                leader
                ? ",\"healthy\":\(member.id != 3),\"full\":\(member.id == 1),\"lag\":\(member.id),"
                    + "\"rttMs\":0.\(member.id)" : ""
            return "{\"id\":\(member.id),\"url\":\"\(member.url)\",\"role\":\"voter\"\(more)}"
        }.joined(separator: ",")
        return StandIn.answer(
            "200 OK",
            """
            {"node":{"id":\(id),"url":"x","role":"\(role)","condition":"\(id == 1 ? "disk_full" : "whole")"},\
            "cluster":{"term":\(term)},\
            "raft":{"commitIndex":7,"appliedIndex":6},"store":{"revision":5,"keys":4},"members":[\(list)]}
            """)
    }

    @Test("a view: members that a node names are asked too; the leader's word stands; who is silent says why")
    func view() throws {
        let (hold, deadPort) = try StandIn.refusingPort()
        defer { close(hold) }
        let (one, two) = (try StandIn(), try StandIn())
        defer {
            one.stop()
            two.stop()
        }
        let members = [(1, one.url), (2, two.url), (3, "http://127.0.0.1:\(deadPort)")]
        one.play([Self.status(1, "follower", term: 4, members: members, leader: false)])
        two.play([Self.status(2, "leader", term: 4, members: members, leader: true)])
        let view = ClusterView(of: [try Endpoint(one.url)], timeoutNanoseconds: 20_000_000_000)
        #expect(view.rows.map(\.id) == [1, 2, 3])
        #expect(view.rows.map(\.url) == members.map(\.1))
        #expect(view.rows.map { $0.status?.role } == ["follower", "leader", nil])
        #expect(view.leader?.id == 2)
        #expect(view.rows.map { $0.member?.isHealthy } == [true, true, false])
        #expect(view.rows.map { $0.member?.isFull } == [true, false, false])
        #expect(view.rows.map { $0.status?.condition } == ["disk_full", "whole", nil])
        #expect(view.rows.map { $0.member?.lag } == [1, 2, 3])
        #expect(view.rows.map { $0.member?.roundTrip } == ["0.1", "0.2", "0.3"])
        #expect(view.rows[2].trouble == "Connection refused")
        #expect(view.rows[0].status?.appliedIndex == 6)
        #expect(one.requests.count == 1 && two.requests.count == 1)
    }

    @Test("a view: of two that say they lead, the one of the later term does")
    func staleLeader() throws {
        let (one, two) = (try StandIn(), try StandIn())
        defer {
            one.stop()
            two.stop()
        }
        let members = [(1, one.url), (2, two.url)]
        one.play([Self.status(1, "leader", term: 4, members: members, leader: true)])
        two.play([Self.status(2, "leader", term: 5, members: members, leader: true)])
        let view = ClusterView(of: [try Endpoint(one.url)], timeoutNanoseconds: 20_000_000_000)
        #expect(view.leader?.id == 2)
    }

    @Test("a view of nobody: a row for each endpoint, without an id")
    func nobody() throws {
        let (hold, port) = try StandIn.refusingPort()
        defer { close(hold) }
        try withStandIn(StandIn.answer("200 OK", "{}")) { other in
            let view = ClusterView(
                of: [try Endpoint("http://127.0.0.1:\(port)"), try Endpoint(other.url)],
                timeoutNanoseconds: 20_000_000_000)
            #expect(view.rows.map(\.id) == [nil, nil] && view.leader == nil)
            #expect(
                view.rows.compactMap(\.trouble) == ["Connection refused", "its answer is no status of rast"])
        }
    }
}
