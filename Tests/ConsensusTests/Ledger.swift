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
    private(set) var installs = 0
    private(set) var discards = 0
    private(set) var changes = 0
    private(set) var lettingsIn = 0
    /// A damaged disk has lost what it acknowledged, so not every commit is on a majority of disks.
    var countsDisks = true
    /// Messages that no member sent were made up: what they do proves nothing about the cluster.
    var isForged = false
    private var leaders: [Term: NodeID] = [:]
    private var votes: [Ballot: NodeID] = [:]
    private var reads: [ReadID: Int] = [:]
    private var payloads: UInt64 = 0
    /// The memberships that entries stand for.
    private var memberships: [UInt64: Membership] = [:]

    private struct Ballot: Hashable {
        let voter: NodeID
        /// A node that lost its disk may vote again where its lost vote counts no more.
        let life: Int
        let term: Term
    }

    mutating func fail(_ problem: String) {
        if !isForged { problems.append(problem) }
    }

    mutating func newPayload() -> UInt64 {
        payloads += 1
        return payloads
    }

    mutating func newPayload(_ membership: Membership) -> UInt64 {
        changes += 1
        let payload = newPayload()
        memberships[payload] = membership
        return payload
    }

    mutating func define(_ payload: UInt64, as membership: Membership) { memberships[payload] = membership }

    func configurations(in payloads: ArraySlice<UInt64>, after index: LogIndex) -> [Configuration] {
        var found: [Configuration] = []
        for (at, payload) in payloads.enumerated() {
            guard let membership = memberships[payload] else { continue }
            found.append(Configuration(index: index + UInt64(at) + 1, membership: membership))
        }
        return found
    }

    /// §6: the configuration in force is one in the log, committed or not.
    mutating func compareConfiguration(of member: Member) {
        let configuration = member.raft.configuration
        guard configuration.index > .zero else { return }
        let payload = member.payloads[Int(configuration.index.rawValue) - 1]
        if memberships[payload] != configuration.membership {
            fail(
                "\(member.raft.id) goes by \(configuration), and its log says \(memberships[payload] as Any)")
        }
    }

    /// The last one; looked for through the whole log.
    private mutating func findConfiguration(of member: Member) {
        let configuration = member.raft.configuration
        guard let at = member.payloads.lastIndex(where: { memberships[$0] != nil }) else {
            if configuration.index > .zero { fail("\(member.raft.id) has \(configuration) out of nowhere") }
            return
        }
        let last = Configuration(
            index: LogIndex(UInt64(at) + 1), membership: memberships[member.payloads[at]] ?? .init(voters: [])
        )
        if configuration != last {
            fail("\(member.raft.id) goes by \(configuration), and its log says \(last)")
        }
    }

    /// §7: the state that a snapshot brings is the one that was committed, and what is kept follows it.
    mutating func installed(
        _ snapshot: Snapshot, by member: Member, over own: [UInt64], discardsLog: Bool
    ) {
        installs += 1
        if discardsLog { discards += 1 }
        let count = snapshot.payloads.count
        if !committed.starts(with: snapshot.payloads) {
            fail("\(member.raft.id) installs \(snapshot.last), which is not what was committed")
        }
        if own.count >= count, Array(own.prefix(count)) == snapshot.payloads, discardsLog, own.count > count {
            fail("\(member.raft.id) discards a log that goes on after \(snapshot.last)")
        }
        if !discardsLog, Array(own.prefix(count)) != snapshot.payloads {
            fail("\(member.raft.id) keeps a log that \(snapshot.last) does not follow from")
        }
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

    mutating func letIn() { lettingsIn += 1 }

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
        let isDurable = member.countedBy.isQuorum { voter in
            (1...cluster.members.count).contains(Int(voter.rawValue))
                && cluster[voter].durable.holds(last, at: own.count)
        }
        if countsDisks, !isDurable { fail("\(index) is committed without being on a majority of disks") }
    }

    /// What a message says must be durable before it leaves (rules 9, 14, 16).
    mutating func sends(_ message: Message, by member: Member) {
        let hard = member.durable.hard
        switch message.body {
        case .preVote, .preVoted(granted: true): return
        case .voted(granted: true):
            vote(of: message.from, life: member.life, for: message.to, in: message.term)
            if case .wiped = member.raft.standing { fail("\(message): a wiped node votes") }
            let isDurable = hard.term > message.term || hard.term == message.term && hard.vote == message.to
            if !isDurable { fail("\(message): a vote that is not on disk") }
        case .vote:
            vote(of: message.from, life: member.life, for: message.from, in: message.term)
            if case .wiped = member.raft.standing { fail("\(message): a wiped node stands") }
            let isDurable = hard.term > message.term || hard.term == message.term && hard.vote == message.from
            if !isDurable { fail("\(message): a vote that is not on disk") }
        case .full(let last): acknowledge(last.index, message, by: member)
        case .appended(let match):
            acknowledgements += 1
            acknowledge(match, message, by: member)
        case .pieced(let snapshot, _, isInstalled: true): acknowledge(snapshot.index, message, by: member)
        case .append, .rejected, .heartbeat, .heard, .preVoted, .voted, .timeoutNow, .noted, .readIndex,
            .readIndexed, .piece, .pieced:
            break
        }
        if hard.term < message.term { fail("\(message): a term that is not on disk") }
    }

    private mutating func acknowledge(_ match: LogIndex, _ message: Message, by member: Member) {
        let count = Int(match.rawValue)
        guard message.term == member.raft.term, count > 0 else { return }
        if member.raft.standing == .wiped(until: nil) { fail("\(message): of a wiped node") }
        guard count <= member.payloads.count else { return fail("\(message): beyond its log") }
        if !member.durable.holds(member.payloads[count - 1], at: count) {
            fail("\(message): acknowledged before it is on disk")
        }
    }

    private mutating func vote(of voter: NodeID, life: Int, for candidate: NodeID, in term: Term) {
        let ballot = Ballot(voter: voter, life: life, term: term)
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
        for member in members { findConfiguration(of: member) }
        for (at, one) in members.enumerated() {
            for other in members[(at + 1)...] {
                var index = min(one.payloads.count, other.payloads.count)
                // Below a base the terms are forgotten, and nothing is said.
                while index > 0 {
                    let term = one.raft.log.term(at: LogIndex(UInt64(index)))
                    if term != nil, term == other.raft.log.term(at: LogIndex(UInt64(index))) { break }
                    index -= 1
                }
                if one.payloads.prefix(index) != other.payloads.prefix(index) {
                    fail("log matching: \(one.raft.id) and \(other.raft.id) differ before \(index)")
                }
            }
        }
    }
}
