// The thesis's §6.4 and the paper's §8, sentence by sentence: reads without a log entry, never stale.
import Consensus
import Testing

@Suite("Thesis §6.4, paper §8")
struct ReadTests {
    @Test("Step 1: a leader that has not committed an entry of its own term waits until it has")
    func waitsForOwnEntry() throws {
        var play = try Play("nodes 3", "start 1 term 2 log [1.1–1.3]", "timeout 1", "timeout 1")
        try play("message 2→1 term 3: pre-voted yes", "persisted 1", "message 2→1 term 3: voted yes")
        try play("read 1", "message 2→1 term 3: heard round 1", "message 3→1 term 3: heard round 1")
        #expect(try !play("message 2→1 term 3: appended 4").says("commit 4"), "its own disk has not got it")
        let said = try play("persisted 1")
        #expect(said.says("commit 4") && !said.says("readable"), "and the round comes after that")
        #expect(try play("message 2→1 term 3: heard round 2").says("readable r1 at 4"))
    }

    @Test("§8: so each leader commits a blank entry at the start of its term")
    func blankEntry() throws {
        var play = try Play("nodes 3", "leader 1", "transfer 1→2", "settle")
        #expect(play[2].log.last == EntryID(term: Term(2), index: LogIndex(2)))
        #expect(play[2].commit == LogIndex(2))
        #expect(try play("read 2", "settle").says("readable r1 at 2"))
    }

    @Test("Step 2: the read's index is the commit index when its round begins")
    func savesCommit() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"x\" \"y\"", "settle", "read 1")
        try play("propose 1 \"z\"", "persisted 1", "deliver 1→2 append", "persisted 2", "deliver 2→1")
        #expect(play[1].commit == LogIndex(4))
        #expect(try play("settle").says("readable r1 at 3"))
    }

    @Test("Step 3: a round of heartbeats, issued after that, must be acknowledged by a majority")
    func roundAfter() throws {
        var play = try Play("nodes 5", "leader 1", "tick 1 100ms")
        #expect(try play("read 1") == [], "a round is under way, which was sent before the read came")
        let said = try play("deliver 1→2", "deliver 2→1", "deliver 1→3", "deliver 3→1")
        #expect(said.says("heard round 4") && said.says("heartbeat commit 1 round 5"))
        #expect(!said.says("readable"))
        #expect(try play("deliver 1→2", "deliver 2→1") == ["2  answer→1 term 1: heard round 5"])
        #expect(try play("deliver 1→3", "deliver 3→1").says("readable r1 at 1"))
    }

    @Test("§8: a leader that was deposed answers no read")
    func deposed() throws {
        var play = try Play(
            "nodes 3", "leader 1", "cut 1", "tick 3 500ms", "timeout 2", "timeout 2", "settle")
        try play("propose 2 \"x\"", "settle", "heal")
        #expect(play[1].role == .leader && play[2].role == .leader && play[2].term > play[1].term)
        let said = try play("read 1", "settle")
        #expect(said.says("1  unreadable r1") && !said.says("readable r1 at"))
        #expect(play[1].role == .follower)
    }

    @Test("Step 4: the reader waits until its state has advanced to the index: it is told which")
    func tellsIndex() throws {
        var play = try Play("nodes 1", "leader 1", "propose 1 \"x\"", "persisted 1")
        #expect(try play("read 1") == ["1  readable r1 at 2"])
    }

    @Test("One round serves any number of reads that have accumulated")
    func amortized() throws {
        var play = try Play("nodes 3", "leader 1", "tick 1 100ms")
        for _ in 0..<20 { try play("read 1") }
        #expect(play.count("heartbeat") == 2)
        try play("deliver 1→2", "deliver 2→1")
        #expect(play.count("heartbeat") == 3, "one more round for all twenty")
        let said = try play("deliver 1→2", "deliver 2→1")
        #expect(said.count { $0.contains("readable") } == 20)
    }

    @Test("A follower may ask the leader for a read index, and then read from its own state")
    func follower() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"x\"", "settle", "ask 2")
        #expect(play.count("read-index") == 1)
        try play("deliver 2→1")
        #expect(play.count("read-indexed") == 0, "the leader goes through steps 1 to 3")
        #expect(try play("deliver 1→3", "deliver 3→1", "deliver 1→2").says("2  readable r1 at 2"))
        #expect(play[2].commit < LogIndex(2) || play[2].commit == LogIndex(2))
    }

    @Test("A partitioned follower does not serve reads by itself, nor by an answer that came too late")
    func partitionedFollower() throws {
        var play = try Play("nodes 3", "leader 1", "ask 2", "deliver 2→1", "drop")
        #expect(try play("tick 2 500ms").says("2  unreadable r1"))
        let question = (UInt64(1) << 32) + 1
        #expect(try play("message 1→2 term 1: read-indexed \(question) at 1") == [])
    }

    @Test("A leader that a majority does not answer serves no read, and steps down")
    func noMajority() throws {
        var play = try Play("nodes 5", "leader 1", "cut 3 4 5", "read 1", "settle")
        let said = try play("tick 1 400ms", "settle", "tick 1 400ms", "settle")
        #expect(said.says("1  unreadable r1") && said.says("1  follower in term 1"))
    }
}
