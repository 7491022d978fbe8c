// Availability: one lasting disturbance in an otherwise quiet run, and what must go on meanwhile.
internal import Consensus
internal import Replica

/// What is wrong in a run that has no other faults. Every fourth seed is such a run.
enum Disturbance: Int, CaseIterable {
    /// One node hears nobody, or is heard by nobody.
    case oneIsDeaf, oneIsMute
    /// One is cut off for most of the run, and comes back.
    case oneIsAway
    /// Two nodes do not reach each other, and everybody else does.
    case chain
    /// The leader is killed, again and again.
    case leaderIsKilled

    static func drawn(for plan: Plan, from random: inout Random) -> Disturbance? {
        let kind = random.index(allCases.count)
        guard plan.nodes >= 3, plan.seed % 4 == 1 else { return nil }
        return Disturbance(rawValue: kind)
    }
}

/// What is seen while a disturbance lasts, and after it.
struct Watch {
    /// Whether it lasts.
    var isOn = false
    /// Nearly no writes: who is cut off does not fall behind, and could win an election.
    var isReadMostly = false
    /// Where clients ask, while it lasts.
    var good: [Int] = []
    /// Elections won since it began.
    var changes = 0
    /// Calls begun while it lasted.
    var calls: [(number: Int, time: UInt64)] = []
    /// Since when a new leader is waited for, and in which term the old one led.
    var killed: (at: UInt64, term: Term)?
    /// How long that took, each time, in milliseconds.
    var failovers: [UInt64] = []
    /// The last term that had a leader when the disturbance was over.
    var termAtEnd: Int?
}

extension Cluster {
    static let changesMax = 2
    static let servedMinPerCent = 95
    /// After the leader is killed, a write is acknowledged within this time.
    static let failoverMax: UInt64 = 4_000 * millisecond

    var disturbanceStart: UInt64 { runEnd / 10 }
    private var disturbanceEnd: UInt64 { runEnd / 4 * 3 }

    func anyNode(_ random: inout Random) -> Int {
        watch.good.isEmpty ? random.index(nodes.count) : watch.good[random.index(watch.good.count)]
    }

    private var leaderNow: SimulatedNode? {
        nodes.first { $0.isWell && $0.process?.leads == true }
    }

    func disturb(_ step: Int) throws(Violation) {
        guard let disturbance else { return }
        guard now < disturbanceEnd else { return try endDisturbance() }
        guard let leader = leaderNow else {
            guard step > 0 || now < 2 * disturbanceStart else {
                throw Violation("availability: nobody leads \(now / 1_000_000_000) s after the start")
            }
            return queue.add(.disturb(step), at: after(50 * Self.millisecond))
        }
        if step == 0 {
            watch.isOn = true
            watch.isReadMostly = random.happens(500_000) && disturbance != .leaderIsKilled
        }
        if disturbance == .leaderIsKilled {
            try noteFailover()
            watch.killed = (now, leader.process?.replica.raft.term ?? .zero)
            crash(leader, isPower: false)
            queue.add(.disturb(step + 1), at: min(after(7_000 * Self.millisecond), disturbanceEnd))
        } else {
            cutOff(disturbance, leader)
            queue.add(.disturb(1), at: disturbanceEnd)
        }
    }

    private func cutOff(_ disturbance: Disturbance, _ leader: SimulatedNode) {
        let others = nodes.indices.filter { $0 != leader.place }
        // Half of the time the leader.
        let one = random.happens(500_000) ? leader.place : others[random.index(others.count)]
        var ill = [one]
        switch disturbance {
        case .leaderIsKilled: ill = []
        case .oneIsDeaf: for other in nodes.indices where other != one { cut(other, one) }
        case .oneIsMute: for other in nodes.indices where other != one { cut(one, other) }
        case .oneIsAway:
            for other in nodes.indices where other != one {
                cut(other, one)
                cut(one, other)
            }
        case .chain:
            let other = (one + 1 + random.index(nodes.count - 1)) % nodes.count
            ill.append(other)
            cut(one, other)
            cut(other, one)
        }
        watch.good = nodes.indices.filter { !ill.contains($0) }
        for client in clients where !watch.good.contains(client.node) {
            client.node = anyNode(&client.random)
        }
        traceCuts()
    }

    private func cut(_ from: Int, _ to: Int) { cut[from * nodes.count + to] = true }

    private func endDisturbance() throws(Violation) {
        try noteFailover()
        watch.isOn = false
        watch.good = []
        let isHealed = cut.contains(true)
        calmDown()
        if isHealed, leaderNow != nil { watch.termAtEnd = table.highestTerm }
    }

    /// The first write of a later leader that was acknowledged after one was killed.
    func noteWritten(_ attempt: Attempt) {
        guard let killed = watch.killed, let proposed = attempt.proposed, proposed.term > killed.term,
            now - killed.at < Self.failoverMax
        else { return }
        watch.failovers.append((now - killed.at) / Self.millisecond)
        watch.killed = nil
    }

    private func noteFailover() throws(Violation) {
        guard let killed = watch.killed, now - killed.at >= Self.failoverMax else { return }
        throw Violation(
            "availability: no write in \(Self.failoverMax / 1_000_000) ms after the leader was killed")
    }

    /// At the end of the run.
    func checkAvailability() throws(Violation) {
        guard let disturbance else { return }
        guard disturbance == .leaderIsKilled || watch.changes <= Self.changesMax else {
            throw Violation("availability: \(watch.changes) leaders elected while \(disturbance)")
        }
        let calls = watch.calls.filter { watch.isReadMostly || history.calls[$0.number].action != .read }
        let served = calls.filter {
            let outcome = history.calls[$0.number].outcome
            return outcome != .unknown && outcome != .refused
        }
        // The one whose leader was killed may wait for it, each time: every client, that is.
        if disturbance != .leaderIsKilled, calls.count >= 100,
            served.count * 100 < calls.count * Self.servedMinPerCent
        {
            throw Violation(
                "availability: \(served.count) of \(calls.count) calls served while \(disturbance)")
        }
        if let term = watch.termAtEnd, table.highestTerm != term {
            throw Violation("availability: a node that came back after \(disturbance) changed the leader")
        }
    }
}
