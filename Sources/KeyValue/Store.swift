// The replicated state machine: what every node makes of the same log, entry by entry (rules.md 20 to 25).

/// The store: keys in byte order and what was counted while they were written.
///
/// A value: `let frozen = store` takes one retain, may be read on another thread, and keeps its content while
/// writes to `store` go on. `apply` reads only the command and the store, so all nodes come to the same.
public struct Store: Sendable {
    /// The store's revision: 1 while empty, one more for each command that changed a key.
    public private(set) var revision: Revision = .empty
    /// The latest stamp of an applied command.
    public private(set) var clusterTime: ClusterTime = .zero
    /// The index of the last applied entry; 0 before the first.
    public private(set) var appliedIndex: UInt64 = 0
    /// A chain over each applied entry's index and effects: equal stores have equal hashes (rules.md 25).
    public private(set) var hash: UInt64 = 0
    /// How many keys there are.
    public var count: Int { 0 }
    /// The bytes of all keys and values.
    public var bytes: Int { 0 }

    public init() {}

    /// Applies the command of the log's entry `index`. Never traps, whatever the bytes are.
    ///
    /// Precondition: `index` lies after ``appliedIndex``; entries that are not commands may be left out.
    public mutating func apply(_ command: Span<UInt8>, index: UInt64) -> Reply { .malformed }

    /// The record of a key, if it exists.
    public func record(_ key: Span<UInt8>) -> Record? { nil }

    /// Hands the records of a range to `body` in byte order, or from the last to the first, until it
    /// answers false or `limit` were given.
    public func forEach<E: Error>(
        in range: KeyRange, reversed: Bool = false, limit: Int = .max,
        _ body: (Record) throws(E) -> Bool
    ) throws(E) {}
}
