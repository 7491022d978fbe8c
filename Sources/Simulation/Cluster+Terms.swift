// What a node may say and believe by its term and its leader (§5.1, §5.3; thesis §4.2.3), and by its disk.
internal import Consensus
internal import Journal
internal import Replica
internal import Wire

extension Cluster {
    /// An append of an older term is never acknowledged; nobody helps a candidate against a live leader.
    func check(_ message: Message, of node: SimulatedNode, answering row: ExchangeRow) throws(Violation) {
        switch message.body {
        case .appended:
            guard message.term <= row.term else {
                throw Violation(
                    "append: node \(node.place + 1) in term \(message.term) takes one of term \(row.term)"
                )
            }
        case .preVoted(granted: true):
            // What it has heard since the question came is no reason to have refused it; nor is its lead.
            guard let process = node.process, let leader = process.replica.raft.leader, leader != node.id,
                let arrived = row.arrived, let heard = process.replica.raft.lastLeaderContact, heard < arrived
            else { return }
            let silence = arrived - heard
            guard silence >= process.replica.settings.electionTimeout else {
                throw Violation(
                    "stickiness: node \(node.place + 1) heard its leader \(silence.milliseconds) ms ago, and "
                        + "would vote for \(message.to)")
            }
        case .append, .full, .rejected, .heartbeat, .heard, .preVote, .preVoted, .vote, .voted, .timeoutNow,
            .noted, .readIndex, .readIndexed, .piece, .pieced:
            return
        }
    }

    /// §5.1: whoever hears of a newer term is in it from then on.
    func checkHeard(_ message: Message, by node: SimulatedNode) throws(Violation) {
        switch message.body {
        case .appended, .full, .rejected, .heard, .voted, .readIndexed: break
        case .append, .heartbeat, .preVote, .preVoted, .vote, .timeoutNow, .noted, .readIndex, .piece,
            .pieced:
            return
        }
        guard let process = node.process, process.replica.raft.term < message.term else { return }
        let view = process.replica.view
        guard view.isRunning, message.to == node.id, view.cluster == clusterID else { return }
        throw Violation(
            "term: node \(node.place + 1) hears of term \(message.term), and stays in \(view.term)")
    }

    /// §5.2: whoever leads was voted for by a majority.
    func checkElection(of node: SimulatedNode, in term: Term) throws(Violation) {
        let at = Int(term.rawValue)
        func isFor(_ voter: NodeID) -> Bool {
            let voter = nodes[Int(voter.rawValue) - 1]
            return voter === node
                || [voter.votes, voter.lostVotes].contains { at < $0.count && $0[at] == node.id }
        }
        guard node.process?.replica.raft.membership.isQuorum(where: isFor) ?? false else {
            throw Violation("election: node \(node.place + 1) leads term \(term) by no majority's votes")
        }
    }

    /// Rule 2: once a peer has answered in a new boot, its leader counts nothing that it does not hold. (But
    /// for answers to what it asked before it led: they say nothing of a log, and are not looked into. Nor
    /// are late ones of a peer that has joined a newer term: its entries may have been replaced.)
    func checkMatch(_ node: SimulatedNode, of peer: SimulatedNode, after message: Message) throws(Violation) {
        switch message.body {
        case .preVoted, .voted: return
        case .appended, .full, .rejected, .heard, .noted, .readIndexed, .pieced, .append, .heartbeat,
            .preVote, .vote, .timeoutNow, .readIndex, .piece:
            break
        }
        guard peer.isStarted, peer.health != .wiped,
            let its = peer.process?.replica.raft, message.boot == its.boot, message.term == its.term,
            let process = node.process, process.replica.raft.term == message.term
        else { return }
        for progress in process.replica.raft.leadership?.peers ?? [] where progress.id == peer.id {
            let count = Int(progress.match.rawValue)
            guard count > 0 else { return }
            let written = peer.durable.written
            guard count <= written.count, count <= node.log.count,
                written[count - 1] == node.log[count - 1]
            else {
                throw Violation(
                    "match: node \(node.place + 1) counts \(progress.match) on node \(peer.place + 1), whose "
                        + "disk holds \(peer.durable)")
            }
        }
    }

    /// What consensus counts as durable here is on the disk.
    func checkDurable(_ node: SimulatedNode) throws(Violation) {
        guard node.isStarted, let index = node.process?.replica.raft.durable, index > .zero else { return }
        let count = Int(index.rawValue)
        let written = node.durable.written
        guard count <= written.count, count <= node.log.count,
            written[count - 1] == node.log[count - 1]
        else {
            throw Violation(
                "durable: node \(node.place + 1) counts entry \(index) as durable, and its disk holds "
                    + "\(node.durable)")
        }
    }

    /// What a batch states as committed is in the log that it and those before it make, and is what was
    /// committed: a start applies it (rule 11).
    func checkStated(_ commit: Int, by node: SimulatedNode) throws(Violation) {
        guard commit > 0 else { return }
        guard commit <= node.durable.log.count, commit <= table.committed.count,
            table.committed[commit - 1].record == node.durable.log[commit - 1]
        else {
            throw Violation(
                "stated: node \(node.place + 1) writes that \(commit) is committed, and a start would not "
                    + "find that entry: the disk holds \(node.durable)")
        }
    }
}
