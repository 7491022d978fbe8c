// One key with its value and numbers, immutable, in a single allocation of exact size.

/// A key as it stands in the store: bytes, content type, revisions, version, lease.
///
/// A record never changes: a new value is a new record, so copies of the store and other threads may hold it.
public struct Record: Sendable {
    /// The revision at which the key came to be.
    public var createdRevision: Revision { Revision(0) }
    /// The revision of the last write; the key's entity tag.
    public var revision: Revision { Revision(0) }
    /// 1 for the first write since the key came to be, and one more for each.
    public var version: UInt64 { 0 }
    /// The lease that keeps the key, or 0.
    public var lease: UInt64 { 0 }
    public var keyCount: Int { 0 }
    public var valueCount: Int { 0 }

    /// Lends the key's bytes.
    public func withKey<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let none: [UInt8] = []
        return try body(none.span)
    }
    /// Lends the value's bytes.
    public func withValue<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let none: [UInt8] = []
        return try body(none.span)
    }
    /// Lends the content type; empty means `application/octet-stream`.
    public func withContentType<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let none: [UInt8] = []
        return try body(none.span)
    }
}
