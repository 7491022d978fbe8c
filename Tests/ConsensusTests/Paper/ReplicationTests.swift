// The paper's §5.3, §5.4.2 and §5.5, sentence by sentence: how entries get to all, and are committed.
import Consensus
import Testing

@Suite("Paper §5.3")
struct ReplicationTests {
    @Test("The leader appends a command as a new entry, then asks all others in parallel to replicate it")
    func appends() throws {
        var play = try Play("nodes 3", "leader 1")
        let said = try play("propose 1 \"x\"")
        #expect(said.first == "1  appended 1.2")
        #expect(said.says("1  send→2 term 1: append after 1.1 [1.2]"))
        #expect(said.says("1  send→3 term 1: append after 1.1 [1.2]"))
    }

    @Test("If followers crash or run slowly, or packets are lost, the leader retries until all have all")
    func retriesForEver() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"x\"", "drop 1→3", "settle")
        try play("restart 3", "propose 1 \"y\"", "drop 1→3", "settle")
        #expect(play[3].log.lastIndex < play[1].log.lastIndex)
        for _ in 0..<20 { try play("tick 1 100ms", "settle") }
        #expect(play.logs[2] == play.logs[0] && play[3].commit == play[1].commit)
    }

    @Test("An entry is committed once its leader has replicated it on a majority")
    func committed() throws {
        var play = try Play("nodes 5", "leader 1", "propose 1 \"x\"", "persisted 1", "deliver 1→2")
        try play("persisted 2", "deliver 2→1")
        #expect(play[1].commit == LogIndex(1), "two of five")
        #expect(try play("deliver 1→3", "persisted 3", "deliver 3→1").says("1  commit 2"))
    }

    @Test("That commits all preceding entries too, those of previous leaders as well")
    func preceding() throws {
        let play = try Play("nodes 3", "start 1 term 2 log [1.1 2.2–2.4]", "cut 3", "leader 1")
        #expect(play[1].commit == LogIndex(5) && play[2].commit == LogIndex(5))
    }

    @Test("The leader tells the highest index it knows to be committed in appends and heartbeats")
    func tellsCommit() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"x\"", "settle")
        #expect(play[1].commit == LogIndex(2) && play[2].commit == LogIndex(1))
        #expect(try play("tick 1 100ms").says("heartbeat commit 2"))
        #expect(try play("deliver 1→2").says("2  commit 2"))
        #expect(try play("drop", "propose 1 \"y\"").says("[1.3] commit 2"))
        #expect(try play("deliver 1→3").says("3  commit 2"))
    }

    @Test("If two entries in different logs have the same index and term, the logs are identical up to there")
    func matching() throws {
        let play = try Play(
            "nodes 3", "start 1 term 4 log [1.1–1.2 4.3–4.5]", "start 2 term 3 log [1.1 2.2–2.3 3.4–3.9]",
            "start 3 term 4 log [1.1–1.2 4.3]", "leader 1", "propose 1 \"x\"", "settle")
        for other in [2, 3] as [UInt64] {
            #expect(play[other].log.last == play[1].log.last)
            #expect(play.logs[Int(other) - 1] == play.logs[0])
        }
    }

    @Test("A leader creates at most one entry with a given index in a given term")
    func oneEntry() throws {
        var play = try Play("nodes 1", "leader 1")
        #expect(try play("propose 1 \"x\" \"y\"").first == "1  appended 1.2–1.3")
        #expect(try play("propose 1 \"z\"").first == "1  appended 1.4")
    }

    @Test("A follower that has no entry of the index and term before the new ones refuses them")
    func refuses() throws {
        var play = try Play("nodes 3", "start 2 term 3 log [1.1 2.2]")
        for place in ["1.2", "3.2", "2.3", "2.1"] {
            let index = place.split(separator: ".")[1]
            let said = try play(
                "message 1→2 term 3: append after \(place) [3.\((UInt64(index) ?? 0) + 1)] commit 0")
            #expect(said.says("rejected \(index)"), "\(place)")
            #expect(play[2].log.lastIndex == LogIndex(2))
        }
        try play("message 1→2 term 3: append after 2.2 [3.3] commit 0")
        #expect(play[2].log.lastIndex == LogIndex(3))
    }

    @Test("When an append succeeds, the leader knows that the logs are identical through the new entries")
    func succeeds() throws {
        let play = try Play("nodes 3", "leader 1", "propose 1 \"x\" \"y\"", "settle")
        let peers = play[1].leadership?.peers ?? []
        #expect(peers.map(\.match) == [LogIndex(3), LogIndex(3)])
    }

    @Test("Conflicting entries in followers' logs are overwritten by the leader's")
    func overwritten() throws {
        var play = try Play("nodes 3", "start 2 term 3 log [1.1 2.2–2.4]")
        let said = try play("message 1→2 term 3: append after 1.1 [3.2] commit 0")
        #expect(said.says("2  truncated after 1") && said.says("2  accepted 2–2"))
        #expect(play[2].log.last == EntryID(term: Term(3), index: LogIndex(2)))
    }

    @Test("A new leader begins with the index just after its last entry")
    func nextIndex() throws {
        var play = try Play("nodes 3", "start 1 term 2 log [1.1 2.2–2.6]")
        try play("timeout 1", "timeout 1", "message 2→1 term 3: pre-voted yes", "persisted 1", "drop")
        #expect(try play("message 2→1 term 3: voted yes").says("send→2 term 3: append after 2.6 []"))
    }

    @Test("After a rejection it tries an earlier one, and in the end reaches a point where the logs agree")
    func walksBack() throws {
        var play = try Play("nodes 3", "start 1 term 9 log [1.1 9.2–9.4]", "start 2 term 1 log [1.1]")
        try play("timeout 1", "timeout 1", "message 3→1 term 10: pre-voted yes", "persisted 1", "drop")
        try play("message 3→1 term 10: voted yes", "settle")
        #expect(play.logs[1] == play.logs[0])
    }

    @Test("It may bypass all the conflicting entries of a term by one rejection")
    func bypasses() throws {
        var play = try Play(
            "nodes 3", "start 1 term 9 log [1.1 9.2–9.90]", "start 2 term 8 log [1.1 5.2–5.60 6.61–6.95]",
            "timeout 1", "timeout 1", "message 3→1 term 10: pre-voted yes", "persisted 1", "drop",
            "message 3→1 term 10: voted yes")
        let said = try play("settle")
        #expect(play.logs[1] == play.logs[0])
        let rejections = said.count { $0.hasPrefix("2  ") && $0.contains("rejected") }
        #expect((1...3).contains(rejections), "94 entries of two terms conflict")
    }

    @Test("A leader never overwrites or deletes entries in its own log")
    func appendOnly() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"x\"", "persisted 1")
        let before = play.logs[0]
        for said in [
            "message 2→1 term 1: append after 1.1 [1.2–1.9] commit 9",
            "message 2→1 term 1: append after 0.0 [1.1] commit 0",
            "message 2→1 term 1: rejected 2 hint 0.0", "message 2→1 term 1: piece of 1.9 bytes 3 offset 0",
        ] { try play(said) }
        #expect(play[1].role == .leader && play.logs[0] == before)
    }

    @Test("A command can complete as soon as a majority has answered: one slow follower holds up nothing")
    func slowFollower() throws {
        var play = try Play("nodes 3", "leader 1", "cut 3")
        for _ in 0..<20 { try play("propose 1 \"x\"", "settle") }
        #expect(play[1].commit == LogIndex(21))
    }
}

@Suite("Paper §5.4.2")
struct CommitTests {
    @Test("Entries of earlier terms are not committed by counting, but by one of the leader's own term")
    func notByCounting() throws {
        var play = try Play("nodes 3", "start 1 term 2 log [1.1 2.2]", "timeout 1", "timeout 1")
        try play("message 2→1 term 3: pre-voted yes", "persisted 1", "drop", "message 2→1 term 3: voted yes")
        try play("message 2→1 term 3: appended 2", "message 3→1 term 3: appended 2")
        #expect(play[1].commit == .zero, "2.2 is on every disk")
        try play("persisted 1", "message 2→1 term 3: appended 3")
        #expect(play[1].commit == LogIndex(3))
    }

    @Test("Entries keep the term of the leader that made them, whoever replicates them")
    func keepTerm() throws {
        let play = try Play("nodes 3", "start 1 term 4 log [1.1 2.2 4.3]", "leader 1")
        for index in 1...3 as ClosedRange<UInt64> {
            #expect(play[2].log.term(at: LogIndex(index)) == play[1].log.term(at: LogIndex(index)))
        }
        #expect(play[2].log.term(at: LogIndex(2)) == Term(2))
    }
}

@Suite("Paper §5.5, §5.6")
struct CrashTests {
    @Test("If a server crashes, requests to it are retried until it restarts, and then succeed")
    func restarts() throws {
        var play = try Play("nodes 3", "leader 1", "cut 2", "propose 1 \"x\"", "settle", "tick 1 100ms")
        try play("restart 2", "heal", "tick 2 1ms")
        for _ in 0..<8 { try play("tick 1 100ms", "settle") }
        #expect(play.logs[1] == play.logs[0] && play[1].term == Term(1))
    }

    @Test("A request that was carried out and not answered comes again after the restart: it is idempotent")
    func idempotent() throws {
        let append = "message 1→2 term 3: append after 1.1 [3.2–3.3] commit 0"
        var play = try Play("nodes 3", "start 2 term 1 log [1.1]", append, "persisted 2", "restart 2")
        let said = try play(append, append)
        #expect(said.filter { $0.hasSuffix("appended 3") }.count == 2)
        #expect(!said.says("accepted") && !said.says("truncated"))
        let vote = "message 3→2 term 4: vote last 3.3"
        try play("tick 2 1ms", "tick 2 600ms", vote, "persisted 2", "restart 2")
        #expect(try play(vote) == ["2  answer→3 term 4 boot 3: voted yes"])
    }

    @Test("Safety does not depend on timing: clocks that stand still, run, or go backwards break nothing")
    func timing() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"x\"", "settle")
        for at in 0..<30 {
            try play("tick \(at % 3 + 1) \(at * 997 % 1900 + 1)ms")
            if at % 2 == 0 { try play("deliver") }
            if at % 5 == 0 { try play("settle") }
        }
        #expect(play.problems == [])
        var cluster = Cluster(nodes: 1)
        cluster.elect(NodeID(1))
        let before = cluster[NodeID(1)].raft.now
        cluster.step(NodeID(1), .tick(now: Instant(nanoseconds: 1)))
        #expect(cluster[NodeID(1)].raft.now == before, "time never goes back")
    }
}
