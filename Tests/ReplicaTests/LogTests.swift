// Who holds the bytes: the cache of the log's end, what is sent of it, and what is read back from disk.
import Consensus
import KeyValue
import Replica
import Testing
import Wire

@Suite("Log cache and peers")
struct LogTests {
    /// A leader of three whose own entries and those of node 2 are in step; node 3 has never answered.
    private func leader(entries: Int, change: (inout Replica.Settings) -> Void = { _ in }) -> Member {
        var member = Member(1, of: [1, 2, 3], change: change)
        member.elect()
        member.acknowledge()
        for at in 0..<entries {
            member.put("key-\(at)", String(repeating: "x", count: 100), ticket: UInt64(at) + 1)
            member.acknowledge()
        }
        return member
    }

    @Test("the lines that are persisted and those that are sent are the same, and verify")
    func sameBytes() throws {
        var member = Member(1, of: [1, 2, 3])
        member.elect()
        member.acknowledge()
        _ = member.takeEffects()
        member.put("a", "1", ticket: 1)
        let effects = member.takeEffects()
        var written: [UInt8] = []
        for case .persist(_, let pieces, _, _) in effects {
            written += pieces.flatMap { $0.bytes[$0.range] }
        }
        let sent = try #require(effects.appends(to: 2).last)
        #expect(sent.append.count == 1)
        #expect(sent.lines == written)
        #expect(try EntryLine.read(sent.lines.span, at: 0).id.index == LogIndex(2))
    }

    @Test("an append holds as many entries as fit, but at least one")
    func pieces() throws {
        for (limit, expected) in [(1, [UInt64](repeating: 1, count: 8)), (1 << 20, [8])] {
            var member = leader(entries: 7) { $0.appendBytesMax = limit }
            _ = member.takeEffects()
            // Node 3 appears with an empty log.
            member.answered(by: 3, term: member.replica.raft.term.rawValue, .appended(match: .zero))
            let appends = try member.takeEffects().appends(to: 3)
            #expect(appends.map(\.append.count).filter { $0 > 0 } == expected)
            var next: UInt64 = 1
            for (append, lines) in appends where append.count > 0 {
                #expect(try EntryLine.read(lines.span, at: 0).id.index == LogIndex(next))
                next += append.count
            }
        }
    }

    @Test("what the cache no longer has is loaded from disk, checked and sent")
    func loads() throws {
        var member = leader(entries: 40) { $0.cacheBytesMax = 1_000 }
        _ = member.takeEffects()
        member.answered(by: 3, term: member.replica.raft.term.rawValue, .appended(match: .zero))
        var wanted: (after: LogIndex, through: LogIndex)?
        for case .load(let after, let through, NodeID(3)) in member.takeEffects() {
            wanted = (after, through)
        }
        let load = try #require(wanted)
        #expect(load.after == .zero && load.through >= LogIndex(40))
        // Nothing more is asked for while the disk is read.
        member.pass(300)
        #expect(!member.takeEffects().contains { if case .load = $0 { true } else { false } })
        let term = member.replica.raft.term.rawValue
        let bytes = lines(from: 1, count: 20, term: term)
        let block = try Block(
            bytes.span, in: 0..<bytes.count, after: .zero, runs: [Message.Run(term: Term(term), count: 20)])
        member.replica.loaded([block], for: NodeID(3))
        member.turn()
        let sent = try #require(member.takeEffects().appends(to: 3).first { $0.append.count > 0 })
        #expect(sent.append.after == .zero)
        #expect(sent.append.count == 20)
        #expect(sent.lines == bytes)
    }

    @Test("loaded entries of another history are not sent")
    func staleLoad() throws {
        var member = leader(entries: 40) { $0.cacheBytesMax = 1_000 }
        member.answered(by: 3, term: member.replica.raft.term.rawValue, .appended(match: .zero))
        _ = member.takeEffects()
        let bytes = lines(from: 1, count: 20, term: 1)
        let block = try Block(
            bytes.span, in: 0..<bytes.count, after: .zero, runs: [Message.Run(term: Term(1), count: 20)])
        member.replica.loaded([block], for: NodeID(3))
        member.turn()
        let effects = member.takeEffects()
        #expect(try effects.appends(to: 3).allSatisfy { $0.append.count == 0 })
        #expect(effects.contains { if case .load = $0 { true } else { false } }, "it is asked for again")
    }

    @Test("what the disk fails to give is asked for again, after a rest")
    func failedLoad() throws {
        var member = leader(entries: 40) { $0.cacheBytesMax = 1_000 }
        member.answered(by: 3, term: member.replica.raft.term.rawValue, .appended(match: .zero))
        _ = member.takeEffects()
        func isWanted() -> Bool {
            member.takeEffects().contains { if case .load = $0 { true } else { false } }
        }
        for _ in 0..<3 {
            member.replica.notLoaded(for: NodeID(3))
            member.turn()
            for _ in 0..<9 {
                #expect(!isWanted(), "it is not pressed")
                member.pass(10)
            }
            // Heard of again, as by a heartbeat's answer, it is offered what it lacks.
            member.pass(20)
            member.answered(by: 3, term: member.replica.raft.term.rawValue, .appended(match: .zero))
            #expect(isWanted())
        }
    }

    @Test("a damaged entry that is met while reading makes the leader step down")
    func damagedEntry() {
        var member = leader(entries: 5)
        member.replica.damaged(at: LogIndex(2))
        member.turn()
        #expect(member.replica.raft.role == .follower)
        #expect(member.replica.raft.standing == .retired)
    }

    @Test("a conflict cuts the cache: the new entries are what is applied and persisted")
    func truncation() {
        var member = Member(1, of: [1, 2, 3])
        member.asked(
            by: 2, term: 1, append(after: 0, of: 0, [(1, 5)]), lines: lines(from: 1, count: 5, term: 1))
        member.asked(
            by: 3, term: 2, append(after: 2, of: 1, [(2, 1)], commit: 3),
            lines: lines(from: 3, count: 1, term: 2))
        #expect(member.replica.raft.log.lastIndex == LogIndex(3))
        #expect(member.replica.applied == LogIndex(3))
        var persisted: [(first: LogIndex, last: EntryID)] = []
        for case .persist(_, _, let first, let last) in member.takeEffects() {
            persisted.append((first, last))
        }
        #expect(persisted.map(\.first) == [LogIndex(1), LogIndex(3)])
        #expect(persisted.last?.last == EntryID(term: Term(2), index: LogIndex(3)))
        #expect(member.replica.store.count == 3)
    }

    @Test("entries that are damaged, missing or not the announced ones are refused whole")
    func badEntries() {
        let good = lines(from: 1, count: 2, term: 1)
        var flipped = good
        flipped[good.count - 10] ^= 1
        for bad in [flipped, Array(good.dropLast(40)), good + good, lines(from: 2, count: 2, term: 1), []] {
            var member = Member(1, of: [1, 2, 3])
            let exchange = member.asked(by: 2, term: 1, append(after: 0, of: 0, [(1, 2)]), lines: bad)
            let effects = member.takeEffects()
            guard case .malformed = effects.refusal(of: exchange) else {
                Issue.record("\(bad.count) bytes were not refused")
                continue
            }
            #expect(member.replica.raft.log.lastIndex == .zero)
        }
    }

    @Test("messages of another cluster, to another node, from a stranger or from itself are refused")
    func strangers() {
        func refusal(_ cluster: ClusterID, from: UInt64, to: UInt64) -> PeerRefusal? {
            var member = Member(1, of: [1, 2, 3])
            var bytes: [UInt8] = []
            Envelope(
                cluster: cluster,
                message: Message(
                    from: NodeID(from), to: NodeID(to), boot: Boot(1), term: Term(9),
                    body: .heartbeat(commit: .zero, round: 1))
            ).encode(into: &bytes)
            member.replica.asked(.heartbeat, body: bytes.span, exchange: Exchange(1))
            member.turn()
            #expect(member.replica.raft.term == Term(from == 2 && to == 1 && cluster.high == 7 ? 9 : 1))
            return member.takeEffects().refusal(of: Exchange(1))
        }
        #expect(refusal(cluster, from: 2, to: 1) == nil)
        for (cluster, from, to) in [
            (ClusterID(high: 8, low: 9), 2, 1), (cluster, 2, 3), (cluster, 4, 1), (cluster, 1, 1),
        ] as [(ClusterID, UInt64, UInt64)] {
            guard case .wrongCluster = refusal(cluster, from: from, to: to) else {
                Issue.record("from \(from) to \(to) was not refused")
                continue
            }
        }
    }
}
