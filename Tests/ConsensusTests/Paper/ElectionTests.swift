// The paper's §5.2 and §5.4.1, sentence by sentence: elections, and whom they may elect.
import Consensus
import Testing

@Suite("Paper §5.2")
struct ElectionTests {
    @Test("When servers start up, they begin as followers")
    func beginAsFollowers() throws {
        var play = try Play("nodes 3", "leader 1")
        try play("restart 1")
        #expect(play[1].role == .follower && play[1].leader == nil)
    }

    @Test("A server remains a follower as long as it hears from a leader")
    func remains() throws {
        var play = try Play("nodes 3", "leader 1")
        for round in 10..<40 {
            try play("tick 2 400ms", "message 1→2 term 1: heartbeat commit 1 round \(round)")
            #expect(play[2].role == .follower)
        }
    }

    @Test("Leaders send periodic heartbeats, which carry no entries, to all followers")
    func heartbeats() throws {
        var play = try Play("voters 1 2 3 learners 4", "leader 1", "drop")
        for _ in 0..<4 {
            try play("tick 1 100ms")
            #expect(play.count("heartbeat") == 3)
            try play("drop", "message 2→1 term 1: heard round 1")
        }
    }

    @Test("Who hears nothing for an election timeout assumes that there is no leader, and begins an election")
    func begins() throws {
        var play = try Play("nodes 3", "leader 1", "message 1→2 term 1: heartbeat commit 1 round 9")
        try play("tick 2 499ms")
        #expect(play[2].role == .follower)
        try play("tick 2 501ms")
        #expect(play[2].role == .preCandidate)
    }

    @Test(
        "To begin an election, a follower increments its term, votes for itself, and asks all others"
    )
    func asks() throws {
        var play = try Play("voters 1 2 3 4 learners 5", "timeout 1", "timeout 1", "deliver", "deliver")
        #expect(play[1].hard.term == Term(1) && play[1].hard.vote == NodeID(1))
        let said = try play("drop", "persisted 1")
        #expect(said == [2, 3, 4].map { "1  send→\($0) term 1: vote last 0.0" })
    }

    @Test("A candidate wins if a majority of the full cluster votes for it in the same term")
    func wins() throws {
        var play = try Play("nodes 5", "timeout 1", "timeout 1", "deliver", "deliver", "persisted 1", "drop")
        try play("message 2→1 term 1: voted yes", "message 3→1 term 0: voted yes")
        #expect(play[1].role == .candidate, "a vote of another term is none")
        try play("message 3→1 term 1: voted no")
        #expect(play[1].role == .candidate)
        try play("message 4→1 term 1: voted yes")
        #expect(play[1].role == .leader)
    }

    @Test("Each server votes for at most one candidate in a term, first come, first served")
    func firstCome() throws {
        var play = try Play("nodes 5", "message 2→1 term 1: vote last 0.0", "persisted 1")
        #expect(try play("message 3→1 term 1: vote last 0.0") == ["1  answer→3 term 1: voted no"])
        #expect(try play("message 2→1 term 1: vote last 0.0") == ["1  answer→2 term 1: voted yes"])
        let said = try play("message 3→1 term 2: vote last 0.0", "persisted 1")
        #expect(said.last == "1  answer→3 term 2: voted yes", "another term, another vote")
    }

    @Test("Once it wins it sends heartbeats to all others, to prevent new elections")
    func establishes() throws {
        var play = try Play("nodes 3", "timeout 1", "timeout 1", "deliver", "deliver", "persisted 1", "drop")
        let said = try play("message 2→1 term 1: voted yes")
        #expect(said.says("1  send→2 term 1: heartbeat commit 0 round 1"))
        #expect(said.says("1  send→3 term 1: heartbeat commit 0 round 1"))
    }

    @Test("A candidate that hears a leader whose term is at least its own recognizes it and follows")
    func recognizes() throws {
        for term in [1, 2] {
            var play = try Play("nodes 3", "timeout 1", "timeout 1", "deliver", "deliver", "persisted 1")
            try play("message 3→1 term \(term): append after 0.0 [] commit 0")
            #expect(play[1].role == .follower && play[1].leader == NodeID(3))
        }
    }

    @Test("A candidate that hears a leader of a smaller term rejects it and goes on standing")
    func rejectsSmaller() throws {
        var play = try Play("nodes 3", "start 1 term 4", "timeout 1", "timeout 1", "deliver", "deliver")
        try play("persisted 1")
        let said = try play("message 3→1 term 4: append after 0.0 [4.1] commit 0")
        #expect(said == ["1  answer→3 term 5: rejected 0 hint 0.0"])
        #expect(play[1].role == .candidate && play[1].log.lastIndex == .zero)
    }

    @Test("If votes are split, each candidate times out and begins another election in the next term")
    func another() throws {
        var play = try Play("nodes 3", "timeout 1", "timeout 1", "deliver", "deliver", "persisted 1", "drop")
        try play("message 2→1 term 1: voted no", "message 3→1 term 1: voted no", "timeout 1")
        #expect(play[1].role == .preCandidate)
        try play("message 2→1 term 2: pre-voted yes")
        #expect(play[1].role == .candidate && play[1].term == Term(2))
    }

    @Test("Election timeouts are chosen randomly from a fixed interval")
    func random() {
        var drawn: Set<UInt64> = []
        for seed in 1...60 as ClosedRange<UInt64> {
            var cluster = Cluster(nodes: 3, seed: seed)
            let id = NodeID(1)
            cluster.tick(id, 1)
            var waited: UInt64 = 0
            while cluster[id].raft.role == .follower, waited < 2000 {
                cluster.tick(id, 5)
                waited += 5
            }
            #expect((500...1005).contains(waited))
            drawn.insert(waited / 50)
        }
        #expect(drawn.count >= 8, "of the eleven parts of the interval nearly all are drawn")
    }

    @Test(
        "A candidate restarts its timeout, drawn anew, at the start of an election, and waits for it to pass")
    func restartsTimeout() throws {
        var play = try Play("nodes 3", "timeout 1", "timeout 1")
        try play("deliver", "deliver", "persisted 1", "drop", "tick 1 499ms")
        #expect(play[1].role == .candidate && play.network.isEmpty)
        try play("tick 1 501ms")
        #expect(play.count("pre-vote") == 2)
    }
}

@Suite("Paper §5.4.1")
struct RestrictionTests {
    @Test("The request tells of the candidate's log, and who has the more up-to-date one denies its vote")
    func denies() throws {
        var play = try Play("nodes 3", "start 1 term 3 log [1.1 3.2]", "start 2 term 3 log [1.1 3.2–3.3]")
        try play("timeout 1", "timeout 1", "message 3→1 term 4: pre-voted yes")
        #expect(try play("persisted 1").says("vote last 3.2"))
        let said = try play("deliver 1→2 vote", "persisted 2")
        #expect(said.last == "2  answer→1 term 4: voted no")
    }

    @Test(
        "Of logs that end in different terms the later is more up-to-date; of the same term, the longer",
        arguments: [
            ("2.9", false), ("3.1", false), ("3.2", false), ("3.3", true), ("3.4", true), ("4.1", true),
        ])
    func upToDate(last: String, isGranted: Bool) throws {
        var play = try Play("nodes 3", "start 2 term 4 log [1.1 3.2–3.3]")
        let said = try play("message 1→2 term 5: vote last \(last)", "persisted 2")
        #expect(said.last == "2  answer→1 term 5: voted \(isGranted ? "yes" : "no")")
    }

    @Test("So a candidate must have all committed entries to win")
    func mustHaveAll() throws {
        var play = try Play("nodes 3", "leader 1", "cut 3", "propose 1 \"x\"", "settle", "heal", "cut 1")
        #expect(play[1].commit == LogIndex(2))
        try play("tick 2 500ms", "timeout 3", "timeout 3", "settle")
        #expect(play[3].role != .leader)
        try play("leader 2")
        #expect(play[2].role == .leader && play.problems == [])
    }

    @Test("Entries flow in one direction, from leaders to followers: leaders never overwrite what they have")
    func oneDirection() throws {
        var play = try Play(
            "nodes 3", "start 1 term 2 log [1.1 2.2–2.3]", "start 2 term 1 log [1.1–1.5]", "leader 1")
        #expect(play[1].log.term(at: LogIndex(3)) == Term(2))
        for said in try play("propose 1 \"x\"", "settle", "tick 1 100ms", "settle") {
            #expect(!said.hasPrefix("1  truncated"))
        }
        #expect(play.logs[0] == play.logs[1] && play.problems == [])
    }
}
