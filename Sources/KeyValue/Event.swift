// One change of one key, as watches tell of it (Interface §3, rule 24).

/// The name of an event, the same on every node: its revision and its place in it, counted from 0.
///
/// Also a place between events: after the one that it names, or after all of a revision.
public struct EventID: Hashable, Comparable, Sendable {
    public let revision: Revision
    public let place: UInt32

    @inlinable public init(_ revision: Revision, place: UInt32) {
        self.revision = revision
        self.place = place
    }

    /// The place after all events of a revision, and before all of the next.
    @inlinable public static func end(of revision: Revision) -> EventID {
        EventID(revision, place: endPlace)
    }

    /// No event has this place.
    @usableFromInline static let endPlace = UInt32.max

    /// Whether it stands after all events of its revision.
    @inlinable public var isEnd: Bool { place == Self.endPlace }

    /// All events up to this revision lie at or before it.
    public var whole: Revision {
        isEnd || revision.rawValue == 0 ? revision : Revision(revision.rawValue - 1)
    }

    @inlinable public static func < (a: Self, b: Self) -> Bool {
        a.revision == b.revision ? a.place < b.place : a.revision < b.revision
    }
}

/// A key was put, deleted, or has expired.
public struct Event: Sendable {
    /// What happened to the key.
    public enum Kind: UInt8, CaseIterable, Sendable {
        case put, delete, expire
    }

    /// The key as it was put, shared with the store; of a key that went, nothing but its name.
    public let record: Record
    public let revision: Revision
    /// The place in the revision, and the kind in the two lowest bits: an event takes 24 bytes.
    private let placeAndKind: UInt32
    /// What it counts for in the history: the bytes of the record.
    let bytes: UInt32

    init(_ kind: Kind, _ record: Record, at revision: Revision, place: UInt32) {
        self.record = record
        self.revision = revision
        placeAndKind = place &<< 2 | UInt32(kind.rawValue)
        bytes = UInt32(clamping: record.keyCount + record.contentTypeCount + record.valueCount)
    }

    public var place: UInt32 { placeAndKind &>> 2 }
    public var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: placeAndKind & 3)) ?? .put }
    public var id: EventID { EventID(revision, place: place) }
}
