// The replicated state machine: what every node makes of the same log, entry by entry (rules 20 to 25).

/// The store: keys in byte order and what was counted while they were written.
///
/// A value: `let frozen = store` takes a retain or two, may be read on another thread, and keeps its content
/// while writes to `store` go on. `apply` reads only the command and the store, so all nodes come to the
/// same.
public struct Store: Sendable {
    /// The store's revision: 1 while empty, one more for each command that changed a key.
    public internal(set) var revision: Revision = .empty
    /// The latest stamp of an applied command.
    public internal(set) var clusterTime: ClusterTime = .zero
    /// The index of the last applied entry; 0 before the first.
    public internal(set) var appliedIndex: UInt64 = 0
    /// The bytes of all keys and values.
    public internal(set) var bytes = 0

    /// What happened to keys lately.
    public internal(set) var history = History(after: .empty)

    var tree = Tree()
    var leases = Leases()
    var answers = Answers()
    var chain = StateHash()
    /// Where texts are unescaped and decoded while a command is applied; empty between two.
    var scratch: [UInt8] = []

    /// An empty store.
    public init() {}

    /// How many keys there are.
    public var count: Int { tree.count }

    /// A chain over each applied entry's index and effects: equal stores have equal hashes (rule 25).
    public var hash: UInt64 { chain.value }

    /// How many leases there are.
    public var leaseCount: Int { leases.count }

    /// How many answers are kept under idempotency keys.
    public var answerCount: Int { answers.count }

    /// A lease, if it exists. O(log n).
    public func lease(_ id: UInt64) -> Lease? { leases.lease(id) }

    /// The keys that a lease holds, in byte order.
    public func keys(of lease: UInt64) -> [[UInt8]] { leases.keys(of: lease) }

    /// Hands the leases to `body` in the order of their ids, from the one after `id` on, until it answers
    /// false.
    public func forEachLease(after id: UInt64 = 0, _ body: (Lease) -> Bool) {
        leases.forEach(after: id, body)
    }

    /// Hands the answers that are kept to `body`, in the order in which they were given, from the one after
    /// that of entry `index` on, until it answers false.
    public func forEachAnswer(after index: UInt64 = 0, _ body: (_ key: [UInt8], KeptAnswer) -> Bool) {
        answers.forEach(after: index, body)
    }

    /// The earliest moment at which a key ends that has one; nil if none has.
    public var firstEnd: ClusterTime? { leases.firstEnd }

    /// The same content under another hash, as a state that went wrong would have; for tests and simulations.
    public var misremembered: Store {
        var other = self
        other.chain = StateHash(hash ^ 1)
        return other
    }

    /// The record of a key, if it exists. O(log n).
    public func record(_ key: Span<UInt8>) -> Record? { tree.record(key) }

    /// Hands the records of a range to `body` in byte order, or from the last to the first, until it answers
    /// false or `limit` were given. O(log n) and what is handed over.
    public func forEach<E: Error>(
        in range: KeyRange, reversed: Bool = false, limit: Int = .max,
        _ body: (Record) throws(E) -> Bool
    ) throws(E) {
        try tree.forEach(in: range, reversed: reversed, limit: limit, body)
    }
}
