// The store's limits are what the leader was started with, by an entry of the log (rule 20).
import Consensus
import KeyValue
import Replica
import Testing

@Suite("Limits of the store")
struct SettingsTests {
    private static let own = Store.Settings(historyEvents: 50, historyBytes: 5_000)

    @Test("a leader that was started with others proposes its own, once, and all nodes have them")
    func proposes() throws {
        var net = Net(3) { $0.store = Self.own }
        net.pass(3_000)
        _ = try #require(net.leader)
        for member in net.members {
            #expect(member.replica.store.settings == Self.own)
            // A leader's first entry, and the limits.
            #expect(member.replica.applied == LogIndex(2))
        }
        try net.put("a")
        net.pass(1_000)
        #expect(net.members.allSatisfy { $0.replica.applied == LogIndex(3) })
        #expect(Set(net.members.map { $0.replica.store.hash }).count == 1)
    }

    @Test("a leader whose limits are the store's proposes nothing")
    func usual() throws {
        var net = Net(3)
        net.pass(3_000)
        _ = try #require(net.leader)
        #expect(net.members.allSatisfy { $0.replica.applied == LogIndex(1) })
        #expect(net.members.allSatisfy { $0.replica.store.settings == .usual })
    }

    @Test("where nodes were started with different limits, the leader's hold on all")
    func followsLeader() throws {
        var net = Net(3) { $0.store = Store.Settings(historyEvents: Int($0.node.rawValue), historyBytes: 99) }
        net.pass(3_000)
        let first = try #require(net.leader)
        let limits = { (at: Int) in net.members.map { $0.replica.store.settings.historyEvents }[at] }
        #expect((0..<3).map(limits) == Array(repeating: first + 1, count: 3))
        net.isDown.insert(first)
        net.pass(3_000)
        let second = try #require(net.leader)
        #expect(second != first)
        for at in 0..<3 where at != first {
            #expect(net.members[at].replica.store.settings.historyEvents == second + 1)
        }
    }
}
