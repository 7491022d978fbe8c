// States are compared, and who differs from a majority neither leads nor serves until it is right (rule 25).
import Consensus
import KeyValue
import Replica
import Testing
import Wire

@Suite("States are compared")
struct AccordTests {
    /// Three members, compared at every fourth entry, that have applied a few.
    private func net(_ count: UInt64 = 3, cacheBytes: Int? = nil) throws -> Net {
        var net = Net(count) { settings in
            if let cacheBytes { settings.cacheBytesMax = cacheBytes }
            settings.markInterval = 4
            settings.snapshotEntries = 6
        }
        net.pass(5_000)
        for key in 0..<9 {
            try net.put("key-\(key)")
            net.pass(200)
        }
        return net
    }

    private func expectAlike(_ net: Net) {
        for member in net.members {
            #expect(member.replica.store.hash == net.members[0].replica.store.hash)
            #expect(member.replica.applied == net.members[0].replica.applied)
            #expect(member.replica.trust == .trusted)
        }
    }

    /// Puts until the next mark is applied everywhere and has been asked for.
    private func passMark(_ net: inout Net) throws {
        for key in 0..<4 {
            try net.put("more-\(key)")
            net.pass(200)
        }
    }

    @Test("members that agree go on, and ask no more once all have answered")
    func alike() throws {
        var net = try net()
        net.pass(2_000)
        expectAlike(net)
        let leader = try #require(net.leader)
        net.members[leader].pass(100)
        let heartbeats = net.members[leader].takeEffects().compactMap { effect -> Envelope? in
            guard case .send(let parcel) = effect, parcel.route == .heartbeat else { return nil }
            return try? Envelope.request(.heartbeat, parcel.head.span).envelope
        }
        #expect(!heartbeats.isEmpty && heartbeats.allSatisfy { $0.accord == nil })
    }

    @Test(
        "a follower with another state serves and stands no more, and gets the state of a majority",
        arguments: [3, 5])
    func follower(count: UInt64) throws {
        var net = try net(count)
        let leader = try #require(net.leader)
        let at = (leader + 1) % Int(count)
        net.restart(at, boot: 50, changingHashBy: 1)
        net.pass(400)
        #expect(net.members[at].replica.trust == .trusted, "there was no mark yet to tell")
        var trusts: [Trust] = []
        for _ in 0..<40 where trusts.last != .wrong {
            if net.members[at].replica.applied == net.members[leader].replica.applied { try net.put("next") }
            net.pass(10)
            trusts.append(net.members[at].replica.trust)
        }
        #expect(trusts.last == .wrong)
        #expect(net.members[at].replica.view.trust == .wrong && !net.members[at].replica.isReady)
        net.members[at].replica.read(atLeast: .empty, for: Ticket(70), until: net.members[at].later(1_000))
        net.members[at].turn()
        #expect(net.members[at].effects.failure(of: 70) == .notLeader(net.members[leader].id))
        net.pass(1_500)
        expectAlike(net)
        #expect(net.members[at].replica.snapshot != nil)
        // What it would start with is right too: compared again at once, it is.
        let snapshot = try #require(net.members[at].replica.snapshot)
        #expect(snapshot.id.index <= net.members[at].replica.applied)
        try passMark(&net)
        expectAlike(net)
    }

    @Test("a repaired state that finds no room for its snapshot is trusted soon after there is some")
    func noRoom() throws {
        var net = try net()
        let leader = try #require(net.leader)
        let at = (leader + 1) % 3
        net.restart(at, boot: 50, changingHashBy: 1)
        for _ in 0..<40 where net.members[at].replica.trust != .wrong {
            try net.put("next")
            net.pass(10)
        }
        net.isFull = [at]
        net.pass(8_000)
        #expect(net.members[at].replica.trust == .repaired && !net.members[at].replica.isReady)
        net.isFull = []
        net.pass(6_000)
        #expect(net.members[at].replica.trust == .trusted)
        expectAlike(net)
    }

    @Test("who knows that its state is wrong does not lead, though all others are gone; its vote counts")
    func stands() throws {
        var net = try net()
        let leader = try #require(net.leader)
        let at = (leader + 1) % 3
        net.restart(at, boot: 50, changingHashBy: 1)
        for _ in 0..<40 where net.members[at].replica.trust != .wrong {
            try net.put("next")
            net.pass(10)
        }
        // The leader goes before it has sent anything: the third may lead, with the wrong one's vote.
        net.isDown = [leader]
        net.pass(6_000)
        let other = 3 - leader - at
        #expect(net.leader == other)
        #expect(net.members[at].replica.trust == .trusted, "repaired by the new leader")
    }

    @Test("a leader with another state finds out, hands over, and is repaired")
    func leads() throws {
        var net = try net()
        let leader = try #require(net.leader)
        let at = (leader + 1) % 3
        net.restart(at, boot: 50, changingHashBy: 1)
        net.pass(200)
        let index = net.members[leader].replica.applied.rawValue
        #expect(index % 4 != 3, "no mark is due by what a new leader appends")
        net.members[leader].replica.transferLeadership(to: net.members[at].id)
        net.members[leader].turn()
        net.pass(300)
        #expect(net.leader == at)
        try passMark(&net)
        net.pass(2_000)
        #expect(net.leader != at)
        expectAlike(net)
    }

    /// One whose state is wrong has a right one from the leader, and wants the entries that follow that.
    private func repairing() throws -> (net: Net, at: Int) {
        var net = try net(cacheBytes: 1)
        let leader = try #require(net.leader)
        let at = (leader + 1) % 3
        net.restart(at, boot: 50, changingHashBy: 1)
        net.isUnreadable = [at]
        for _ in 0..<200 where net.unread.isEmpty {
            if net.members[at].replica.applied == net.members[leader].replica.applied { try net.put("next") }
            net.pass(10)
        }
        #expect(net.members[at].replica.trust == .wrong && net.unread.map(\.at) == [at])
        return (net, at)
    }

    @Test("a repair that its disk fails to give entries to asks again after a rest, and goes on")
    func unreadable() throws {
        var (net, at) = try repairing()
        for round in 1...3 {
            net.members[at].replica.notLoaded(for: net.members[at].id)
            net.members[at].turn()
            net.pass(50)
            #expect(net.unread.count == round, "not before a heartbeat's time")
            net.pass(100)
            #expect(net.unread.count == round + 1)
        }
        net.isUnreadable = []
        net.members[at].replica.notLoaded(for: net.members[at].id)
        net.pass(2_000)
        expectAlike(net)
    }

    @Test("a repair whose entries are gone from the log gives up, and gets a later snapshot")
    func forgotten() throws {
        var (net, at) = try repairing()
        let wanted = try #require(net.unread.first).after
        // The log's beginning was being removed all the while.
        #expect(wanted.next < net.members[at].replica.applied)
        net.members[at].replica.compacted(through: wanted.next)
        net.isUnreadable = []
        net.members[at].replica.loaded([], for: net.members[at].id)
        net.members[at].turn()
        net.pass(3_000)
        expectAlike(net)
    }

    @Test("where no majority is alike nobody is repaired, writes are refused, and reads go on")
    func split() throws {
        var net = try net()
        let leader = try #require(net.leader)
        for (at, change) in [((leader + 1) % 3, UInt64(1)), ((leader + 2) % 3, 2)] {
            net.restart(at, boot: 50, changingHashBy: change)
            net.pass(300)
        }
        try passMark(&net)
        net.pass(1_000)
        let now = try #require(net.leader)
        #expect(net.members[now].replica.view.areStatesSplit)
        for member in net.members { #expect(member.replica.trust == .trusted) }
        net.members[now].put("more", "x", ticket: 90)
        #expect(net.members[now].effects.failure(of: 90) == .noLeader(.statesSplit))
        net.members[now].read(ticket: 91)
        net.pass(300)
    }

    @Test("two voters that differ are no majority; once a third is one again, it makes it")
    func third() throws {
        var net = try net()
        let leader = try #require(net.leader)
        let (wiped, other) = ((leader + 1) % 3, (leader + 2) % 3)
        net.wipe(wiped, boot: 1 << 40)
        for _ in 0..<200 where net.members[leader].replica.raft.membership.learners.isEmpty { net.pass(10) }
        net.isDown = [wiped]
        net.restart(other, boot: 50, changingHashBy: 1)
        net.pass(300)
        for key in 0..<8 where !net.members[leader].replica.view.areStatesSplit {
            try net.put("more-\(key)")
            net.pass(200)
        }
        #expect(net.members[leader].replica.view.areStatesSplit)
        #expect(net.members[leader].replica.raft.membership.voters.count == 2)
        // It learns everything, and nobody may write meanwhile: nothing new is there to be compared.
        net.isDown = []
        net.pass(6_000)
        #expect(net.members[leader].replica.raft.membership.voters.count == 3)
        #expect(!net.members[leader].replica.view.areStatesSplit)
        try net.put("again")
        net.pass(3_000)
        expectAlike(net)
    }
}
