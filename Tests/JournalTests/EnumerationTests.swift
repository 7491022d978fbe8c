// A crash before, in the middle of and after every operation of a run, times what the disk kept.
import Consensus
import Journal
import Testing
import Wire

/// What a run does, one after the other; each is carried out by the disk before the next.
private enum Act: String, CaseIterable {
    case identity, entries, vote, entriesOfSeveralPages, entriesThatReplaceOthers
    case conflictWhileABatchIsUnderWay, markOfADiskAtRest, otherSegments, voteAgain, end

    static func acts(from: Int = 0) -> [Enumeration.Act] {
        allCases[from...].map { act in (act.rawValue, { act(&$0) }) }
    }

    private func callAsFunction(_ member: inout Member) {
        switch self {
        case .identity: member.join()
        case .entries:
            member.append(3, commandBytes: 100)
            member.endTurn()
        case .vote: member.store(term: 2, vote: 2)
        case .entriesOfSeveralPages:
            member.append(2, commandBytes: 6_000)
            member.endTurn()
        case .entriesThatReplaceOthers:
            member.store(term: 3, vote: nil)
            member.append(2, at: 3)
            member.endTurn()
        case .conflictWhileABatchIsUnderWay:
            member.commit = 2
            member.append(4, commandBytes: 300)
            member.endTurn()
            member.store(term: 4, vote: 3)
            member.append(1, at: 6)
            member.endTurn()
        case .markOfADiskAtRest:
            member.commit = UInt64(member.states[member.states.count - 1].count)
            member.endTurn(after: 60)
            member.endTurn(after: 60)
        case .otherSegments:
            for count in 1...14 {
                member.append(2, commandBytes: 700 + 40 * count)
                member.endTurn()
                // So that some batches hold several writes.
                if count % 3 > 0 { member.carryOutNext() }
            }
        case .voteAgain: member.store(term: 5, vote: 1)
        case .end:
            member.append(1)
            member.stop()
        }
    }
}

@Suite("every crash of a run")
struct EnumerationTests {
    @Test("from any of them the log comes back that was written, with all that was reported")
    func once() throws {
        var chance = Chance(seed: 11)
        var recoveries = 0
        for (inFlight, isFresh) in [(1, true), (3, true), (1, false)] {
            var settings = smallSettings()
            settings.batchesInFlightMax = inFlight
            var member = try Member(MemoryDisk(), settings: settings)
            if !isFresh {
                // A node that was killed with batches that no head states to be durable.
                member = try Member.started(settings: settings)
                member.append(5, commandBytes: 900)
                member.endTurn()
                while !member.queue.isEmpty { member.carryOutNext() }
                var next = try Member(member.disk, settings: settings)
                next.follow(member)
                member = next
            }
            func crash(_ member: Member, _ act: String) throws {
                for (disk, kept) in Enumeration.disks(member, &chance) {
                    recoveries += 1
                    let found = try open(disk).opened
                    member.check(found, "\(Enumeration.describe(member, act)), kept \(kept)")
                }
            }
            while !member.queue.isEmpty {
                try crash(member, "the start")
                member.carryOutNext()
            }
            try Enumeration.run(&member, Act.acts(from: isFresh ? 0 : 1), crash)
        }
        print("crashes enumerated: \(recoveries) recoveries")
        #expect(recoveries > 10_000)
    }

    @Test("and so it does from a crash of the start that follows, at any of its operations")
    func twice() throws {
        var member = try Member.started()
        let recoveries = try Enumeration.twice(&member, Act.acts(from: 1))
        print("crashes of starts enumerated: \(recoveries) recoveries")
        #expect(recoveries > 4_000)
    }

    @Test(
        "every byte of vote and identity changed once: what they said is known from the others, or it is said"
    )
    func smallFiles() throws {
        var member = try Member.started()
        member.store(term: 5, vote: 2)
        member.drain()
        member.append(4)
        member.settle()
        let whole = try open(member.disk).opened
        var flips = 0
        for file in [File.vote, .identity] {
            for place in 0..<member.disk.bytes(of: file).count {
                var disk = member.disk
                disk.flip(file, at: place, bit: place % 8)
                flips += 1
                let found = try open(disk).opened
                #expect(found.lines == whole.lines, "\(file), byte \(place)")
                #expect(found.recovered.hardState.term == Term(5), "\(file), byte \(place)")
                #expect(
                    found.recovered.isWiped || found.recovered.hardState.vote == NodeID(2),
                    "\(file), byte \(place): the vote is forgotten")
                #expect(!found.recovered.isWiped, "\(file), byte \(place): one byte takes both slots")
                #expect(found.recovered.cluster == testCluster, "\(file), byte \(place)")
            }
        }
        print("bytes changed: \(flips) of vote and identity")
        #expect(flips > 4_096)
    }
}
