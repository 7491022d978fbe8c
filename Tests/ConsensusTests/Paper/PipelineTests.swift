// The thesis's §10.2, sentence by sentence: the leader's disk in parallel, batches, pipelines.
import Consensus
import Testing

@Suite("Thesis §10.2")
struct PipelineTests {
    @Test("§10.2.1 The leader writes to its disk in parallel with replicating")
    func parallel() throws {
        var play = try Play("nodes 3", "leader 1")
        let said = try play("propose 1 \"x\"")
        #expect(said.says("persist 1/2") && said.says("send→2"))
    }

    @Test("§10.2.1 Its own match index is what is durable there; a majority of match indexes commits")
    func ownMatch() throws {
        var play = try Play("nodes 5", "leader 1", "propose 1 \"x\"")
        try play("deliver 1→2", "persisted 2", "deliver 2→1", "deliver 1→3", "persisted 3", "drop 1→4")
        #expect(try play("deliver 3→1") == [], "two of five, and not its own")
        #expect(try play("persisted 1").says("commit 2"))
    }

    @Test("§10.2.1 It may commit an entry before that is on its own disk, if a majority of others has it")
    func withoutOwnDisk() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"x\"", "deliver 1→2", "deliver 1→3")
        try play("persisted 2", "persisted 3", "deliver 2→1")
        #expect(try play("deliver 3→1").says("commit 2"))
        #expect(play[1].durable == LogIndex(1) && play.problems == [])
        // And lose it again: it is committed all the same.
        try play("restart 1", "leader 2")
        #expect(play[2].commit >= LogIndex(2) && play.problems == [])
    }

    @Test("§10.2.2 Batching: an append brings as many consecutive entries as there are, up to a limit")
    func batching() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"a\"", "propose 1 \"b\"", "propose 1 \"c\"")
        #expect(try play("persisted 1").says("append after 1.2 [1.3–1.4]"), "what came meanwhile")
        var limited = try Play("nodes 3", "leader 1", "limit 2")
        #expect(try limited("propose 1 \"a\" \"b\" \"c\"").says("append after 1.1 [1.2–1.3]"))
    }

    @Test("§10.2.2 A follower writes all the entries of an append at once")
    func oneWrite() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"a\" \"b\" \"c\"")
        let said = try play("deliver 1→2")
        #expect(said.filter { $0.contains("persist") } == ["2  persist 1/2 through 1.4"])
    }

    @Test("§10.2.2 Pipelining: the next index moves on as soon as entries are sent")
    func optimistic() throws {
        var play = try Play("nodes 3", "leader 1", "limit 1")
        let said = try play("propose 1 \"a\" \"b\" \"c\"")
        #expect(said.count { $0.contains("send→2") } == 3, "none waits for the one before")
    }

    @Test("§10.2.2 The check makes it safe in any order")
    func anyOrder() throws {
        var play = try Play("nodes 3", "leader 1", "limit 1", "propose 1 \"a\" \"b\" \"c\"", "drop 1→3")
        #expect(try play("deliver 1→2 last") == ["2  answer→1 term 1: rejected 3 hint 1.1"])
        try play("settle")
        for _ in 0..<9 { try play("tick 1 100ms", "settle") }
        #expect(play.logs[1] == play.logs[0] && play.logs[2] == play.logs[0] && play.problems == [])
    }

    @Test("§10.2.2 If a request times out, the next index goes back to where it was")
    func goesBack() throws {
        var play = try Play("nodes 3", "leader 1", "propose 1 \"a\"", "drop 1→3", "settle", "lost 1→3")
        #expect(try play("tick 1 100ms").says("send→3 term 1: append after 1.1 []"))
    }

    @Test("§10.2.2 If the check fails, it goes back further")
    func goesBackFurther() throws {
        var play = try Play("nodes 3", "leader 1", "limit 1", "propose 1 \"a\" \"b\"")
        try play("drop 1→3 append", "deliver 1→3 append")
        #expect(try play("deliver 3→1").says("send→3 term 1: append after 1.1 []"))
    }
}
