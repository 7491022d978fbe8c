// The checksum of everything that is stored or sent: CRC-32 as in gzip (RFC 1952 §8.1).
//
// By libdeflate, which has the processor multiply polynomials: for a small entry an eighth of zlib's time.
internal import CDeflate
internal import CZlib

/// CRC-32 of `bytes[range]`, going on from the checksum of the bytes before it.
///
/// - Precondition: `range` lies in `bytes`.
public func checksum(_ bytes: Span<UInt8>, in range: Range<Int>, after before: UInt32 = 0) -> UInt32 {
    guard !range.isEmpty else { return before }
    let part = bytes.extracting(range)
    return unsafe part.withUnsafeBufferPointer { part in
        unsafe libdeflate_crc32(before, part.baseAddress, part.count)
    }
}

/// The checksum of some bytes and `bytes` more after them, from the checksum of each part.
///
/// So what is checked in parts need not be read again to check the whole.
public func combined(_ before: UInt32, _ after: UInt32, bytes: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32_combine(UInt(before), UInt(after), bytes))
}
