// Commitment (§5.3, §5.4.2): counted in the leader's own term only, and only what is durable.

extension Raft {
    mutating func persisted(_ write: WriteID, into out: inout [Output]) {
        guard let through = writes.complete(write) else { return }
        durable = max(durable, min(through, log.lastIndex))
        if leadership != nil {
            maybeCommit(into: &out)
        }
        answerDurable(into: &out)
    }

    /// The highest index that a majority holds durably: this node by its own disk, peers by their word.
    private var quorumIndex: LogIndex {
        #if PlantedFaults
            if Planted.is(.commitWithoutMajority) { return durable }
        #endif
        guard let peers = leadership?.peers else { return .zero }
        func match(_ voter: NodeID) -> LogIndex {
            #if PlantedFaults
                if voter == id, Planted.is(.countOwnBeforeSync) { return log.lastIndex }
            #endif
            if voter == id { return durable }
            for peer in peers where peer.id == voter { return peer.match }
            return .zero
        }
        return membership.reached(.zero, by: match)
    }

    /// §5.4.2: an entry of an older term is never committed by counting; it is when a later one is.
    mutating func maybeCommit(into out: inout [Output]) {
        guard let leadership else { return }
        let index = quorumIndex
        #if PlantedFaults
            if Planted.is(.commitOlderTerm) { return advanceCommit(to: index, into: &out) }
        #endif
        guard index >= leadership.firstIndex else { return }
        advanceCommit(to: index, into: &out)
    }

    mutating func advanceCommit(to index: LogIndex, into out: inout [Output]) {
        let index = min(index, log.lastIndex)
        guard index > commit else { return }
        let before = commit
        commit = index
        out.append(.commit(index))
        if configurationIndex > before, configurationIndex <= index {
            out.append(.reconfigured(configuration, isCommitted: true))
        }
        if leadership != nil { maybeEndChange(committedBefore: before, into: &out) }
        maybeRecover(into: &out)
    }

    /// Heartbeats, check-quorum (thesis §6.2), flights that got no answer, transfers that take too long.
    mutating func tickLeader(into out: inout [Output]) {
        #if PlantedFaults
            if Planted.is(.checkQuorumOff) { leadership?.nextQuorumCheck = Instant(nanoseconds: .max) }
        #endif
        guard let leadership else { return }
        if now >= leadership.nextQuorumCheck {
            guard membership.isQuorum(where: isHeard) else {
                follow(nil, in: term, into: &out)
                return
            }
            self.leadership?.nextQuorumCheck = now + settings.heartbeat
        }
        if let transfer = leadership.transfer, now >= transfer.deadline {
            self.leadership?.transfer = nil
            out.append(.transferred(false))
            if mustResign {
                follow(nil, in: term, into: &out)
                return
            }
        }
        tickMembership(into: &out)
        if leadership.lacksRoom { tickRoom(into: &out) }
        loseUnanswered()
        if now >= leadership.nextHeartbeat { startRound(into: &out) }
    }

    private mutating func loseUnanswered() {
        guard let leadership else { return }
        for at in leadership.peers.indices {
            let peer = leadership.peers[at]
            // A late answer to a flight given up before counts for a later one: what is not acknowledged
            // tells more than how many flights there seem to be.
            let isUnanswered = peer.flights > 0 || peer.pace == .pipeline && peer.match.next < peer.next
            guard isUnanswered, now - peer.flightSince > settings.electionTimeout else { continue }
            lose(peer.id)
        }
    }
}
