// The thesis's §9.6, §4.2.3 and §6.2, sentence by sentence: nobody disturbs a leader that works.
import Consensus
import Testing

@Suite("Thesis §9.6")
struct PreVoteTests {
    @Test("A candidate increments its term only after a majority has said that it would vote for it")
    func onlyAfter() throws {
        var play = try Play("nodes 5", "timeout 1", "timeout 1", "drop", "message 2→1 term 1: pre-voted yes")
        #expect(play[1].term == .zero && play[1].role == .preCandidate)
        #expect(try play("message 3→1 term 1: pre-voted yes").says("persist vote term 1 for 1"))
    }

    @Test("They would if its log is sufficiently up-to-date")
    func upToDate() throws {
        var play = try Play("nodes 3", "start 2 term 3 log [1.1 3.2]")
        try play("tick 2 1ms")
        for (last, word) in [("3.1", "no"), ("2.9", "no"), ("3.2", "yes"), ("4.1", "yes")] {
            let said = try play("message 1→2 term 5: pre-vote last \(last)")
            #expect(said == ["2  answer→1 term \(word == "yes" ? 5 : 3): pre-voted \(word)"])
        }
        #expect(play[2].hard == HardState(term: Term(3), vote: nil, count: 1), "it changes nothing")
    }

    @Test("and if they have not heard a valid leader for a baseline election timeout")
    func notSticky() throws {
        var play = try Play("nodes 3", "leader 1", "message 1→2 term 1: heartbeat commit 1 round 9", "drop")
        try play("tick 2 499ms")
        #expect(try play("message 3→2 term 2: pre-vote last 9.9").says("pre-voted no"))
        try play("tick 2 1ms")
        #expect(try play("message 3→2 term 2: pre-vote last 9.9").says("pre-voted yes"))
        // The leader hears itself.
        #expect(try play("message 3→1 term 2: pre-vote last 9.9").says("pre-voted no"))
    }

    @Test("A partitioned server cannot increment its term")
    func partitioned() throws {
        var play = try Play("nodes 3", "leader 1", "cut 3")
        for _ in 0..<50 { try play("timeout 3", "settle") }
        #expect(play[3].term == Term(1) && play[3].role == .preCandidate)
    }

    @Test("When it rejoins it still cannot, as the others hear their leader")
    func rejoins() throws {
        var play = try Play("nodes 3", "leader 1", "cut 3", "timeout 3", "timeout 3", "heal")
        try play("tick 1 100ms", "deliver 1→2", "timeout 3", "deliver 3→2", "deliver 3→1", "deliver 2→3")
        #expect(play[1].role == .leader && play[3].term == Term(1))
    }

    @Test("Once it receives a heartbeat of the leader it is a follower again, in the same term")
    func followsAgain() throws {
        var play = try Play("nodes 3", "leader 1", "cut 3", "timeout 3", "timeout 3", "heal")
        try play("tick 1 100ms", "deliver 1→3 heartbeat")
        #expect(play[3].role == .follower && play[3].leader == NodeID(1) && play[3].term == Term(1))
    }

    @Test("Who asks learns of a newer term from those who refuse, and joins it")
    func learnsTerm() throws {
        var play = try Play("nodes 3", "start 2 term 9 log [1.1]", "timeout 1", "timeout 1", "deliver 1→2")
        #expect(try play("deliver 2→1").says("follower in term 9"))
    }
}

@Suite("Thesis §4.2.3, §6.2, §3.10")
struct DisturbanceTests {
    @Test(
        "§4.2.3 A vote asked for within a timeout of hearing a leader is not given, nor is the term raised"
    )
    func votesAreSticky() throws {
        var play = try Play("nodes 3", "leader 1", "message 1→2 term 1: heartbeat commit 1 round 9", "drop")
        #expect(try play("message 3→2 term 7: vote last 9.9") == ["2  answer→3 term 1: voted no"])
        #expect(try play("message 3→1 term 7: vote last 9.9") == ["1  answer→3 term 1: voted no"])
        #expect(play[1].role == .leader && play[2].leader == NodeID(1))
    }

    @Test("§4.2.3 unless the leader itself has asked for that election")
    func permission() throws {
        var play = try Play("nodes 3", "leader 1")
        let said = try play("message 3→2 term 2: vote last 9.9 transfer", "persisted 2")
        #expect(said.last == "2  answer→3 term 2: voted yes")
    }

    @Test("§6.2 A leader steps down if an election timeout passes without a round answered by a majority")
    func checkQuorum() throws {
        var play = try Play("nodes 5", "leader 1", "cut 3 4 5")
        for _ in 0..<4 {
            try play("tick 1 100ms", "settle")
            #expect(play[1].role == .leader)
        }
        for _ in 0..<3 { try play("tick 1 100ms", "settle") }
        #expect(play[1].role == .follower && play[1].term == Term(1))
    }

    @Test("§3.10 Leadership transfer: no new requests, then the target catches up, then it stands at once")
    func transfer() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"x\"", "persisted 1", "drop 1→3")
        try play("deliver 1→2", "persisted 2", "deliver 2→1", "lost 1→3", "transfer 1→3")
        #expect(try play("propose 1 \"y\"") == ["1  refused: leadership is being handed over"])
        #expect(play.count("timeout-now") == 0, "3 has not got everything")
        let said = try play("tick 1 100ms", "settle")
        #expect(said.says("1  send→3 term 1: timeout-now") && said.says("3  candidate in term 2"))
        #expect(play[3].role == .leader && said.says("1  transferred"))
    }

    @Test("§3.10 If the target fails, the leader takes requests again after an election timeout")
    func transferFails() throws {
        var play = try Play("nodes 3", "leader 1", "cut 3", "transfer 1→3", "settle")
        try play("tick 1 300ms", "settle", "tick 1 200ms", "settle")
        #expect(try play("propose 1 \"y\"").says("appended 1.2"))
    }
}
