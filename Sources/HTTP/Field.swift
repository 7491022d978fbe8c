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
        case 8...17: return longNamed(name, in: bytes)
        default: return nil
        }
    }

    /// As ``named(_:in:)`` for names of 8 to 17 bytes, by their first and last eight bytes. Lines hold no
    /// controls, so setting the bit that tells small letters from capitals maps nothing else on letters and
    /// hyphens.
    @inlinable
    static func longNamed(_ name: Range<Int>, in bytes: Span<UInt8>) -> Field? {
        let first = word(bytes, at: name.lowerBound) | 0x2020_2020_2020_2020
        let last = word(bytes, at: name.upperBound &- 8) | 0x2020_2020_2020_2020
        switch name.count {
        case 8:
            if first == packed("if-match") { return .ifMatch }
            return first == packed("location") ? .location : nil
        case 10: return first == packed("connecti") && last == packed("nnection") ? .connection : nil
        case 12: return first == packed("content-") && last == packed("ent-type") ? .contentType : nil
        case 13:
            if first == packed("authoriz"), last == packed("rization") { return .authorization }
            if first == packed("if-none-"), last == packed("ne-match") { return .ifNoneMatch }
            if first == packed("content-"), last == packed("nt-range") { return .contentRange }
            return first == packed("last-eve") && last == packed("event-id") ? .lastEventID : nil
        case 14: return first == packed("content-") && last == packed("t-length") ? .contentLength : nil
        case 15: return first == packed("idempote") && last == packed("ency-key") ? .idempotencyKey : nil
        case 16: return first == packed("content-") && last == packed("encoding") ? .contentEncoding : nil
        case 17:
            let isCoding = first == packed("transfer") && last == packed("encoding")
            return isCoding && bytes[name.lowerBound &+ 8] == UInt8(ascii: "-") ? .transferEncoding : nil
        default: return nil
        }
    }

    /// The eight bytes of the literal.
    @inlinable @inline(__always)
    static func packed(_ literal: StaticString) -> UInt64 {
        UInt64(littleEndian: unsafe UnsafeRawPointer(literal.utf8Start).loadUnaligned(as: UInt64.self))
    }
}

/// Where the known fields' values stand.
public struct Fields: Sendable {
    /// Of each field's first line the place of the value, where bit n of `present` is set.
    @usableFromInline var places = InlineArray<16, Place>(repeating: .none)
    /// Bit n: there is the field n.
    @usableFromInline var present: UInt16 = 0
    /// Bit n: the field n has several lines.
    @usableFromInline var repeated: UInt16 = 0
    /// How many field lines there are.
    @usableFromInline var count: UInt32 = 0
    /// Where the first field line begins.
    @usableFromInline var start = 0

    @inlinable init() {}

    /// The value of the field's first line, without whitespace around it, or nil.
    @inlinable @inline(__always)
    public subscript(field: Field) -> Range<Int>? {
        guard present &>> UInt16(field.rawValue) & 1 == 1 else { return nil }
        return places[Int(field.rawValue)].range
    }

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
            if split.field == field { return split.value }
        }
        return nil
    }

    /// Takes the line apart and remembers its value if its name is known.
    @inlinable
    mutating func add(_ line: Range<Int>, in bytes: Span<UInt8>) throws(MessageError) {
        let split = try FieldLine(line, in: bytes)
        count &+= 1
        guard let field = split.field else { return }
        let bit: UInt16 = 1 &<< UInt16(field.rawValue)
        if present & bit == 0 {
            present |= bit
            places[Int(field.rawValue)] = Place(split.value)
        } else {
            guard field.isList else { throw MessageError(field.flawOfRepetition, at: line.lowerBound) }
            repeated |= bit
        }
    }
}

extension Field {
    /// What is wrong where the field stands twice.
    @usableFromInline var flawOfRepetition: Flaw {
        switch self {
        case .host: .secondHost
        case .contentLength: .secondLength
        case .transferEncoding: .badTransferEncoding
        default: .repeatedField
        }
    }
}

/// A range in a head, in eight bytes.
@usableFromInline
struct Place: Sendable {
    @usableFromInline let start: UInt32
    @usableFromInline let end: UInt32

    /// No range, where there may be none: nothing optional begins at 0.
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

    @inlinable var range: Range<Int> { unsafe Range(uncheckedBounds: (Int(start), Int(end))) }
    @inlinable var optionalRange: Range<Int>? { start == 0 ? nil : range }
}

/// A field line: name, colon, value (RFC 9112 §5).
@usableFromInline
struct FieldLine {
    /// The field, if its name is known.
    @usableFromInline let field: Field?
    /// Without whitespace around it.
    @usableFromInline let value: Range<Int>

    @inlinable
    init(_ line: Range<Int>, in bytes: Span<UInt8>) throws(MessageError) {
        let colon = colonOffset(line, in: bytes)
        let name = line.lowerBound..<colon
        field = Field.named(name, in: bytes)
        if field == nil {
            // Known names are tokens; any other must be looked at.
            var offset = line.lowerBound
            while offset < colon, isTokenCharacter(bytes[offset]) { offset &+= 1 }
            guard offset == colon, colon < line.upperBound, !name.isEmpty else {
                throw FieldLine.error(line, at: offset, in: bytes)
            }
        } else {
            guard colon < line.upperBound else { throw MessageError(.missingColon, at: line.lowerBound) }
        }
        value = trimmed(colon &+ 1..<line.upperBound, in: bytes)
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
