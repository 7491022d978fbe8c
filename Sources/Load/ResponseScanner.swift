// Answers as they come in pieces: the status, where each ends, and of a refusal its code (RFC 9112 §4, §6).
internal import Glibc
internal import HTTP

/// Finds the ends of one connection's answers, and looks at little else.
///
/// A head that came whole is read where it lies; only one that is cut is kept, and the beginning of a
/// refusal's content, for its code.
public struct ResponseScanner: Sendable {
    /// What the bytes came to.
    public enum Step: Equatable, Sendable {
        /// All are used up.
        case needMore
        /// An answer is whole. Of one that is no success ``refusal`` tells the code.
        case answer(status: Int)
        /// It is not HTTP, or larger than any answer.
        case malformed
    }

    private enum Stage {
        case head
        case content(left: Int)
        case chunks(ContentDecoder)
    }

    private var stage = Stage.head
    private var status = 0
    /// The beginning of a head that is cut, or of a refusal's content.
    private var kept: [UInt8] = []
    /// Whether the connection is of use after the last answer.
    public private(set) var keepsAlive = true

    private static let headBytesMax = 64 << 10
    private static let refusalBytesMax = 1 << 10
    private static let contentBytesMax = 1 << 40

    public init() {}

    /// Goes on at `offset`, and moves it behind what is used.
    public mutating func next(_ bytes: UnsafeRawBufferPointer, at offset: inout Int) -> Step {
        while true {
            switch stage {
            case .head:
                if let step = takeHead(bytes, at: &offset) { return step }
            case .content(let left):
                let count = min(left, bytes.count - offset)
                keep(bytes, offset..<offset + count)
                offset += count
                if count < left {
                    stage = .content(left: left - count)
                    return .needMore
                }
                stage = .head
                return .answer(status: status)
            case .chunks(var decoder):
                let step = takeChunks(&decoder, bytes, at: &offset)
                stage = step == .needMore ? .chunks(decoder) : .head
                return step
            }
        }
    }

    /// The `code` of the last answer's problem; empty where it has none.
    public var refusal: [UInt8] {
        let name = Array("\"code\":\"".utf8)
        guard status >= 300, kept.count > name.count else { return [] }
        for start in 0...(kept.count - name.count) where kept[start...].starts(with: name) {
            return Array(kept[(start + name.count)...].prefix { $0 != UInt8(ascii: "\"") })
        }
        return []
    }

    private mutating func keep(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        guard status >= 300, kept.count < Self.refusalBytesMax else { return }
        kept.append(contentsOf: bytes[range].prefix(Self.refusalBytesMax - kept.count))
    }

    private mutating func takeChunks(
        _ decoder: inout ContentDecoder, _ bytes: UnsafeRawBufferPointer, at offset: inout Int
    ) -> Step {
        let span = Array(bytes[offset...])
        var used = 0
        defer { offset += used }
        do throws(MessageError) {
            while true {
                switch try decoder.next(span.span, at: &used) {
                case .content(let range): keep(bytes, range.lowerBound + offset..<range.upperBound + offset)
                case .needMore: return .needMore
                case .complete: return .answer(status: status)
                }
            }
        } catch {
            return .malformed
        }
    }

    // Heads -----------------------------------------------------------------------------------------------

    /// Takes a head; nil where content follows or another head.
    private mutating func takeHead(_ bytes: UnsafeRawBufferPointer, at offset: inout Int) -> Step? {
        guard offset < bytes.count else { return .needMore }
        if status != 0 || kept.isEmpty {
            // A new answer: what was kept was the last one's.
            kept.removeAll(keepingCapacity: true)
            status = 0
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            var used = 0
            if let step = readHead(rest, &used) {
                offset += used
                return step == .needMore ? nil : step
            }
            kept.append(contentsOf: rest)
            offset = bytes.count
            return kept.count > Self.headBytesMax ? .malformed : .needMore
        }
        return takeCutHead(bytes, at: &offset)
    }

    /// The rest of a head that began before; of what comes with it no more is copied than may belong to it.
    private mutating func takeCutHead(_ bytes: UnsafeRawBufferPointer, at offset: inout Int) -> Step? {
        let before = kept.count
        kept.append(contentsOf: bytes[offset...].prefix(Self.headBytesMax))
        let head = kept
        var used = 0
        guard let step = head.withUnsafeBytes({ readHead($0, &used) }) else {
            offset = min(bytes.count, offset + Self.headBytesMax)
            return kept.count > Self.headBytesMax ? .malformed : .needMore
        }
        offset += used - before
        kept.removeAll(keepingCapacity: true)
        return step == .needMore ? nil : step
    }

    /// Reads a head that is whole, and sets the stage for what follows it; nil where it is not whole.
    ///
    /// `.needMore` stands for: go on behind it.
    private mutating func readHead(_ bytes: UnsafeRawBufferPointer, _ used: inout Int) -> Step? {
        guard let base = bytes.baseAddress else { return nil }
        var found = Head()
        var start = 0
        while true {
            guard let end = memchr(base + start, 0x0A, bytes.count - start) else { return nil }
            let next = UnsafeRawPointer(end) - base + 1
            var line = next - 1
            if line > start, bytes[line - 1] == 0x0D { line -= 1 }
            if line == start {
                if found.status == 0 { return .malformed }
                used = next
                return settle(found)
            }
            let isRead =
                found.status == 0
                ? found.readStatus(base + start, line - start) : found.readField(base + start, line - start)
            if !isRead { return .malformed }
            start = next
        }
    }

    private mutating func settle(_ head: Head) -> Step {
        if head.status < 200 { return .needMore }
        status = head.status
        keepsAlive = !head.isLast
        if head.isChunked {
            stage = .chunks(ContentDecoder(.chunked, contentBytesMax: Self.contentBytesMax))
            return .needMore
        }
        if head.status == 204 || head.status == 304 { return .answer(status: status) }
        // Content that ends with its connection tells nobody whether it is whole.
        guard let length = head.length else { return .malformed }
        if length == 0 { return .answer(status: status) }
        stage = .content(left: length)
        return .needMore
    }
}

/// What counts of a head.
private struct Head {
    var status = 0
    var length: Int?
    var isChunked = false
    var isLast = false

    /// `HTTP/1.1 200 OK`
    mutating func readStatus(_ line: UnsafeRawPointer, _ count: Int) -> Bool {
        guard count >= 12, memcmp(line, "HTTP/1.", 7) == 0, byte(line, 8) == 0x20 else { return false }
        for place in 9..<12 {
            let digit = byte(line, place) &- 0x30
            guard digit < 10 else { return false }
            status = status * 10 + Int(digit)
        }
        isLast = byte(line, 7) == UInt8(ascii: "0")
        return status >= 100 && status < 600
    }

    mutating func readField(_ line: UnsafeRawPointer, _ count: Int) -> Bool {
        // Three fields count, and their first letters tell all others apart.
        switch byte(line, 0) | 0x20 {
        case UInt8(ascii: "c"):
            if let value = value(line, count, after: "content-length:", 15) { return readLength(value) }
            if let value = value(line, count, after: "connection:", 11) {
                if value.count == 5, strncasecmp(value.base, "close", 5) == 0 { isLast = true }
                if value.count == 10, strncasecmp(value.base, "keep-alive", 10) == 0 { isLast = false }
            }
        case UInt8(ascii: "t"):
            if value(line, count, after: "transfer-encoding:", 18) != nil { isChunked = true }
        default: break
        }
        return true
    }

    private struct Value {
        let base: UnsafePointer<CChar>
        let count: Int
    }

    /// The field's value without spaces around it, where this is that field.
    private func value(
        _ line: UnsafeRawPointer, _ count: Int, after name: StaticString, _ length: Int
    ) -> Value? {
        let start = line.assumingMemoryBound(to: CChar.self)
        let wanted = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        guard count >= length, strncasecmp(start, wanted, length) == 0 else { return nil }
        var range = length..<count
        while let first = range.first, byte(line, first) <= 0x20 { range = first + 1..<range.upperBound }
        while let last = range.last, byte(line, last) <= 0x20 { range = range.lowerBound..<last }
        return Value(base: start + range.lowerBound, count: range.count)
    }

    private mutating func readLength(_ value: Value) -> Bool {
        guard value.count > 0, value.count <= 12 else { return false }
        var number = 0
        for place in 0..<value.count {
            let digit = UInt8(bitPattern: value.base[place]) &- 0x30
            guard digit < 10 else { return false }
            number = number * 10 + Int(digit)
        }
        length = number
        return true
    }

    private func byte(_ line: UnsafeRawPointer, _ place: Int) -> UInt8 {
        line.load(fromByteOffset: place, as: UInt8.self)
    }
}
