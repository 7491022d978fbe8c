// Entity tags in If-Match and If-None-Match (RFC 9110 §8.8.3, §13.1).

/// One member of a list of entity tags.
public enum EntityTag: Sendable, Equatable {
    /// `*`, which is the whole list.
    case any
    /// `"…"`: the range between the quotes.
    case strong(Range<Int>)
    /// `W/"…"`: the range between the quotes.
    case weak(Range<Int>)
}

/// Walks over the entity tags of one field, whose value may stand in several lines.
///
/// A field without any tag is malformed, and so is `*` beside others.
public struct EntityTags: Sendable {
    private let field: Field
    private var value: Range<Int>
    private var offset: Int
    private var count = 0
    private var hasAny = false
    private let isRepeated: Bool
    private let fields: Fields

    /// The tags of `.ifMatch` or `.ifNoneMatch`, or nil where the field is not there.
    public init?(_ field: Field, of head: borrowing RequestHead) {
        guard let value = head.fields[field] else { return nil }
        self.field = field
        self.value = value
        offset = value.lowerBound
        isRepeated = head.fields.isRepeated(field)
        fields = head.fields
    }

    /// The next tag, or nil after the last one.
    public mutating func next(in bytes: Span<UInt8>) throws(MessageError) -> EntityTag? {
        while true {
            skipEmptyMembers(in: bytes)
            if offset < value.upperBound {
                let tag = try member(in: bytes)
                guard !hasAny, count == 0 || tag != .any else {
                    throw MessageError(.badEntityTag, at: value.lowerBound)
                }
                hasAny = tag == .any
                count += 1
                return tag
            }
            guard isRepeated, let line = fields.next(field, after: value.upperBound, in: bytes) else {
                guard count > 0 else { throw MessageError(.badEntityTag, at: value.lowerBound) }
                return nil
            }
            value = line
            offset = line.lowerBound
        }
    }

    /// Empty members are legal, and say nothing (RFC 9110 §5.6.1).
    private mutating func skipEmptyMembers(in bytes: Span<UInt8>) {
        while offset < value.upperBound, isSeparator(bytes[offset]) { offset += 1 }
    }

    private func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == 0x20 || byte == 0x09
    }

    private mutating func member(in bytes: Span<UInt8>) throws(MessageError) -> EntityTag {
        let start = offset
        let tag: EntityTag
        if bytes[offset] == UInt8(ascii: "*") {
            offset += 1
            tag = .any
        } else {
            let isWeak = bytes[offset] == UInt8(ascii: "W")
            if isWeak {
                offset += offset + 1 < value.upperBound && bytes[offset + 1] == UInt8(ascii: "/") ? 2 : 0
            }
            guard offset < value.upperBound, bytes[offset] == UInt8(ascii: "\"") else {
                throw MessageError(.badEntityTag, at: start)
            }
            let inside = offset + 1
            offset = inside
            while offset < value.upperBound, bytes[offset] != UInt8(ascii: "\"") {
                // Spaces are not of a tag; tabs and other controls neither.
                guard bytes[offset] > 0x20, bytes[offset] != 0x7F else {
                    throw MessageError(.badEntityTag, at: offset)
                }
                offset += 1
            }
            guard offset < value.upperBound else { throw MessageError(.badEntityTag, at: start) }
            tag = isWeak ? .weak(inside..<offset) : .strong(inside..<offset)
            offset += 1
        }
        // The tag must be followed by a comma or the end, with whitespace at most between.
        var after = offset
        while after < value.upperBound, bytes[after] == 0x20 || bytes[after] == 0x09 { after += 1 }
        guard after == value.upperBound || bytes[after] == UInt8(ascii: ",") else {
            throw MessageError(.badEntityTag, at: after)
        }
        return tag
    }
}
