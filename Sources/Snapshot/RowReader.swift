// Rows read back, in place: each goes into the store that is being made.
internal import Consensus
internal import JSON
internal import KeyValue
internal import Wire

/// A place in some bytes from which rows are taken, one after the other. Never traps.
struct RowReader {
    private(set) var place = 0
    /// Where texts are unescaped and decoded.
    private var plain: [UInt8] = []

    /// Goes on in other bytes.
    mutating func start(at place: Int) { self.place = place }

    /// Takes the key's row that begins here, with its newline.
    ///
    /// - Throws: `.end` if the bytes end within the row; `.order` if no store can hold it there.
    mutating func nextKey(
        _ bytes: Span<UInt8>, into restoration: inout Restoration
    ) throws(WireError) {
        let start = place
        try take("{\"key\":", bytes)
        let key = try string(bytes)
        let isAdded = try rest(bytes, of: key) { key, value, type, numbers in
            restoration.add(
                key: key, value: value, contentType: type, revision: numbers.revision,
                createdRevision: numbers.created, version: numbers.version, hold: numbers.hold)
        }
        guard isAdded else { throw WireError(offset: start, problem: .order) }
    }

    /// The numbers of a row.
    struct Numbers {
        let revision: Revision
        let created: Revision
        let version: UInt64
        let hold: Hold
    }

    /// Takes what follows on a row's key, and lends its texts.
    mutating func rest(
        _ bytes: Span<UInt8>, of key: Text,
        _ add: (Span<UInt8>, Span<UInt8>, Span<UInt8>, Numbers) -> Bool
    ) throws(WireError) -> Bool {
        let isBase64 = !takes(",\"value\":", bytes)
        if isBase64 { try take(",\"base64\":", bytes) }
        let value = try string(bytes)
        let type: Text? = takes(",\"type\":", bytes) ? try string(bytes) : nil
        try take(",\"revision\":", bytes)
        let revision = Revision(try number(bytes))
        try take(",\"createdRevision\":", bytes)
        let created = Revision(try number(bytes))
        try take(",\"version\":", bytes)
        let version = try number(bytes)
        let hold = try hold(bytes)
        try take("}\n", bytes)
        let numbers = Numbers(revision: revision, created: created, version: version, hold: hold)
        guard isBase64 || key.isEscaped || value.isEscaped || type?.isEscaped ?? false else {
            return add(
                bytes.extracting(key.range), bytes.extracting(value.range),
                bytes.extracting(type?.range ?? 0..<0), numbers)
        }
        plain.removeAll(keepingCapacity: true)
        key.append(from: bytes, to: &plain)
        let keyEnd = plain.count
        type?.append(from: bytes, to: &plain)
        let typeEnd = plain.count
        if !isBase64 {
            value.append(from: bytes, to: &plain)
        } else if !value.appendBase64Decoded(from: bytes, to: &plain) {
            throw WireError(offset: value.range.lowerBound, problem: .form)
        }
        let texts = plain.span
        return add(
            texts.extracting(0..<keyEnd), texts.extracting(typeEnd..<texts.count),
            texts.extracting(keyEnd..<typeEnd), numbers)
    }

    /// Lends a text as it is meant.
    mutating func withPlain<R>(_ text: Text, _ bytes: Span<UInt8>, _ body: (Span<UInt8>) -> R) -> R {
        guard text.isEscaped else { return body(bytes.extracting(text.range)) }
        plain.removeAll(keepingCapacity: true)
        text.append(from: bytes, to: &plain)
        return body(plain.span)
    }

    private mutating func hold(_ bytes: Span<UInt8>) throws(WireError) -> Hold {
        if takes(",\"lease\":\"", bytes) { return Hold(lease: try lease(bytes)) }
        if takes(",\"end\":", bytes) { return Hold(end: ClusterTime(milliseconds: try number(bytes))) }
        return .none
    }

    /// Takes the lease's row that begins here; throws as ``nextKey(_:into:)``.
    mutating func nextLease(
        _ bytes: Span<UInt8>, into restoration: inout Restoration
    ) throws(WireError) {
        let start = place
        try take("{\"lease\":\"", bytes)
        let id = try lease(bytes)
        try take(",\"ttl\":", bytes)
        let ttl = try number(bytes)
        try take("}\n", bytes)
        let isAdded = restoration.add(lease: id, ttlMilliseconds: ttl)
        guard isAdded else { throw WireError(offset: start, problem: .order) }
    }

    /// Takes the row of a kept answer that begins here; throws as ``nextKey(_:into:)``.
    mutating func nextAnswer(
        _ bytes: Span<UInt8>, into restoration: inout Restoration
    ) throws(WireError) {
        let start = place
        try take("{\"answer\":", bytes)
        let text = try string(bytes)
        try take(",\"index\":", bytes)
        let index = try number(bytes)
        try take(",\"at\":", bytes)
        let at = ClusterTime(milliseconds: try number(bytes))
        try take(",\"request\":", bytes)
        let hash = try string(bytes)
        guard let request = Once.Fingerprint(hexadecimal: bytes.extracting(hash.range)) else {
            throw WireError(offset: hash.range.lowerBound, problem: .form)
        }
        try take(",\"revision\":", bytes)
        let revision = Revision(try number(bytes))
        try take(",\"reply\":", bytes)
        let reply = try object(bytes)
        try take("}\n", bytes)
        var key: [UInt8] = []
        text.append(from: bytes, to: &key)
        var json: [UInt8] = []
        json.append(bytes: bytes.extracting(reply))
        let isAdded = restoration.add(
            KeptAnswer(index: index, at: at, request: request, revision: revision, reply: json), key: key)
        guard isAdded else { throw WireError(offset: start, problem: .order) }
    }

    /// One object, whatever it holds.
    private mutating func object(_ bytes: Span<UInt8>) throws(WireError) -> Range<Int> {
        let start = place
        guard place < bytes.count else { throw WireError(offset: bytes.count, problem: .end) }
        guard bytes[place] == UInt8(ascii: "{") else { throw WireError(offset: place, problem: .form) }
        var scanner = Scanner(at: place)
        do throws(SyntaxError) {
            try scanner.skipValue(in: bytes)
        } catch {
            let isEnd = error.problem == .unexpectedEnd
            throw WireError(offset: error.offset, problem: isEnd ? .end : .form)
        }
        place = scanner.position
        return start..<place
    }
}

extension RowReader {
    @inline(__always)
    mutating func take(_ literal: StaticString, _ bytes: Span<UInt8>) throws(WireError) {
        if !takes(literal, bytes) { throw mismatch(literal, bytes) }
    }

    /// Where the bytes cease to be the literal.
    private func mismatch(_ literal: StaticString, _ bytes: Span<UInt8>) -> WireError {
        var offset = 0
        while offset < literal.utf8CodeUnitCount, place + offset < bytes.count,
            unsafe bytes[place + offset] == literal.utf8Start[offset]
        { offset += 1 }
        return WireError(offset: place + offset, problem: place + offset < bytes.count ? .form : .end)
    }

    /// Goes past a literal, if it stands here.
    @inline(__always)
    mutating func takes(_ literal: StaticString, _ bytes: Span<UInt8>) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard bytes.count &- place >= count else { return false }
        let at = place
        let isHere = unsafe bytes.withUnsafeBytes { bytes in
            unsafe Self.equal(bytes.baseAddress, at: at, UnsafeRawPointer(literal.utf8Start), count)
        }
        if isHere { place &+= count }
        return isHere
    }

    @inline(__always)
    private static func equal(
        _ bytes: UnsafeRawPointer?, at place: Int, _ literal: UnsafeRawPointer, _ count: Int
    ) -> Bool {
        guard let start = unsafe bytes else { return false }
        var i = 0
        while i &+ 8 <= count {
            let a = unsafe start.loadUnaligned(fromByteOffset: place &+ i, as: UInt64.self)
            if unsafe a != literal.loadUnaligned(fromByteOffset: i, as: UInt64.self) { return false }
            i &+= 8
        }
        while i < count {
            let a = unsafe start.load(fromByteOffset: place &+ i, as: UInt8.self)
            if unsafe a != literal.load(fromByteOffset: i, as: UInt8.self) { return false }
            i &+= 1
        }
        return true
    }

    @inline(__always)
    mutating func string(_ bytes: Span<UInt8>) throws(WireError) -> Text {
        guard place < bytes.count else { throw WireError(offset: bytes.count, problem: .end) }
        // The scanner would step over spaces first.
        guard bytes[place] == UInt8(ascii: "\"") else { throw WireError(offset: place, problem: .form) }
        var scanner = Scanner(at: place)
        do throws(SyntaxError) {
            if case .string(let text) = try scanner.next(in: bytes) {
                place = scanner.position
                return text
            }
        } catch {
            let isEnd = error.problem == .unexpectedEnd
            throw WireError(offset: error.offset, problem: isEnd ? .end : .form)
        }
        throw WireError(offset: place, problem: .form)
    }

    /// A plain integer from 0 to 2^53−1.
    @inline(__always)
    mutating func number(_ bytes: Span<UInt8>) throws(WireError) -> UInt64 {
        let value = try digits(bytes, max: 16)
        guard value <= largestNumber else { throw WireError(offset: place, problem: .number) }
        return value
    }

    /// A lease's id, from 1 to 2^63−1, and the quote that ends it.
    private mutating func lease(_ bytes: Span<UInt8>) throws(WireError) -> UInt64 {
        let start = place
        let value = try digits(bytes, max: 19)
        guard value > 0, value < 1 << 63 else { throw WireError(offset: start, problem: .number) }
        try take("\"", bytes)
        return value
    }

    /// At most 19 digits, so that they cannot overflow.
    @inline(__always)
    private mutating func digits(_ bytes: Span<UInt8>, max: Int) throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        let start = place
        var at = place
        while at < bytes.count {
            let digit = bytes[at] &- 0x30
            guard digit < 10 else { break }
            guard at &- start < max, value > 0 || at == start else {
                throw WireError(offset: start, problem: .number)
            }
            value = value &* 10 &+ UInt64(digit)
            at &+= 1
        }
        guard at > start else { throw WireError(offset: at, problem: at < bytes.count ? .number : .end) }
        place = at
        return value
    }
}
