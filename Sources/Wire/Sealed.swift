// How a checksum stands in what it covers: first, over every byte after it.
internal import JSON

/// The size of a disk's page, to which all that is written is padded: no durable one is written again.
public let pageBytes = 4096

/// How many bytes lead from `count` up to the next boundary of 4 KiB.
@inlinable
public func paddingBytes(after count: Int) -> Int { (pageBytes - count % pageBytes) % pageBytes }

extension [UInt8] {
    /// `{"sum":"00000000"`, to be filled in by `seal`. Returns the place of the first digit.
    @usableFromInline
    mutating func beginSealed() -> Int {
        append(literal: "{\"sum\":\"00000000\"")
        return count - 9
    }

    /// Writes the checksum of all that follows the digits at `digits` and their quote.
    @usableFromInline
    mutating func seal(digits: Int) {
        patch(sum: checksum(span, in: digits + 9..<count), digits: digits)
    }

    /// Writes a checksum's eight digits over those at `digits`.
    mutating func patch(sum: UInt32, digits: Int) {
        var sum = sum
        for place in (digits..<digits + 8).reversed() {
            let digit = UInt8(truncatingIfNeeded: sum & 15)
            self[place] = digit < 10 ? digit + 0x30 : digit - 10 + 0x61
            sum >>= 4
        }
    }

    /// Spaces and a newline up to the next multiple of 4 KiB from `start`; nothing if it is one.
    public mutating func pad(from start: Int = 0) {
        let padding = paddingBytes(after: count - start)
        guard padding > 0 else { return }
        append(contentsOf: repeatElement(0x20, count: padding - 1))
        append(0x0A)
    }
}

/// Checks that `bytes[range]` is what `pad` writes.
public func checkPadding(_ bytes: Span<UInt8>, in range: Range<Int>) throws(WireError) {
    guard let last = range.last else { return }
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    // Most of a small batch is padding, and a start reads all of the log: so many bytes at a time.
    var place = range.lowerBound
    let spaces = SIMD4<UInt64>(repeating: 0x2020_2020_2020_2020)
    unsafe bytes.withUnsafeBytes { raw in
        while place + 32 <= last,
            unsafe raw.loadUnaligned(fromByteOffset: place, as: SIMD4<UInt64>.self) == spaces
        { place += 32 }
    }
    while place <= last {
        guard bytes[place] == (place == last ? 0x0A : 0x20) else {
            throw WireError(offset: place, problem: .padding)
        }
        place += 1
    }
}
