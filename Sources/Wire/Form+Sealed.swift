// A sealed line that is not padded to a page: checksum first, then its members.

extension Form {
    /// Takes `opening`, the text up to the checksum's digits, then these and their quote, and checks that
    /// they are the checksum of all that follows.
    mutating func takeSealed(_ opening: StaticString, in bytes: Span<UInt8>) throws(WireError) {
        let start = position
        try take(opening, in: bytes)
        let sum = try sum(in: bytes)
        try take("\"", in: bytes)
        guard checksum(bytes, in: position..<end) == sum else {
            throw WireError(offset: start, problem: .checksum)
        }
    }

    /// Takes a format's number, which must not be one of a newer version.
    mutating func checkFormat(_ format: UInt64, in bytes: Span<UInt8>) throws(WireError) {
        let place = position
        guard try number(from: 1, in: bytes) <= format else {
            throw WireError(offset: place, problem: .format)
        }
    }
}
