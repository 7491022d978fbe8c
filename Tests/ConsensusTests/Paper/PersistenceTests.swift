// The thesis's §3.8, sentence by sentence: what must survive a restart, and what need not.
import Consensus
import Testing

@Suite("Thesis §3.8")
struct PersistenceTests {
    @Test("Servers persist their term and vote, so that none votes twice in a term")
    func noSecondVote() throws {
        var play = try Play("nodes 3", "message 2→1 term 4: vote last 0.0")
        #expect(play.network.isEmpty, "nothing is said before it is on disk")
        try play("persisted 1", "restart 1", "tick 1 1ms", "tick 1 900ms")
        #expect(try play("message 3→1 term 4: vote last 9.9") == ["1  answer→3 term 4 boot 2: voted no"])
    }

    @Test("nor replaces entries of a newer leader by those of a deposed one")
    func noDeposedLeader() throws {
        var play = try Play("nodes 3", "message 2→1 term 4: append after 0.0 [4.1] commit 0", "persisted 1")
        try play("restart 1", "tick 1 1ms")
        let said = try play("message 3→1 term 3: append after 0.0 [3.1] commit 0")
        #expect(said == ["1  answer→3 term 4 boot 2: rejected 0 hint 0.0"])
        #expect(play[1].log.lastTerm == Term(4))
    }

    @Test(
        "They persist entries before these are counted towards commitment: the follower's before it answers")
    func followerEntries() throws {
        var play = try Play(
            "nodes 3", "message 2→1 term 1: append after 0.0 [1.1] commit 0", "persisted 1 vote")
        #expect(!play.network.contains { $0.body == .appended(match: LogIndex(1)) })
        #expect(try play("persisted 1").says("appended 1"))
    }

    @Test("and the leader's before it counts itself")
    func leaderEntries() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"x\"", "deliver 1→2", "persisted 2")
        try play("deliver 2→1")
        #expect(play[1].commit == LogIndex(1))
        #expect(try play("persisted 1").says("commit 2"))
    }

    @Test("So entries that were committed are there after all have restarted")
    func allRestart() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"x\" \"y\"", "settle")
        #expect(play[1].commit == LogIndex(3))
        for id in 1...3 { try play("restart \(id)") }
        try play("leader 3")
        #expect(play[3].commit >= LogIndex(3) && play.problems == [])
        #expect(play.logs[2].starts(with: play.logs[0].prefix(3)))
    }

    @Test(
        "Other state may be lost: the commit index begins at zero, and a leader's first entry raises it"
    )
    func commitIsLost() throws {
        var play = try Play("nodes 3", "start 1 term 2 log [1.1–1.4] in 1: voters 1 2 3")
        try play("start 2 term 2 log [1.1–1.4] in 1: voters 1 2 3")
        #expect(play[1].commit == .zero)
        try play("leader 1")
        #expect(play[1].commit == LogIndex(5) && play[2].commit == LogIndex(5))
    }

    @Test("After a snapshot the state begins with it, and only what follows is applied")
    func afterSnapshot() throws {
        let play = try Play("nodes 3", "start 1 term 2 base 1.4 log [2.5–2.6] commit 5")
        #expect(play[1].commit == LogIndex(5) && play[1].log.base.index == LogIndex(4))
    }

    @Test(
        "A server that lost its persistent state cannot rejoin as what it was: a membership change lets it in"
    )
    func rejoins() throws {
        var play = try Play("nodes 3", "leader 1", "wipe 3 boot 3000000", "tick 3 1ms", "tick 3 3000ms")
        #expect(play[3].role == .follower && play[3].standing == .wiped(until: nil))
        #expect(
            try play("message 2→3 term 7: vote last 9.9") == ["3  answer→2 term 0 boot 3000000: voted no"])
        for _ in 0..<6 { try play("hello 3→1", "tick 1 100ms", "settle") }
        #expect(play[3].standing == .whole && play[1].membership.voters.count == 3)
        #expect(play.logs[2] == play.logs[0] && play.problems == [])
    }

    @Test("If a majority lost it, entries may be lost, and no membership change is possible")
    func majorityLost() throws {
        var play = try Play("nodes 3", "leader 1", "wipe 2 boot 2000000", "wipe 3 boot 3000000")
        try play("tick 2 1ms", "tick 3 1ms")
        try play("propose 1 \"x\"")
        for _ in 0..<9 { try play("hello 2→1", "hello 3→1", "tick 1 100ms", "settle") }
        #expect(play[1].commit == LogIndex(1))
        #expect(play[2].standing == .wiped(until: nil) && play[3].standing == .wiped(until: nil))
    }
}
