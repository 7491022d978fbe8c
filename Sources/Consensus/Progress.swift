// What a leader knows of one peer (Figure 2: nextIndex, matchIndex), and how fast it may send.

/// A leader's view of one peer's log.
public struct Progress: Hashable, Sendable {
    public let id: NodeID
    /// The highest index known to be durable there and equal to ours. Invariant: match < next.
    public internal(set) var match: LogIndex = .zero
    /// The next index to send.
    var next: LogIndex
    var pace: Pace = .probe
    /// Appends that have no answer yet.
    var flights = 0
    /// When the oldest of the flights now under way left, or when the last answer came.
    var flightSince = Instant(nanoseconds: 0)
    /// Nothing is sent before this: a peer that cannot be reached is tried once a heartbeat.
    var pausedUntil = Instant(nanoseconds: 0)
    /// The bytes of what comes next are being read from disk.
    var isFetching = false
    /// The peer's boot, once heard in this term.
    public internal(set) var boot: Boot?
    /// Our last index when we first heard of that boot; zero before.
    var whole: LogIndex = .zero
    /// An append that told `whole` is on its way, or was answered.
    var isToldWhole = false
    public internal(set) var lastHeard: Instant
    /// The highest round that it has answered.
    var round: UInt64 = 0
    /// Whether its disk is full, as it last said in this term.
    public internal(set) var isFull: Bool?
    var chase: Chase
    /// `boot` is of a life that began on an empty disk: what an earlier life said counts no more.
    var isPinned = false
    /// The configuration in force does not name it: it is told so, and then forgotten.
    var isLeaving = false
    var leavesAt: Instant?

    enum Pace: Hashable, Sendable {
        /// Where the logs agree is not known: one empty append at a time.
        case probe
        /// They agree up to `match`: several appends in flight.
        case pipeline
        /// What it needs is no longer in our log: heartbeats only, while it is sent a snapshot (§7).
        case snapshot
    }

    /// How a peer catches up (thesis §4.2.1): in rounds, each of them up to where our log ended when the
    /// round began.
    struct Chase: Hashable, Sendable {
        let goal: LogIndex
        let since: Instant
        /// Whether the round before took an election timeout at most.
        let wasShort: Bool
    }

    init(id: NodeID, next: LogIndex, now: Instant) {
        self.id = id
        self.next = next
        lastHeard = now
        chase = Chase(goal: next.previous, since: now, wasShort: false)
    }

    /// Whether a peer that says this boot is the one that is known, or a later start of it. Boots of a life
    /// that was lost are in no order to those after it: only near ones are of the same.
    func knows(_ boot: Boot) -> Bool {
        guard let known = self.boot else { return true }
        guard boot >= known else { return false }
        return !isPinned || boot.rawValue - known.rawValue < Self.restartsMax
    }

    /// So many restarts in one term of one leader are not to be expected.
    private static let restartsMax: UInt64 = 1 << 20

    /// Back to one question at a time, from what is certain.
    mutating func probe(from next: LogIndex) {
        pace = .probe
        flights = 0
        isToldWhole = false
        self.next = max(next, match.next)
    }
}
