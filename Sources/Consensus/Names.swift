// The names that Raft speaks in (paper, Figure 2): nodes, terms, indexes, entries, boots, moments.

/// A member of the cluster: a positive integer, at most 2^53−1.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "\(rawValue)" }
}

/// A Raft term (§5.1): 0 before the first election, at most 2^53−1.
public struct Term: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    @inlinable public var next: Term { Term(rawValue + 1) }
    public static let zero = Term(0)
    public var description: String { "\(rawValue)" }
}

/// A position in the replicated log: the first entry is 1, and 0 means before it; at most 2^53−1.
public struct LogIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    @inlinable public static func + (a: Self, b: UInt64) -> Self { Self(a.rawValue + b) }
    /// How many entries lie after `a`, up to and with `b`: `b - a`. Precondition: `a ≤ b`.
    @inlinable public static func - (b: Self, a: Self) -> UInt64 { b.rawValue - a.rawValue }
    @inlinable public var next: LogIndex { LogIndex(rawValue + 1) }
    /// The index before this one; 0 stays 0.
    @inlinable public var previous: LogIndex { LogIndex(rawValue == 0 ? 0 : rawValue - 1) }
    public static let zero = LogIndex(0)
    public var description: String { "\(rawValue)" }
}

/// The name of one log entry.
///
/// Two entries with the same name are the same entry, and so are all before them (Log Matching, §5.3).
/// Ordered as logs are compared in votes (§5.4.1): the later term wins, then the longer log.
public struct EntryID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let term: Term
    public let index: LogIndex
    @inlinable public init(term: Term, index: LogIndex) {
        self.term = term
        self.index = index
    }
    @inlinable public static func < (a: Self, b: Self) -> Bool { (a.term, a.index) < (b.term, b.index) }
    /// The place before the first entry.
    public static let zero = EntryID(term: .zero, index: .zero)
    public var description: String { "\(term).\(index)" }
}

/// The largest term, index, revision or boot that JSON carries exactly: 2^53−1.
public let largestNumber: UInt64 = (1 << 53) - 1

/// The number of one start of a node: durable, rising, drawn at each start.
public struct Boot: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "\(rawValue)" }
}

/// A moment of a node's own monotonic clock, in nanoseconds from an arbitrary start.
public struct Instant: Hashable, Comparable, Sendable {
    public let nanoseconds: UInt64
    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable public static func + (a: Self, b: Interval) -> Self {
        Self(nanoseconds: a.nanoseconds &+ b.nanoseconds)
    }
    /// The time from `a` to `b`, or none if `b` is the earlier.
    @inlinable public static func - (b: Self, a: Self) -> Interval {
        Interval(nanoseconds: b.nanoseconds > a.nanoseconds ? b.nanoseconds - a.nanoseconds : 0)
    }
}

/// A length of time in nanoseconds; cheaper than `Duration`, whose arithmetic is 128 bits wide.
public struct Interval: Hashable, Comparable, Sendable {
    public let nanoseconds: UInt64
    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
    @inlinable public static func milliseconds(_ count: UInt64) -> Self {
        Self(nanoseconds: count &* 1_000_000)
    }
    @inlinable public var milliseconds: UInt64 { nanoseconds / 1_000_000 }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
}
