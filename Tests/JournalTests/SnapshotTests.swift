// The log and its snapshot: compaction, receiving, installing, and what a start makes of both (rules 7, 26).
import Consensus
import Journal
import Testing
import Wire

@Suite("snapshots")
struct SnapshotTests {
    /// A node whose log of 60 entries fills several segments, three entries a batch.
    private func member(committed: UInt64 = 60) throws -> Member {
        var member = try Member.started()
        for _ in 0..<20 {
            member.append(3, commandBytes: 1_500)
            member.settle()
            member.commit = min(UInt64(member.log.count), committed)
        }
        return member
    }

    private func segments(_ disk: MemoryDisk) -> [UInt64] {
        (1...99).filter { disk.exists(.segment($0)) }
    }

    /// How much of a file is not zeros.
    private func written(_ file: File, _ disk: MemoryDisk) -> Int {
        (disk.bytes(of: file).lastIndex { $0 != 0 } ?? -1) + 1
    }

    private func compacted(_ member: Member) -> [LogIndex] {
        member.completions.compactMap { if case .compacted(let through) = $0 { through } else { nil } }
    }

    @Test("segments that a snapshot covers go, oldest first, and what they held is not offered any more")
    func compaction() throws {
        var member = try member()
        let before = segments(member.disk)
        #expect(before.count > 5)
        member.given = []
        member.compact(to: 40)
        let removed = member.given.compactMap { operation -> UInt64? in
            if case .remove(.segment(let number)) = operation.action { number } else { nil }
        }
        #expect(!removed.isEmpty && removed == Array(before.prefix(removed.count)))
        #expect(segments(member.disk) == Array(before.dropFirst(removed.count)))
        let base = try #require(compacted(member).last)
        #expect(base > .zero && base < LogIndex(40))
        #expect(member.journal.base == base)
        #expect(member.journal.extents(after: base.previous, through: LogIndex(60), bytesMax: 1).isEmpty)
        let extents = member.journal.extents(after: base, through: LogIndex(60), bytesMax: 1)
        #expect(extents.first?.first == base.next)
        let found = try open(member.disk).opened
        #expect(found.recovered.base == member.name(base.rawValue))
        #expect(found.snapshot == member.name(40))
        #expect(found.lines.count == 60)
        #expect(Array(found.lines[Int(base.rawValue)...]) == Array(member.log[Int(base.rawValue)...]))
        member.check(found, "compacted")
    }

    @Test("of the log so much stays as is asked for, and never less than what the snapshot lacks")
    func tail() throws {
        var kept: [Int] = []
        for tail in [0, 40 << 10, 80 << 10, 1 << 30] as [UInt64] {
            var member = try member()
            member.compact(to: 60, keepingBytes: tail)
            let files = segments(member.disk)
            let bytes = files.map { UInt64(written(.segment($0), member.disk)) }
            let total = bytes.reduce(0, +)
            // One file less would be less than the tail.
            #expect(tail == 1 << 30 || total < tail + (bytes.count > 1 ? bytes[0] : .max))
            #expect(total >= min(tail, 20 * 8_192))
            kept.append(files.count)
            member.check(try open(member.disk).opened, "tail of \(tail) bytes")
        }
        #expect(kept == kept.sorted() && kept.first == 1 && kept.last.map { $0 > 5 } == true)
    }

    @Test("an older snapshot than the one that is there is removed and compacts nothing")
    func olderSnapshot() throws {
        var member = try member()
        member.compact(to: 50)
        let files = segments(member.disk)
        let base = member.journal.base
        member.compact(to: 20)
        #expect(segments(member.disk) == files && member.journal.base == base)
        #expect(try Journal.snapshots(in: member.disk) == [member.name(50)])
        // A newer one takes its place.
        member.compact(to: 60)
        #expect(try Journal.snapshots(in: member.disk) == [member.name(60)])
        member.check(try open(member.disk).opened, "two snapshots later")
    }

    @Test("a file that cannot be removed is told, and everything else goes on")
    func unremovable() throws {
        var member = try member()
        member.takeSnapshot(60)
        while !member.work.isEmpty { member.workNext() }
        var failed = 0
        while let next = member.queue.first {
            guard case .remove(.segment(let number)) = next.action, number == 2 else {
                member.carryOutNext()
                continue
            }
            member.queue.removeFirst()
            member.report(next.id, DiskFailure(reason: .failed, message: "remove log/2.ndjson"))
            failed += 1
        }
        #expect(failed == 1)
        #expect(
            member.completions.contains(
                .notRemoved(.segment(2), DiskFailure(reason: .failed, message: "remove log/2.ndjson"))))
        #expect(member.journal.failure == nil)
        #expect(compacted(member).count == 1)
        // A hole before a file that is left: the start goes by the snapshot, and removes it.
        #expect(segments(member.disk).first == 2 && !member.disk.exists(.segment(3)))
        let found = try open(member.disk).opened
        member.check(found, "with a file left")
        let next = try Member.started(member.disk)
        #expect(!next.disk.exists(.segment(2)))
    }

    @Test("a received snapshot takes the place of the log, or of its beginning if the log has such an entry")
    func installing() throws {
        let cases: [(UInt64, UInt64, Bool)] = [(60, 1, true), (50, 1, true), (50, 3, false), (90, 3, false)]
        for (index, term, holds) in cases {
            var member = try member(committed: 42)
            if term != 1 { member.store(term: term, vote: nil) }
            let id = EntryID(term: Term(term), index: LogIndex(index))
            member.receive(id)
            member.drain()
            #expect(member.commit == index)
            #expect(member.persisted == member.states.count - 1)
            #expect(try Journal.snapshots(in: member.disk) == [id])
            #expect(!member.disk.exists(.incoming))
            #expect(segments(member.disk).count == 1 || holds)
            let found = try open(member.disk).opened
            member.check(found, "installed \(id)")
            #expect(found.recovered.last.index == LogIndex(holds ? 60 : index))
            // It goes on from there.
            member.append(3)
            member.settle()
            var next = try Member(member.disk)
            next.follow(member)
            member.check(next.opened, "after \(id)")
            next.drain()
            next.check(try open(next.disk).opened, "started after \(id)")
            #expect(next.opened.lines.count == (holds ? 63 : Int(index) + 3))
        }
    }

    @Test("a transfer begins anew at offset 0; what does not follow, or comes after a full disk, is refused")
    func transfers() throws {
        var member = try Member.started()
        var operations: [Operation] = []
        let long = [UInt8](repeating: 0x61, count: 5_000)
        #expect(!member.journal.receive([Piece(long)], offset: 1, isLast: false, into: &operations))
        #expect(member.journal.receive([Piece(long)], offset: 0, isLast: false, into: &operations))
        #expect(!member.journal.receive([Piece(long)], offset: 4_999, isLast: false, into: &operations))
        // Another file: shorter, and nothing of the first is left in it.
        #expect(
            member.journal.receive([Piece(long, 0..<10)], offset: 0, isLast: true, into: &operations))
        member.give(operations)
        member.drain()
        #expect(member.disk.bytes(of: .incoming) == Array(long[..<10]))
        #expect(member.completions.filter { $0 == .received(next: 10) }.count == 1)
        #expect(!member.completions.contains(.received(next: 5_000)))
        operations = []
        #expect(member.journal.receive([Piece(long)], offset: 10, isLast: false, into: &operations))
        let full = DiskFailure(reason: .full, message: "write snapshot/incoming.new")
        #expect(operations[0].action.mayFail(by: full))
        member.give(operations)
        member.report(member.queue.removeFirst().id, full)
        #expect(member.completions.last == .notReceived(full))
        #expect(member.journal.failure == nil)
        operations = []
        #expect(!member.journal.receive([Piece(long)], offset: 5_010, isLast: false, into: &operations))
        #expect(member.journal.receive([Piece(long)], offset: 0, isLast: false, into: &operations))
        member.give(operations)
        member.append(1)
        member.settle()
    }

    @Test("what a start does not need any more, it removes: drafts, a part of a transfer, older snapshots")
    func leftovers() throws {
        var member = try member()
        member.compact(to: 30)
        member.takeSnapshot(45)
        member.workNext()
        member.receive(EntryID(term: Term(1), index: LogIndex(70)))
        member.carryOutNext()
        #expect(try member.disk.snapshotFiles().count == 3)
        let next = try Member.started(member.disk)
        #expect(try next.disk.snapshotFiles().map(\.file) == [.snapshot(try #require(member.name(30)))])
        member.check(try open(next.disk).opened, "tidied")
    }

    @Test("a needed snapshot that is lost or damaged makes the node damaged; the vote is kept, no entry is")
    func lostSnapshot() throws {
        var member = try member()
        member.store(term: 7, vote: 2)
        member.drain()
        member.compact(to: 40)
        let id = try #require(member.name(40))
        var rotten = member.disk
        rotten.flip(.snapshot(id), at: 500)
        var gone = member.disk
        gone.lose(.snapshot(id))
        for (disk, reason) in [(rotten, Damage.Reason.snapshot), (gone, .segment)] {
            let found = try open(disk).opened
            #expect(found.recovered.damage?.reason == reason)
            #expect(found.recovered.damage?.index == LogIndex(1))
            #expect(found.recovered.hardState.vote == NodeID(2) && !found.recovered.isWiped)
            #expect(found.lines.isEmpty && found.recovered.base == .zero)
            // The log is discarded for good: what is written now follows nothing.
            var next = try Member.started(disk)
            #expect(try next.disk.snapshotFiles().isEmpty)
            next.store(term: 8, vote: nil)
            next.append(2)
            next.settle()
            let last = try open(next.disk).opened
            #expect(last.lines == next.log && last.lines.count == 2)
            #expect(last.recovered.damage?.reason == reason, "recorded")
        }
    }

    @Test("a damaged snapshot does no harm if the log has everything, or an older one covers its beginning")
    func spareSnapshot() throws {
        var member = try member()
        member.compact(to: 40, keepingBytes: 1 << 30)
        let id = try #require(member.name(40))
        member.disk.flip(.snapshot(id), at: 500)
        var found = try open(member.disk).opened
        #expect(found.recovered.damage == nil && found.snapshot == nil)
        #expect(found.lines == member.log)

        member = try self.member()
        member.compact(to: 40)
        member.takeSnapshot(55)
        while member.work.count > 0 { member.workNext() }
        member.queue = []
        member.disk.flip(.snapshot(try #require(member.name(55))), at: 500)
        found = try open(member.disk).opened
        #expect(found.recovered.damage == nil && found.snapshot == id)
        member.check(found, isSnapshotLost: true, "the older one")
        let next = try Member.started(member.disk)
        #expect(try Journal.snapshots(in: next.disk) == [id])
    }

    @Test("damage in what a snapshot covers is no damage")
    func coveredDamage() throws {
        var member = try member()
        member.compact(to: 40, keepingBytes: 1 << 30)
        let number = try #require(
            segments(member.disk).last { number in
                let head = try? SegmentHead(member.disk.bytes(of: .segment(number)).span, at: 0)
                return head.map { $0.base.index <= LogIndex(40) } ?? false
            })
        #expect(number > 2)
        for segment in 1..<number {
            for offset in [100, 4096 + 100] {
                var disk = member.disk
                disk.flip(.segment(segment), at: offset)
                let found = try open(disk).opened
                member.check(found, "segment \(segment), byte \(offset)")
                #expect(found.recovered.base.index > .zero)
            }
        }
        // Behind it, it is.
        var disk = member.disk
        disk.flip(.segment(number + 1), at: 100)
        #expect(try open(disk).opened.recovered.damage?.index.rawValue ?? 0 > 40)
    }

    @Test("`rast log` sees all that the files hold, before the snapshot too")
    func reading() throws {
        var member = try member()
        member.compact(to: 40)
        var lines: [[UInt8]] = []
        let recovered = try Journal.read(node: NodeID(1), from: member.disk) { bytes, line in
            lines.append(line.line.map { bytes[$0] })
        }
        for block in recovered.tail { lines += JournalTests.lines(of: block) }
        #expect(lines == Array(member.log[Int(member.journal.base.rawValue)...]))
        #expect(lines.count > 20)
    }
}
