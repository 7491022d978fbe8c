// What a connection has sent and nobody has read yet: a buffer held only while it holds something.
internal import Glibc

/// Read buffers that are not in use, so that an idle connection holds none and a busy one allocates none.
public struct BufferPool: Sendable {
    /// The size of a pooled buffer: a request's head and a small body in one read.
    public static let bufferBytes = 16 << 10
    private static let buffersMax = 1_024
    private var free: [[UInt8]] = []

    public init() {}

    mutating func take() -> [UInt8] {
        free.popLast() ?? [UInt8](repeating: 0, count: Self.bufferBytes)
    }

    mutating func give(_ buffer: consuming [UInt8]) {
        if buffer.count == Self.bufferBytes && free.count < Self.buffersMax { free.append(buffer) }
    }
}

/// What one read came to.
public enum Receipt: Hashable, Sendable {
    /// This many bytes came; whether there may be more at once.
    case received(Int, mayHaveMore: Bool)
    /// Nothing is there at present.
    case nothing
    /// The buffer is full: what it holds must be read first, or ``Inbound/reserve(_:)`` asked for more.
    case full
    /// The other end has said that it sends no more.
    case ended
    /// The connection is broken.
    case broken
}

/// The unread bytes of one connection: `bytes[unread]`.
public struct Inbound: Sendable {
    public private(set) var bytes: [UInt8] = []
    public private(set) var unread: Range<Int> = 0..<0

    public init() {}

    /// Holds bytes that came by another way, all of them unread.
    public init(holding bytes: [UInt8]) {
        self.bytes = bytes
        unread = 0..<bytes.count
    }

    public var count: Int { unread.count }
    public var isEmpty: Bool { unread.isEmpty }
    /// What the buffer takes beyond a pooled one, which every connection may have.
    public var bytesHeld: Int { bytes.count > BufferPool.bufferBytes ? bytes.count : 0 }

    /// One read from `descriptor` behind what is unread.
    public mutating func receive(
        from descriptor: borrowing Descriptor, pool: inout BufferPool
    )
        -> Receipt
    {
        if bytes.isEmpty {
            bytes = pool.take()
            unread = 0..<0
        }
        if unread.upperBound == bytes.count {
            if unread.lowerBound > 0 {
                compact()
            } else if bytes.count < BufferPool.bufferBytes {
                reserve(BufferPool.bufferBytes, pool: &pool)
            } else {
                return .full
            }
        }
        let end = unread.upperBound
        let room = bytes.count - end
        let raw = descriptor.raw
        while true {
            let count = bytes.withUnsafeMutableBytes {
                recv(raw, $0.baseAddress.map { $0 + end }, room, 0)
            }
            if count > 0 {
                unread = unread.lowerBound..<end + count
                return .received(count, mayHaveMore: count == room)
            }
            if count == 0 { return .ended }
            if errno == EINTR { continue }
            return errno == EAGAIN || errno == EWOULDBLOCK ? .nothing : .broken
        }
    }

    /// Marks the first `count` unread bytes as read.
    public mutating func consume(_ count: Int) {
        unread = unread.lowerBound + count..<unread.upperBound
    }

    /// Makes room for `count` unread bytes in one piece: the rest of a large body, or of a long head.
    public mutating func reserve(_ count: Int, pool: inout BufferPool) {
        if bytes.count - unread.lowerBound >= count { return }
        if bytes.count >= count {
            compact()
            return
        }
        var larger = count == BufferPool.bufferBytes ? pool.take() : [UInt8](repeating: 0, count: count)
        larger.replaceSubrange(0..<unread.count, with: bytes[unread])
        swap(&bytes, &larger)
        pool.give(larger)
        unread = 0..<unread.count
    }

    /// The same, but only where no room is left at all: for what usually ends in the buffer that there is.
    public mutating func reserve(_ count: Int, whenFull: Bool, pool: inout BufferPool) {
        if whenFull && (unread.lowerBound > 0 || unread.upperBound < bytes.count) { return }
        reserve(count, pool: &pool)
    }

    /// Cuts bytes out of the middle: `count` unread ones, `offset` behind the first.
    public mutating func remove(from offset: Int, count: Int) {
        precondition(offset >= 0 && count >= 0 && offset + count <= unread.count)
        let start = unread.lowerBound + offset
        let left = unread.upperBound - start - count
        bytes.withUnsafeMutableBytes {
            guard let base = $0.baseAddress else { return }
            memmove(base + start, base + start + count, left)
        }
        unread = unread.lowerBound..<unread.upperBound - count
    }

    /// Gives the buffer back with whatever is in it.
    public mutating func discard(to pool: inout BufferPool) {
        unread = 0..<0
        release(to: &pool)
    }

    /// Gives the buffer back where nothing is unread.
    public mutating func release(to pool: inout BufferPool) {
        guard unread.isEmpty, !bytes.isEmpty else { return }
        var given: [UInt8] = []
        swap(&bytes, &given)
        pool.give(given)
        unread = 0..<0
    }

    /// Gives a pooled buffer back where little is unread, which then has one of its own size: thousands of
    /// connections in the middle of a request hold no more than what they have sent.
    public mutating func settle(to pool: inout BufferPool) {
        if unread.isEmpty {
            release(to: &pool)
            return
        }
        guard bytes.count == BufferPool.bufferBytes, unread.count <= Self.settledBytesMax else { return }
        var small = Array(bytes[unread])
        swap(&bytes, &small)
        pool.give(small)
        unread = 0..<unread.count
    }
    private static let settledBytesMax = 2 << 10

    private mutating func compact() {
        let count = unread.count
        let start = unread.lowerBound
        bytes.withUnsafeMutableBytes {
            guard let base = $0.baseAddress else { return }
            memmove(base, base + start, count)
        }
        unread = 0..<count
    }
}
