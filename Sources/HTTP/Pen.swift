// Many short pieces at the end of a buffer, written as one: each by itself takes three times as much.

/// Where the next byte goes, in room that was asked for. To write more than that ends the process: so it is
/// safe, as `append(room:_:)` lends it.
@safe public struct Pen: ~Copyable {
    @usableFromInline var end: UnsafeMutablePointer<UInt8>
    @usableFromInline let limit: UnsafeMutablePointer<UInt8>

    @inlinable init(_ end: UnsafeMutablePointer<UInt8>, limit: UnsafeMutablePointer<UInt8>) {
        unsafe self.end = unsafe end
        unsafe self.limit = unsafe limit
    }

    /// The room for `count` bytes.
    @inlinable @inline(__always)
    mutating func take(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        let start = unsafe end
        precondition(unsafe count <= limit - start, "there was room for all that is written")
        unsafe end = unsafe start + count
        return unsafe start
    }

    @inlinable @inline(__always)
    public mutating func write(_ literal: StaticString) {
        let count = literal.utf8CodeUnitCount
        unsafe UnsafeMutableRawPointer(take(count)).copyMemory(from: literal.utf8Start, byteCount: count)
    }

    @inlinable @inline(__always)
    public mutating func write(bytes: Span<UInt8>) {
        let target = unsafe take(bytes.count)
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(target).copyMemory(from: start, byteCount: source.count)
        }
    }

    /// Writes the number in decimal digits, 20 at most.
    @inlinable
    public mutating func write(decimal: UInt64) {
        var count = 1
        var rest = decimal / 10
        while rest > 0 {
            count &+= 1
            rest /= 10
        }
        let target = unsafe take(count)
        rest = decimal
        while count > 0 {
            count &-= 1
            let quotient = rest / 10
            unsafe target[count] = 0x30 | UInt8(truncatingIfNeeded: rest &- quotient &* 10)
            rest = quotient
        }
    }
}

extension [UInt8] {
    /// Appends what `body` writes, `room` bytes at most.
    @inlinable @inline(__always)
    public mutating func append(room: Int, _ body: (inout Pen) -> Void) {
        append(addingCapacity: room) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                guard let start = buffer.baseAddress else { return }
                var pen = unsafe Pen(start + count, limit: start + buffer.count)
                body(&pen)
                count = unsafe pen.end - start
            }
        }
    }
}
