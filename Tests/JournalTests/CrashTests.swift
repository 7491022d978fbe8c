// Power cuts and kills at every operation (rules 5 to 10): nothing reported is lost, and nothing is made up.
import Consensus
import Journal
import Testing
import Wire

@Suite("crashes")
struct CrashTests {
    /// What a node may do next, at random.
    private func act(_ member: inout Member, _ chance: inout Chance) {
        switch chance.below(14) {
        case 0...3:
            member.append(1 + chance.below(4), commandBytes: chance.below(600))
        case 4:
            member.append(1, commandBytes: 3_000 + chance.below(9_000))
        case 5:
            // A new leader's entries replace those that are not committed.
            let last = UInt64(member.states[member.states.count - 1].count)
            guard last > member.commit else { return }
            member.store(term: member.term + 1, vote: nil)
            let first = member.commit + 1 + UInt64(chance.below(Int(last - member.commit)))
            member.append(1 + chance.below(3), at: first)
        case 6:
            member.store(term: member.term + UInt64(chance.below(2)), vote: UInt64(1 + chance.below(3)))
        case 7:
            // A majority of others commits: what this disk holds does not matter.
            if chance.chance(1, in: 2) {
                member.commit = max(member.commit, UInt64(member.states[member.states.count - 1].count))
                return
            }
            // Or it is what all later logs share and the disk holds.
            let later = member.states[member.persisted...]
            var shared = member.states[member.persisted].count
            for log in later {
                while shared > 0,
                    log.count < shared || log[shared - 1] != member.states[member.persisted][shared - 1]
                {
                    shared -= 1
                }
            }
            member.commit = max(member.commit, UInt64(shared))
        case 8:
            if member.commit > 0 { member.takeSnapshot(1 + UInt64(chance.below(Int(member.commit)))) }
        case 9 where member.completions.contains(.started) && member.receiving == nil:
            // The leader sends one: of an entry that is here too, or of the history of others.
            let index = member.commit + 1 + UInt64(chance.below(6))
            let other = EntryID(term: Term(member.term), index: LogIndex(index))
            member.receive(chance.chance(1, in: 2) ? member.name(index) ?? other : other)
        default:
            member.endTurn(after: UInt64(chance.below(80)))
        }
    }

    /// The disk in the middle of the next operation, and before it, after a power cut: both are read back.
    private func probe(
        _ member: Member, worksFirst: Bool, _ chance: inout Chance, _ note: String
    ) throws {
        for isBegun in [false, true] {
            var disk = member.disk
            if isBegun, let next = member.next(worksFirst: worksFirst) { disk.begin(next) }
            disk.losePower(&chance)
            let found = try open(disk).opened
            member.check(
                found,
                "\(note), \(isBegun ? "in the middle of" : "before") "
                    + "\(member.next(worksFirst: worksFirst).map { "\($0.action)".prefix(60) } ?? "nothing")")
        }
    }

    @Test(
        "whatever moment and whatever the disk kept, the log was once written and holds all reported",
        arguments: 1...(everyByte ? 200 : 6))
    func everyOperation(seed: UInt64) throws {
        var chance = Chance(seed: seed)
        var settings = smallSettings()
        settings.batchesInFlightMax = seed % 2 == 0 ? 3 : 1
        var member = try Member(MemoryDisk(), settings: settings)
        var life = 1
        for step in 0..<260 {
            if member.completions.contains(.started), !member.hasJoined { member.join() }
            if member.hasJoined { act(&member, &chance) }
            for _ in 0..<chance.below(6) {
                let worksFirst = chance.chance(1, in: 2)
                try probe(
                    member, worksFirst: worksFirst, &chance, "seed \(seed), life \(life), step \(step)")
                member.carryOutNext(worksFirst: worksFirst)
            }
            // Now and then the process dies, with or without the machine; the next one goes on from there.
            if chance.chance(1, in: 25) {
                var disk = member.disk
                if chance.chance(1, in: 2), let next = member.next(worksFirst: chance.chance(1, in: 2)) {
                    disk.begin(next)
                }
                if chance.chance(1, in: 2) { disk.losePower(&chance) }
                var next = try Member(disk, settings: settings)
                next.follow(member)
                member.check(next.opened, "seed \(seed), life \(life) ended at step \(step)")
                member = next
                life += 1
            }
        }
        #expect(life > 2)
    }

    @Test(
        "a start that dies again and again loses nothing that was only in the page cache", arguments: 1...20)
    func dyingStarts(seed: UInt64) throws {
        var chance = Chance(seed: seed &* 7_919)
        var member = try Member.started()
        for _ in 0..<3 {
            member.append(2, commandBytes: 500)
            member.settle()
        }
        // Killed when the last batch is reported and no later head says so.
        let survivor = member
        for _ in 0..<8 {
            var next = try Member(member.disk)
            survivor.check(next.opened, "seed \(seed)")
            for _ in 0..<chance.below(next.queue.count + 1) { next.carryOutNext() }
            if let operation = next.queue.first, chance.chance(1, in: 2) { next.disk.begin(operation) }
            if chance.chance(1, in: 2) { next.disk.losePower(&chance) }
            member = next
        }
        survivor.check(try open(member.disk).opened, "seed \(seed), at last")
    }

    @Test("a node that is started a hundred times keeps its log, and its boot rises by one each time")
    func manyStarts() throws {
        var member = try Member.started()
        for count in 1...100 {
            #expect(member.journal.boot == Boot(UInt64(count)))
            if count % 3 == 0 { member.append(1) }
            if count % 10 == 0 { member.commit = UInt64(member.states[member.states.count - 1].count) }
            member.settle()
            let log = member.states[member.states.count - 1]
            if count % 2 == 0 {
                member.stop()
                member.drain()
                #expect(member.completions.contains(.stopped))
            }
            member = try Member.started(member.disk)
            #expect(member.opened.lines == log)
        }
        #expect(member.opened.recovered.commit == LogIndex(33))
    }

    @Test("entries that others committed are written again too, if no head states them to be durable")
    func committedUnstated() throws {
        var settings = smallSettings()
        settings.batchesInFlightMax = 3
        var member = try Member.started(settings: settings)
        for count in 1...3 {
            member.append(1)
            member.commit = UInt64(count)
            member.endTurn(after: 0)
        }
        // Written and synced, and the process dies before it hears so.
        for operation in member.queue { member.disk.carryOut(operation) }
        let next = try Member.started(member.disk, settings: settings)
        #expect(next.opened.lines == member.states[3])
        #expect(try open(next.disk).opened.lines == member.states[3])
    }

    @Test("after a conflict the log is the replay: later entries hold, earlier ones before them stay")
    func conflict() throws {
        var member = try Member.started()
        member.append(10)
        member.settle()
        member.store(term: 2, vote: nil)
        member.append(2, at: 4)
        member.append(3, at: 5)
        member.settle()
        let found = try open(member.disk).opened
        #expect(found.lines == member.states[3])
        #expect(found.lines.count == 7)
        #expect(found.terms == [1, 1, 1, 2, 2, 2, 2])
        #expect(found.recovered.last == EntryID(term: Term(2), index: LogIndex(7)))
    }
}
