// A full disk (rule 13): decided before a write is proposed, told to the leader, and over by itself.
import Consensus
import KeyValue
import Replica
import Testing
import Wire

@Suite("Room on the disk")
struct RoomTests {
    private func leader() -> Member {
        var member = Member(1, of: [1, 2, 3])
        member.elect()
        member.acknowledge()
        _ = member.takeEffects()
        return member
    }

    private func timeoutNows(_ effects: [Effect]) -> [NodeID] {
        effects.compactMap {
            if case .send(let parcel) = $0, parcel.route == .timeoutNow { parcel.to } else { nil }
        }
    }

    private func hear(_ member: inout Member, _ peer: UInt64, isFull: Bool) {
        member.answered(by: peer, term: member.replica.raft.term.rawValue, .heard(round: 0, isFull: isFull))
    }

    @Test("a full leader proposes nothing, says so, and serves reads; with room again it goes on")
    func refuses() {
        var member = leader()
        let last = member.replica.raft.log.lastIndex
        hear(&member, 2, isFull: true)
        hear(&member, 3, isFull: true)
        member.replica.roomLeft(1 << 20)
        member.put("a", "1", ticket: 1)
        #expect(member.takeEffects().failure(of: 1) == .diskFull)
        #expect(member.replica.raft.log.lastIndex == last, "nothing was proposed")
        #expect(member.replica.view.room == .low && member.replica.view.lacksRoom)
        var effects: [Effect] = []
        for _ in 0..<10 {
            member.pass(300)
            effects += member.takeEffects()
            hear(&member, 2, isFull: true)
        }
        #expect(member.replica.raft.role == .leader && timeoutNows(effects).isEmpty, "nobody has room")
        hear(&member, 2, isFull: false)
        hear(&member, 3, isFull: false)
        member.replica.roomLeft(nil)
        member.put("a", "1", ticket: 2)
        member.acknowledge()
        #expect(member.takeEffects().answers(to: 2) == ["written"])
    }

    @Test("a full leader hands over to the voter that has room, and not to one that never said so")
    func handsOver() {
        var member = leader()
        hear(&member, 2, isFull: false)
        member.acknowledge(by: 3)
        member.replica.roomLeft(1 << 20)
        member.pass(20)
        #expect(timeoutNows(member.takeEffects()) == [NodeID(2)])
    }

    @Test("where a majority is full, a leader with room proposes nothing either")
    func majority() {
        var member = leader()
        hear(&member, 2, isFull: true)
        member.put("a", "1", ticket: 1)
        #expect(member.takeEffects().failure(of: 1) == nil, "one of three is no majority")
        hear(&member, 3, isFull: true)
        member.pass(10)
        member.put("b", "1", ticket: 2)
        var effects = member.takeEffects()
        #expect(effects.failure(of: 2) == .diskFull)
        #expect(effects.contains { if case .notice(.othersLackRoom(true)) = $0 { true } else { false } })
        #expect(member.replica.view.members.map(\.isFull) == [false, true, true])
        hear(&member, 3, isFull: false)
        member.pass(10)
        member.put("c", "1", ticket: 3)
        effects = member.takeEffects()
        #expect(effects.failure(of: 3) == nil)
        #expect(effects.contains { if case .notice(.othersLackRoom(false)) = $0 { true } else { false } })
    }

    @Test("a full follower takes what has room and refuses the rest, whole, until there is plenty")
    func follower() throws {
        var member = Member(2, of: [1, 2, 3])
        member.pass(10)
        let two = lines(from: 1, count: 2, term: 1)
        member.replica.roomLeft(UInt64(two.count) + 10_000)
        var exchange = member.asked(by: 1, term: 1, append(after: 0, of: 0, [(1, 2)]), lines: two)
        #expect(
            try member.takeEffects().answer(to: exchange, .append) == .appended(match: LogIndex(2)))
        // The shell tells what is left at each turn.
        member.replica.roomLeft(2_000)
        exchange = member.asked(
            by: 1, term: 1, append(after: 2, of: 1, [(1, 1)]), lines: lines(from: 3, count: 1, term: 1))
        #expect(
            try member.takeEffects().answer(to: exchange, .append)
                == .full(last: EntryID(term: Term(1), index: LogIndex(2))))
        member.replica.roomLeft(2_000)
        exchange = member.asked(by: 1, term: 1, append(after: 2, of: 1, []))
        #expect(
            try member.takeEffects().answer(to: exchange, .append)
                == .full(last: EntryID(term: Term(1), index: LogIndex(2))),
            "what was refused once would not fit now")
        exchange = member.asked(by: 1, term: 1, .heartbeat(commit: LogIndex(2), round: 1))
        #expect(
            try member.takeEffects().answer(to: exchange, .heartbeat) == .heard(round: 1, isFull: true))
        #expect(member.replica.applied == LogIndex(2))
        member.replica.roomLeft(nil)
        exchange = member.asked(
            by: 1, term: 1, append(after: 2, of: 1, [(1, 1)]), lines: lines(from: 3, count: 1, term: 1))
        #expect(
            try member.takeEffects().answer(to: exchange, .append) == .appended(match: LogIndex(3)))
    }

    @Test("several appends of one turn do not take more than there is")
    func oneTurn() throws {
        var member = Member(2, of: [1, 2, 3])
        member.pass(10)
        let one = lines(from: 1, count: 1, term: 1)
        member.replica.roomLeft(UInt64(one.count) + 9_000)
        let first = member.asked(by: 1, term: 1, append(after: 0, of: 0, [(1, 1)]), lines: one)
        let second = member.asked(
            by: 1, term: 1, append(after: 1, of: 1, [(1, 1)]), lines: lines(from: 2, count: 1, term: 1))
        let effects = member.takeEffects()
        #expect(try effects.answer(to: first, .append) == .appended(match: LogIndex(1)))
        #expect(
            try effects.answer(to: second, .append) == .full(last: EntryID(term: Term(1), index: LogIndex(1)))
        )
    }

    @Test("who becomes full takes a snapshot where that frees some of the log")
    func snapshot() {
        var member = Member(1, of: [1]) { $0.snapshotEntries = 1_000_000 }
        member.elect()
        func snapshots(_ effects: [Effect]) -> Int {
            effects.count { if case .takeSnapshot = $0 { true } else { false } }
        }
        member.put("a", "1", ticket: 1)
        member.replica.roomLeft(1 << 20)
        member.turn()
        #expect(snapshots(member.takeEffects()) == 0, "there is nothing to be freed")
        member.replica.roomLeft(nil)
        member.put("b", String(repeating: "x", count: 2 << 20), ticket: 2)
        member.replica.roomLeft(1 << 20)
        member.turn()
        #expect(snapshots(member.takeEffects()) == 1)
    }
}
