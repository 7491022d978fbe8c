// Reads one sealed object that is padded to a page: checksum and padding first, then its members.
internal import Consensus

/// A page whose checksum and padding hold; its members are taken one after the other.
struct Page {
    var form: Form

    /// Checks the page that begins at `start`; `opening` is the text up to the checksum's digits.
    init(_ opening: StaticString, _ bytes: Span<UInt8>, at start: Int) throws(WireError) {
        guard start >= 0, start <= bytes.count, bytes.count - start >= pageBytes else {
            throw WireError(offset: bytes.count, problem: .end)
        }
        guard let length = EntryLine.newline(in: bytes.extracting(start..<start + pageBytes), from: 0) else {
            throw WireError(offset: start + pageBytes, problem: .end)
        }
        form = Form(start..<start + length)
        try form.take(opening, in: bytes)
        let sum = try form.sum(in: bytes)
        try form.take("\"", in: bytes)
        guard checksum(bytes, in: form.position..<form.end) == sum else {
            throw WireError(offset: start, problem: .checksum)
        }
        try checkPadding(bytes, in: form.end + 1..<start + pageBytes)
    }

    mutating func take(_ text: StaticString, in bytes: Span<UInt8>) throws(WireError) {
        try form.take(text, in: bytes)
    }

    mutating func number(
        _ name: StaticString, from least: UInt64 = 0, in bytes: Span<UInt8>
    ) throws(WireError) -> UInt64 {
        try form.take(name, in: bytes)
        return try form.number(from: least, in: bytes)
    }

    mutating func cluster(_ name: StaticString, in bytes: Span<UInt8>) throws(WireError) -> ClusterID {
        try form.take(name, in: bytes)
        return try form.cluster(in: bytes)
    }

    mutating func entryID(_ name: StaticString, in bytes: Span<UInt8>) throws(WireError) -> EntryID {
        try form.take(name, in: bytes)
        return try form.entryID(in: bytes)
    }

    mutating func checkFormat(_ format: UInt64, in bytes: Span<UInt8>) throws(WireError) {
        try form.checkFormat(format, in: bytes)
    }

    /// Takes the closing text, after which nothing may stand.
    mutating func end(_ text: StaticString, in bytes: Span<UInt8>) throws(WireError) {
        try form.take(text, in: bytes)
        guard form.isAtEnd else { throw form.error(.form) }
    }
}
