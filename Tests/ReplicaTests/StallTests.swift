// A leader whose disk is stuck gives leadership to a voter that is not (rule 13).
import Consensus
import KeyValue
import Replica
import Testing
import Wire

@Suite struct StallTests {
    /// How often it has told a peer to stand.
    private func asksToStand(_ effects: [Effect]) -> Int {
        effects.count { if case .send(let parcel) = $0 { parcel.route == .timeoutNow } else { false } }
    }

    @Test("a leader whose disk finishes nothing for two seconds sends what gathered, and hands over")
    func handsOver() {
        var member = Member(1, of: [1, 2, 3])
        member.elect()
        member.hasQuickDisk = false
        let term = member.replica.raft.term.rawValue
        for name in ["a", "b"] {
            member.replica.put(
                key: Array(name.utf8).span, value: Array("x".utf8).span, contentType: [UInt8]().span,
                precondition: .none, for: Ticket(1), until: member.later(60_000))
            member.turn()
        }
        var effects: [Effect] = []
        var round: UInt64 = 0
        // Node 2 answers everything at once, as a node whose disk is well does.
        for _ in 0..<240 {
            member.pass(10)
            let taken = member.takeEffects()
            effects += taken
            for case .send(let parcel) in taken where parcel.to == NodeID(2) {
                guard
                    let request = try? Envelope.request(
                        parcel.route, (parcel.head + parcel.body.flatMap { $0.bytes[$0.range] }).span)
                else { continue }
                switch request.envelope.message.body {
                case .append(let append):
                    member.answered(
                        by: 2, term: term, .appended(match: append.after.index + append.count))
                case .heartbeat(_, let number):
                    round = number
                    member.answered(by: 2, term: term, .heard(round: round))
                case .appended, .full, .rejected, .heard, .preVote, .preVoted, .vote, .voted, .timeoutNow,
                    .noted,
                    .readIndex, .readIndexed, .piece, .pieced:
                    continue
                }
            }
        }
        effects += member.takeEffects()
        #expect(asksToStand(effects) >= 1)
    }

    @Test("a disk that is slow but finishes is no reason to hand over")
    func staysWithASlowDisk() {
        var member = Member(1, of: [1])
        member.pass(2_000)
        #expect(member.replica.raft.role == .leader)
        member.hasQuickDisk = false
        var writes: [WriteID] = []
        for second in 0..<4 {
            member.replica.put(
                key: Array("k".utf8).span, value: Array("\(second)".utf8).span,
                contentType: [UInt8]().span, precondition: .none, for: Ticket(UInt64(second)),
                until: member.later(60_000))
            member.turn()
            member.pass(1_500)
            for case .persist(let write, _, _, _) in member.takeEffects() { writes.append(write) }
            if let last = writes.last { member.replica.persisted(last) }
            member.turn()
        }
        let notices = member.takeEffects().count {
            if case .notice(.diskStalls) = $0 { true } else { false }
        }
        #expect(notices == 0)
        #expect(member.replica.raft.role == .leader)
    }
}
