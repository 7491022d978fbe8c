// Entries read back while the node runs (rule 4), and how fast a large log is recovered.
import Consensus
import Journal
import Testing
import Wire

@Suite("loading")
struct LoadTests {
    /// Everything after `after` up to `through`, in as many questions as it takes.
    private func load(_ member: Member, after: UInt64, through: UInt64, bytesMax: Int) throws -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var place = LogIndex(after)
        while place < LogIndex(through) {
            let extents = member.journal.extents(after: place, through: LogIndex(through), bytesMax: bytesMax)
            guard !extents.isEmpty else { break }
            for extent in extents {
                let block = try Journal.load(extent, from: member.disk)
                #expect(block.first == place.next)
                lines += JournalTests.lines(of: block)
                place = block.last
            }
        }
        return lines
    }

    private func member() throws -> Member {
        var member = try Member.started()
        for round in 0..<20 {
            member.append(1 + round % 5, commandBytes: 100 * round)
            member.append(2, commandBytes: 30)
            if round == 9 { member.append(3, at: 11, commandBytes: 77) }
            member.settle()
        }
        return member
    }

    @Test("any range of the log is loaded as it was written, before and after a start")
    func ranges() throws {
        var chance = Chance(seed: 5)
        let member = try member()
        let log = member.states[member.states.count - 1]
        let next = try Member.started(member.disk)
        for _ in 0..<150 {
            let after = chance.below(log.count)
            let through = after + 1 + chance.below(log.count - after)
            let bytesMax = [0, 1_000, 100_000][chance.below(3)]
            for node in [member, next] {
                let lines = try load(node, after: UInt64(after), through: UInt64(through), bytesMax: bytesMax)
                #expect(lines == Array(log[after..<through]))
            }
        }
    }

    @Test("what is not on disk yet is not offered, and what a conflict removed neither")
    func bounds() throws {
        var member = try member()
        let last = UInt64(member.states[member.states.count - 1].count)
        member.append(4)
        member.endTurn()
        #expect(
            member.journal.extents(after: LogIndex(last), through: LogIndex(last + 4), bytesMax: 1).isEmpty)
        member.drain()
        #expect(
            member.journal.extents(after: LogIndex(last), through: LogIndex(last + 9), bytesMax: 1).last?.last
                == LogIndex(last + 4))
        member.append(1, at: 3)
        member.endTurn()
        let left = member.journal.extents(after: .zero, through: LogIndex(last), bytesMax: 1 << 30)
        #expect(left.last?.last == LogIndex(2))
        #expect(member.journal.extents(after: LogIndex(5), through: LogIndex(5), bytesMax: 1).isEmpty)
    }

    @Test("a changed byte in a loaded entry is damage with its index and place")
    func damage() throws {
        let member = try member()
        let extent = try #require(
            member.journal.extents(after: LogIndex(2), through: LogIndex(4), bytesMax: 1 << 20).last)
        for place in 0..<extent.bytes {
            var disk = member.disk
            disk.flip(extent.file, at: Int(extent.offset) + place)
            do throws(LoadError) {
                let block = try Journal.load(extent, from: disk)
                // Lines behind the wanted ones are not looked at.
                #expect(block.last == extent.last)
                #expect(try Journal.load(extent, from: member.disk).bytes == block.bytes)
            } catch {
                guard case .damaged(let damage) = error else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(damage.reason == .entry)
                #expect(damage.index >= extent.stored && damage.index <= extent.last)
                #expect(damage.offset >= extent.offset)
            }
        }
        var disk = member.disk
        disk.lose(extent.file)
        #expect(throws: LoadError.self) { _ = try Journal.load(extent, from: disk) }
    }

    @Test("a log of 100,000 entries is read back, entry by entry")
    func large() throws {
        var member = try LargeLog.write(entries: 100_000, commandBytes: 180)
        let clock = ContinuousClock()
        var count: UInt64 = 0
        let start = clock.now
        let (_, recovered) = try Journal.recover(node: NodeID(1), from: member.disk) {
            (_, line) throws(RecoveryError) in
            count += 1
            if line.id.index.rawValue != count { throw .entry(line.id, reason: "out of order") }
        }
        let time = clock.now - start
        #expect(count == recovered.commit.rawValue)
        #expect(recovered.last.index == LogIndex(100_000))
        let seconds =
            Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        let megabytes = Double(recovered.bytes) / 1e6
        print(
            "recovered 100,000 entries, \(Int(megabytes)) MB, in \(Int(seconds * 1e3)) ms: "
                + "\(Int(megabytes / seconds)) MB/s")
        member.disk = MemoryDisk()
    }
}

/// A long log, written without a model.
private struct LargeLog {
    var disk = MemoryDisk()

    static func write(entries: Int, commandBytes: Int) throws -> LargeLog {
        var log = LargeLog()
        var (journal, _) = try Journal.recover(node: NodeID(1), from: log.disk) {
            (_, _) throws(RecoveryError) in
        }
        var operations: [Operation] = []
        var completions: [Completion] = []
        func carryOut() {
            while !operations.isEmpty {
                let now = operations
                operations = []
                for operation in now {
                    log.disk.carryOut(operation)
                    journal.completed(operation.id, failure: nil, into: &completions, operations: &operations)
                }
            }
        }
        journal.start(into: &operations)
        carryOut()
        journal.store(HardState(term: Term(1), vote: nil, count: 1), into: &operations)
        journal.store(identity: testCluster, into: &operations)
        carryOut()
        let command = Array("{\"put\":\"\(String(repeating: "x", count: commandBytes))\"}".utf8)
        var index: UInt64 = 1
        var sequence: UInt64 = 0
        while index <= entries {
            var block = Block(first: LogIndex(index))
            let count = min(1_000, entries + 1 - Int(index))
            for _ in 0..<count {
                block.append(index: LogIndex(index), term: Term(1), command: command.span)
                index += 1
            }
            sequence += 1
            journal.append(
                [Piece(block.bytes)], first: block.first, last: EntryID(term: Term(1), index: block.last),
                write: WriteID(term: Term(1), sequence: sequence))
            journal.turnEnded(
                now: Instant(nanoseconds: sequence), commit: block.first.previous, into: &operations)
            carryOut()
        }
        return log
    }
}
