// The end of a run: faults stop, and the cluster must come to rest, equal everywhere, within a bound.
internal import Consensus
internal import KeyValue
internal import Replica

extension Cluster {
    /// No more faults: every link works, every clock runs right, everything that stands still is woken.
    func calmDown() {
        isChaos = false
        calmSince = now
        trace.begin(now)
        trace.text("faults end")
        trace.end()
        odds.calm()
        for at in cut.indices { cut[at] = false }
        for node in nodes {
            node.crashesInOperation = false
            node.pausesInRound = false
            node.diskStalledUntil = 0
            node.setClock(rate: 1_000, at: now)
            if node.isPaused { queue.add(.wake(node.place), at: after(Self.millisecond)) }
        }
    }

    /// Whether everything is well by now; a node whose disk has failed is started anew by its operator.
    func checkEnd() throws(Violation) {
        guard now >= nextEndCheck else { return }
        nextEndCheck = after(50 * Self.millisecond)
        for node in nodes where node.isUp && !node.isPaused {
            if node.hasDiskFailed || node.process?.replica.raft.standing == .retired {
                crash(node, isPower: false)
            }
        }
        if let problem = unrest() {
            guard now < max(calmSince + Self.recoveryMax, runEnd + Self.recoveryMax / 4) else {
                throw Violation(
                    "liveness: \((now - calmSince) / 1_000_000_000) s after the faults: \(problem)")
            }
            return
        }
        isOver = now >= runEnd
    }

    /// The nodes that must be well at the end.
    private var expected: [SimulatedNode] {
        nodes.filter { $0.health != .dead }
    }

    /// What is not as it should be, if anything.
    private func unrest() -> String? {
        var applied: LogIndex?
        var hash: UInt64?
        var leaders = 0
        for node in expected {
            guard node.isUp, node.isStarted, !node.isPaused, let its = node.process?.replica.applied else {
                return "node \(node.place + 1) is not up"
            }
            guard node.health == .whole || node.process?.replica.raft.standing == .whole else {
                return "node \(node.place + 1) is not whole"
            }
            guard applied == nil || applied == its else {
                return "node \(node.place + 1) has applied \(its), another one \(applied ?? .zero)"
            }
            applied = its
            guard node.process?.replica.trust == .trusted else {
                return "node \(node.place + 1) does not trust its state"
            }
            guard hash == nil || hash == node.process?.replica.store.hash else {
                return "node \(node.place + 1) has another store"
            }
            hash = node.process?.replica.store.hash
            if node.process?.leads == true { leaders += 1 }
            guard node.process?.replica.view.leader != nil else {
                return "node \(node.place + 1) knows no leader"
            }
        }
        guard leaders > 0 else { return "nobody leads" }
        guard now >= runEnd else { return nil }
        for client in clients where client.call != nil || client.calmCalls < 2 {
            return "client \(client.place) has no answer"
        }
        if let keeper = keepers.first(where: { isThere($0.passingKey) }) {
            return "the passing key of keeper \(keeper.place) does not go"
        }
        if let lease = leasesSeen.last(where: { isThere($0) }) { return "lease \(lease) does not run out" }
        for watcher in watchers where truth.lacks(watcher) {
            return "watcher \(watcher.place + 1) has not seen everything"
        }
        guard let applied, Int(applied.rawValue) >= table.committed.count else {
            return "what was committed is not applied"
        }
        return nil
    }

    private func isThere(_ key: [UInt8]) -> Bool {
        expected.contains { $0.process?.replica.store.record(key.span) != nil }
    }

    private func isThere(_ lease: UInt64) -> Bool {
        expected.contains { $0.process?.replica.store.lease(lease) != nil }
    }

    /// The whole history, by revisions and, key by key, without them.
    func checkHistory() throws(Violation) {
        if let leader = expected.first(where: { $0.process?.leads == true }) {
            for key in Self.keys.indices { finalRead(leader, key: key) }
        }
        // Keepers' keys are no client's.
        let others = truth.revisions(of: { $0.first == UInt8(ascii: "~") })
        if let problem = RevisionChecker.problem(in: history, others: others) { throw Violation(problem) }
        for key in Self.keys.indices {
            let calls = history.calls.filter { $0.key == key }
            switch Linearizability.verdict(of: calls, stepsMax: 100_000) {
            case .linearizable: break
            case .undecided: undecided += 1
            case .notLinearizable: throw Violation("linearizability: the calls on k\(key) have no order")
            }
        }
    }
}
