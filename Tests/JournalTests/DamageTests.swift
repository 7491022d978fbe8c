// Rotten bytes, lost and foreign files (rules 6, 8, 9, 12): always noticed, never a wrong entry.
import Consensus
import Journal
import Testing
import Wire

@Suite("damage")
struct DamageTests {
    /// A node with several segments, a conflict and restarts, whose last batch no head states to be durable.
    private func member() throws -> Member {
        var member = try Member.started()
        for round in 0..<12 {
            member.append(3, commandBytes: 200 + 60 * round)
            if round == 4 { member.append(1, commandBytes: 9_000) }
            if round == 6 {
                member.store(term: 2, vote: 3)
                member.append(2, at: 12)
            }
            member.settle()
            if round == 8 { member = try Member.started(member.disk) }
        }
        // The last segment has batches that only later ones in it state to be durable.
        member = try Member.started(member.disk)
        for _ in 0..<10 {
            member.endTurn(after: 10)
            member.drain()
        }
        for _ in 0..<6 {
            member.append(2)
            member.settle()
        }
        return member
    }

    /// The pages that hold a live header or batch, and whether a later head or header states it durable.
    private func livePages(_ disk: MemoryDisk) throws -> [(file: File, offset: Int, isStated: Bool)] {
        var pages: [(file: File, offset: Int, isStated: Bool)] = []
        var batches: [(file: File, pages: Range<Int>, sequence: UInt64)] = []
        var stated: UInt64 = 0
        var number: UInt64 = 1
        while disk.exists(.segment(number)) {
            let bytes = disk.bytes(of: .segment(number))
            let head = try SegmentHead(bytes.span, at: 0)
            batches.removeAll { $0.sequence > head.after }
            stated = max(stated, head.durable)
            var offset = 4096
            while let found = try? BatchHead.read(bytes.span, at: offset), let total = found.total {
                stated = max(stated, found.head.durable)
                batches.append((.segment(number), offset..<offset + total, found.head.sequence))
                offset += total
            }
            number += 1
        }
        // The header of a file whose batches are all void says nothing that counts.
        for file in (1..<number).map({ File.segment($0) })
        where file == .segment(number - 1) || batches.contains(where: { $0.file == file }) {
            pages.append((file, 0, true))
        }
        for batch in batches {
            for offset in stride(from: batch.pages.lowerBound, to: batch.pages.upperBound, by: 4096) {
                pages.append((batch.file, offset, batch.sequence <= stated))
            }
        }
        return pages
    }

    @Test(
        "any changed byte of the log is reported as damage, or ends it where no head states more durable"
    )
    func flips() throws {
        let member = try member()
        let whole = try open(member.disk).opened.lines
        #expect(whole == member.states[member.states.count - 1])
        let pages = try livePages(member.disk)
        #expect(pages.count > 15)
        #expect(pages.contains { !$0.isStated })
        let end = try #require(pages.last).file
        #expect(pages.filter { $0.file == end && $0.isStated }.count > 2)
        let stride = everyByte ? 1 : 41
        var flips = 0
        for page in pages {
            for place in Swift.stride(from: (flips * 7) % stride, to: 4096, by: stride) {
                var disk = member.disk
                disk.flip(page.file, at: page.offset + place, bit: place % 8)
                flips += 1
                let found = try open(disk).opened
                #expect(
                    (found.recovered.damage != nil) == page.isStated,
                    "\(page.file), byte \(page.offset + place)")
                expectPrefix(found, of: member, whole)
                #expect(!found.recovered.isWiped || page.offset == 0)
            }
        }
        print("bytes changed: \(flips) of the log")
        #expect(flips > pages.count)
    }

    /// What is left begins the log, but for entries that a later batch had replaced.
    private func expectPrefix(_ found: Opened, of member: Member, _ whole: [[UInt8]]) {
        #expect(found.lines.count <= whole.count + 8)
        for place in 0..<Int(found.recovered.commit.rawValue) { #expect(found.lines[place] == whole[place]) }
        for line in found.lines {
            #expect(throws: Never.self) { _ = try EntryLine.read(line.span, at: 0) }
        }
    }

    @Test("a changed byte beyond the last batch is a torn tail, and no damage")
    func tornTail() throws {
        let member = try member()
        let whole = try open(member.disk).opened
        #expect(whole.recovered.tornBytes == 0)
        let number = try #require((1...9).last { member.disk.exists(.segment($0)) })
        let file = File.segment(number)
        var disk = member.disk
        disk.flip(file, at: disk.bytes(of: file).count - 2_000)
        let found = try open(disk).opened
        #expect(found.lines == whole.lines)
        #expect(found.recovered.damage == nil)
        #expect(found.recovered.tornBytes == 4096)
    }

    @Test("a damaged node remembers it over starts, goes on from its whole prefix, and is whole when told")
    func recorded() throws {
        var member = try member()
        let page = try #require(livePages(member.disk).first { $0.offset > 0 && $0.isStated })
        member.disk.flip(page.file, at: page.offset + 100)
        let first = try Member.started(member.disk)
        #expect(first.opened.recovered.damage?.reason == .batch)
        #expect(first.opened.recovered.damage?.offset == UInt64(page.offset))
        #expect(first.opened.recovered.hardState.vote == NodeID(3), "term and vote are kept")
        // The same damage is not found again, but it is still recorded.
        var second = try Member.started(first.disk)
        #expect(second.opened.recovered.damage == first.opened.recovered.damage)
        #expect(second.opened.lines == first.opened.lines)
        second.append(3)
        second.settle()
        var operations: [Operation] = []
        second.journal.clearDamage(into: &operations)
        second.give(operations)
        second.drain()
        #expect(second.completions.contains(.clearedDamage))
        let third = try open(second.disk).opened
        #expect(third.recovered.damage == nil)
        #expect(third.lines == second.states[1])
        // A record that is itself not whole still says that something was lost.
        var disk = first.disk
        disk.flip(.damage, at: 30)
        #expect(try open(disk).opened.recovered.damage?.reason == .record)
    }

    @Test("a leader that reads a damaged entry can record it")
    func storedDamage() throws {
        var member = try member()
        let damage = Damage(reason: .entry, segment: 1, offset: 8_192, index: LogIndex(3))
        var operations: [Operation] = []
        member.journal.store(damage: damage, into: &operations)
        member.give(operations)
        member.drain()
        #expect(member.completions.contains(.storedDamage))
        #expect(try open(member.disk).opened.recovered.damage == damage)
    }

    // MARK: The vote

    @Test("either slot alone tells term and vote; with both gone the node is wiped and stays so")
    func votes() throws {
        var member = try Member.started()
        member.store(term: 5, vote: 2)
        member.drain()
        member.store(term: 6, vote: 3)
        member.drain()
        for place in [0, 4096] {
            var rotten = member.disk
            rotten.flip(.vote, at: place + 2_000)
            let found = try open(rotten).opened.recovered
            #expect(found.hardState.term == Term(6) && found.hardState.vote == NodeID(3))
            #expect(!found.isWiped)
        }
        let newer = try #require(
            [0, 4096].max {
                try VoteSlot(member.disk.bytes(of: .vote).span, at: $0).count
                    < VoteSlot(member.disk.bytes(of: .vote).span, at: $1).count
            })
        var torn = member.disk
        torn.flip(.vote, at: newer + 2_000)
        var gone = torn
        gone.flip(.vote, at: 4096 - newer + 20)
        for lost in [
            gone,
            {
                var disk = member.disk
                disk.lose(.vote)
                return disk
            }(),
        ] {
            var wiped = try Member.started(lost)
            #expect(wiped.opened.recovered.isWiped)
            #expect(wiped.opened.recovered.hardState.vote == nil)
            #expect(wiped.opened.recovered.hasHistory)
            #expect(wiped.journal.boot == Boot(2))
            wiped.store(term: 9, vote: nil)
            wiped.drain()
            wiped = try Member.started(wiped.disk)
            #expect(wiped.opened.recovered.isWiped, "a stored term does not bring the lost vote back")
            #expect(wiped.opened.recovered.hardState.term == Term(9))
            wiped.journal.rejoined()
            wiped.store(term: 10, vote: 1)
            wiped.drain()
            #expect(try !open(wiped.disk).opened.recovered.isWiped)
        }
    }

    @Test("slots that know less than the log are not the newest: the node is wiped")
    func staleVote() throws {
        var member = try Member.started()
        member.store(term: 5, vote: 2)
        member.drain()
        let old = member.disk.bytes(of: .vote)
        member.store(term: 6, vote: 3)
        member.append(1)
        member.drain()
        member.settle()
        var disk = member.disk
        disk.replace(.vote, with: old)
        let found = try open(disk).opened.recovered
        #expect(found.isWiped && found.hardState.vote == nil)
        #expect(found.hardState.term == Term(6))
    }

    // MARK: Folders that a node must not start from

    @Test("another node's folder, another cluster's file, a missing file and a newer format are refused")
    func refused() throws {
        let member = try member()
        #expect(throws: RecoveryError.node(found: NodeID(1), expected: NodeID(2), .identity)) {
            _ = try open(member.disk, node: 2)
        }
        var disk = member.disk
        disk.lose(.identity)
        #expect(throws: RecoveryError.node(found: NodeID(1), expected: NodeID(2), .segment(1))) {
            _ = try open(disk, node: 2)
        }
        disk = member.disk
        disk.lose(.segment(2))
        #expect(throws: RecoveryError.missing(segment: 2)) { _ = try open(disk) }
        var page: [UInt8] = []
        SegmentHead(
            cluster: ClusterID(high: 3, low: 4), node: NodeID(1), boot: Boot(1), segment: 2, after: 5,
            durable: 5, base: EntryID(term: Term(1), index: LogIndex(4))
        ).encode(into: &page)
        disk = member.disk
        disk.replace(.segment(2), with: page)
        #expect(
            throws: RecoveryError.cluster(
                found: ClusterID(high: 3, low: 4), expected: testCluster, .segment(2))
        ) { _ = try open(disk) }
        disk = member.disk
        disk.replace(.segment(2), with: member.disk.bytes(of: .segment(1)))
        #expect(throws: RecoveryError.inconsistent(segment: 2, offset: 0)) { _ = try open(disk) }
    }

    @Test("a log that is gone as a whole is missed: the vote tells that there was one")
    func vanished() throws {
        let member = try member()
        var disk = member.disk
        var number: UInt64 = 1
        while disk.exists(.segment(number)) {
            disk.lose(.segment(number))
            number += 1
        }
        let found = try open(disk).opened.recovered
        #expect(found.damage?.index == LogIndex(1) && found.last == .zero)
        #expect(found.hardState.term == Term(2) && found.hasHistory)
        // So is one that never was, where a vote was given: but not where none was.
        #expect(try open(MemoryDisk()).opened.recovered.damage == nil)
        // What a start makes of it is damaged, too.
        let next = try Member.started(disk)
        #expect(try open(next.disk).opened.recovered.damage?.index == LogIndex(1))
    }

    @Test("what was committed is written again after a header that begins lower, but never replaced")
    func committedAgain() throws {
        let nothing = Array(#"{"none":true}"#.utf8)
        func entry(_ index: UInt64, _ term: UInt64) -> [UInt8] {
            var block = Block(first: LogIndex(index))
            block.append(index: LogIndex(index), term: Term(term), command: nothing.span)
            return block.bytes
        }
        func segment(_ number: UInt64, after base: EntryID, _ lines: [UInt8], commit: UInt64) -> [UInt8] {
            var bytes: [UInt8] = []
            SegmentHead(
                cluster: testCluster, node: NodeID(1), boot: Boot(1), segment: number, after: number - 1,
                durable: number - 1, base: base
            ).encode(into: &bytes)
            BatchHead(
                segment: number, sequence: number, bytes: UInt64(lines.count), term: Term(2),
                commit: LogIndex(commit), durable: number - 1
            ).encode([Piece(lines)], into: &bytes)
            bytes += lines
            bytes.pad()
            return bytes
        }
        let member = try Member.started()
        for (term, second) in [(1, entry(2, 1)), (2, entry(2, 2))] {
            var disk = member.disk
            disk.replace(
                .segment(1), with: segment(1, after: .zero, entry(1, 1) + entry(2, 1), commit: 2))
            let base = EntryID(term: Term(1), index: LogIndex(1))
            disk.replace(.segment(2), with: segment(2, after: base, second + entry(3, 2), commit: 2))
            if term == 1 {
                #expect(try open(disk).opened.terms == [1, 1, 2])
            } else {
                #expect(throws: RecoveryError.inconsistent(segment: 2, offset: 4096)) { _ = try open(disk) }
            }
        }
    }

    @Test("an identity that is lost is written again from the headers")
    func identity() throws {
        var member = try member()
        member.disk.flip(.identity, at: 40)
        let next = try Member.started(member.disk)
        #expect(next.opened.recovered.cluster == testCluster)
        #expect(try Identity(next.disk.bytes(of: .identity).span).cluster == testCluster)
    }
}
