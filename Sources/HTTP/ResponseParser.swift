// The client's side: the incremental parser of response heads, for peer links (RFC 9112 §4).

/// A response's head; ranges are offsets in the bytes that the parser was given.
public struct ResponseHead: Sendable {
    /// The status, 100 to 599.
    public internal(set) var status = 0
    public internal(set) var isVersion10 = false
    /// Whether the connection goes on after this response.
    public internal(set) var keepAlive = true
    /// How the content's end is known; a 1xx, 204 or 304 has none. A response whose content ends with the
    /// connection is refused.
    public internal(set) var framing = Framing.none
    /// Where the fields' values stand.
    public internal(set) var fields = Fields()
    /// The bytes of the head with the empty line that ends it: where the content begins.
    public internal(set) var count = 0

    @usableFromInline init() {}

    /// Whether another head follows for the same request.
    @inlinable public var isInterim: Bool { status < 200 }

    /// The value of the field's first line, or nil.
    @inlinable public subscript(field: Field) -> Range<Int>? { fields[field] }

    /// The content, where it is not chunked and all of it has arrived.
    @inlinable public func wholeContent(in bytes: Span<UInt8>) -> Range<Int>? {
        switch framing {
        case .none: count..<count
        case .length(let length): length <= bytes.count &- count ? count..<(count &+ length) : nil
        case .chunked: nil
        }
    }
}

/// Reads one response head after the other, from bytes that arrive in any pieces.
public struct ResponseParser: Sendable {
    /// What a call has come to.
    public enum Progress: Sendable {
        case needMore
        /// The head is whole. The parser is ready for the next one.
        case head(ResponseHead)
    }

    private var lines = Lines()
    private var head = ResponseHead()

    public init() {}

    /// Goes on reading; `bytes` are the connection's unread bytes from the first one of the response on.
    public mutating func parse(
        _ bytes: Span<UInt8>, limits: borrowing Limits
    ) throws(MessageError) -> Progress {
        while let line = try lines.next(in: bytes) {
            guard lines.start <= limits.fieldBytesMax else {
                throw MessageError(.headTooLarge, at: line.lowerBound)
            }
            if head.status == 0 {
                try readStatusLine(line, in: bytes)
                head.fields.start = lines.start
            } else if line.isEmpty {
                try settle(in: bytes)
                let whole = head
                self = ResponseParser()
                return .head(whole)
            } else {
                guard head.fields.count < limits.fieldCountMax else {
                    throw MessageError(.tooManyFields, at: line.lowerBound)
                }
                try head.fields.add(line, in: bytes)
            }
        }
        guard bytes.count <= limits.fieldBytesMax else { throw MessageError(.headTooLarge, at: lines.start) }
        return .needMore
    }

    private mutating func readStatusLine(_ line: Range<Int>, in bytes: Span<UInt8>) throws(MessageError) {
        let start = line.lowerBound
        guard line.count >= 12, bytes[start + 8] == 0x20, line.count == 12 || bytes[start + 12] == 0x20 else {
            throw MessageError(.badStatusLine, at: start)
        }
        head.isVersion10 = try readVersion(start..<start + 8, in: bytes)
        var status = 0
        for offset in start + 9..<start + 12 {
            let digit = bytes[offset] &- 0x30
            guard digit < 10 else { throw MessageError(.badStatusLine, at: offset) }
            status = status * 10 + Int(digit)
        }
        guard status >= 100, status < 600 else { throw MessageError(.badStatusLine, at: start + 9) }
        head.status = status
    }

    private mutating func settle(in bytes: Span<UInt8>) throws(MessageError) {
        head.count = lines.start
        head.keepAlive = head.fields.keepAlive(isVersion10: head.isVersion10, in: bytes)
        let framing = try head.fields.framing(isVersion10: head.isVersion10, in: bytes)
        guard head.status >= 200, head.status != 204, head.status != 304 else { return }
        guard framing != .none else { throw MessageError(.unknownLength, at: head.count) }
        head.framing = framing
    }
}
