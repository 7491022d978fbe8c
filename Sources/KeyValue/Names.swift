// The numbers the store counts in: revisions, versions of keys, milliseconds of cluster time (Interface §1).

/// The store's counter: 1 in an empty store, one more for each committed request that changes a key.
///
/// At most 2^53−1, so that JSON carries it exactly. 0 is no revision.
public struct Revision: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    /// The revision after this one. It is asked for only below ``largest``.
    @inlinable public var next: Revision { Revision(rawValue + 1) }
    /// The revision of an empty store.
    public static let empty = Revision(1)
    /// The last revision there can be: 2^53−1.
    public static let largest = Revision((1 << 53) - 1)
    public var description: String { "\(rawValue)" }
}

/// A count of milliseconds in the replicated state: stamped by leaders, never going back (rule 21).
public struct ClusterTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let milliseconds: UInt64
    @inlinable public init(milliseconds: UInt64) { self.milliseconds = milliseconds }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.milliseconds < b.milliseconds }
    /// The cluster time of a store that has applied nothing.
    public static let zero = ClusterTime(milliseconds: 0)
    public var description: String { "\(milliseconds) ms" }

    /// The seconds left until this moment, rounded up; 0 once it has come.
    @inlinable public func seconds(from now: ClusterTime) -> UInt64 {
        now < self ? (milliseconds - now.milliseconds + 999) / 1_000 : 0
    }
}
