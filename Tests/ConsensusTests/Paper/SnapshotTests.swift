// The paper's §7, sentence by sentence: snapshots, and those who need one.
import Consensus
import Testing

@Suite("Paper §7")
struct SnapshotTests {
    /// 1 leads 2 with a log that begins after 1.5; 3 has `log`.
    private func lagging(_ log: String) throws -> Play {
        let whole = "term 2 base 1.5 log [2.6–2.7] commit 7"
        return try Play(
            "nodes 3", "start 1 \(whole)", "start 2 \(whole)", "start 3 \(log)", "pieces by hand", "leader 1")
    }

    @Test("Each server takes snapshots by itself, of the committed entries of its log only")
    func independent() throws {
        var play = try Play("nodes 3", "leader 2", "propose 2 \"a\" \"b\"", "settle", "snapshot 1", "drop")
        #expect(play[1].log.lastIndex == LogIndex(3) && play[1].commit == LogIndex(1))
        #expect(play.disk(of: 1).snapshot?.last == EntryID(term: Term(1), index: LogIndex(1)))
        #expect(play.disk(of: 2).snapshot == nil)
        #expect(try play("compact 1 through 3") == [], "nobody hears of it")
        #expect(play[1].log.base.index == LogIndex(1), "what is not committed stays")
    }

    @Test("Index and term of the last entry it covers are kept for the check of the first append after it")
    func lastIncluded() throws {
        var play = try Play("nodes 3", "start 2 term 3 base 2.5")
        #expect(play[2].log.last == EntryID(term: Term(2), index: LogIndex(5)))
        #expect(try play("message 1→2 term 3: append after 1.5 [3.6] commit 0").says("rejected 5"))
        #expect(try play("message 1→2 term 3: append after 2.5 [3.6] commit 0").says("accepted 6–6"))
    }

    @Test("It includes the latest configuration in the log as of its last entry")
    func configuration() throws {
        var play = try Play("nodes 3", "leader 1", "change 1 demote 3", "persisted 1", "deliver 1→2")
        try play("persisted 2", "snapshot 1", "deliver 2→1")
        #expect(play.disk(of: 1).snapshot?.configuration.index == LogIndex(1), "the change was not committed")
        try play("settle", "snapshot 1")
        #expect(play.disk(of: 1).snapshot?.configuration == play[1].configuration)
        try play("compact 1 through 3", "restart 1")
        #expect(play[1].membership == Membership(voters: [NodeID(1), NodeID(2)], learners: [NodeID(3)]))
    }

    @Test("Once it is written, all entries up through its last may go, and any prior snapshot")
    func deletes() throws {
        var play = try Play("nodes 1", "leader 1", "propose 1 \"a\" \"b\"", "settle", "snapshot 1")
        try play("propose 1 \"c\"", "settle", "snapshot 1", "compact 1 through 4")
        #expect(play[1].log == LogShape(base: EntryID(term: Term(1), index: LogIndex(4))))
        try play("restart 1", "leader 1", "propose 1 \"d\"", "settle")
        #expect(play[1].commit == LogIndex(6) && play.problems == [])
    }

    @Test("A leader that has discarded the next entry a follower needs sends it the snapshot")
    func sends() throws {
        let play = try lagging("term 1 log [1.1–1.3]")
        #expect(play[1].needsSnapshot(NodeID(3)) && !play[1].needsSnapshot(NodeID(2)))
        let inside = try lagging("term 2 log [1.1–1.5 2.6]")
        #expect(!inside[1].needsSnapshot(NodeID(3)) && inside[3].commit == inside[1].commit)
    }

    @Test("An exceptionally slow follower or a new server is brought up by it, and goes on with entries")
    func bringsUp() throws {
        var play = try Play("voters 1 2 spares 3", "leader 1", "propose 1 \"a\" \"b\"", "settle")
        try play("snapshot 1", "compact 1 through 3", "change 1 learner 3 rising", "settle")
        for _ in 0..<5 { try play("tick 1 100ms", "settle") }
        #expect(play[1].membership.voters.count == 3 && play.logs[2] == play.logs[0])
        #expect(play[3].log.base.index == LogIndex(3) && play.problems == [])
    }

    @Test("A follower whose log lacks what the snapshot tells discards its whole log, conflicts and all")
    func discards() throws {
        var play = try Play(
            "nodes 3", "forged", "start 2 term 3 log [1.1 2.2–2.9]",
            "message 1→2 term 3: heartbeat commit 0 round 1")
        #expect(try play("install 2 3.5 with 0: voters 1 2 3").says("discards the log"))
        #expect(play[2].log == LogShape(base: EntryID(term: Term(3), index: LogIndex(5))))
        #expect(play[2].commit == LogIndex(5) && play[2].durable == .zero)
    }

    @Test("If the snapshot describes a prefix of its log, the entries after it are still valid and are kept")
    func retains() throws {
        var play = try Play("nodes 3", "forged", "start 2 term 3 log [1.1 2.2–2.9]")
        let said = try play("install 2 2.5 with 0: voters 1 2 3", "persisted 2")
        #expect(said.says("installed 2.5") && !said.says("discards"))
        #expect(play[2].log.last == EntryID(term: Term(2), index: LogIndex(9)))
        #expect(play[2].commit == LogIndex(5) && play[2].durable == LogIndex(9))
    }

    @Test("It is sent in pieces, each of which is a sign of life that restarts the election timeout")
    func signOfLife() throws {
        var play = try Play("nodes 3", "message 1→2 term 2: heartbeat commit 0 round 1", "persisted 2")
        for _ in 0..<12 {
            try play("tick 2 450ms", "message 1→2 term 2: piece of 1.9 bytes 3 offset 0")
            #expect(play[2].role == .follower && play[2].leader == NodeID(1))
        }
    }

    @Test("Figure 13, 1: a piece of a smaller term is answered at once, and is not taken")
    func olderTerm() throws {
        var play = try Play("nodes 3", "start 2 term 5")
        try play("tick 2 1ms")
        let said = try play("message 1→2 term 4: piece of 1.9 bytes 3 offset 0")
        #expect(said == ["2  answer→1 term 5: pieced 1.9 next 0"])
    }

    @Test("Figure 13, 7 and 8: state and configuration are the snapshot's from then on")
    func resets() throws {
        var play = try lagging("term 1 log [1.1–1.3]")
        for offset in 0..<3 { try play("piece 1→3 at \(offset)", "settle") }
        #expect(play[3].log.base.index == LogIndex(5) && play.logs[2] == play.logs[0])
        #expect(play[3].configuration == play[1].configuration)
    }

    @Test("Followers may take snapshots and compact without their leader's knowledge")
    func withoutLeader() throws {
        var play = try Play(
            "nodes 3", "leader 1", "propose 1 \"a\" \"b\"", "settle", "tick 1 100ms", "settle")
        try play("snapshot 2", "compact 2 through 3", "propose 1 \"c\"", "settle", "tick 1 100ms", "settle")
        #expect(play[2].log.base.index == LogIndex(3) && play[2].commit == LogIndex(4))
        #expect(!play[1].needsSnapshot(NodeID(2)))
        // And lead with it.
        try play("transfer 1→2", "settle")
        #expect(play[2].role == .leader && play.logs[0] == play.logs[1] && play.problems == [])
    }
}
