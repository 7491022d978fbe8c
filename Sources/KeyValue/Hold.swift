// What a key's life hangs on: nothing, a lease, or a moment of cluster time (Interface §2, §4).

/// What ends a key by itself; one word, as a record keeps it.
public struct Hold: Hashable, Sendable {
    @usableFromInline let rawValue: UInt64

    /// Nothing does.
    public static let none = Hold(rawValue: 0)

    @usableFromInline init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The key goes with a lease; its id is a positive number of 63 bits.
    @inlinable public init(lease: UInt64) { rawValue = lease & ~Hold.endBit }

    /// The key goes at a moment.
    @inlinable public init(end: ClusterTime) { rawValue = end.milliseconds | Hold.endBit }

    @usableFromInline static let endBit: UInt64 = 1 << 63

    /// The lease's id; 0 for none.
    @inlinable public var lease: UInt64 { rawValue & Hold.endBit == 0 ? rawValue : 0 }

    /// The moment; nil for none.
    @inlinable public var end: ClusterTime? {
        rawValue & Hold.endBit == 0 ? nil : ClusterTime(milliseconds: rawValue & ~Hold.endBit)
    }
}

/// What a write asks for: how long its key is to live.
public enum Lifetime: Hashable, Sendable {
    case unbounded
    /// As long as the lease of this id.
    case lease(UInt64)
    /// So long, from when the write is applied on.
    case ttl(milliseconds: UInt64)

    /// The shortest and the longest that may be asked for: a second, and ten years.
    public static let ttlMilliseconds: ClosedRange<UInt64> = 1_000...315_360_000_000
}
