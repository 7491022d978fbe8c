// What came of the requests: how long answers took, and what went wrong how often.

/// Why a request came to nothing.
public enum Trouble: Hashable, Sendable {
    /// A node refused: the status, and the problem's code where there is one.
    case refused(status: Int, code: String)
    /// No connection was made: why.
    case notConnected(String)
    /// The connection ended before the answer.
    case lost
    /// No answer within the time.
    case timedOut
    /// What came is not HTTP.
    case malformed

    /// The name under which it is counted.
    public var code: String {
        switch self {
        case .refused(let status, let code): code.isEmpty ? "http_\(status)" : code
        case .notConnected: "not_connected"
        case .lost: "connection_lost"
        case .timedOut: "timed_out"
        case .malformed: "malformed_answer"
        }
    }

    /// The status of a refusal.
    public var status: Int? { if case .refused(let status, _) = self { status } else { nil } }
    /// What there is to say beyond the code.
    public var detail: String? { if case .notConnected(let reason) = self { reason } else { nil } }
}

/// What a run, or a thread's part of it, came to.
public struct Tally: Sendable {
    /// One kind of trouble.
    public struct Row: Sendable {
        /// Which.
        public let trouble: Trouble
        /// How often.
        public internal(set) var count: UInt64
    }

    /// How long reads took, of those that were answered as was hoped for.
    public private(set) var reads = LatencyHistogram()
    /// As ``reads``.
    public private(set) var writes = LatencyHistogram()
    /// The kinds of trouble, in the order in which they came first.
    public private(set) var troubles: [Row] = []
    /// How many requests came to nothing.
    public private(set) var failed: UInt64 = 0
    /// Processor time of the threads that ask, in nanoseconds.
    public internal(set) var processorNanoseconds: UInt64 = 0
    /// From the beginning to the last answer, or to the end where none came after it.
    public internal(set) var nanoseconds: UInt64 = 0
    /// Who led at the end, as far as was known.
    public internal(set) var leader = ""
    /// How many requests were due by the rate and never sent.
    public internal(set) var unsent: UInt64 = 0

    private static let kindsMax = 64

    public init() {}

    /// How many were answered as was hoped for.
    public var answered: UInt64 { reads.count + writes.count }

    /// Both kinds of requests together.
    public var all: LatencyHistogram {
        var all = reads
        all.merge(writes)
        return all
    }

    mutating func record(isRead: Bool, _ nanoseconds: UInt64) {
        if isRead { reads.record(nanoseconds) } else { writes.record(nanoseconds) }
    }

    mutating func record(_ trouble: Trouble, count: UInt64 = 1) {
        failed += count
        add(trouble, count)
    }

    /// A connection that was not made: no request has failed by it.
    mutating func recordUnmade(_ trouble: Trouble) { add(trouble, 1) }

    /// The trouble that was there most often.
    public var foremost: Trouble? { troubles.max { $0.count < $1.count }?.trouble }

    private mutating func add(_ trouble: Trouble, _ count: UInt64) {
        if let place = troubles.firstIndex(where: { $0.trouble == trouble }) {
            troubles[place].count += count
        } else if troubles.count < Self.kindsMax {
            troubles.append(Row(trouble: trouble, count: count))
        } else {
            // A server that says something else each time fills no memory.
            troubles[Self.kindsMax - 1].count += count
        }
    }

    /// Takes in another thread's part of the same run.
    public mutating func merge(_ other: Tally) {
        reads.merge(other.reads)
        writes.merge(other.writes)
        for row in other.troubles { add(row.trouble, row.count) }
        failed += other.failed
        processorNanoseconds += other.processorNanoseconds
        nanoseconds = max(nanoseconds, other.nanoseconds)
        unsent += other.unsent
        if !other.leader.isEmpty { leader = other.leader }
    }
}
