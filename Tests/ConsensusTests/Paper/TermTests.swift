// The paper's §5.1, sentence by sentence: terms, and who has the say in them.
import Consensus
import Testing

@Suite("Paper §5.1")
struct TermTests {
    @Test("If a client contacts a follower, the follower tells it who the leader is")
    func redirects() throws {
        var play = try Play("nodes 3", "leader 1")
        #expect(try play("propose 2 \"x\"") == ["2  refused: 1 leads"])
        #expect(try play("read 2") == ["2  unreadable r1"])
    }

    @Test("Terms are numbered with consecutive integers")
    func consecutive() throws {
        var play = try Play("nodes 3", "leader 1")
        for expected in 2...5 as ClosedRange<UInt64> {
            let next = 2 - expected % 2
            try play("transfer \(3 - next)→\(next)", "settle")
            #expect(play[next].term == Term(expected))
        }
    }

    @Test("There is at most one leader in a given term")
    func oneLeader() throws {
        // Both stand at once: each has its own vote, and the third decides.
        var play = try Play("nodes 3", "timeout 1", "timeout 1", "timeout 2", "timeout 2")
        try play("deliver", "deliver", "persisted 1", "persisted 2", "settle")
        #expect([1, 2, 3].count { play[$0].role == .leader } == 1)
        #expect(play.problems == [])
    }

    @Test(
        "In a split vote the term ends with no leader, and another begins"
    )
    func splitVote() throws {
        var play = try Play("voters 1 2 3 4", "quietly timeout 1", "timeout 1", "timeout 2", "timeout 2")
        // Each is asked by 1 or by 2 first.
        try play(
            "deliver 1→3", "deliver 1→4", "deliver 2→3", "deliver 2→4", "deliver 3→1", "deliver 4→1",
            "deliver 3→2", "deliver 4→2", "persisted 1", "persisted 2", "deliver 1→3", "deliver 2→4",
            "persisted 3", "persisted 4", "settle")
        #expect((1...4).allSatisfy { play[$0].role != .leader && play[$0].term == Term(1) })
        try play("leader 1")
        #expect(play[1].role == .leader && play[1].term > Term(1))
    }

    @Test("Each server stores a current term number, which increases monotonically over time")
    func monotonic() throws {
        var play = try Play("nodes 3", "start 2 term 7")
        for term in [3, 9, 8, 9, 12, 1] {
            try play("message 1→2 term \(term): heartbeat commit 0 round 1", "settle")
        }
        #expect(play[2].term == Term(12) && play.disk(of: 2).hard.term == Term(12))
    }

    @Test("Current terms are exchanged whenever servers communicate: the smaller is updated to the larger")
    func exchanged() throws {
        for message in [
            "append after 0.0 [] commit 0", "heartbeat commit 0 round 1", "vote last 0.0", "appended 0",
            "rejected 3 hint 0.0", "heard round 1", "voted no", "pre-voted no", "read-index 1",
            "read-indexed 1 at 0", "piece of 1.1 bytes 3 offset 0", "pieced 1.1 next 0",
        ] {
            var play = try Play("nodes 3", "start 2 term 3")
            try play("message 1→2 term 5: \(message)")
            #expect(play[2].term == Term(5), "\(message)")
        }
        // The other way: an answer tells the larger one.
        var play = try Play("nodes 3", "start 2 term 9")
        let said = try play("message 1→2 term 5: append after 0.0 [] commit 0")
        #expect(said == ["2  answer→1 term 9: rejected 0 hint 0.0"])
    }

    @Test("If a candidate or leader discovers that its term is out of date, it reverts to follower")
    func reverts() throws {
        var leader = try Play("nodes 3", "leader 1")
        #expect(try leader("message 2→1 term 4: heard round 1").says("follower in term 4"))
        var candidate = try Play("nodes 3", "timeout 1", "timeout 1", "deliver", "deliver", "persisted 1")
        #expect(candidate[1].role == .candidate)
        #expect(try candidate("message 2→1 term 4: voted no").says("follower in term 4"))
    }

    @Test("If a server receives a request with a stale term number, it rejects the request")
    func stale() throws {
        var play = try Play("nodes 3", "start 2 term 9 log [1.1]")
        try play("tick 2 1ms")
        let cases = [
            ("append after 0.0 [1.1] commit 1", "rejected 0 hint 0.0"), ("vote last 8.9", "voted no"),
            ("pre-vote last 8.9", "pre-voted no"), ("piece of 1.1 bytes 3 offset 0", "pieced 1.1 next 0"),
        ]
        for (request, answer) in cases {
            #expect(try play("message 3→2 term 5: \(request)") == ["2  answer→3 term 9: \(answer)"])
        }
        #expect(play[2].leader == nil && play[2].commit == .zero && play[2].lastLeaderContact == nil)
    }

    @Test("Servers retry requests that are not answered in a timely manner, and send them in parallel")
    func retries() throws {
        var play = try Play("nodes 3", "leader 1", "cut 3")
        try play("propose 1 \"x\"", "settle", "heal")
        #expect(play[3].log.lastIndex == LogIndex(1))
        for _ in 0..<8 { try play("tick 1 100ms", "settle") }
        #expect(play[3].log.lastIndex == LogIndex(2))
        // In parallel: both leave in one turn, before either is answered.
        try play("propose 1 \"y\"")
        #expect(play.count("append") == 2)
    }
}
