// The first start (rule 1): who belongs to the cluster is agreed before the first vote.
import Consensus
import Replica
import Testing
import Wire

@Suite("First start")
struct FirstStartTests {
    private func hello(
        _ node: UInt64, cluster: ClusterID? = nil, hasHistory: Bool = false, offer: ClusterID? = nil
    ) -> Hello {
        Hello(
            node: NodeID(node), boot: Boot(1), cluster: cluster, hasHistory: hasHistory, isDamaged: false,
            offer: offer)
    }

    private func storesIdentity(_ effects: [Effect]) -> ClusterID? {
        for case .storeIdentity(let cluster) in effects { return cluster }
        return nil
    }

    @Test("a cluster of one starts at once, and only once its id is on disk")
    func single() {
        var member = Member(1, of: [1], known: false)
        member.hasQuickDisk = false
        member.pass(2_000)
        let before = member.takeEffects()
        #expect(storesIdentity(before) != nil)
        #expect(!before.storesVote)
        member.replica.storedIdentity()
        member.hasQuickDisk = true
        member.pass(2_000)
        #expect(member.replica.raft.role == .leader)
        member.put("a", "1", ticket: 1)
        #expect(member.takeEffects().answers(to: 1) == ["written"])
    }

    @Test("a silent peer is waited for, by name, and nobody stands meanwhile")
    func silent() {
        var member = Member(1, of: [1, 2, 3], known: false)
        member.pass(500)
        member.hello(from: 2, hello(2))
        member.pass(3_000)
        let effects = member.takeEffects()
        #expect(effects.contains { if case .notice(.waitingFor([NodeID(3)])) = $0 { true } else { false } })
        #expect(storesIdentity(effects) == nil)
        #expect(!effects.storesVote)
        member.put("a", "1", ticket: 1)
        #expect(
            member.takeEffects().failure(of: 1)
                == .noLeader(.starting(waitingFor: [NodeID(3)])))
        #expect(member.replica.view.isRunning == false)
    }

    @Test("the lowest id draws, stores, and only then offers; the others never draw")
    func offers() throws {
        var first = Member(1, of: [1, 2, 3], known: false)
        first.hasQuickDisk = false
        first.pass(10)
        first.hello(from: 2, hello(2))
        first.hello(from: 3, hello(3))
        let drawn = try #require(storesIdentity(first.takeEffects()))
        first.pass(600)
        for parcel in first.takeEffects().parcels(to: 2, .hello) {
            #expect(try Hello(parcel.head.span).offer == nil)
        }
        first.replica.storedIdentity()
        first.pass(600)
        let offers = try first.takeEffects().parcels(to: 2, .hello).map { try Hello($0.head.span).offer }
        #expect(offers.last == drawn)

        var second = Member(2, of: [1, 2, 3], known: false)
        second.pass(10)
        second.hello(from: 1, hello(1))
        second.hello(from: 3, hello(3))
        second.pass(1_000)
        #expect(storesIdentity(second.takeEffects()) == nil)
    }

    @Test("an offer is answered once it is durable, not before")
    func durableAnswer() throws {
        var member = Member(2, of: [1, 2], known: false)
        member.hasQuickDisk = false
        member.pass(10)
        member.hello(from: 1, hello(1))
        var bytes: [UInt8] = []
        hello(1, cluster: cluster, offer: cluster).encode(into: &bytes)
        member.replica.asked(.hello, body: bytes.span, exchange: Exchange(5))
        member.turn()
        var effects = member.takeEffects()
        #expect(storesIdentity(effects) == cluster)
        #expect(!effects.contains { if case .answer(Exchange(5), _) = $0 { true } else { false } })
        member.replica.storedIdentity()
        member.turn()
        effects = member.takeEffects()
        var told: ClusterID?
        for case .answer(Exchange(5), let body) in effects { told = try Hello(body.span).cluster }
        #expect(told == cluster)
    }

    @Test("three empty nodes come to one cluster, elect one leader and serve")
    func three() throws {
        var members = [1, 2, 3].map { Member($0, of: [1, 2, 3], known: false) }
        for _ in 0..<400 {
            for at in members.indices {
                members[at].pass(10)
                for case .send(let parcel) in members[at].takeEffects() {
                    let bytes = parcel.head + parcel.body.flatMap { $0.bytes[$0.range] }
                    let to = Int(parcel.to.rawValue) - 1
                    members[to].replica.asked(parcel.route, body: bytes.span, exchange: Exchange(1))
                    members[to].turn()
                    for case .answer(Exchange(1), let answer) in members[to].effects {
                        members[at].replica.answered(by: parcel.to, route: parcel.route, body: answer.span)
                        members[at].turn()
                    }
                    members[to].effects.removeAll {
                        switch $0 {
                        case .answer, .refuse: true
                        default: false
                        }
                    }
                }
            }
        }
        let clusters = Set(members.map { $0.replica.view.cluster })
        #expect(clusters.count == 1 && !clusters.contains(nil))
        #expect(members.filter { $0.replica.raft.role == .leader }.count == 1)
    }

    @Test("a node whose disk fails while it waits for the others does not stand once they have come")
    func failedBefore() throws {
        for hasFailed in [false, true] {
            var member = Member(1, of: [1, 2], known: false)
            member.pass(10)
            member.hello(from: 2, hello(2))
            let drawn = try #require(storesIdentity(member.takeEffects()))
            if hasFailed { member.replica.diskFailed() }
            member.hello(from: 2, hello(2, cluster: drawn))
            member.pass(3_000)
            #expect(member.replica.view.isRunning)
            #expect(member.takeEffects().parcels(to: 2, .preVote).isEmpty == hasFailed)
        }
    }

    @Test("an empty node that meets a history was wiped: it stays mute as long as nobody lets it in")
    func wiped() {
        var member = Member(3, of: [1, 2, 3], known: false)
        member.pass(10)
        member.hello(from: 1, hello(1, cluster: cluster, hasHistory: true))
        member.hello(from: 2, hello(2, cluster: cluster, hasHistory: true))
        let exchange = member.asked(
            by: 1, term: 5, .vote(last: EntryID(term: Term(4), index: LogIndex(9)), isTransfer: false))
        member.pass(5_000)
        let effects = member.takeEffects()
        #expect(effects.refusal(of: exchange) != nil)
        #expect(!effects.storesVote)
        #expect(storesIdentity(effects) == nil)
        #expect(effects.parcels(to: 1, .preVote).isEmpty)
        member.put("a", "1", ticket: 1)
        #expect(member.takeEffects().failure(of: 1) == .noLeader(.wiped))
    }

    @Test("a node that lost its vote stays mute, though it knows its cluster")
    func lostVote() {
        var member = Member(1, of: [1, 2, 3], runs: [Message.Run(term: Term(1), count: 3)], isWiped: true)
        let exchange = member.asked(
            by: 2, term: 5, .vote(last: EntryID(term: Term(4), index: LogIndex(9)), isTransfer: false))
        member.pass(5_000)
        let effects = member.takeEffects()
        #expect(effects.refusal(of: exchange) != nil)
        #expect(!effects.storesVote)
    }

    @Test("a node that has voted before does not wait for anybody")
    func again() {
        var member = Member(1, of: [1, 2, 3])
        member.pass(2_000)
        #expect(!member.takeEffects().parcels(to: 2, .preVote).isEmpty)
    }

    @Test("a damaged node neither votes nor stands")
    func damaged() throws {
        var member = Member(1, of: [1, 2, 3], isDamaged: true)
        let exchange = member.asked(
            by: 2, term: 5, .vote(last: EntryID(term: Term(4), index: LogIndex(9)), isTransfer: false))
        member.pass(5_000)
        let effects = member.takeEffects()
        #expect(try effects.answer(to: exchange, .vote) == .voted(granted: false))
        #expect(effects.parcels(to: 2, .preVote).isEmpty && effects.parcels(to: 2, .vote).isEmpty)
    }
}
