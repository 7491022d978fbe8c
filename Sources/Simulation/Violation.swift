// A promise that did not hold, and what a run that kept them all amounts to.

/// Something that must never happen has happened.
public struct Violation: Error, Hashable, Sendable, CustomStringConvertible {
    /// The promise, and how it was broken.
    public let text: String
    /// The simulated time, in nanoseconds from the beginning.
    public internal(set) var time: UInt64 = 0

    init(_ text: String) { self.text = text }

    public var description: String { text }
}

/// What one run was.
public struct Report: Hashable, Sendable {
    public let plan: Plan
    /// The first promise that did not hold, if any.
    public let violation: Violation?
    /// A hash over every line of the trace: equal for equal plans, in every process.
    public let traceHash: UInt64
    /// How many lines the trace has.
    public let events: Int
    /// The last lines of the trace.
    public let lastLines: [String]
    /// How often each fault was injected; in the order of ``Fault/allCases``.
    public let faults: [Int]
    /// Simulated time, in milliseconds.
    public let milliseconds: UInt64
    /// Entries committed.
    public let committed: Int
    /// The highest term.
    public let terms: UInt64
    /// Clients' calls: all of them, and those with a certain answer.
    public let calls: Int
    public let answered: Int
    /// What keepers asked for.
    public let kept: Int
    /// Events that watchers were told of.
    public let watched: Int
    /// One lasting disturbance and no other faults; or, under faults, a cluster that began as one node.
    public let isQuiet: Bool
    public let hasGrown: Bool
    /// Keys whose calls were searched for an order without revisions, and those where the search was given
    /// up.
    public let searches: Int
    public let undecided: Int
    /// How long after each kill of a leader a write that came later was acknowledged, in milliseconds.
    public let failovers: [UInt64]
}
