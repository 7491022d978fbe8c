// The known faults of the seed design, each with the test that it would fail.
import Consensus
import Testing

/// A cluster in which messages are made up, and one member watched.
private struct Witness {
    var cluster: Cluster
    let id = NodeID(1)

    init(nodes: UInt64 = 3, _ durable: Durable = Durable()) {
        cluster = Cluster(nodes: nodes)
        cluster.ledger.isForged = true
        cluster.start(id, from: durable)
    }

    var raft: Raft { cluster[id].raft }

    /// What `from` says to the watched member, in the words of a scenario.
    @discardableResult
    mutating func hear(_ from: UInt64, _ words: String) throws -> [Output] {
        var words = Words("\(from)→1 \(words)")
        let message = try words.message()
        return cluster.step(id, .received(message, exchange: Exchange(1)))
    }

    /// What it answers once its disk has done all that was asked.
    mutating func settleDisk() -> [Output] {
        var out: [Output] = []
        while let work = cluster[id].disk.first { out += cluster.persist(id, vote: work.isVote) }
        return out
    }
}

private func durable(_ words: String) throws -> Durable {
    var words = Words(Substring(words))
    return try words.durable()
}

extension [Output] {
    /// The bodies of the messages that leave.
    fileprivate var bodies: [Message.Body] {
        compactMap { output in
            switch output {
            case .send(let message), .answer(_, let message): message.body
            case .appended, .refused, .truncated, .accepted, .persist, .persistVote, .replicate, .commit,
                .readable, .unreadable, .became, .transferred, .whole, .admitted, .needsSnapshot, .piece,
                .pieced, .installed, .stale, .configured, .unchanged, .reconfigured:
                nil
            }
        }
    }

    fileprivate var commits: [LogIndex] {
        compactMap { if case .commit(let index) = $0 { index } else { nil } }
    }

    fileprivate var truncates: Bool {
        contains { if case .truncated = $0 { true } else { false } }
    }
}

@Suite("Faults of the seed design")
struct SeedFaultTests {
    @Test("§5.4.1 a vote compares logs")
    func votesWithoutComparingLogs() throws {
        var node = Witness(try durable("term 2 log [1.1 2.2]"))
        for last in ["0.0", "1.1", "1.9", "2.1"] {
            let out = try node.hear(2, "term 3: vote last \(last)") + node.settleDisk()
            #expect(out.bodies == [.voted(granted: false)], "\(last) is behind 2.2")
        }
        let out = try node.hear(2, "term 3: vote last 2.2") + node.settleDisk()
        #expect(out.bodies == [.voted(granted: true)])
    }

    @Test("§5.4.2 an entry of an older term is not committed by counting")
    func commitsOlderTermByCounting() throws {
        var node = Witness(try durable("term 2 log [1.1 2.2]"))
        node.cluster.elect(node.id)
        // A new leader with 2.2 on every disk and nothing of its own anywhere else.
        var fresh = Witness(try durable("term 2 log [1.1 2.2]"))
        fresh.cluster.tick(fresh.id, 1)
        fresh.cluster.tick(fresh.id, 1000)
        try fresh.hear(2, "term 3: pre-voted yes")
        _ = fresh.settleDisk()
        try fresh.hear(2, "term 3: voted yes")
        #expect(fresh.raft.role == .leader)
        let counted = try fresh.hear(2, "term 3: appended 2") + fresh.hear(3, "term 3: appended 2")
        #expect(counted.commits == [])
        #expect(try fresh.hear(2, "term 3: appended 3").commits == [], "its own disk has not got 3.3")
        #expect(fresh.settleDisk().commits == [LogIndex(3)])
    }

    @Test("§5.1 term and vote are on disk before the vote leaves, and bind after a restart")
    func votesTwiceAfterRestart() throws {
        var node = Witness()
        #expect(try node.hear(2, "term 5: vote last 0.0").bodies == [])
        #expect(node.settleDisk().bodies == [.voted(granted: true)])
        node.cluster.restart(node.id)
        #expect(node.raft.term == Term(5))
        #expect(try node.hear(3, "term 5: vote last 9.9").bodies == [.voted(granted: false)])
    }

    @Test("§5.3 a rejected append walks the next index back until the logs agree")
    func rejectedAppendUnhandled() throws {
        var cluster = Cluster(nodes: 3)
        cluster.start(NodeID(1), from: try durable("term 3 log [1.1 3.2–3.5]"))
        cluster.start(NodeID(2), from: try durable("term 2 log [1.1 2.2–2.9]"))
        cluster.start(NodeID(3), from: try durable("term 3 log [1.1 3.2]"))
        cluster.elect(NodeID(1))
        let leader = cluster[NodeID(1)].raft
        #expect(leader.role == .leader && leader.commit == leader.log.lastIndex)
        for member in cluster.members { #expect(member.raft.log == leader.log) }
        #expect(cluster.ledger.problems == [])
    }

    @Test("§5.2 a candidate that gets an append of its own term follows its sender")
    func candidateIgnoresAppend() throws {
        var node = Witness()
        node.cluster.tick(node.id, 1)
        node.cluster.tick(node.id, 1000)
        try node.hear(2, "term 1: pre-voted yes")
        _ = node.settleDisk()
        #expect(node.raft.role == .candidate)
        let out = try node.hear(3, "term 1: append after 0.0 [1.1] commit 0") + node.settleDisk()
        #expect(node.raft.role == .follower && node.raft.leader == NodeID(3))
        #expect(out.bodies == [.appended(match: LogIndex(1))])
    }

    @Test("Messages in any order, in any role, are dropped or answered")
    func crashesOnWrongOrder() throws {
        let answers = [
            "appended 5", "appended 0", "rejected 0 hint 0.0", "rejected 7 hint 3.9", "heard round 0",
            "heard round 8", "voted yes", "voted no", "pre-voted yes", "pre-voted no", "noted",
            "read-indexed 4 at 4", "read-index 1", "timeout-now", "heartbeat commit 9 round 9",
            "append after 4.4 [4.5] commit 9", "append after 0.0 [] commit 9", "vote last 0.0 transfer",
        ]
        for role in [Role.follower, .preCandidate, .candidate, .leader] {
            for term in 0...4 {
                for answer in answers {
                    var node = Witness()
                    node.cluster.tick(node.id, 1)
                    if role != .follower { node.cluster.tick(node.id, 1000) }
                    if role == .candidate || role == .leader { try node.hear(2, "term 1: pre-voted yes") }
                    if role == .leader {
                        _ = node.settleDisk()
                        try node.hear(2, "term 1: voted yes")
                    }
                    #expect(node.raft.role == role)
                    for from in [2, 3, 9] as [UInt64] { try node.hear(from, "term \(term): \(answer)") }
                    _ = node.settleDisk()
                    #expect(node.raft.commit == .zero, "\(answer) in term \(term) to a \(role)")
                }
            }
        }
    }

    @Test("§5.2 election timeouts are drawn anew, from one to two timeouts")
    func noRandomisedTimeouts() {
        var drawn: Set<UInt64> = []
        for seed in 1...40 as ClosedRange<UInt64> {
            var cluster = Cluster(nodes: 3, seed: seed)
            for id in cluster.all {
                cluster.tick(id, 1)
                var waited: UInt64 = 0
                while cluster[id].raft.role == .follower, waited < 2000 {
                    waited += 1
                    cluster.tick(id, 1)
                }
                #expect((500...1000).contains(waited))
                drawn.insert(waited)
            }
        }
        #expect(drawn.count > 60, "120 draws fall on many of 500 milliseconds")
    }

    @Test("§8 a new leader begins with an empty entry of its own")
    func noEntryAtElection() {
        var cluster = Cluster(nodes: 1)
        cluster.tick(NodeID(1), 1)
        cluster.tick(NodeID(1), 1000)
        let out = cluster.persist(NodeID(1), vote: true)
        let membership = Membership(voters: [NodeID(1)])
        let configuration = Configuration(index: LogIndex(1), membership: membership)
        #expect(out.contains(.configured(configuration, Term(1))))
        #expect(cluster.persist(NodeID(1), vote: false).commits == [LogIndex(1)])
    }

    @Test("Figure 2: the commit index follows the last new entry, not the last one here")
    func commitFromOwnLast() throws {
        var node = Witness(try durable("term 2 log [1.1 2.2–2.6]"))
        let out = try node.hear(2, "term 3: append after 1.1 [2.2–2.3] commit 6")
        #expect(out.commits == [LogIndex(3)])
        #expect(!out.truncates)
    }

    @Test("§5.3 entries are removed at a conflict, and only there")
    func truncatesOnEveryAppend() throws {
        var node = Witness(try durable("term 2 log [1.1 2.2–2.6]"))
        #expect(try !node.hear(2, "term 2: append after 1.1 [2.2] commit 0").truncates)
        #expect(try !node.hear(2, "term 2: append after 2.3 [] commit 0").truncates)
        #expect(node.raft.log.lastIndex == LogIndex(6))
        let out = try node.hear(3, "term 3: append after 2.3 [3.4] commit 0")
        #expect(out.contains(.truncated(after: LogIndex(3))))
        #expect(node.raft.log.last == EntryID(term: Term(3), index: LogIndex(4)))
    }

    @Test("§5.2 a vote that comes twice counts once")
    func duplicateVotes() throws {
        var node = Witness(nodes: 5)
        node.cluster.tick(node.id, 1)
        node.cluster.tick(node.id, 1000)
        for _ in 0..<3 { try node.hear(2, "term 1: pre-voted yes") }
        #expect(node.raft.role == .preCandidate)
        try node.hear(3, "term 1: pre-voted yes")
        _ = node.settleDisk()
        for _ in 0..<3 { try node.hear(2, "term 1: voted yes") }
        #expect(node.raft.role == .candidate)
        try node.hear(3, "term 1: voted yes")
        #expect(node.raft.role == .leader)
    }

    @Test("Rules 14: a completion of an older term acknowledges nothing that has been replaced")
    func lateCompletion() throws {
        var node = Witness(try durable("term 1 log [1.1]"))
        try node.hear(2, "term 2: append after 1.1 [2.2–2.4] commit 0")
        #expect(node.cluster.persist(node.id, vote: true).bodies == [])
        try node.hear(3, "term 3: append after 1.1 [3.2–3.4] commit 0")
        #expect(
            node.cluster.persist(node.id, vote: true).bodies == [.rejected(after: LogIndex(4), hint: .zero)])
        #expect(node.cluster.persist(node.id, vote: false).bodies == [], "the first write is of 2.2 to 2.4")
        #expect(node.raft.durable == LogIndex(1))
        #expect(node.cluster.persist(node.id, vote: false).bodies == [.appended(match: LogIndex(4))])
    }

    @Test(
        "Rules 18: a proposal is named by term and index; being cut is told before another takes its place"
    )
    func futuresWokenByIndex() throws {
        var node = Witness()
        node.cluster.elect(node.id)
        let term = node.raft.term
        let first = node.raft.log.lastIndex.next
        let proposed = node.cluster.step(node.id, .propose(count: 1))
        #expect(proposed.first == .appended(first: first, count: 1, term: term))
        let out = try node.hear(2, "term 9: append after \(term).1 [9.\(first)] commit \(first)")
        let cut = out.firstIndex(of: .truncated(after: first.previous))
        let commit = out.firstIndex(of: .commit(first))
        // So whoever waits for (term, first) can see that the commit of `first` is not his.
        #expect(cut != nil && commit != nil && (cut ?? 0) < (commit ?? 0))
    }

    @Test(
        "A majority of four is three, of two is two",
        arguments: [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4)])
    func majorityOfEven(size: UInt64, needed: UInt64) {
        let membership = Membership(voters: (1...size).map(NodeID.init))
        for holding in 0...size {
            #expect(membership.isQuorum { $0.rawValue <= holding } == (holding >= needed))
            let reached = membership.reached(0) { $0.rawValue <= holding ? 7 : 0 }
            #expect(reached == (holding >= needed ? 7 : 0))
        }
    }
}
