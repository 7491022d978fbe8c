// Byte strings in memory order, eight bytes at a time: comparison, common prefixes, heads.

/// The bytes of a key while it is looked for: unmanaged, valid only as long as whoever lent them says.
@unsafe struct KeyBytes {
    let start: UnsafeRawPointer
    let count: Int

    @inline(__always)
    init(start: UnsafeRawPointer, count: Int) {
        unsafe self.start = unsafe start
        unsafe self.count = count
    }

    /// Negative, zero or positive, as this key stands before, at or after the other one, of which the first
    /// `skipped` bytes are known to be equal.
    @inline(__always)
    func compare(_ other: KeyBytes, skipping skipped: Int = 0) -> Int {
        let shared = unsafe min(count, other.count)
        var i = skipped
        while i &+ 8 <= shared {
            let a = unsafe start.loadUnaligned(fromByteOffset: i, as: UInt64.self)
            let b = unsafe other.start.loadUnaligned(fromByteOffset: i, as: UInt64.self)
            if a != b { return a.bigEndian < b.bigEndian ? -1 : 1 }
            i &+= 8
        }
        while i < shared {
            let a = unsafe start.load(fromByteOffset: i, as: UInt8.self)
            let b = unsafe other.start.load(fromByteOffset: i, as: UInt8.self)
            if a != b { return a < b ? -1 : 1 }
            i &+= 1
        }
        return unsafe count &- other.count
    }

    /// How many bytes at the beginning are the same in both, `limit` at most.
    func commonPrefix(_ other: KeyBytes, limit: Int) -> Int {
        let end = unsafe min(count, other.count, limit)
        var i = 0
        while i &+ 8 <= end {
            let a = unsafe start.loadUnaligned(fromByteOffset: i, as: UInt64.self)
            let b = unsafe other.start.loadUnaligned(fromByteOffset: i, as: UInt64.self)
            if a != b { return i &+ (a ^ b).littleEndian.trailingZeroBitCount / 8 }
            i &+= 8
        }
        while i < end {
            let a = unsafe start.load(fromByteOffset: i, as: UInt8.self)
            let b = unsafe other.start.load(fromByteOffset: i, as: UInt8.self)
            if a != b { return i }
            i &+= 1
        }
        return end
    }

    /// The eight bytes from `offset` on as a number that orders as they do; zeros stand for missing ones.
    ///
    /// Of two keys equal before `offset`, the one with the smaller head comes first; equal heads tell
    /// nothing.
    @inline(__always)
    func head(at offset: Int) -> UInt64 {
        let left = unsafe count &- offset
        if left >= 8 {
            return unsafe start.loadUnaligned(fromByteOffset: offset, as: UInt64.self).bigEndian
        }
        var head: UInt64 = 0
        var i = 0
        while i < left {
            let byte = unsafe start.load(fromByteOffset: offset &+ i, as: UInt8.self)
            head |= UInt64(byte) &<< UInt64(56 &- 8 &* i)
            i &+= 1
        }
        return head
    }
}
