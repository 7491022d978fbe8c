// A node that lost its disk: mute, let in as a learner, caught up, promoted (rule 1).
import Consensus
import KeyValue
import Replica
import Testing
import Wire

@Suite("Wiped nodes")
struct AdmissionTests {
    private func net(_ count: UInt64) throws -> Net {
        var net = Net(count)
        net.pass(5_000)
        for key in ["a", "b", "c"] {
            try net.put(key)
            net.pass(300)
        }
        for member in net.members { #expect(member.replica.store.count == 3) }
        return net
    }

    @Test("the first leader writes who belongs to the cluster into the log")
    func first() throws {
        let net = try net(3)
        for member in net.members {
            #expect(member.replica.raft.configuration.index > .zero)
            #expect(member.replica.raft.membership == Membership(voters: [NodeID(1), NodeID(2), NodeID(3)]))
        }
    }

    @Test(
        "an emptied voter is made a learner, gets everything, and is promoted",
        arguments: [3, 4, 5] as [UInt64])
    func rejoins(count: UInt64) throws {
        var net = try net(count)
        let leader = try #require(net.leader)
        let at = (leader + 1) % net.members.count
        let id = net.members[at].id
        net.wipe(at, boot: 1 << 40)
        var wasLearner = false
        for _ in 0..<600 {
            net.pass(10)
            let membership = net.members[leader].replica.raft.membership
            if membership.learners.contains(id) { wasLearner = true }
            if !wasLearner {
                #expect(net.members[at].replica.raft.log.lastIndex == .zero, "nothing before it is let in")
            }
        }
        #expect(wasLearner)
        #expect(net.members[leader].replica.raft.membership.voters.contains(id), "it was promoted")
        #expect(net.members[at].replica.raft.standing == .whole)
        #expect(net.members[at].replica.store.count == 3)
        // It counts again: with as few others as make a majority, it decides.
        net.isDown = Set(
            net.members.indices.filter { $0 != at && $0 != leader }.prefix(
                net.members.count / 2 - (net.members.count % 2 == 0 ? 1 : 0)))
        try net.put("d")
        net.pass(500)
        #expect(net.members[at].replica.store.count == 4)
    }

    @Test("that it was wiped is on disk before the cluster's id is: no later start takes its vote for kept")
    func mark() throws {
        let net = try net(3)
        let leader = try #require(net.leader)
        let at = (leader + 1) % 3
        var member = Member(net.members[at].id.rawValue, of: [1, 2, 3], known: false, boot: 77)
        member.hasQuickDisk = false
        member.pass(10)
        member.hello(
            from: net.members[leader].id.rawValue,
            Hello(
                node: net.members[leader].id, boot: Boot(1), cluster: cluster, hasHistory: true,
                isDamaged: false, admitted: EntryID(term: Term(1), index: LogIndex(9))))
        let stored = member.takeEffects().compactMap { effect in
            switch effect {
            case .storeWiped: "wiped"
            case .storeIdentity: "identity"
            case .storeVote: "vote"
            default: nil
            }
        }
        #expect(stored == ["wiped", "identity"])
    }

    @Test("as long as there is no majority without it, it is not let in")
    func noMajority() throws {
        var net = try net(3)
        let leader = try #require(net.leader)
        let at = (leader + 1) % 3
        net.isDown = [(leader + 2) % 3]
        net.wipe(at, boot: 1 << 40)
        net.pass(10_000)
        #expect(net.members[at].replica.raft.log.lastIndex == .zero)
        #expect(net.members[at].replica.view.isRunning == false)
        net.isDown = []
        net.pass(10_000)
        #expect(net.members[at].replica.store.count == 3)
        #expect(net.members[at].replica.raft.standing == .whole)
    }

    @Test("emptied again, and again: each loss is another one, and each needs an entry of its own")
    func again() throws {
        var net = try net(3)
        let leader = try #require(net.leader)
        let at = (leader + 1) % 3
        // The boots of an emptied directory are drawn: they may well be lower than those before.
        for boot: UInt64 in [1 << 40, 1 << 30, 1 << 50] {
            let before = net.members[leader].replica.raft.configuration.index
            net.wipe(at, boot: boot)
            net.pass(10_000)
            #expect(net.members[at].replica.raft.standing == .whole)
            #expect(net.members[at].replica.store.count == 3)
            #expect(net.members[leader].replica.raft.configuration.index > before)
            #expect(net.members[leader].replica.raft.membership.voters.count == 3)
        }
    }

    @Test("empty nodes that are only named join a restored one, get its state, and become voters")
    func restored() throws {
        for count: UInt64 in [2, 3, 5] {
            var net = Net(restoredOf: count)
            net.pass(1_000)
            #expect(net.leader == 0, "nobody else may lead")
            var wasCounted = Set<NodeID>()
            for _ in 0..<3_000 {
                net.pass(10)
                for voter in net.members[0].replica.raft.membership.voters
                where wasCounted.insert(voter).inserted {
                    let member = net.members[Int(voter.rawValue) - 1].replica
                    #expect(member.store.count >= 1, "node \(voter) votes and has not what was restored")
                }
            }
            #expect(net.members[0].replica.raft.membership.voters.count == Int(count))
            #expect(net.members[0].replica.raft.membership.learners.isEmpty)
            // Without the one that was restored, where that leaves a majority.
            if count > 2 { net.isDown = [0] }
            net.pass(5_000)
            try net.put("later")
            net.pass(1_000)
            for member in net.members[(count > 2 ? 1 : 0)...] {
                #expect(member.replica.raft.standing == .whole)
                #expect(member.replica.store.count == 2)
            }
        }
    }

    @Test("thesis §4.1 a leader that this node's log does not name yet is followed, if it is named here")
    func laterMember() throws {
        var member = Member(
            3, of: [1, 2, 3], store: Restored.store,
            snapshot: StoredSnapshot(
                id: Restored.id, configuration: Restored.configuration, sum: 0, bytes: Restored.bytes))
        member.pass(10)
        #expect(member.replica.raft.membership.all == [NodeID(1)])
        let exchange = member.asked(by: 2, term: 5, .heartbeat(commit: .zero, round: 1))
        #expect(try member.takeEffects().answer(to: exchange, .heartbeat) == .heard(round: 1))
        #expect(member.replica.view.leader == NodeID(2))
        let other = member.asked(by: 7, term: 6, .heartbeat(commit: .zero, round: 1))
        #expect(try member.takeEffects().answer(to: other, .heartbeat) == nil)
        #expect(member.replica.raft.term == Term(5))
    }

    @Test("who is neither a member nor named is not let in, whatever it says")
    func stranger() throws {
        var net = Net(restoredOf: 2)
        net.pass(2_000)
        var bytes: [UInt8] = []
        Hello(
            node: NodeID(7), boot: Boot(7), cluster: nil, hasHistory: false, isDamaged: false, isWiped: true
        ).encode(into: &bytes)
        for number: UInt64 in 60..<70 {
            net.members[0].replica.asked(.hello, body: bytes.span, exchange: Exchange(number))
            net.members[0].turn()
            net.pass(300)
        }
        #expect(!net.members[0].replica.raft.membership.all.contains(NodeID(7)))
    }

    @Test("a node that is let in may be told so only by an entry that was proposed after its loss")
    func ownEntry() throws {
        var net = try net(3)
        let leader = try #require(net.leader)
        let at = (leader + 1) % 3
        var bytes: [UInt8] = []
        Hello(
            node: net.members[at].id, boot: Boot(7), cluster: nil, hasHistory: false, isDamaged: false,
            isWiped: true
        ).encode(into: &bytes)
        func admitted(_ exchange: UInt64) throws -> LogIndex {
            net.members[leader].replica.asked(.hello, body: bytes.span, exchange: Exchange(exchange))
            net.members[leader].turn()
            for case .answer(Exchange(exchange), let body) in net.members[leader].effects {
                return try Hello(body.span).admitted.index
            }
            return LogIndex(9_999)
        }
        let last = net.members[leader].replica.raft.log.lastIndex
        // While another life of that node answers, this one's word is an old one, and decides nothing.
        for number: UInt64 in 40..<50 {
            #expect(try admitted(number) == .zero)
            net.pass(300)
        }
        #expect(net.members[leader].replica.raft.log.lastIndex == last)
        #expect(net.members[leader].replica.raft.membership.isVoter(net.members[at].id))
        net.isDown = [at]
        net.pass(1_000)
        #expect(try admitted(50) == .zero)
        net.pass(1_000)
        let index = try admitted(51)
        #expect(index > last && index <= net.members[leader].replica.raft.commit)
        #expect(!net.members[leader].replica.raft.membership.isVoter(net.members[at].id))
        // The next loss is not let in by that entry.
        bytes = []
        Hello(
            node: net.members[at].id, boot: Boot(6), cluster: nil, hasHistory: false, isDamaged: false,
            isWiped: true
        ).encode(into: &bytes)
        #expect(try admitted(52) == .zero)
        net.pass(1_000)
        #expect(try admitted(53) > index)
    }
}
