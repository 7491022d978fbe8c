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

    var tree = Tree()
    var chain = StateHash()
    /// Where texts are unescaped and decoded while a command is applied; empty between two.
    var scratch: [UInt8] = []

    /// An empty store.
    public init() {}

    /// How many keys there are.
    public var count: Int { tree.count }

    /// A chain over each applied entry's index and effects: equal stores have equal hashes (rule 25).
    public var hash: UInt64 { chain.value }

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
