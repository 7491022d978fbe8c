// What is to be sent on a connection: small parts gathered in a buffer, large ones sent from where they are.
internal import Glibc

/// What one attempt to send came to.
public enum Flush: Hashable, Sendable {
    /// All is with the kernel.
    case sent
    /// The kernel takes no more at present; the poller reports when it does.
    case blocked
    case broken
}

/// The unsent bytes of one connection, in order.
///
/// Bytes of somebody else's buffer are held by reference from 4 KiB on, and copied below: one `send` of a
/// small copy costs less than a vector. But where much is copied already, as for a peer that catches up, from
/// 1 KiB on: the copies would take fresh memory, which costs more than to fill it.
public struct Outbound: Sendable {
    /// Where small parts are appended.
    public var bytes: [UInt8] = []
    private var parts: [Part] = []
    private var partsSent = 0
    /// How much of the first part, or of `bytes` if there is none, is sent.
    private var sent = 0
    private var partsCount = 0
    /// Others hold `bytes` too, or did: to empty it would copy it.
    private var isShared = false

    private struct Part: Sendable {
        let bytes: [UInt8]
        let range: Range<Int>
    }
    private static let copiedBytesMax = 16 << 10
    private static let vectorsMax = 64
    /// A buffer larger than this is not kept when all is sent.
    private static let keptBytesMax = 64 << 10

    public init() {}

    /// How many bytes are not sent yet.
    public var count: Int { partsCount + bytes.count - sent }
    public var isEmpty: Bool { count == 0 }
    /// The memory that unsent bytes take, sent ones among them that are not let go yet.
    public var bytesHeld: Int { isEmpty ? 0 : partsCount + bytes.capacity }

    /// Appends a part of a buffer that others may hold too.
    public mutating func append(_ shared: [UInt8], _ range: Range<Int>) {
        // To append to somebody else's buffer would copy all of it.
        if isShared, bytes.count >= 4 << 10 { seal() }
        let isSmall = count < Self.copiedBytesMax ? range.count < 4 << 10 : range.count < 1 << 10
        if isSmall {
            shared.withUnsafeBufferPointer { bytes.append(contentsOf: $0[range]) }
            return
        }
        seal()
        parts.append(Part(bytes: shared, range: range))
        partsCount += range.count
    }

    /// Appends all of a buffer that others may hold too. Where nothing is unsent it is not copied, however
    /// small: most often all of it goes at once.
    public mutating func append(whole shared: [UInt8]) {
        guard isEmpty, bytes.isEmpty, !shared.isEmpty else { return append(shared, 0..<shared.count) }
        bytes = shared
        isShared = true
    }

    /// Makes what `bytes` holds a part of its own, so that a larger one may follow it.
    private mutating func seal() {
        if bytes.isEmpty { return }
        if parts.isEmpty {
            parts.append(Part(bytes: bytes, range: sent..<bytes.count))
            partsCount += bytes.count - sent
            sent = 0
        } else {
            parts.append(Part(bytes: bytes, range: 0..<bytes.count))
            partsCount += bytes.count
        }
        bytes = []
        isShared = false
    }

    /// Sends as much as the kernel takes.
    public mutating func flush(to descriptor: borrowing Descriptor) -> Flush {
        while !isEmpty {
            let result = parts.isEmpty ? sendBytes(to: descriptor.raw) : sendParts(to: descriptor.raw)
            if result < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN || errno == EWOULDBLOCK ? .blocked : .broken
            }
            advance(result)
        }
        clear()
        return .sent
    }

    /// Takes back what was appended to `bytes` from `start` on.
    public mutating func takeBack(from start: Int) {
        // A copy, so that the room which it took is free again.
        bytes = Array(bytes[..<start])
    }

    /// Forgets everything that was to be sent.
    public mutating func clear() {
        parts.removeAll()
        partsSent = 0
        partsCount = 0
        sent = 0
        if isShared || bytes.capacity > Self.keptBytesMax {
            bytes = []
            isShared = false
        } else {
            bytes.removeAll(keepingCapacity: true)
        }
    }

    /// Lets go of all but a small buffer, so that thousands of idle connections hold little. Precondition:
    /// nothing is unsent.
    public mutating func shrink() {
        precondition(isEmpty)
        if bytes.capacity > Self.idleBytesMax { bytes = [] }
        if parts.capacity > 0 { parts = [] }
    }
    private static let idleBytesMax = 2 << 10

    private func sendBytes(to raw: Int32) -> Int {
        bytes.withUnsafeBytes { buffer in
            send(raw, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
        }
    }

    private func sendParts(to raw: Int32) -> Int {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.vectorsMax) { vectors in
            gather(vectors, from: partsSent, count: 0, to: raw)
        }
    }

    /// One frame a part, so that each buffer's pointer is valid when all are known.
    private func gather(
        _ vectors: UnsafeMutableBufferPointer<iovec>, from next: Int, count: Int, to raw: Int32
    ) -> Int {
        if next > parts.count || count == vectors.count { return sendVectors(vectors, count, to: raw) }
        let isTail = next == parts.count
        let source = isTail ? bytes : parts[next].bytes
        let range = isTail ? 0..<bytes.count : parts[next].range
        let start = range.lowerBound + (count == 0 ? sent : 0)
        if start == range.upperBound { return sendVectors(vectors, count, to: raw) }
        return source.withUnsafeBytes { buffer in
            vectors[count] = iovec(
                iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress.map { $0 + start }),
                iov_len: range.upperBound - start)
            return gather(vectors, from: next + 1, count: count + 1, to: raw)
        }
    }

    private func sendVectors(
        _ vectors: UnsafeMutableBufferPointer<iovec>, _ count: Int, to raw: Int32
    ) -> Int {
        var message = msghdr()
        message.msg_iov = vectors.baseAddress
        message.msg_iovlen = count
        return sendmsg(raw, &message, Int32(MSG_NOSIGNAL))
    }

    /// Counts `count` more bytes as sent, and lets go of the parts that are done.
    private mutating func advance(_ count: Int) {
        var left = count
        while partsSent < parts.count {
            let open = parts[partsSent].range.count - sent
            if left < open {
                sent += left
                if partsSent >= Self.vectorsMax {
                    parts.removeFirst(partsSent)
                    partsSent = 0
                }
                return
            }
            left -= open
            partsCount -= parts[partsSent].range.count
            sent = 0
            partsSent += 1
        }
        parts.removeAll(keepingCapacity: true)
        partsSent = 0
        sent += left
    }
}
