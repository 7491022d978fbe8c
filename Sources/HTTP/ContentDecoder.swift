// The content of a message, decoded as it arrives: by length or in chunks (RFC 9112 §6, §7.1).

/// Finds a message's content in the bytes after its head.
///
/// A small content with a length is best taken whole by ``RequestHead/wholeContent(in:)``; this is for chunks
/// and for content larger than the buffer. Chunk extensions and trailers are checked, bounded and left out.
public struct ContentDecoder: Sendable {
    /// What a call has found.
    public enum Step: Sendable, Equatable {
        /// A piece of content; more may follow in the same bytes.
        case content(Range<Int>)
        /// All bytes are used up, and the message goes on.
        case needMore
        /// The message has ended; what follows is the next one's.
        case complete
    }

    private enum Stage: Sendable, Equatable {
        case counted, complete
        case firstDigit, digits, sizeFeed
        case extensionName(isEmpty: Bool)
        case extensionValueStart, extensionValue, quoted, quotedPair, quotedEnd
        case content, contentReturn, contentFeed
        case trailerStart, trailerName, trailerValue, trailerFeed, lastFeed
    }

    /// The most bytes of chunk extensions and trailers of one message.
    public static let overheadBytesMax = 16 * 1024

    private var stage: Stage
    /// The bytes of content still to come: of the message if it is counted, else of the chunk.
    private var remaining: Int
    /// How many bytes of content may still come.
    private var room: Int
    private var overhead = 0

    /// A decoder of content of this framing; more than `contentBytesMax` bytes of it are an error.
    public init(_ framing: Framing, contentBytesMax: Int) {
        // The bound keeps the arithmetic on received sizes far from overflow.
        room = min(max(contentBytesMax, 0), 1 << 53)
        switch framing {
        case .none:
            (stage, remaining) = (.complete, 0)
        case .length(let length):
            (stage, remaining) = (length == 0 ? .complete : .counted, length)
        case .chunked:
            (stage, remaining) = (.firstDigit, 0)
        }
    }

    /// Whether the message has ended.
    public var isComplete: Bool { stage == .complete }

    /// Goes on at `offset` of `bytes` and moves it past everything that was used.
    ///
    /// The bytes before `offset` are never needed again.
    public mutating func next(_ bytes: Span<UInt8>, at offset: inout Int) throws(MessageError) -> Step {
        while stage != .complete {
            if stage == .counted || stage == .content {
                guard offset < bytes.count else { return .needMore }
                return try takeContent(bytes, at: &offset)
            }
            guard offset < bytes.count else { return .needMore }
            try take(bytes[offset], at: offset)
            offset += 1
        }
        return .complete
    }

    private mutating func takeContent(
        _ bytes: Span<UInt8>, at offset: inout Int
    ) throws(MessageError) -> Step {
        guard remaining <= room else { throw MessageError(.contentTooLarge, at: offset) }
        let count = min(remaining, bytes.count - offset)
        let piece = offset..<(offset + count)
        offset += count
        remaining -= count
        room -= count
        if remaining == 0 { stage = stage == .counted ? .complete : .contentReturn }
        return .content(piece)
    }

    /// Takes a byte that is not content.
    private mutating func take(_ byte: UInt8, at offset: Int) throws(MessageError) {
        switch stage {
        case .firstDigit, .digits, .sizeFeed:
            try takeSize(byte, at: offset)
        case .extensionName, .extensionValueStart, .extensionValue, .quoted, .quotedPair, .quotedEnd:
            try countOverhead(at: offset)
            try takeExtension(byte, at: offset)
        case .contentReturn:
            try expect(byte, 0x0D, or: .badChunkEnd, then: .contentFeed, at: offset)
        case .contentFeed:
            try expect(byte, 0x0A, or: .badChunkEnd, then: .firstDigit, at: offset)
        case .trailerStart, .trailerName, .trailerValue, .trailerFeed, .lastFeed:
            try countOverhead(at: offset)
            try takeTrailer(byte, at: offset)
        case .counted, .content, .complete:
            break
        }
    }

    private mutating func takeSize(_ byte: UInt8, at offset: Int) throws(MessageError) {
        if stage == .sizeFeed {
            try expect(
                byte, 0x0A, or: .badChunkSize, then: remaining == 0 ? .trailerStart : .content, at: offset)
            return
        }
        if let digit = hexadecimalValue(byte) {
            // Zeros in front are legal, and must not be endless.
            if remaining == 0 { try countOverhead(at: offset) }
            remaining = remaining << 4 | Int(digit)
            guard remaining <= room else { throw MessageError(.contentTooLarge, at: offset) }
            stage = .digits
            return
        }
        guard stage == .digits else { throw MessageError(.badChunkSize, at: offset) }
        switch byte {
        case 0x0D: stage = .sizeFeed
        case UInt8(ascii: ";"): stage = .extensionName(isEmpty: true)
        default: throw MessageError(.badChunkSize, at: offset)
        }
    }

    /// Chunk extensions, without the whitespace that old senders put around them (RFC 9112 §7.1.1).
    private mutating func takeExtension(_ byte: UInt8, at offset: Int) throws(MessageError) {
        switch (stage, byte) {
        case (.quoted, UInt8(ascii: "\"")): stage = .quotedEnd
        case (.quoted, UInt8(ascii: "\\")): stage = .quotedPair
        case (.quoted, 0x20...0x7E), (.quoted, 0x80...), (.quoted, 0x09): break
        case (.quotedPair, 0x20...0x7E), (.quotedPair, 0x80...), (.quotedPair, 0x09): stage = .quoted
        case (.extensionValueStart, UInt8(ascii: "\"")): stage = .quoted
        case (.extensionName(isEmpty: false), UInt8(ascii: "=")): stage = .extensionValueStart
        case (.extensionName(isEmpty: false), UInt8(ascii: ";")), (.extensionValue, UInt8(ascii: ";")),
            (.quotedEnd, UInt8(ascii: ";")):
            stage = .extensionName(isEmpty: true)
        case (.extensionName(isEmpty: false), 0x0D), (.extensionValue, 0x0D), (.quotedEnd, 0x0D):
            stage = .sizeFeed
        case (.extensionName, _) where isTokenCharacter(byte): stage = .extensionName(isEmpty: false)
        case (.extensionValueStart, _) where isTokenCharacter(byte): stage = .extensionValue
        case (.extensionValue, _) where isTokenCharacter(byte): break
        default: throw MessageError(.badChunkExtension, at: offset)
        }
    }

    private mutating func takeTrailer(_ byte: UInt8, at offset: Int) throws(MessageError) {
        switch (stage, byte) {
        case (.trailerStart, 0x0D): stage = .lastFeed
        case (.lastFeed, 0x0A): stage = .complete
        case (.trailerStart, _) where isTokenCharacter(byte): stage = .trailerName
        case (.trailerName, UInt8(ascii: ":")): stage = .trailerValue
        case (.trailerName, _) where isTokenCharacter(byte): break
        case (.trailerValue, 0x0D): stage = .trailerFeed
        case (.trailerValue, 0x20...0x7E), (.trailerValue, 0x80...), (.trailerValue, 0x09): break
        case (.trailerFeed, 0x0A): stage = .trailerStart
        default: throw MessageError(.badTrailer, at: offset)
        }
    }

    private mutating func expect(
        _ byte: UInt8, _ wanted: UInt8, or flaw: Flaw, then next: Stage, at offset: Int
    ) throws(MessageError) {
        guard byte == wanted else { throw MessageError(flaw, at: offset) }
        stage = next
    }

    private mutating func countOverhead(at offset: Int) throws(MessageError) {
        overhead += 1
        guard overhead <= ContentDecoder.overheadBytesMax else {
            throw MessageError(.chunkOverhead, at: offset)
        }
    }
}
