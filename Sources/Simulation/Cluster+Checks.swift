// What is checked after every step, by what is seen from outside: bytes on disks and in messages.
internal import Consensus
internal import Journal
internal import KeyValue
internal import Replica
internal import Wire

extension Cluster {
    /// After every turn of a node.
    func check(_ node: SimulatedNode) throws(Violation) {
        guard let process = node.process else { return }
        process.checkInvariants()
        let applied = process.replica.applied
        let term = process.replica.raft.term
        try checkDurable(node)
        let through = Int(applied.rawValue)
        guard through <= node.log.count else {
            throw Violation("apply: node \(node.place + 1) applied \(through), which its journal never got")
        }
        if node.checked < through {
            for index in node.checked + 1...through {
                try table.applied(
                    node.log[index - 1], at: index, on: node.place, in: term.rawValue,
                    under: process.replica.raft.configurations.map(\.membership))
            }
            node.checked = through
            truth.advance(through: table)
            if let problem = truth.problem { throw Violation(problem) }
            try checkState(node, at: through)
        }
        if node.process?.leads == true {
            if try table.leads(node.place, in: term.rawValue, with: node.log) {
                try checkElection(of: node, in: term)
            }
            try checkCommitment(node, in: term)
        }
    }

    /// State machine safety (§5.4.3): what is applied is the same everywhere. Where a node was made to
    /// differ, only that all are alike again in the end.
    func checkState(_ node: SimulatedNode, at index: Int) throws(Violation) {
        guard !stateWasChanged, let process = node.process else { return }
        // Events are state too (rule 24).
        let history = process.replica.store.history
        var hash = process.replica.store.hash
        for number in [
            history.floor.rawValue, history.last.rawValue, UInt64(history.count), UInt64(history.bytes),
        ] {
            hash = mix(hash, number)
        }
        try table.applied(hash: hash, through: index, on: node.place)
    }

    /// §5.4.2: a leader commits by counting only what is of its own term.
    private func checkCommitment(_ node: SimulatedNode, in term: Term) throws(Violation) {
        guard let process = node.process else { return }
        let commit = process.replica.raft.commit
        let before = node.led
        node.led = (term.rawValue, commit)
        guard before.term == term.rawValue, before.commit < commit else { return }
        let its = process.replica.raft.log.term(at: commit)
        guard its == term else {
            throw Violation(
                "commitment: node \(node.place + 1) leads term \(term) and commits \(commit), which is of "
                    + "term \(its ?? .zero)")
        }
    }

    /// A node that was damaged calls itself whole: it has again whatever was committed and on its disk.
    func checkRepaired(_ node: SimulatedNode) throws(Violation) {
        for (at, record) in node.owed.enumerated() where at < table.committed.count {
            guard table.committed[at].record == record else { break }
            guard at < node.durable.log.count, node.durable.log[at] == record else {
                throw Violation(
                    "repair: node \(node.place + 1) calls itself whole without \(record.term).\(at + 1)")
            }
        }
        node.owed = []
    }

    // Recovery ---------------------------------------------------------------------------------------------

    /// What was read back must be what was durable, or that and the one write that was under way; less only
    /// where something was changed behind the journal's back, and then it must say so.
    func checkRecovered(_ node: SimulatedNode, _ read: Reading) throws(Violation) {
        let recovered = read.recovered
        guard read.log.count == Int(recovered.last.index.rawValue) else {
            throw Violation(
                "recovery: node \(node.place + 1) tells of \(recovered.last), gives \(read.log.count)")
        }
        let isExact = node.possible(table).contains { isEqual(read, $0) }
        // What says that it counts again may not have come to the disk.
        if node.health == .wiped { node.wasAdmitted = false }
        switch node.health {
        case .whole:
            guard isExact, recovered.damage == nil, !recovered.isWiped else {
                throw Violation("recovery: \(difference(node, read))")
            }
        case .damaged:
            if recovered.isWiped {
                node.health = .wiped
                node.committedAtLoss = table.committed.count
            } else if recovered.damage == nil {
                guard isExact || isWithoutSnapshot(read, node) else {
                    throw Violation("recovery: damage is not noticed: \(difference(node, read))")
                }
                if !isExact {
                    node.durable.fall(backTo: read.snapshot?.id)
                    node.maybe?.fall(backTo: read.snapshot?.id)
                    if let last = read.log.last { try table.saw(last, at: read.log.count, on: node.place) }
                }
                // A snapshot may hide it, and be lost itself.
                if read.snapshot == nil { node.health = .whole }
            } else {
                if node.owed.count < node.durable.log.count { node.owed = node.durable.log }
                // What is left may be an older log, with entries that were replaced later; never a new one.
                if let last = read.log.last { try table.saw(last, at: read.log.count, on: node.place) }
                guard isVoteKept(read, node.durable) || node.maybe.map({ isVoteKept(read, $0) }) ?? false
                else {
                    throw Violation("recovery: damage changed the vote: \(difference(node, read))")
                }
            }
        case .wiped:
            // What says that it counts again had come to the disk, or to its cache: once the start has
            // written it again, it counts.
            if recovered.isWiped { node.isRejoining = false }
        case .dead: return
        }
    }

    private func isEqual(_ read: Reading, _ state: DurableState) -> Bool {
        read.log.count == state.log.count && read.log.last == state.log.last && isVoteKept(read, state)
    }

    /// The newest snapshot is not whole, and what it had beyond the log's files was never told: nothing that
    /// was is lost.
    private func isWithoutSnapshot(_ read: Reading, _ node: SimulatedNode) -> Bool {
        ([node.durable] + (node.maybe.map { [$0] } ?? [])).contains { state in
            state.snapshot != nil && read.snapshot?.id != state.snapshot
                && read.log.count == state.written.count && read.log.last == state.written.last
                && isVoteKept(read, state)
        }
    }

    private func isVoteKept(_ read: Reading, _ state: DurableState) -> Bool {
        let hard = read.recovered.hardState
        return hard.term.rawValue == state.term && hard.vote == state.vote
    }

    private func difference(_ node: SimulatedNode, _ read: Reading) -> String {
        let hard = read.recovered.hardState
        let found =
            "node \(node.place + 1) found term \(hard.term) vote \(hard.vote.map { "\($0)" } ?? "-") last "
            + "\(read.recovered.last) damage \(read.recovered.damage.map { "\($0)" } ?? "-") wiped "
            + "\(read.recovered.isWiped)"
        return "\(found); durable were \(node.durable), or \(node.maybe.map { "\($0)" } ?? "-")"
    }

    /// Before the first message to a peer, everything recovered must survive the next power loss.
    func started(_ node: SimulatedNode) throws(Violation) {
        guard let hard = node.process?.replica.raft.hard else { return }
        if node.health == .wiped, node.isRejoining { node.health = .whole }
        let state = DurableState(term: hard.term.rawValue, vote: hard.vote, log: node.log)
        // (Each such check reads all of the disk once more: a third of the starts is enough.)
        if node.health == .whole, node.random.happens(333_333) { try checkSurvival(of: state, on: node) }
        node.isStarted = true
        node.bootSpoken = node.process?.replica.raft.boot ?? node.bootSpoken
        node.durable = state
        node.durable.snapshot = node.process?.replica.snapshot?.id
        node.maybe = nil
        node.named = []
        node.opened = nil
        node.isRejoining = false
        for (at, record) in node.log.enumerated() {
            try table.becameDurable(record, at: at + 1, on: node.place)
        }
    }

    private func checkSurvival(of state: DurableState, on node: SimulatedNode) throws(Violation) {
        let read: Reading
        do throws(RecoveryError) {
            read = try recover(node, from: node.disk.afterWorstLoss, applies: false)
        } catch {
            throw Violation("start: node \(node.place + 1) would not start again: \(error)")
        }
        guard isEqual(read, state) || sabotage == .forgetTail || sabotage == .forgetVote else {
            throw Violation("start: not all of \(state) would survive: \(difference(node, read))")
        }
    }

    /// Rule 1: a node that lost its disk neither votes nor stands until its log is as far as where it was let
    /// in.
    private func checkCandour(_ message: Message, of node: SimulatedNode) throws(Violation) {
        switch message.body {
        case .preVote, .preVoted(granted: true), .vote, .voted(granted: true):
            throw Violation("mute: node \(node.place + 1) does not count yet, and says \(message.body)")
        default: return
        }
    }

    // Messages that leave ----------------------------------------------------------------------------------

    /// Nothing leaves that says more than the disk holds.
    func check(_ message: Message, leaving node: SimulatedNode) throws(Violation) {
        let durable = node.durable
        func broken(_ what: String) -> Violation {
            Violation(
                "durability: node \(node.place + 1) says \(what) in term \(message.term), and its disk holds "
                    + "\(durable)")
        }
        guard node.isStarted, node.health != .wiped || node.wasAdmitted else {
            throw Violation("mute: node \(node.place + 1) must say nothing, and says \(message.body)")
        }
        if node.health == .wiped {
            guard !node.isRejoining else {
                throw Violation(
                    "mute: node \(node.place + 1) counts again before its disk says so, and says "
                        + "\(message.body)")
            }
            try checkCandour(message, of: node)
        }
        switch message.body {
        case .preVote, .preVoted(granted: true): break
        case .append, .appended, .full, .rejected, .heartbeat, .heard, .preVoted, .vote, .voted, .timeoutNow,
            .noted,
            .readIndex, .readIndexed, .piece, .pieced:
            guard durable.term >= message.term.rawValue else { throw broken("anything") }
        }
        switch message.body {
        case .vote: try vote(of: node, for: node.id, in: message.term, else: broken("it stands"))
        case .voted(granted: true):
            try vote(of: node, for: message.to, in: message.term, else: broken("it votes for \(message.to)"))
        case .appended(let match): try check(match, in: message, of: node, else: broken("it holds \(match)"))
        case .full(let last): try check(last, in: message, of: node, else: broken("it holds \(last)"))
        case .append(let append): try checkCommit(append.commit, of: node)
        case .heartbeat(let commit, _): try checkCommit(commit, of: node)
        case .readIndexed(_, let index): try checkCommit(index, of: node)
        case .pieced(let snapshot, _, isInstalled: true):
            try check(snapshot.index, in: message, of: node, else: broken("it stands on \(snapshot)"))
        case .rejected, .heard, .preVote, .preVoted, .voted, .timeoutNow, .noted, .readIndex, .piece, .pieced:
            return
        }
    }

    /// One vote a term, and on disk before it is told.
    private func vote(
        of node: SimulatedNode, for candidate: NodeID, in term: Term,
        else broken: @autoclosure () -> Violation
    ) throws(Violation) {
        let durable = node.durable
        guard durable.term > term.rawValue || durable.term == term.rawValue && durable.vote == candidate
        else {
            throw broken()
        }
        guard term.rawValue < 1 << 20 else { throw Violation("the term is \(term)") }
        while node.votes.count <= Int(term.rawValue) { node.votes.append(nil) }
        if let other = node.votes[Int(term.rawValue)], other != candidate {
            throw Violation(
                "one vote: node \(node.place + 1) votes for \(other) and for \(candidate) in term \(term)")
        }
        guard !node.knowsDamage else {
            throw Violation("damaged: node \(node.place + 1) votes in term \(term)")
        }
        node.votes[Int(term.rawValue)] = candidate
    }

    /// A full node's last entry: on disk, and all before it the leader's if the leader has it too.
    private func check(
        _ last: EntryID, in message: Message, of node: SimulatedNode,
        else broken: @autoclosure () -> Violation
    ) throws(Violation) {
        guard last.index.rawValue <= node.durable.written.count else { throw broken() }
        let leader = nodes[Int(message.to.rawValue) - 1]
        if leader.process?.replica.raft.log.term(at: last.index) == last.term {
            try check(last.index, in: message, of: node, else: broken())
        }
    }

    private func check(
        _ match: LogIndex, in message: Message, of node: SimulatedNode,
        else broken: @autoclosure () -> Violation
    ) throws(Violation) {
        let index = Int(match.rawValue)
        let written = node.durable.written
        guard index <= written.count else { throw broken() }
        let leader = nodes[Int(message.to.rawValue) - 1]
        guard index > 0, leader.process?.leads == true,
            leader.process?.replica.raft.term == message.term,
            leader.isStarted
        else { return }
        guard index <= leader.log.count, leader.log[index - 1] == written[index - 1] else {
            throw Violation(
                "match: node \(node.place + 1) agrees with its leader up to \(match), and does not")
        }
    }

    private func checkCommit(_ commit: LogIndex, of node: SimulatedNode) throws(Violation) {
        guard Int(commit.rawValue) <= table.committed.count else {
            throw Violation("commit: node \(node.place + 1) tells of commit \(commit), which is not")
        }
    }

    /// A cluster's id is told once it is durable, and there is only one.
    func check(_ hello: Hello, leaving node: SimulatedNode) throws(Violation) {
        guard let cluster = hello.cluster, sabotage != .skipFolderSync else { return }
        if node.clusterTold?.life == node.life, node.clusterTold?.id == cluster { return }
        let survives = node.disk.afterWorstLoss
        let bytes = try? survives.read(.identity, offset: 0, count: pageBytes)
        let identity = bytes.flatMap { $0 }.flatMap { try? Identity($0.span) }
        guard identity?.cluster == cluster || node.health != .whole else {
            throw Violation("durability: node \(node.place + 1) tells a cluster's id that is not on its disk")
        }
        node.clusterTold = (node.life, cluster)
        if let known = clusterID, known != cluster {
            throw Violation("first start: two clusters, \(known) and \(cluster)")
        }
        clusterID = cluster
    }
}

extension DurableState: CustomStringConvertible {
    var description: String {
        "term \(term) vote \(vote.map { "\($0)" } ?? "-") last \(log.last?.term ?? 0).\(log.count)"
    }
}
