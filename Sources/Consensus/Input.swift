// Everything that can happen to a member, and everything it can ask for.

/// A question from a peer that the shell holds open until it is answered: opaque to consensus.
public struct Exchange: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public var description: String { "#\(rawValue)" }
}

/// A read that waits for its index: a number that the asker chose.
public struct ReadID: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public var description: String { "r\(rawValue)" }
}

/// The name of one disk write of entries: writes are numbered from 1 within a boot, and complete in order.
public struct WriteID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The term in which it was asked for.
    public let term: Term
    public let sequence: UInt64
    @inlinable public init(term: Term, sequence: UInt64) {
        self.term = term
        self.sequence = sequence
    }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.sequence < b.sequence }
    public var description: String { "\(term)/\(sequence)" }
}

/// Term and vote as they must stand on disk (§5.1): `count` rises with each change, so that a late
/// completion is recognised.
public struct HardState: Hashable, Sendable {
    public let term: Term
    /// Whom this node voted for in `term`.
    public let vote: NodeID?
    public let count: UInt64
    public init(term: Term, vote: NodeID?, count: UInt64) {
        self.term = term
        self.vote = vote
        self.count = count
    }
}

public enum Input: Sendable {
    /// Time has passed.
    case tick(now: Instant)
    /// A peer's request, to be answered under `exchange`, or its answer (`exchange` is then ignored).
    case received(Message, exchange: Exchange)
    /// Somebody wants `count` entries appended; answered at once by `.appended` or `.refused`.
    case propose(count: UInt64)
    /// Somebody wants to read; answered by `.readable` or `.unreadable`, now or later.
    case read(ReadID)
    /// A follower's read: ask the leader for a read index (thesis §6.4). Without an answer within an election
    /// timeout it is `.unreadable`.
    case ask(ReadID)
    /// All that was ready has been taken in: what was gathered goes out, one write and one append a peer.
    case turnEnded
    /// The replica's answer to `.replicate`, in the same turn: it sends what is after the offered place up to
    /// `through`, at least one entry.
    case sent(to: NodeID, through: LogIndex)
    /// The replica's other answer to `.replicate`: the bytes are being fetched; `fetched` follows.
    case fetching(for: NodeID)
    case fetched(for: NodeID)
    /// The connection to a peer broke: appends in flight there are lost.
    case lost(to: NodeID)
    /// The disk has finished the write that an ``Output/persist`` named, and all before it.
    case persisted(WriteID)
    /// The disk holds this term and vote.
    case persistedVote(HardState)
    /// Hand leadership to this voter, or to the one that has got furthest (thesis §3.10).
    case transfer(to: NodeID?)
    /// This node can lead no longer (a failed disk): step down, and neither stand nor vote from now on.
    case retire
    /// Whether the state that was made of the log here is the majority's (rule 25). One that is not neither
    /// stands nor leads; its log, its vote and its acknowledgements are as good as any.
    case trust(Bool)
    /// What the disk has room for from now on.
    case room(Room)
    /// Entries up to here are gone from this node's log: they are applied, and a durable snapshot covers
    /// them.
    case compacted(through: LogIndex)
    /// The replica's answer to `.piece`, now or later: the next byte that it wants of that file, or that the
    /// snapshot is installed and durable.
    case answerPiece(Exchange, Message, next: UInt64, isInstalled: Bool)
    /// A snapshot that ends with this entry has been received whole and verified, and tells this
    /// configuration; answered by `.installed` or `.stale`.
    case install(EntryID, Configuration)
    /// Somebody wants another membership; answered by `.configured` or `.unchanged`.
    case change(Change)
    /// A wiped node has been told the entry that made it a learner: committed, and of the term of the leader
    /// that tells (rule 1).
    case admitted(at: EntryID)
}

public enum Output: Hashable, Sendable {
    /// The proposed entries have these indexes and this term.
    case appended(first: LogIndex, count: UInt64, term: Term)
    case refused(Refusal)
    /// Entries after `after` are no longer in this node's log.
    case truncated(after: LogIndex)
    /// Of the append just received, the entries from `first` to `last` are new: the replica keeps their
    /// bytes.
    case accepted(first: LogIndex, last: LogIndex)
    /// Write everything up to `through` that is not yet handed to the disk.
    case persist(WriteID, through: EntryID)
    case persistVote(HardState)
    /// This peer may be sent entries after `after`, up to `through`; answered by `.sent` or `.fetching`.
    case replicate(to: NodeID, after: EntryID, through: LogIndex)
    /// A request to a peer. An append's entries are the ones its `runs` name.
    case send(Message)
    /// The answer to a peer's request.
    case answer(Exchange, Message)
    /// Entries up to here are committed: apply them.
    case commit(LogIndex)
    /// The read may be answered once this index is applied.
    case readable(ReadID, LogIndex)
    /// The read cannot be answered here any more.
    case unreadable(ReadID)
    /// Role, term or the known leader changed.
    case became(Role, Term, leader: NodeID?)
    /// The transfer that was asked for is over: another node leads, or it was given up.
    case transferred(Bool)
    /// A damaged node has caught up: it may vote again once this is durably recorded.
    case whole
    /// A wiped node durably holds, and knows to be committed, the entry that let it in: from now on it may
    /// vote, and stand where its log's membership says so.
    case admitted
    /// This peer needs what the log no longer has. Said once: it gets nothing but heartbeats and pieces
    /// until it has installed a snapshot, or is lost or restarts and is probed again.
    case needsSnapshot(NodeID)
    /// A piece from this term's leader, to be answered by `.answerPiece`.
    case piece(Exchange, Message)
    /// A peer that needs a snapshot has answered a piece.
    case pieced(NodeID, snapshot: EntryID, next: UInt64, isInstalled: Bool)
    /// The snapshot takes the place of the store, now; and, unless the log goes on after its last entry, of
    /// the whole log. The write is completed when that is durable.
    case installed(WriteID, EntryID, discardsLog: Bool)
    /// The snapshot to install came too late, or cannot be right: this node has committed so far by itself,
    /// or leads.
    case stale(EntryID)
    /// The entry just appended in this term holds this membership: the answer to `.change`, the end of a
    /// joint one, a learner that has caught up, or the first entry of a first leader.
    case configured(Configuration, Term)
    case unchanged(ChangeRefusal)
    /// Another configuration is in force, or the one in force is committed by now.
    case reconfigured(Configuration, isCommitted: Bool)
}

public enum Refusal: Hashable, Sendable {
    /// This node does not lead; the leader it knows.
    case notLeader(NodeID?)
    /// Leadership is being handed over.
    case transferring
}

/// What a member is at present (Figure 2), without the state that goes with it.
public enum Role: Hashable, Sendable, CustomStringConvertible {
    case follower, preCandidate, candidate, leader
    public var description: String {
        switch self {
        case .follower: "follower"
        case .preCandidate: "pre-candidate"
        case .candidate: "candidate"
        case .leader: "leader"
        }
    }
}
