// The incremental parser of request heads: strict where RFC 9112 leaves room for two readings.

/// Reads one request head after the other, from bytes that arrive in any pieces.
///
/// It never reads a byte twice to find a line's end, holds no bytes and allocates nothing. After an error it
/// is of no use, and neither is the connection.
public struct RequestParser: Sendable {
    /// What a call has come to.
    public enum Progress: Sendable {
        /// The head does not end in these bytes.
        case needMore
        /// The head is whole. The parser is ready for the next one.
        case head(RequestHead)
    }

    private enum Stage: Sendable { case requestLine, fields }

    private var lines = Lines()
    private var stage = Stage.requestLine
    /// Whole once ``advance(_:limits:)`` has answered true, until it is called again. It is large: what is
    /// needed of it is best read from here.
    public private(set) var head = RequestHead()
    /// The head is whole, and the next one has not begun.
    private var isDone = false

    public init() {}

    /// Whether some of a head has been read, but not all.
    public var isMidway: Bool { lines.scanned > 0 }

    /// Goes on reading. `bytes` are the connection's unread bytes from the first one of the request on: what
    /// the last call had, and what has come since.
    public mutating func parse(
        _ bytes: Span<UInt8>, limits: borrowing Limits
    ) throws(MessageError) -> Progress {
        try advance(bytes, limits: limits) ? .head(head) : .needMore
    }

    /// As ``parse(_:limits:)``. True: the head is whole, and stands in ``head`` until the next call.
    public mutating func advance(
        _ bytes: Span<UInt8>, limits: borrowing Limits
    ) throws(MessageError) -> Bool {
        if isDone {
            isDone = false
            head = RequestHead()
        }
        while let line = try lines.next(in: bytes) {
            switch stage {
            case .requestLine:
                // An empty line before a request is what some clients send after content (RFC 9112 §2.2).
                if line.isEmpty, line.lowerBound == 0 { continue }
                guard line.count <= limits.requestLineBytesMax else {
                    throw MessageError(.requestLineTooLong, at: limits.requestLineBytesMax)
                }
                try head.readRequestLine(line, in: bytes)
                head.fields.start = lines.start
                stage = .fields
            case .fields:
                guard lines.start - head.fields.start <= limits.fieldBytesMax else {
                    throw MessageError(.headTooLarge, at: line.lowerBound)
                }
                if line.isEmpty {
                    head.count = lines.start
                    try head.settle(in: bytes)
                    isDone = true
                    stage = .requestLine
                    lines = Lines()
                    return true
                }
                guard head.fields.count < limits.fieldCountMax else {
                    throw MessageError(.tooManyFields, at: line.lowerBound)
                }
                try head.fields.add(line, in: bytes)
            }
        }
        try checkUnfinished(bytes.count, limits)
        return false
    }

    /// Refuses a line that is too long already, though its end has not come.
    private func checkUnfinished(_ count: Int, _ limits: borrowing Limits) throws(MessageError) {
        switch stage {
        case .requestLine:
            guard count - lines.start <= limits.requestLineBytesMax + 1 else {
                throw MessageError(.requestLineTooLong, at: limits.requestLineBytesMax)
            }
        case .fields:
            guard count - head.fields.start <= limits.fieldBytesMax + 1 else {
                throw MessageError(.headTooLarge, at: lines.start)
            }
        }
    }
}
