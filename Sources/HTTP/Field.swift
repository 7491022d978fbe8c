// Header fields: the ones that are known by name here, and one field line taken apart (RFC 9112 §5).

/// The header fields that this server reads.
public enum Field: UInt8, Sendable, CaseIterable {
    case host, accept, expect, origin, ifMatch, connection, contentType, authorization, contentRange
    case ifNoneMatch, lastEventID, contentLength, idempotencyKey, contentEncoding, transferEncoding, location

    /// Whether several lines of it make one list (RFC 9110 §5.3). All others may stand once only.
    @inlinable var isList: Bool {
        switch self {
        case .accept, .expect, .ifMatch, .ifNoneMatch, .connection, .contentEncoding: true
        case .host, .origin, .contentType, .authorization, .contentRange, .lastEventID, .contentLength,
            .idempotencyKey, .transferEncoding, .location:
            false
        }
    }

    /// The field of this name, if it is known.
    @inlinable
    static func named(_ name: Range<Int>, in bytes: Span<UInt8>) -> Field? {
        switch name.count {
        case 4: return matches("host", name, in: bytes) ? .host : nil
        case 6:
            if matches("accept", name, in: bytes) { return .accept }
            if matches("expect", name, in: bytes) { return .expect }
            return matches("origin", name, in: bytes) ? .origin : nil
        case 8:
            if matches("if-match", name, in: bytes) { return .ifMatch }
            return matches("location", name, in: bytes) ? .location : nil
        case 10: return matches("connection", name, in: bytes) ? .connection : nil
        case 12: return matches("content-type", name, in: bytes) ? .contentType : nil
        case 13:
            if matches("authorization", name, in: bytes) { return .authorization }
            if matches("if-none-match", name, in: bytes) { return .ifNoneMatch }
            if matches("content-range", name, in: bytes) { return .contentRange }
            return matches("last-event-id", name, in: bytes) ? .lastEventID : nil
        case 14: return matches("content-length", name, in: bytes) ? .contentLength : nil
        case 15: return matches("idempotency-key", name, in: bytes) ? .idempotencyKey : nil
        case 16: return matches("content-encoding", name, in: bytes) ? .contentEncoding : nil
        case 17: return matches("transfer-encoding", name, in: bytes) ? .transferEncoding : nil
        default: return nil
        }
    }
}

/// Where the known fields' values stand.
public struct Fields: Sendable {
    /// Of each field's first line the place of the value; `.none` where there is no such line.
    @usableFromInline var places = InlineArray<16, Place>(repeating: .none)
    /// Bit n: the field n has several lines.
    @usableFromInline var repeated: UInt16 = 0
    /// Where the first field line begins.
    @usableFromInline var start = 0
    /// How many field lines there are.
    @usableFromInline var count = 0

    @inlinable init() {}

    /// The value of the field's first line, without whitespace around it, or nil.
    @inlinable public subscript(field: Field) -> Range<Int>? { places[Int(field.rawValue)].range }

    /// Whether the field has several lines.
    @inlinable public func isRepeated(_ field: Field) -> Bool { repeated &>> UInt16(field.rawValue) & 1 == 1 }

    /// The value of the first line of this field that begins after `offset`, or nil: what walks over all
    /// lines of one field, starting with `fields[field]`. It reads the head again, so it is for repeated
    /// fields.
    public func next(_ field: Field, after offset: Int, in bytes: Span<UInt8>) -> Range<Int>? {
        var lines = Lines()
        lines.start = start
        lines.scanned = start
        while let line = try? lines.next(in: bytes), !line.isEmpty {
            guard line.lowerBound > offset, let split = try? FieldLine(line, in: bytes) else { continue }
            if Field.named(split.name, in: bytes) == field { return split.value }
        }
        return nil
    }

    /// Takes the line apart and remembers its value if its name is known.
    @inlinable
    mutating func add(_ line: Range<Int>, in bytes: Span<UInt8>) throws(MessageError) {
        let split = try FieldLine(line, in: bytes)
        count &+= 1
        guard let field = Field.named(split.name, in: bytes) else { return }
        let index = Int(field.rawValue)
        if places[index].range == nil {
            places[index] = Place(split.value)
        } else {
            guard field.isList else {
                let flaw: Flaw =
                    switch field {
                    case .host: .secondHost
                    case .contentLength: .secondLength
                    case .transferEncoding: .badTransferEncoding
                    default: .repeatedField
                    }
                throw MessageError(flaw, at: line.lowerBound)
            }
            repeated |= 1 &<< UInt16(field.rawValue)
        }
    }
}

/// A range in a head, in eight bytes.
@usableFromInline
struct Place: Sendable {
    @usableFromInline let start: UInt32
    @usableFromInline let end: UInt32

    /// No range: a field's value never begins at 0.
    @usableFromInline static var none: Place { Place(start: 0, end: 0) }

    @inlinable init(start: UInt32, end: UInt32) {
        self.start = start
        self.end = end
    }

    /// Heads are bounded far below 2^32.
    @inlinable init(_ range: Range<Int>) {
        self.init(
            start: UInt32(truncatingIfNeeded: range.lowerBound),
            end: UInt32(truncatingIfNeeded: range.upperBound))
    }

    @inlinable var range: Range<Int>? { start == 0 ? nil : Int(start)..<Int(end) }
}

/// A field line: name, colon, value (RFC 9112 §5).
@usableFromInline
struct FieldLine {
    @usableFromInline let name: Range<Int>
    /// Without whitespace around it.
    @usableFromInline let value: Range<Int>

    @inlinable
    init(_ line: Range<Int>, in bytes: Span<UInt8>) throws(MessageError) {
        var offset = line.lowerBound
        while offset < line.upperBound, isTokenCharacter(bytes[offset]) { offset &+= 1 }
        guard offset < line.upperBound, offset > line.lowerBound, bytes[offset] == UInt8(ascii: ":") else {
            throw FieldLine.error(line, at: offset, in: bytes)
        }
        name = line.lowerBound..<offset
        value = trimmed(offset &+ 1..<line.upperBound, in: bytes)
    }

    /// Why the line, whose name ends at `offset`, is no field line.
    @usableFromInline
    static func error(_ line: Range<Int>, at offset: Int, in bytes: Span<UInt8>) -> MessageError {
        guard offset < line.upperBound else { return MessageError(.missingColon, at: line.lowerBound) }
        let byte = bytes[offset]
        let isSpace = byte == 0x20 || byte == 0x09
        if isSpace {
            return MessageError(offset == line.lowerBound ? .foldedLine : .spaceBeforeColon, at: offset)
        }
        return MessageError(.badFieldName, at: offset)
    }
}
