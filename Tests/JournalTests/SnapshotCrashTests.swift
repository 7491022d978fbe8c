// Crashes while snapshots are taken, received and installed, and the log compacted, each moment (rule 26).
import Consensus
import Journal
import Testing
import Wire

/// What a run with snapshots does.
private enum Act: String, CaseIterable {
    case entries, snapshot, moreEntries, conflictOverSegments, snapshotBelowReplacedEntries
    case snapshotAboveThem, newerSnapshotAtOnce, transferThatIsGivenUp
    case receivedWhatTheLogHolds, entriesAfterIt, receivedInsteadOfTheLog, entriesAfterThat
    case snapshotOfTheNewLog, receivedInsteadWithEntriesWaiting, end

    static var acts: [Enumeration.Act] { allCases.map { act in (act.rawValue, { act(&$0) }) } }

    private func callAsFunction(_ member: inout Member) {
        switch self {
        case .entries, .moreEntries: fill(&member, 6)
        case .snapshot: member.takeSnapshot(member.commit - 3)
        case .conflictOverSegments: conflict(&member)
        case .snapshotBelowReplacedEntries: member.takeSnapshot(member.commit)
        case .snapshotAboveThem:
            fill(&member, 8)
            member.takeSnapshot(member.commit)
        case .newerSnapshotAtOnce:
            fill(&member, 2)
            member.takeSnapshot(member.commit)
        case .transferThatIsGivenUp:
            member.receive(EntryID(term: Term(member.term), index: LogIndex(member.commit + 90)))
            member.carryOutNext()
            var operations: [Operation] = []
            member.journal.forgetIncoming(into: &operations)
            member.receiving = nil
            member.give(operations)
        case .receivedWhatTheLogHolds: receiveHeld(&member)
        case .entriesAfterIt, .entriesAfterThat: fill(&member, 3)
        case .receivedInsteadOfTheLog:
            // What the log holds beyond its commit index is another history.
            append(&member, 3)
            member.store(term: member.term + 1, vote: nil)
            member.receive(EntryID(term: Term(member.term), index: LogIndex(member.commit + 4)))
        case .snapshotOfTheNewLog: member.takeSnapshot(member.commit)
        case .receivedInsteadWithEntriesWaiting:
            member.store(term: member.term + 1, vote: 3)
            member.receive(EntryID(term: Term(member.term), index: LogIndex(member.commit + 50)))
            member.append(2, commandBytes: 900)
            member.endTurn()
            member.append(2, commandBytes: 900)
        case .end:
            append(&member, 1)
            member.stop()
        }
    }

    /// Batches of their own, committed one after the other.
    private func fill(_ member: inout Member, _ batches: Int) {
        for _ in 0..<batches {
            append(&member, 1)
            member.commit = UInt64(member.log.count)
        }
    }

    /// Batches of two entries, which fill a page and more.
    private func append(_ member: inout Member, _ batches: Int) {
        for _ in 0..<batches {
            member.append(2, commandBytes: 2_300)
            member.endTurn()
        }
    }

    /// Entries over several segments, and then others in their place.
    private func conflict(_ member: inout Member) {
        let first = member.commit + 1
        append(&member, 12)
        member.store(term: member.term + 1, vote: nil)
        member.append(1, at: first)
        member.endTurn()
        append(&member, 2)
        member.commit = UInt64(member.log.count)
    }

    private func receiveHeld(_ member: inout Member) {
        append(&member, 3)
        if let id = member.name(member.commit + 3) { member.receive(id) }
    }
}

@Suite("every crash of a run with snapshots")
struct SnapshotCrashTests {
    @Test(
        "from any of them a state comes back that was written, with all that was reported",
        arguments: [(1, false), (3, true)])
    func once(inFlight: Int, worksFirst: Bool) throws {
        var chance = Chance(seed: 21)
        var recoveries = 0
        var settings = smallSettings()
        settings.segmentBytes = 32 << 10
        settings.batchesInFlightMax = inFlight
        var member = try Member.started(settings: settings)
        var removed = 0
        try Enumeration.run(&member, Act.acts, worksFirst: worksFirst) { member, act in
            if case .remove(.segment) = member.next(worksFirst: worksFirst)?.action { removed += 1 }
            for (disk, kept) in Enumeration.disks(
                member, worksFirst: worksFirst, subsets: Enumeration.subsets / 4, &chance)
            {
                recoveries += 1
                let found = try open(disk, settings: settings).opened
                member.check(found, "\(Enumeration.describe(member, act)), kept \(kept)")
            }
        }
        print("crashes with snapshots enumerated: \(recoveries) recoveries, \(removed) files removed")
        #expect(recoveries > 3_000 && removed > 8)
    }

    @Test("and so it does from a crash of the start that follows, at any of its operations")
    func twice() throws {
        var member = try Member.started()
        let recoveries = try Enumeration.twice(&member, Act.acts)
        print("crashes of starts with snapshots enumerated: \(recoveries) recoveries")
        #expect(recoveries > 8_000)
    }
}
