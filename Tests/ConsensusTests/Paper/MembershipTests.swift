// The paper's §6 and the thesis's §4, sentence by sentence: changing who belongs.
import Consensus
import Testing

@Suite("Paper §6, thesis §4")
struct MembershipTests {
    @Test("§4.1 Configurations are entries of the log")
    func entries() throws {
        var play = try Play("nodes 3", "leader 1")
        #expect(try play("change 1 remove 3").first == "1  configured 1.2 voters 1 2 outgoing 1 2 3")
        #expect(play[1].configuration.index == LogIndex(2) && play[1].log.lastIndex == LogIndex(2))
    }

    @Test("§4.1 A server uses the latest configuration in its log, whether it is committed or not")
    func latest() throws {
        var play = try Play("nodes 3", "leader 1", "change 1 remove 3", "deliver 1→2")
        #expect(play[1].commit == LogIndex(1) && play[2].commit == LogIndex(1))
        for id in [1, 2] as [UInt64] { #expect(play[id].membership.outgoing.count == 3) }
        #expect(play[3].membership.outgoing == [])
        try play("settle")
    }

    @Test("§4.1 If leadership changes, it may be removed, and the server falls back to the one before")
    func fallsBack() throws {
        var play = try Play("nodes 3", "leader 1", "change 1 remove 3", "deliver 1→2", "drop")
        #expect(
            try play("message 3→2 term 2: append after 1.1 [2.2] commit 0").says(
                "in force from 1: voters 1 2 3"))
        #expect(play[2].membership == Membership(voters: [1, 2, 3].map(NodeID.init)))
    }

    @Test("§4.1 A new change begins only when the last one is committed, and its joint configuration is over")
    func oneAtATime() throws {
        var play = try Play("nodes 4", "leader 1", "change 1 remove 4")
        #expect(try play("change 1 remove 3") == ["1  unchanged: an earlier change is under way"])
        try play("settle")
        #expect(try play("change 1 remove 3").says("configured"))
    }

    @Test("§4.1 A server takes appends of a leader that its configuration does not name")
    func unknownLeader() throws {
        var play = try Play("voters 1 2 spares 3 9")
        let said = try play("message 9→1 term 1: append after 0.0 [1.1] commit 0", "persisted 1")
        #expect(said.last == "1  answer→9 term 1: appended 1")
    }

    @Test("§4.1 and votes for a candidate that its configuration does not name")
    func unknownCandidate() throws {
        var play = try Play("voters 1 2 spares 3")
        let said = try play("message 3→1 term 1: vote last 0.0", "persisted 1")
        #expect(said.last == "1  answer→3 term 1: voted yes")
        #expect(try play("message 3→1 term 2: pre-vote last 0.0").says("pre-voted yes"))
        let other = try play("message 1→3 term 1: vote last 0.0", "persisted 3")
        #expect(other.last == "3  answer→1 term 1: voted yes", "nor does one whom its own does not name")
    }

    @Test("§4.2.1 A new server joins as a non-voting member: it gets entries, and is counted in no majority")
    func learner() throws {
        var play = try Play("voters 1 2 3 spares 4", "leader 1", "change 1 learner 4", "cut 2 3", "settle")
        #expect(play.logs[3] == play.logs[0] && play[1].commit == LogIndex(1))
        #expect(try !play("read 1", "settle").says("readable"))
        // Nor does it stand.
        try play("timeout 4", "timeout 4")
        #expect(play[4].role == .follower)
    }

    @Test("§4.2.1 It is made a voter when its last round of catching up took less than an election timeout")
    func caughtUp() throws {
        var play = try Play("voters 1 2 3 spares 4", "leader 1", "change 1 learner 4 rising", "cut 4")
        for _ in 0..<7 { try play("tick 1 100ms", "settle") }
        // Its first round is a long one. The log is too long for one append, so that it is not even at once.
        try play("propose 1 \"a\" \"b\" \"c\"", "settle", "heal", "limit 1", "lost 1→4", "tick 1 100ms")
        try play("deliver 1→4", "deliver 4→1")
        #expect(try !play("tick 1 10ms").says("configured"))
        try play("settle")
        for _ in 0..<4 { try play("tick 1 100ms", "settle") }
        #expect(play[1].membership == Membership(voters: [1, 2, 3, 4].map(NodeID.init)))
        #expect(play[4].membership == play[1].membership)
    }

    @Test("§4.2.1 One that is unavailable or too slow is not")
    func tooSlow() throws {
        var play = try Play(
            "voters 1 2 3 spares 4", "leader 1", "change 1 learner 4 rising", "cut 4", "settle")
        for _ in 0..<30 { try play("tick 1 100ms", "propose 1 \"x\"", "settle") }
        #expect(play[1].membership.rising == [NodeID(4)] && play[1].commit == LogIndex(32))
        #expect(try play("change 1 promote 4") == ["1  unchanged: the learner is too far behind"])
    }

    @Test("§6 Joint consensus: entries go to all servers of both configurations")
    func toBoth() throws {
        var play = try Play(
            "voters 1 2 3 learners 4", "leader 1", "change 1 promote 4", "drop", "persisted 1")
        try play("propose 1 \"x\"")
        #expect(Set(play.network.map(\.to)) == [NodeID(2), NodeID(3), NodeID(4)])
    }

    @Test("§6 Any server of either configuration may lead")
    func anyMayLead() throws {
        for id in [2, 4] as [UInt64] {
            var play = try Play("voters 1 2 3 outgoing 1 4 5", "leader \(id)")
            #expect(play.problems == [] && play[id].term > .zero)
            #expect(play[1].membership == Membership(voters: [1, 2, 3].map(NodeID.init)))
            try play("settle")
        }
    }

    @Test("§6 Agreement, for elections and for entries, needs separate majorities of both")
    func separate() throws {
        var play = try Play("voters 1 2 3 outgoing 1 4 5", "cut 4 5", "leader 1")
        #expect(play[1].role != .leader && play[1].term == .zero)
        try play("heal", "cut 2 3", "leader 1")
        #expect(play[1].role != .leader && play[1].term == .zero)
        try play("heal", "cut 3 5", "leader 1")
        #expect(play[1].role == .leader)
    }

    @Test("§6 Clients are served throughout")
    func serves() throws {
        var play = try Play("voters 1 2 3 learners 4", "leader 1")
        #expect(try play("change 1 promote 4", "propose 1 \"x\"").says("1  appended 1.3"))
        let said = try play("read 1", "settle")
        #expect(said.says("readable") && said.says("1  commit"))
        #expect(play[1].commit == LogIndex(4), "joint, x, final")
    }

    @Test("§6 Once the joint configuration is committed, the leader makes the new one")
    func final() throws {
        var play = try Play(
            "nodes 4", "leader 1", "change 1 remove 4", "persisted 1", "deliver 1→2", "deliver 1→3")
        try play("persisted 2", "persisted 3", "deliver 2→1")
        let said = try play("deliver 3→1")
        let commit = said.firstIndex(of: "1  commit 2")
        let configured = said.firstIndex(of: "1  configured 1.3 voters 1 2 3")
        #expect(commit != nil && configured != nil && (commit ?? 9) < (configured ?? 0))
    }

    @Test("§6 If the leader crashes, one of either configuration follows, and goes on from what its log says")
    func leaderCrashes() throws {
        // Who has the joint entry ends it.
        var joint = try Play("nodes 4", "leader 1", "change 1 remove 4", "persisted 1", "deliver 1→2")
        try joint("persisted 2", "drop", "cut 1", "tick 3 500ms", "tick 4 500ms")
        try joint("timeout 2", "timeout 2", "settle")
        #expect(joint[2].role == .leader && joint[2].membership.voters.count == 3)
        #expect(joint[2].membership.outgoing == [] && joint[2].commit == joint[2].log.lastIndex)
        // Who has not does not know of it, and takes it away from the one who has.
        var old = try Play("nodes 4", "leader 1", "cut 1", "change 1 remove 4", "persisted 1")
        try old("tick 3 500ms", "tick 4 500ms", "timeout 2", "timeout 2", "settle")
        #expect(old[2].role == .leader && old[1].membership.outgoing.count == 4)
        try old("heal", "lost 2→1", "tick 2 100ms", "settle", "tick 2 100ms", "settle")
        #expect(old[1].membership == Membership(voters: [1, 2, 3, 4].map(NodeID.init)))
        #expect(old[1].log == old[2].log && joint.problems == [] && old.problems == [])
    }

    @Test(
        "§6 A leader outside the new configuration counts itself not, and steps down when that is committed"
    )
    func removedLeader() throws {
        var play = try Play("nodes 3", "leader 1", "change 1 remove 1", "cut 3", "settle")
        #expect(play[1].role == .leader && play[1].membership.outgoing.count == 3, "2 of {2, 3} are needed")
        try play("heal", "lost 1→3", "tick 1 100ms", "settle", "tick 1 100ms", "settle")
        try play("tick 1 600ms", "settle")
        #expect(play[1].role == .follower)
        let leader = [2, 3].first { play[$0].role == .leader }
        #expect(leader.map { play[$0].membership } == Membership(voters: [NodeID(2), NodeID(3)]))
        #expect(play.problems == [])
    }

    @Test("§4.2.2 A server outside its own latest configuration still stands until that is committed")
    func mayBeNeeded() throws {
        var play = try Play("nodes 2", "leader 1", "change 1 remove 1", "persisted 1", "deliver 1→2")
        try play("persisted 2", "deliver 2→1", "persisted 1", "drop", "restart 1", "restart 2")
        #expect(!play[1].membership.isVoter(NodeID(1)))
        try play("tick 2 1ms", "timeout 1", "timeout 1", "settle")
        #expect(play[1].role == .leader || play[2].role == .leader)
        #expect(play[1].term == Term(2) || play[2].term == Term(3))
        // But not after: its vote and its standing are over.
        for _ in 0..<9 { try play("tick 1 100ms", "tick 2 100ms", "settle") }
        try play("timeout 1", "timeout 1")
        #expect(play[1].role == .follower && play[2].role == .leader && play.problems == [])
    }

    @Test("§6 Removed servers that hear no heartbeats do not disrupt the cluster")
    func removedServers() throws {
        var play = try Play("nodes 4", "leader 1", "cut 4", "change 1 remove 4", "settle", "heal")
        #expect(play[4].membership.voters.count == 4, "it has not heard of it")
        for _ in 0..<10 { try play("tick 1 100ms", "settle", "timeout 4", "settle") }
        #expect(play[1].role == .leader && play[1].term == Term(1) && play[4].term == Term(1))
    }

    @Test("Ongaro, 2015: a leader begins no change before it has committed an entry of its own term")
    func ownTermFirst() throws {
        var play = try Play("nodes 3", "start 1 term 1 log [1.1] commit 1 in 1: voters 1 2 3")
        try play("timeout 1", "timeout 1", "message 2→1 term 2: pre-voted yes", "persisted 1")
        try play("message 2→1 term 2: voted yes")
        #expect(try play("change 1 remove 3").first?.contains("not committed an entry of its term") == true)
    }

    @Test("A change that would leave too few voters who are heard of is refused")
    func atRisk() throws {
        var play = try Play("nodes 3", "leader 1", "cut 3")
        for _ in 0..<6 { try play("tick 1 100ms", "settle") }
        #expect(try play("change 1 remove 2").says("too few voters"))
        #expect(try play("change 1 remove 3").says("configured"))
    }
}
