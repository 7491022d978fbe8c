// The node's end: leadership handed over, what is in flight finished, the journal closed (Interface §12).
internal import Consensus
internal import Journal
internal import Logging
internal import Network
internal import Replica

extension Node {
    private static let patience: UInt64 = 5_000_000_000

    mutating func take(signal: Int32) {
        switch stopping {
        case .no:
            log.notice("asked to stop (signal \(signal)): handing over and finishing what is in flight")
            replica.close()
            // A hand-over that a client has asked for has its time first.
            let next = transferring == nil ? now : now + configuration.electionTimeout.nanoseconds
            stopping = .handingOver(until: now + Self.patience, asked: [], next: next)
            handOver()
            endWatches()
        case .handingOver, .closingJournal:
            log.warning("asked to stop again: ending at once")
            isOver = true
        }
    }

    mutating func goOnStopping() {
        switch stopping {
        case .no: return
        case .handingOver(let until, _, _):
            if isBusy && now < until {
                handOver()
                return
            }
            // What is still true of these now has had all the time there is.
            if leadsOthers { log.warning("leadership could not be handed over") }
            if replica.hasWaiting || isAnswering {
                log.warning("5 s have passed: requests that are still in flight get no answer")
            }
            stopping = .closingJournal(until: max(until, now + Self.patience / 5))
            journal.stop(commit: replica.raft.commit, into: &completions, operations: &operations)
            disk.carryOut(&operations)
            takeCompletions()
        case .closingJournal(let until):
            if now >= until { isOver = true }
        }
    }

    // Handing over ----------------------------------------------------------------------------------------

    private var leadsOthers: Bool {
        replica.raft.role == .leader && replica.raft.membership.all.count > 1
    }

    /// Hands leadership to another, where this node leads. Who has not won within an election timeout, after
    /// which consensus gives a hand-over up, may hang: then the next one is asked.
    private mutating func handOver() {
        guard case .handingOver(let until, let asked, let next) = stopping, now >= next,
            let peer = successor(after: asked)
        else { return }
        log.info("handing leadership over to node \(peer)")
        replica.transferLeadership(to: peer)
        stopping = .handingOver(
            until: until, asked: asked + [peer], next: now + configuration.electionTimeout.nanoseconds)
    }

    /// Of the voters that were heard lately the one that was asked least often, of those the one that has
    /// got furthest, and of those the one that was heard last: one that hangs was not.
    private func successor(after asked: [NodeID]) -> NodeID? {
        guard let leadership = replica.raft.leadership else { return nil }
        let voters = replica.raft.membership.voters
        let (present, timeout) = (replica.raft.now, configuration.electionTimeout)
        func rank(_ peer: Progress) -> (Int, LogIndex, Instant) {
            (-asked.count { $0 == peer.id }, peer.match, peer.lastHeard)
        }
        let heard = leadership.peers.filter { voters.contains($0.id) && present - $0.lastHeard <= timeout }
        return heard.max { rank($0) < rank($1) }?.id
    }

    // What is in flight -----------------------------------------------------------------------------------

    /// Whether something is under way that may still end well.
    private var isBusy: Bool {
        // All connections are looked at last, where nothing else is known of.
        replica.hasWaiting || leadsOthers || !touchedClients.isEmpty || forwarded > 0 || streams > 0
            || isAnswering
    }

    private var isAnswering: Bool {
        for slot in 0..<clients.limit where clients.isTaken(slot) && clients[slot].isInFlight { return true }
        return false
    }

    /// After the last turn: the answers that are written but not sent.
    mutating func close() {
        flushClients()
        disk.close()
        log.notice("stopped")
    }
}

extension Client {
    /// Whether it is to have an answer yet, or the rest of one. A request that is not whole is none, and who
    /// rests between two holds nobody.
    fileprivate var isInFlight: Bool {
        switch stage {
        case .waiting, .forwarded, .transferring: true
        // The kernel does not take all of it, or there is more behind what was answered. Peers always have
        // more, and ask again.
        case .head, .content, .skipping, .sleeping, .streaming, .ending:
            blockedSince != nil || isRunnable && !isPeer
        }
    }
}
