// Raft as one deterministic step: an input in, outputs out (paper, Figure 2; thesis §3, §6.4, §9.6).

/// One member's consensus. It sees names of entries, never bytes; reads no clock; never blocks.
///
/// Every message that depends on something durable leaves only after the input that says it is, so a shell
/// has no order of its own to keep.
public struct Raft: Sendable {
    public struct Settings: Sendable {
        public var id: NodeID
        public var heartbeat: Interval = .milliseconds(100)
        /// Timeouts are drawn from this to twice this; it is also the time of check-quorum and stickiness.
        public var electionTimeout: Interval = .milliseconds(500)
        /// Appends in flight to one peer.
        public var flightsMax = 8
        /// Answers held back while a term or vote is on its way to disk.
        public var heldMax = 1024
        /// A full leader whose hand-over failed tries again so much later.
        public var handOverPause: Interval = .milliseconds(2_000)
        /// Reads that may wait at once.
        public var readsMax = 100_000
        public init(id: NodeID) { self.id = id }
    }

    /// Whether this member may vote and stand.
    public enum Standing: Hashable, Sendable {
        case whole
        /// Its log lacks what was durable: it neither votes nor stands until it has caught up (rule 12).
        case damaged
        /// It has lost its vote: it is let in anew by an entry of the log, and until it holds that one, and
        /// it is committed, it neither votes nor stands. Until it is told its index, it acknowledges
        /// nothing (rule 1).
        case wiped(until: LogIndex?)
        /// Its disk has failed: not in this process any more (rule 10).
        case retired
    }

    public let settings: Settings
    public let boot: Boot
    /// The membership of the configuration in force, and the index of its entry.
    public internal(set) var membership: Membership
    var configurationIndex: LogIndex
    /// The configurations of the log, oldest first. Invariant: the first is committed, so that a cut always
    /// leaves one.
    public internal(set) var configurations: [Configuration]
    public internal(set) var standing: Standing
    /// Whether what was applied here is, as far as is known, what a majority applied (rule 25).
    public internal(set) var isTrusted = true
    /// What its disk has room for.
    public internal(set) var room = Room.plenty

    // Persistent state (Figure 2), and what of it is known to be on disk.
    public internal(set) var hard: HardState
    var hardDurable: UInt64
    public internal(set) var log: LogShape
    /// Every entry up to here, as the log now stands, is on disk. Invariant: durable ≤ handed ≤ last.
    public internal(set) var durable: LogIndex
    /// Everything up to here has been handed to the disk (and may be sent to peers).
    var handed: LogIndex
    var writes = WriteQueue()

    // Volatile state.
    /// The highest entry known to be committed. Invariant: commit ≤ last.
    public internal(set) var commit: LogIndex
    /// What an append of this term has verified: a heartbeat commits no further (rule 16).
    var verified: LogIndex = .zero
    /// Damaged: holding everything up to here, as this term's leader has it, this node is whole. Zero:
    /// unknown.
    var wholeAt: LogIndex = .zero
    public internal(set) var leader: NodeID?
    public internal(set) var now = Instant(nanoseconds: 0)
    public internal(set) var lastLeaderContact: Instant?
    var electionDeadline = Instant(nanoseconds: 0)
    var random: Random
    /// Set while this member stands.
    var election: Election?
    /// Set while this member leads.
    public internal(set) var leadership: Leadership?
    /// Answers and requests that wait for a term or vote to be durable.
    var held: [Output] = []
    /// Appends taken but not answered: their entries are on the way to disk.
    var acknowledgements: [Acknowledgement] = []
    /// Follower's questions for a read index.
    var questions: [Question] = []
    var questionCount: UInt64 = 0
    var announced: Announcement?

    struct Announcement: Hashable, Sendable {
        let role: Role
        let term: Term
        let leader: NodeID?
    }

    /// - Parameters:
    ///   - settings: times and bounds.
    ///   - configurations: who counts: what the snapshot says, or who was named at the first start (index
    ///     0), and then what the log after that says, in order. This node need not be among them.
    ///   - boot: this start's number.
    ///   - hard: term and vote as they stand on disk.
    ///   - log: the log as it stands on disk, all of it durable.
    ///   - commit: the highest commit index that the disk tells of; at most the log's last.
    ///   - standing: whether this node may vote and stand.
    ///   - seed: from which election timeouts are drawn.
    public init(
        settings: Settings, configurations: [Configuration], boot: Boot, hard: HardState, log: LogShape,
        commit: LogIndex, standing: Standing, seed: UInt64
    ) {
        precondition(commit <= log.lastIndex && commit >= log.base.index)
        guard let first = configurations.first, let last = configurations.last else {
            preconditionFailure("there is always a configuration")
        }
        precondition(first.index <= commit && last.index <= log.lastIndex)
        self.settings = settings
        self.configurations = configurations
        membership = last.membership
        configurationIndex = last.index
        #if PlantedFaults
            let standing = Planted.is(.damagedVotes) && standing == .damaged ? .whole : standing
        #endif
        self.boot = boot
        self.standing = standing
        // Entries of a term may be on disk before the term itself was: the node was in that term, and had not
        // voted in it, for a vote would have made it durable.
        self.hard =
            log.lastTerm > hard.term
            ? HardState(term: log.lastTerm, vote: nil, count: hard.count + 1) : hard
        hardDurable = hard.count
        self.log = log
        durable = log.lastIndex
        handed = log.lastIndex
        self.commit = commit
        random = Random(seed: seed)
    }

    public var term: Term { hard.term }
    public var id: NodeID { settings.id }
    /// Whether the disk has writes of entries that it has not finished.
    public var isWriting: Bool { !writes.isEmpty }
    public var role: Role {
        if leadership != nil { return .leader }
        guard let election else { return .follower }
        return election.isPre ? .preCandidate : .candidate
    }

    /// Takes one input and appends what follows from it.
    public mutating func step(_ input: Input, into out: inout [Output]) {
        switch input {
        case .tick(let now): tick(now, into: &out)
        case .received(let message, let exchange): receive(message, exchange, into: &out)
        case .propose(let count): propose(count, into: &out)
        case .read(let id): read(id, into: &out)
        case .ask(let id): ask(id, into: &out)
        case .turnEnded: endTurn(into: &out)
        case .sent(let peer, let through): sent(to: peer, through: through, into: &out)
        case .fetching(let peer): setFetching(true, for: peer)
        case .fetched(let peer): setFetching(false, for: peer)
        case .lost(let peer): lose(peer)
        case .persisted(let write): persisted(write, into: &out)
        case .persistedVote(let hard): persistedVote(hard, into: &out)
        case .transfer(let peer): transfer(to: peer, into: &out)
        case .retire: retire(into: &out)
        case .trust(let isTrusted): trust(isTrusted, into: &out)
        case .room(let room): setRoom(room)
        case .compacted(let index): compacted(through: index)
        case .answerPiece(let exchange, let message, let next, let isInstalled):
            answerPiece(exchange, message, next, isInstalled, into: &out)
        case .install(let snapshot, let configuration): install(snapshot, configuration, into: &out)
        case .change(let change): self.change(change, into: &out)
        case .admitted(let entry): admitted(at: entry, into: &out)
        }
    }

    private mutating func tick(_ now: Instant, into out: inout [Output]) {
        let isFirst = self.now.nanoseconds == 0
        self.now = max(now, self.now)
        if isFirst { drawElectionDeadline() }
        if isFirst, hardDurable < hard.count { out.append(.persistVote(hard)) }
        expireQuestions(into: &out)
        if leadership != nil {
            tickLeader(into: &out)
        } else if self.now >= electionDeadline {
            stand(into: &out)
        }
    }

    private mutating func receive(_ message: Message, _ exchange: Exchange, into out: inout [Output]) {
        // Nothing true can be addressed to another node, or come from this one.
        guard message.to == id, message.from != id else { return }
        switch message.body {
        case .preVote(let last): receivePreVote(message, last, exchange, into: &out)
        case .preVoted(let granted): receivePreVoted(message, granted, into: &out)
        case .vote(let last, let isTransfer): receiveVote(message, last, isTransfer, exchange, into: &out)
        case .voted(let granted): receiveVoted(message, granted, into: &out)
        case .append(let append): receiveAppend(message, append, exchange, into: &out)
        case .appended(let match): receiveAppended(message, match, into: &out)
        case .full(let last): receiveFull(message, last, into: &out)
        case .rejected(let after, let hint): receiveRejected(message, after, hint, into: &out)
        case .heartbeat(let commit, let round): receiveHeartbeat(message, commit, round, exchange, into: &out)
        case .heard(let round, let isFull): receiveHeard(message, round, isFull, into: &out)
        case .timeoutNow: receiveTimeoutNow(message, exchange, into: &out)
        // It says nothing but in which boot the peer is: if in another, what it had is not certain any more.
        case .noted: _ = peer(answering: message, into: &out)
        case .readIndex(let question): receiveReadIndex(message, question, exchange, into: &out)
        case .readIndexed(let question, let index): receiveReadIndexed(message, question, index, into: &out)
        case .piece(let piece): receivePiece(message, piece, exchange, into: &out)
        case .pieced(let snapshot, let next, let isInstalled):
            receivePieced(message, snapshot, next, isInstalled, into: &out)
        }
    }

    private mutating func endTurn(into out: inout [Output]) {
        handToDisk(into: &out)
        guard leadership != nil else { return }
        replicate(into: &out)
        maybeHandOver(into: &out)
        maybeStartRound(into: &out)
    }
}
