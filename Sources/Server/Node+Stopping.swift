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
            if configuration.peers.count > 1 { replica.transferLeadership(to: nil) }
            stopping = .handingOver(until: now + Self.patience)
            endWatches()
        case .handingOver, .closingJournal:
            log.warning("asked to stop again: ending at once")
            isOver = true
        }
    }

    mutating func goOnStopping() {
        switch stopping {
        case .no: return
        case .handingOver(let until):
            let leadsOthers = replica.raft.role == .leader && replica.raft.membership.all.count > 1
            let isBusy =
                replica.hasWaiting || leadsOthers || !touchedClients.isEmpty || forwarded > 0 || streams > 0
            if isBusy && now < until { return }
            if replica.hasWaiting {
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

    /// After the last turn: the answers that are written but not sent.
    mutating func close() {
        flushClients()
        disk.close()
        log.notice("stopped")
    }
}
