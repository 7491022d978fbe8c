// What holds after every step; the simulator checks it, in release builds too.

extension Raft {
    public func checkInvariants() {
        log.checkInvariants()
        precondition(durable <= handed && handed <= log.lastIndex, "durable ≤ handed ≤ last")
        precondition(commit <= log.lastIndex && commit >= log.base.index, "commit is in the log")
        precondition(verified <= log.lastIndex, "what was verified is in the log")
        precondition(hardDurable <= hard.count, "no vote is durable before it is given")
        precondition(held.isEmpty || hardDurable < hard.count, "nothing waits for what is durable")
        precondition(log.lastTerm <= term, "no entry is newer than the term")
        checkConfigurations()
        if let leadership {
            precondition(election == nil && leader == id && standing == .whole, "a leader leads itself")
            precondition(hardDurable == hard.count, "a leader's term is durable")
            precondition(log.lastTerm == term, "a leader has an entry of its term")
            precondition(leadership.firstIndex <= log.lastIndex)
            for peer in leadership.peers {
                precondition(peer.match < peer.next, "match < next")
                precondition(peer.next <= log.lastIndex.next, "next is in the log or just after it")
                precondition(peer.match <= log.lastIndex, "no peer agrees beyond the log")
                precondition(peer.flights <= settings.flightsMax)
                precondition(peer.pace != .snapshot || peer.flights == 0, "no append flies below the base")
            }
            var named = membership.contains(id) ? 1 : 0
            var before: NodeID?
            for peer in leadership.peers where !peer.isLeaving {
                precondition(peer.id != id && membership.contains(peer.id), "a leader's peers are members")
                precondition(before.map { $0 < peer.id } ?? true, "a leader's peers are in order")
                before = peer.id
                named += 1
            }
            precondition(named == membership.count, "a leader's peers are all members")
            let due = max(configurationIndex, leadership.firstIndex)
            precondition(commit < due || membership.outgoing.isEmpty, "joint consensus ends by itself")
            let rounds = leadership.rounds
            precondition(rounds.inRound <= rounds.waiting.count && rounds.done <= rounds.sent)
        }
        if election != nil { precondition(leader == nil, "who stands follows nobody") }
    }

    private func checkConfigurations() {
        guard let first = configurations.first, let last = configurations.last else {
            preconditionFailure("there is always a configuration")
        }
        precondition(first.index <= commit, "a cut leaves a configuration")
        precondition(last.index <= log.lastIndex, "no configuration is beyond the log")
        precondition(
            last.membership == membership && last.index == configurationIndex,
            "the configuration in force is the last one in the log")
        for (before, after) in zip(configurations, configurations.dropFirst()) {
            precondition(before.index < after.index, "configurations are in order")
        }
        if configurations.count > 1 {
            precondition(configurations[1].index > log.base.index, "what is compacted is forgotten")
        }
    }
}
