// What members say to each other: the RPCs of the paper's Figure 2 and of the thesis's §6.4 and §9.6.

/// One request or answer between two members.
public struct Message: Hashable, Sendable {
    public let from: NodeID
    public let to: NodeID
    /// The sender's boot: a leader that meets a new one forgets what it knew of that peer's log.
    public let boot: Boot
    /// The sender's term. In a pre-vote, the term it *would* stand in.
    public let term: Term
    public let body: Body

    public init(from: NodeID, to: NodeID, boot: Boot, term: Term, body: Body) {
        self.from = from
        self.to = to
        self.boot = boot
        self.term = term
        self.body = body
    }

    public enum Body: Hashable, Sendable {
        /// AppendEntries (§5.3). Its entries follow `after`, as `runs` names them.
        case append(Append)
        /// The receiver's log agrees with the leader's up to `match`, and is durable there.
        case appended(match: LogIndex)
        /// There is no room, and nothing of what came was taken (rule 13). `last`: the last entry that is
        /// durable there; a leader that has it too knows by Log Matching that all before are the same.
        case full(last: EntryID)
        /// The receiver's log has no entry `after`; `hint` is the last place where the logs may agree.
        case rejected(after: LogIndex, hint: EntryID)
        /// A heartbeat that is a read round too (thesis §6.4). `commit` is at most what this peer has
        /// acknowledged.
        case heartbeat(commit: LogIndex, round: UInt64)
        /// The answer to a heartbeat. `isFull`: this node's disk has no room for what a leader proposes.
        case heard(round: UInt64, isFull: Bool = false)
        /// Would you vote for me? (thesis §9.6). Changes nothing at the receiver.
        case preVote(last: EntryID)
        case preVoted(granted: Bool)
        /// RequestVote (§5.2). `isTransfer`: the leader asked for it, so stickiness does not refuse it.
        case vote(last: EntryID, isTransfer: Bool)
        case voted(granted: Bool)
        /// Stand at once (thesis §3.10): the leader hands over.
        case timeoutNow
        /// The answer to `timeoutNow`, which says nothing.
        case noted
        /// A follower asks for a read index (thesis §6.4); `question` names it within the asking boot.
        case readIndex(question: UInt64)
        /// The answer: read at this index, or 0 if the asked node cannot tell.
        case readIndexed(question: UInt64, index: LogIndex)
        /// InstallSnapshot (§7), a piece at a time. Its bytes stay with the replica.
        case piece(Piece)
        /// The answer: the next byte that is wanted, or that the whole snapshot is durably in place there.
        case pieced(snapshot: EntryID, next: UInt64, isInstalled: Bool)
    }

    /// Some consecutive entries of one term: `count` > 0.
    public struct Run: Hashable, Sendable {
        public let term: Term
        public let count: UInt64
        public init(term: Term, count: UInt64) {
            self.term = term
            self.count = count
        }
    }

    public struct Append: Hashable, Sendable {
        /// The entry just before the new ones: prevLogTerm and prevLogIndex.
        public let after: EntryID
        /// The terms of the new ones, run-length; empty in a probe.
        public let runs: [Run]
        public let commit: LogIndex
        /// The leader's last index when it first heard of the receiver's boot: holding everything up to
        /// here, a damaged receiver is whole again.
        public let whole: LogIndex
        /// The boot of the receiver that `whole` speaks of: an append sent before the leader heard of a later
        /// boot says nothing about that one.
        public let wholeFor: Boot
        /// The configurations among its entries, in order. Only a receiver's replica fills this in, from the
        /// entries themselves.
        public let configurations: [Configuration]
        public init(
            after: EntryID, runs: [Run], commit: LogIndex, whole: LogIndex, wholeFor: Boot = Boot(0),
            configurations: [Configuration] = []
        ) {
            self.after = after
            self.runs = runs
            self.commit = commit
            self.whole = whole
            self.wholeFor = wholeFor
            self.configurations = configurations
        }
        /// How many entries it brings.
        public var count: UInt64 { runs.reduce(0) { $0 &+ $1.count } }
    }

    /// Some consecutive bytes of a snapshot's file. Consensus looks at the snapshot's name alone.
    public struct Piece: Hashable, Sendable {
        /// The last entry that the snapshot covers.
        public let snapshot: EntryID
        /// The checksum and the length of the whole file.
        public let sum: UInt32
        public let bytes: UInt64
        /// Where in the file this piece begins.
        public let offset: UInt64
        public init(snapshot: EntryID, sum: UInt32, bytes: UInt64, offset: UInt64) {
            self.snapshot = snapshot
            self.sum = sum
            self.bytes = bytes
            self.offset = offset
        }
    }
}

extension Message.Body {
    /// Whether this is an answer to an earlier request.
    public var isAnswer: Bool {
        switch self {
        case .append, .heartbeat, .preVote, .vote, .timeoutNow, .readIndex, .piece: false
        case .appended, .full, .rejected, .heard, .preVoted, .voted, .noted, .readIndexed, .pieced: true
        }
    }
}
