// Those who wait: each gets one answer, and it is true (rules 15 and 18).
import Consensus
import KeyValue
import Replica
import Testing
import Wire

@Suite("Clients")
struct ClientTests {
    @Test("a write is answered once it is applied, by its own entry")
    func write() {
        var member = Member(1, of: [1, 2, 3])
        member.elect()
        member.acknowledge()
        member.put("a", "1", ticket: 1)
        #expect(member.takeEffects().answers(to: 1) == [])
        member.acknowledge()
        #expect(member.takeEffects().answers(to: 1) == ["written"])
        let key = Array("a".utf8)
        #expect(member.replica.store.record(key.span)?.value == Array("1".utf8))
    }

    @Test("a write that takes too long is unknown, and is not answered again when it is applied")
    func writeTimesOut() {
        var member = Member(1, of: [1, 2, 3])
        member.elect()
        member.acknowledge()
        member.put("a", "1", ticket: 1, deadline: 100)
        member.pass(150)
        #expect(member.takeEffects().failure(of: 1) == .timedOut(.unknown))
        member.acknowledge()
        #expect(member.takeEffects().answers(to: 1) == [])
        #expect(member.replica.store.count == 1)
    }

    @Test("a read that takes too long certainly did nothing")
    func readTimesOut() {
        var member = Member(1, of: [1, 2, 3])
        member.elect()
        member.acknowledge()
        member.read(ticket: 1, deadline: 100)
        member.pass(150)
        #expect(member.takeEffects().failure(of: 1) == .timedOut(.notApplied))
    }

    @Test("a read waits for a round of a majority that began after it")
    func readWaitsForRound() throws {
        var member = Member(1, of: [1, 2, 3])
        member.elect()
        member.acknowledge()
        _ = member.takeEffects()
        member.read(ticket: 1)
        let effects = member.takeEffects()
        #expect(effects.answers(to: 1) == [])
        var round: UInt64?
        for parcel in member.replica.hasEffects ? [] : effects.parcels(to: 2, .heartbeat) {
            if case .heartbeat(_, let sent) = try Envelope.request(.heartbeat, parcel.head.span).envelope
                .message.body
            {
                round = sent
            }
        }
        let sent: UInt64
        if let round {
            sent = round
        } else {
            // The first round was still under way: its answer lets the next one begin.
            member.answered(by: 2, term: member.replica.raft.term.rawValue, .heard(round: 1))
            let next = member.takeEffects()
            #expect(next.answers(to: 1) == [])
            let parcel = try #require(next.parcels(to: 2, .heartbeat).last)
            guard
                case .heartbeat(_, let second) = try Envelope.request(.heartbeat, parcel.head.span).envelope
                    .message.body
            else { return }
            sent = second
        }
        member.answered(by: 2, term: member.replica.raft.term.rawValue, .heard(round: sent))
        #expect(member.takeEffects().answers(to: 1) == ["readable"])
    }

    @Test(
        "a write cut from the log stays open until another entry is committed in its place: then, not applied"
    )
    func orphan() {
        var member = Member(1, of: [1, 2, 3])
        member.elect()
        let term = member.replica.raft.term.rawValue
        member.put("a", "1", ticket: 1)
        #expect(member.replica.raft.log.lastIndex == LogIndex(2))
        _ = member.takeEffects()
        // Another leader, whose log has entries of its own from 1 on; none is committed yet.
        member.asked(
            by: 2, term: term + 1, append(after: 0, of: 0, [(term + 1, 3)]),
            lines: lines(from: 1, count: 3, term: term + 1))
        #expect(member.replica.raft.log.lastIndex == LogIndex(3))
        #expect(member.takeEffects().answers(to: 1) == [])
        member.asked(by: 2, term: term + 1, append(after: 3, of: term + 1, commit: 1))
        #expect(member.takeEffects().answers(to: 1) == [])
        member.asked(by: 2, term: term + 1, append(after: 3, of: term + 1, commit: 3))
        #expect(member.takeEffects().failure(of: 1) == .timedOut(.notApplied))
        #expect(member.takeEffects().answers(to: 1) == [])
    }

    @Test("a write whose entry survives its leader's fall is answered as written")
    func survivor() {
        var member = Member(1, of: [1, 2, 3])
        member.elect()
        let term = member.replica.raft.term.rawValue
        member.put("a", "1", ticket: 1)
        _ = member.takeEffects()
        member.asked(by: 2, term: term + 1, append(after: 2, of: term, commit: 2))
        #expect(member.takeEffects().answers(to: 1) == ["written"])
    }

    @Test("a follower names its leader, and nobody once it has been silent for long")
    func redirect() {
        var member = Member(1, of: [1, 2, 3])
        member.put("a", "1", ticket: 1)
        #expect(member.takeEffects().failure(of: 1) == .noLeader(.election))
        member.pass(100)
        member.asked(by: 2, term: 3, .heartbeat(commit: .zero, round: 1))
        member.put("a", "1", ticket: 2)
        #expect(member.takeEffects().failure(of: 2) == .notLeader(NodeID(2)))
        member.read(ticket: 3)
        #expect(member.takeEffects().failure(of: 3) == .notLeader(NodeID(2)))
        member.pass(5_000)
        _ = member.takeEffects()
        member.put("a", "1", ticket: 4)
        #expect(member.takeEffects().failure(of: 4) == .noLeader(.noQuorum))
        #expect(member.replica.raft.log.lastIndex == .zero)
    }

    @Test("too many writes at once are refused, and not applied")
    func overloaded() {
        var member = Member(1, of: [1, 2, 3]) { $0.proposalsMax = 2 }
        member.elect()
        member.acknowledge()
        for ticket in 1...3 as ClosedRange<UInt64> { member.put("k\(ticket)", "1", ticket: ticket) }
        #expect(member.takeEffects().failure(of: 3) == .overloaded)
        member.acknowledge()
        let effects = member.takeEffects()
        #expect(effects.answers(to: 1) == ["written"] && effects.answers(to: 2) == ["written"])
        #expect(member.replica.store.count == 2)
    }

    @Test("a closing node takes nothing new; one whose disk failed leads no more and says why")
    func closing() {
        var member = Member(1, of: [1])
        member.elect()
        member.replica.close()
        member.put("a", "1", ticket: 1)
        #expect(member.takeEffects().failure(of: 1) == .noLeader(.closing))

        var other = Member(1, of: [1])
        other.elect()
        other.put("a", "1", ticket: 1)
        other.replica.diskFailed()
        other.turn()
        #expect(other.replica.raft.role == .follower)
        other.put("b", "1", ticket: 2)
        other.read(ticket: 3)
        let effects = other.takeEffects()
        #expect(effects.failure(of: 2) == .noLeader(.diskFailed))
        #expect(effects.failure(of: 3) == .noLeader(.diskFailed))
        let key = Array("a".utf8)
        #expect(other.replica.store.record(key.span) != nil, "local reads go on")
    }

    @Test("nothing is acknowledged before the disk has it")
    func waitsForDisk() throws {
        var member = Member(2, of: [1, 2, 3])
        member.pass(10)
        member.hasQuickDisk = false
        let exchange = member.asked(
            by: 1, term: 1, append(after: 0, of: 0, [(1, 2)]), lines: lines(from: 1, count: 2, term: 1))
        let effects = member.takeEffects()
        #expect(try effects.answer(to: exchange, .append) == nil)
        for case .persist(let write, _, let first, let last) in effects {
            #expect(first == LogIndex(1) && last.index == LogIndex(2))
            member.replica.persisted(write)
        }
        member.turn()
        #expect(try member.takeEffects().answer(to: exchange, .append) == .appended(match: LogIndex(2)))
    }
}
