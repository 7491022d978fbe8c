// What must hold across a whole cluster (Figure 3 of the paper), checked as it happens.
import Consensus

/// Election Safety, Leader Completeness and State Machine Safety, what must be durable before a message
/// leaves, and reads that are never stale. It writes down what it finds wrong.
struct Ledger {
    private(set) var problems: [String] = []
    private(set) var committed: [UInt64] = []
    private(set) var elections = 0
    private(set) var truncations = 0
    private(set) var readsAnswered = 0
    private(set) var acknowledgements = 0
    /// A damaged disk has lost what it acknowledged, so not every commit is on a majority of disks.
    var countsDisks = true
    /// Messages that no member sent were made up: what they do proves nothing about the cluster.
    var isForged = false
    private var leaders: [Term: NodeID] = [:]
    private var votes: [Ballot: NodeID] = [:]
    private var reads: [ReadID: Int] = [:]
    private var payloads: UInt64 = 0

    private struct Ballot: Hashable {
        let voter: NodeID
        let term: Term
    }

    mutating func fail(_ problem: String) {
        if !isForged { problems.append(problem) }
    }

    mutating func newPayload() -> UInt64 {
        payloads += 1
        return payloads
    }

    mutating func leads(_ member: Member) {
        let raft = member.raft
        elections += 1
        if let other = leaders[raft.term], other != raft.id {
            fail("election safety: \(other) and \(raft.id) lead in term \(raft.term)")
        }
        leaders[raft.term] = raft.id
        if !member.payloads.starts(with: committed) {
            fail("leader completeness: \(raft.id) leads in term \(raft.term) without all that is committed")
        }
    }

    mutating func truncated(after index: LogIndex, of member: Member) {
        truncations += 1
        if index < member.committed { fail("\(member.raft.id) removes committed entries after \(index)") }
    }

    mutating func committed(_ index: LogIndex, by member: Member, in cluster: Cluster) {
        let own = member.payloads.prefix(Int(index.rawValue))
        let known = min(own.count, committed.count)
        if own.prefix(known) != committed.prefix(known) {
            fail("state machine safety: \(member.raft.id) commits something else up to \(index)")
        }
        guard own.count > committed.count, let last = own.last else { return }
        committed = Array(own)
        let isDurable = cluster.membership.isQuorum { voter in
            let durable = cluster[voter].durable.payloads
            return durable.count >= own.count && durable[own.count - 1] == last
        }
        if countsDisks && !isDurable { fail("\(index) is committed without being on a majority of disks") }
    }

    /// What a message says must be durable before it leaves (rules 9, 14, 16).
    mutating func sends(_ message: Message, by member: Member) {
        let hard = member.durable.hard
        switch message.body {
        case .preVote, .preVoted(granted: true): return
        case .voted(granted: true):
            vote(of: message.from, for: message.to, in: message.term)
            let isDurable = hard.term > message.term || hard.term == message.term && hard.vote == message.to
            if !isDurable { fail("\(message): a vote that is not on disk") }
        case .vote:
            vote(of: message.from, for: message.from, in: message.term)
            let isDurable = hard.term > message.term || hard.term == message.term && hard.vote == message.from
            if !isDurable { fail("\(message): a vote that is not on disk") }
        case .appended(let match):
            acknowledgements += 1
            let count = Int(match.rawValue)
            if message.term == member.raft.term, count > 0,
                member.durable.payloads.count < count
                    || member.durable.payloads[count - 1] != member.payloads[count - 1]
            {
                fail("\(message): acknowledged before it is on disk")
            }
        case .append, .rejected, .heartbeat, .heard, .preVoted, .voted, .timeoutNow, .noted, .readIndex,
            .readIndexed, .piece, .pieced:
            break
        }
        if hard.term < message.term { fail("\(message): a term that is not on disk") }
    }

    private mutating func vote(of voter: NodeID, for candidate: NodeID, in term: Term) {
        let ballot = Ballot(voter: voter, term: term)
        if let other = votes[ballot], other != candidate {
            fail("\(voter) votes for \(other) and \(candidate) in term \(term)")
        }
        votes[ballot] = candidate
    }

    mutating func begins(_ read: ReadID) { reads[read] = committed.count }

    mutating func answered(_ read: ReadID, at index: LogIndex) {
        readsAnswered += 1
        guard let floor = reads[read] else { return fail("\(read) is answered and was never asked") }
        if index.rawValue < UInt64(floor) { fail("\(read) is stale: at \(index), \(floor) was committed") }
        reads[read] = nil
    }

    /// Log Matching: where two logs have an entry of the same name, they are the same up to there.
    mutating func compareLogs(of members: [Member]) {
        for (at, one) in members.enumerated() {
            for other in members[(at + 1)...] {
                var index = min(one.payloads.count, other.payloads.count)
                while index > 0,
                    one.raft.log.term(at: LogIndex(UInt64(index)))
                        != other.raft.log.term(at: LogIndex(UInt64(index)))
                {
                    index -= 1
                }
                if one.payloads.prefix(index) != other.payloads.prefix(index) {
                    fail("log matching: \(one.raft.id) and \(other.raft.id) differ before \(index)")
                }
            }
        }
    }
}
