// What a client is told must follow from what was committed, at the moment when it is told.
internal import Consensus
internal import KeyValue
internal import Replica

extension Cluster {
    private func proposed(for ticket: Ticket) -> EntryID? {
        if let errand = Errand.number(ticket) { return errands[errand].proposed }
        guard ticket.rawValue < UInt64(attempts.count) else { return nil }
        return attempts[Int(ticket.rawValue)].proposed
    }

    /// The term of the entry that is committed at `index`, if any is.
    private func committedTerm(at index: LogIndex) -> UInt64? {
        guard index > .zero, Int(index.rawValue) <= table.committed.count else { return nil }
        return table.committed[Int(index.rawValue) - 1].record.term
    }

    /// A reply is that of the entry which the client's own request became, as its place in the log makes it.
    func checkReply(
        _ reply: Reply, _ revision: Revision, to ticket: Ticket, by node: SimulatedNode
    ) throws(Violation) {
        guard let entry = proposed(for: ticket) else { return }
        guard committedTerm(at: entry.index) == entry.term.rawValue else {
            throw Violation(
                "reply: node \(node.place + 1) answers for \(entry), which is not committed"
            )
        }
        truth.advance(through: table)
        guard let due = truth.reply(at: entry.index) else { return }
        guard due.reply == reply, due.revision == revision else {
            throw Violation(
                "reply: node \(node.place + 1) answers for \(entry) with \(reply) at revision \(revision), "
                    + "and the log makes it \(due.reply) at \(due.revision)")
        }
    }

    /// Rule 18: not applied is said only where an entry of another term has been committed at its index.
    func checkNotApplied(_ ticket: Ticket, by node: SimulatedNode) throws(Violation) {
        guard let entry = proposed(for: ticket) else { return }
        guard let term = committedTerm(at: entry.index), term != entry.term.rawValue else {
            throw Violation(
                "reply: node \(node.place + 1) says that \(entry) is not applied, which may yet be, or was")
        }
    }
}
