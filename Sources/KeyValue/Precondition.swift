// What a write may demand of the key it is about to change: If-Match and If-None-Match (RFC 9110 §13.1).

/// The conditions of one request on one key, decided when the write is applied and not before.
///
/// A key's entity tag is its revision. Tags that are no revision number are kept as "matches nothing", so a
/// list of foreign tags still makes `If-Match` fail.
public struct Precondition: Equatable, Sendable {
    /// What one header field lists.
    public enum Tags: Equatable, Sendable {
        /// The field is not there.
        case absent
        /// `*`: any current revision.
        case any
        /// One tag; the usual case, and free of allocation.
        case one(Revision)
        /// Any number of tags; an empty list matches nothing.
        case list([Revision])
    }

    /// `If-Match`: the key's revision must be among these. It holds strong tags only.
    public var ifMatch: Tags
    /// `If-None-Match`: the key's revision must not be among these.
    public var ifNoneMatch: Tags

    @inlinable public init(ifMatch: Tags = .absent, ifNoneMatch: Tags = .absent) {
        self.ifMatch = ifMatch
        self.ifNoneMatch = ifNoneMatch
    }

    /// No condition at all.
    @inlinable public static var none: Precondition { Precondition() }

    /// Whether the request demands nothing.
    @inlinable public var isEmpty: Bool { ifMatch.isAbsent && ifNoneMatch.isAbsent }

    /// Adds one tag of an `If-Match` field: the text between the quotes, and whether `W/` stood before it.
    ///
    /// The comparison is strong, so a weak tag matches nothing (RFC 9110 §13.1.1).
    public mutating func addIfMatch(tag: Span<UInt8>, isWeak: Bool) {
        ifMatch.add(isWeak ? nil : Revision(tag: tag))
    }

    /// Adds one tag of an `If-None-Match` field. The comparison is weak: `W/"7"` and `"7"` are one.
    public mutating func addIfNoneMatch(tag: Span<UInt8>, isWeak: Bool) {
        ifNoneMatch.add(Revision(tag: tag))
    }

    /// Whether `If-Match` lets a request through whose key has this revision, or is absent.
    @inlinable public func ifMatchHolds(current: Revision?) -> Bool {
        ifMatch.isAbsent || ifMatch.matches(current)
    }

    /// Whether `If-None-Match` lets a request through whose key has this revision, or is absent.
    @inlinable public func ifNoneMatchHolds(current: Revision?) -> Bool {
        ifNoneMatch.isAbsent || !ifNoneMatch.matches(current)
    }

    /// Whether both fields let a write through.
    @inlinable public func holds(current: Revision?) -> Bool {
        ifMatchHolds(current: current) && ifNoneMatchHolds(current: current)
    }
}

extension Precondition.Tags {
    @inlinable public var isAbsent: Bool {
        switch self {
        case .absent: true
        case .any, .one, .list: false
        }
    }

    /// Whether one of these tags is the current revision; an absent key matches nothing, not even `*`.
    @inlinable public func matches(_ current: Revision?) -> Bool {
        guard let current else { return false }
        switch self {
        case .absent: return false
        case .any: return true
        case .one(let revision): return revision == current
        case .list(let revisions): return revisions.contains(current)
        }
    }

    /// Adds a tag; `nil` is one that matches nothing. `*` stays `*`.
    @inlinable public mutating func add(_ revision: Revision?) {
        switch self {
        case .absent: self = revision.map { .one($0) } ?? .list([])
        case .any: break
        case .one(let first):
            if let revision { self = .list([first, revision]) }
        case .list(var revisions):
            guard let revision else { return }
            self = .absent
            revisions.append(revision)
            self = revisions.count == 1 ? .one(revision) : .list(revisions)
        }
    }
}

extension Revision {
    /// Reads the text between an entity tag's quotes; `nil` if this store can never have given such a tag.
    public init?(tag: Span<UInt8>) {
        guard !tag.isEmpty, tag.count <= 16, tag[0] != UInt8(ascii: "0") else { return nil }
        var value: UInt64 = 0
        for i in tag.indices {
            let digit = tag[i] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        guard value <= Revision.largest.rawValue else { return nil }
        self.init(value)
    }
}
