// The machine itself: what it gives the disk, in which order, what it makes of reports (rules 5, 6, 10).
import Consensus
import Journal
import Testing
import Wire

/// Whether the tests change every byte and not some (slow).
let everyByte = ProcessInfoFlag.isSet("RAST_TEST_EVERY_BYTE")

@Suite("machine")
struct MachineTests {
    private func batches(_ operations: [Operation]) throws -> [BatchHead] {
        try operations.compactMap { operation in
            guard case .write(.segment, _, let pieces, _) = operation.action else { return nil }
            let line = pieces[0].bytes
            return try BatchHead.read(line.span, at: 0).head
        }
    }

    @Test("what comes while a batch is under way gathers into the next one")
    func gathering() throws {
        var member = try Member.started()
        member.given = []
        member.append(1)
        member.endTurn()
        for _ in 0..<5 {
            member.append(2)
            member.endTurn()
        }
        #expect(try batches(member.given).count == 1)
        member.drain()
        #expect(member.persisted == 1)
        member.endTurn()
        member.drain()
        #expect(member.persisted == 6)
        let heads = try batches(member.given)
        #expect(heads.count == 2)
        #expect(heads[1].sequence == heads[0].sequence + 1)
        #expect(heads[1].durable == heads[0].sequence)
    }

    @Test("several batches may be under way; durable is the unbroken prefix of those that are done")
    func inFlight() throws {
        var settings = smallSettings()
        settings.batchesInFlightMax = 3
        var member = try Member.started(settings: settings)
        member.given = []
        for _ in 0..<5 {
            member.append(1)
            member.endTurn()
        }
        let writes = member.queue.filter {
            if case .write(.segment, _, _, _) = $0.action { true } else { false }
        }
        #expect(writes.count == 3)
        // Reported out of order: nothing is said before the first is done.
        member.report(writes[2].id)
        member.report(writes[1].id)
        #expect(member.persisted == 0)
        for operation in member.queue where operation.id < writes[1].id { member.report(operation.id) }
        #expect(member.persisted == 3)
    }

    @Test("reports of what is not under way change nothing")
    func lateReports() throws {
        var member = try Member.started()
        member.append(1)
        member.endTurn()
        let id = member.queue[0].id
        let before = member.completions
        for other in [0, 1, id + 1_000, .max] { member.report(other) }
        #expect(member.completions == before)
        member.drain()
        let after = member.completions
        member.report(id)
        #expect(member.completions == after)
    }

    @Test("after 50 ms without a write one batch without entries states what is durable, and no second one")
    func idleMark() throws {
        var member = try Member.started()
        member.append(1)
        member.settle()
        member.endTurn()
        member.drain()
        member.given = []
        member.commit = 1
        #expect(member.journal.wakeAt.map { $0 > member.now } == true)
        member.endTurn(after: 40)
        #expect(try batches(member.given).isEmpty)
        member.endTurn(after: 20)
        member.drain()
        let marks = try batches(member.given)
        #expect(marks.count == 1)
        #expect(marks.first?.bytes == 0)
        #expect(marks.first?.commit == LogIndex(1))
        #expect(marks.first?.durable == marks.first.map { $0.sequence - 1 })
        for _ in 0..<100 {
            member.endTurn(after: 60)
            member.drain()
        }
        #expect(try batches(member.given).count == 1)
        #expect(try open(member.disk).opened.recovered.commit == LogIndex(1))
    }

    @Test("a mark never goes before a write that waits")
    func noMarkUnderLoad() throws {
        var member = try Member.started()
        for _ in 0..<20 {
            member.append(1)
            member.endTurn(after: 100)
            member.endTurn(after: 100)
            member.drain()
        }
        #expect(try batches(member.given).allSatisfy { $0.bytes > 0 })
    }

    @Test("after a stop the next start writes nothing again")
    func stopping() throws {
        var member = try Member.started()
        member.append(3)
        member.commit = 0
        member.endTurn()
        member.append(3)
        member.stop()
        #expect(!member.completions.contains(.stopped))
        member.drain()
        #expect(member.completions.last == .stopped)
        #expect(member.persisted == 2)
        let next = try Member.started(member.disk)
        #expect(next.opened.lines == member.states[2])
        let rewritten = next.given.compactMap { operation -> Int? in
            guard case .write(.spare, _, let pieces, _) = operation.action else { return nil }
            return pieces.reduce(0) { $0 + $1.count }
        }
        #expect(rewritten == [8192], "a header and a batch without entries")
        var idle = next
        idle.stop()
        idle.drain()
        #expect(idle.completions.last == .stopped)
    }

    @Test("a node that never started stops at once, and one in the middle of its start after that")
    func stoppingEarly() throws {
        var member = try Member(MemoryDisk())
        member.stop()
        #expect(member.completions.isEmpty)
        member.drain()
        #expect(member.completions == [.started, .stopped])
        var (journal, _) = try open(MemoryDisk())
        var completions: [Completion] = []
        var operations: [Operation] = []
        journal.stop(commit: .zero, into: &completions, operations: &operations)
        #expect(completions == [.stopped])
        #expect(operations.isEmpty)
    }

    @Test("a failed write is final: said once, and nothing is reported or written after it")
    func failure() throws {
        var member = try Member.started()
        member.append(1)
        member.endTurn()
        member.append(1)
        let failure = DiskFailure(reason: .failed, message: "write log/1.ndjson: Input/output error")
        let id = try #require(
            member.queue.first { if case .write = $0.action { true } else { false } }?.id)
        member.report(id, failure)
        #expect(member.completions.last == .failed(failure))
        #expect(member.journal.failure == failure)
        let before = member.completions
        member.given = []
        for operation in member.queue { member.report(operation.id) }
        member.report(id, failure)
        member.append(1)
        member.endTurn(after: 100)
        member.store(term: 9, vote: 1)
        member.stop()
        #expect(member.completions == before)
        #expect(member.given.isEmpty)
        #expect(member.persisted == 0)
    }

    @Test("a spare that finds no room refuses nothing that was promised, is said, and is tried again")
    func fullDisk() throws {
        var member = try Member.started()
        member.endTurn()
        let full = DiskFailure(reason: .full, message: "write log/2.spare: No space left on device")
        let id = try #require(
            member.queue.first { if case .prepare = $0.action { true } else { false } }?.id)
        member.report(id, full)
        member.queue = []
        #expect(member.journal.isFull)
        member.append(1)
        member.settle()
        #expect(member.journal.isFull)
        #expect(!member.completions.contains(.failed(full)))
        member.endTurn(after: 2_000)
        member.drain()
        #expect(!member.journal.isFull)
    }

    @Test("what is held back for a snapshot is not prepared, and what is prepared is told, less a margin")
    func heldBack() throws {
        var member = try Member.started()
        member.settle()
        #expect(member.journal.room == nil)
        // The spare is prepared in parts, each in a turn of its own.
        for _ in 0..<20 {
            member.endTurn(after: 10)
            member.drain()
        }
        member.journal.hold(back: true)
        let all = try #require(member.journal.room)
        #expect(all > member.settings.segmentBytes / 2)
        member.append(1)
        #expect(try #require(member.journal.room) < all, "what waits is counted")
        var isPreparing = false
        while try #require(member.journal.room) > 0 {
            member.append(1)
            member.endTurn(after: 10)
            isPreparing =
                isPreparing
                || member.queue.contains {
                    if case .prepare(.spare, _, _) = $0.action { true } else { false }
                }
            member.drain()
        }
        #expect(member.journal.isFull && !isPreparing)
        member.journal.hold(back: false)
        #expect(member.journal.room == nil)
        member.endTurn(after: 10)
        #expect(member.queue.contains { if case .prepare = $0.action { true } else { false } })
    }
}

@Suite("segments")
struct SegmentTests {
    private func names(_ operations: [Operation]) -> [String] {
        operations.map { operation in
            switch operation.action {
            case .write(let file, let offset, _, let isSynced):
                "write \(file) \(offset)\(isSynced ? " sync" : "")"
            case .prepare(let file, let offset, let bytes): "prepare \(file) \(offset)+\(bytes)"
            case .rename(let from, let to): "rename \(from) \(to)"
            case .remove(let file): "remove \(file)"
            case .syncFolder(let folder): "sync \(folder)"
            }
        }
    }

    @Test(
        "a first start writes its boot first; joining opens a segment, and then a vote may be given")
    func firstStart() throws {
        var member = try Member(MemoryDisk())
        #expect(
            names(member.given) == [
                "sync root", "sync log", "sync snapshot", "write vote 0 sync", "write vote 4096 sync",
                "sync root",
                "prepare log/1.spare 0+16384", "sync log",
            ])
        member.drain()
        member.given = []
        member.join()
        #expect(
            names(member.given) == [
                "write rast.json.new 0 sync", "rename rast.json.new rast.json", "sync root",
                "write log/1.spare 0 sync", "rename log/1.spare log/1.ndjson", "sync log", "sync log",
                "write vote 0 sync", "write vote 4096 sync",
            ])
    }

    @Test("a full segment gives way to the spare: header synced, then its name, then its first batch")
    func switchOver() throws {
        var member = try Member.started()
        for _ in 0..<40 {
            member.endTurn(after: 10)
            member.drain()
        }
        #expect(member.disk.bytes(of: .spare(2)).count == 64 << 10, "the spare is ready ahead of use")
        member.given = []
        for _ in 0..<4 {
            member.append(1, commandBytes: 3_000)
            member.endTurn()
            member.drain()
        }
        let order = names(member.given).filter { !$0.hasPrefix("prepare") }
        #expect(
            order == [
                "write log/1.ndjson 4096 sync", "write log/1.ndjson 8192 sync",
                "write log/1.ndjson 12288 sync",
                "write log/2.spare 0 sync", "rename log/2.spare log/2.ndjson", "sync log",
                "write log/2.ndjson 4096 sync",
            ])
        #expect(try open(member.disk).opened.lines == member.states[4])
        let head = try SegmentHead(member.disk.bytes(of: .segment(2)).span, at: 0)
        #expect(head.after == 3 && head.durable == 3)
    }

    @Test("a spare that is not ready in time is a smaller segment, and nothing waits for the rest of it")
    func earlySwitch() throws {
        var member = try Member.started()
        for _ in 0..<30 {
            member.append(1, commandBytes: 3_000)
            member.endTurn(after: 0)
            while member.persisted < member.states.count - 1 { member.carryOutNext() }
        }
        #expect(member.disk.exists(.segment(3)))
        #expect(try open(member.disk).opened.lines == member.states[30])
    }

    @Test("an entry larger than a segment gets a segment of its own size")
    func largeEntry() throws {
        var member = try Member.started()
        member.append(1)
        member.append(1, commandBytes: 5 << 20)
        member.append(1)
        member.settle()
        let found = try open(member.disk).opened
        #expect(found.lines == member.states[3])
        // Killed before a head states it durable: it is written again.
        let next = try Member.started(member.disk)
        #expect(try open(next.disk).opened.lines == member.states[3])
    }

    @Test("a spare that an earlier start left is removed, and its number used")
    func leftSpares() throws {
        var member = try Member.started()
        for _ in 0..<5 {
            member.endTurn(after: 10)
            member.drain()
        }
        #expect(member.disk.exists(.spare(2)))
        let next = try Member.started(member.disk)
        #expect(next.disk.exists(.segment(2)))
        #expect(!next.disk.exists(.spare(2)))
    }
}
