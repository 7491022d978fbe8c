// The request line taken apart, and what the fields of a head mean together (RFC 9112 §3, §6, §9).

extension Method {
    @inlinable
    static func named(_ name: Range<Int>, in bytes: Span<UInt8>) -> Method {
        // Methods are case-sensitive (RFC 9110 §9.1).
        switch name.count {
        case 3:
            if equals("GET", name, in: bytes) { return .get }
            return equals("PUT", name, in: bytes) ? .put : .other
        case 4:
            if equals("HEAD", name, in: bytes) { return .head }
            return equals("POST", name, in: bytes) ? .post : .other
        case 5: return equals("PATCH", name, in: bytes) ? .patch : .other
        case 6: return equals("DELETE", name, in: bytes) ? .delete : .other
        case 7: return equals("OPTIONS", name, in: bytes) ? .options : .other
        default: return .other
        }
    }
}

/// Whether the bytes of `range` are `literal`.
@inlinable
func equals(_ literal: StaticString, _ range: Range<Int>, in bytes: Span<UInt8>) -> Bool {
    guard range.count == literal.utf8CodeUnitCount else { return false }
    var index = 0
    while index < range.count {
        guard unsafe bytes[range.lowerBound &+ index] == literal.utf8Start[index] else { return false }
        index &+= 1
    }
    return true
}

/// Whether the version is 1.0. A higher minor version is read as 1.1 (RFC 9110 §2.5).
func readVersion(_ range: Range<Int>, in bytes: Span<UInt8>) throws(MessageError) -> Bool {
    let start = range.lowerBound
    if range.count == 8, word(bytes, at: start) == Field.packed("HTTP/1.1") { return false }
    guard range.count == 8, equals("HTTP/", start..<start + 5, in: bytes),
        bytes[start + 6] == UInt8(ascii: "."),
        bytes[start + 5] &- 0x30 < 10, bytes[start + 7] &- 0x30 < 10
    else { throw MessageError(.malformedVersion, at: start) }
    guard bytes[start + 5] == UInt8(ascii: "1") else { throw MessageError(.unknownVersion, at: start) }
    return bytes[start + 7] == UInt8(ascii: "0")
}

extension RequestHead {
    mutating func readRequestLine(_ line: Range<Int>, in bytes: Span<UInt8>) throws(MessageError) {
        var offset = line.lowerBound
        while offset < line.upperBound, isTokenCharacter(bytes[offset]) { offset &+= 1 }
        guard offset > line.lowerBound else { throw MessageError(.badMethod, at: offset) }
        guard offset < line.upperBound else { throw MessageError(.badRequestLine, at: line.lowerBound) }
        guard bytes[offset] == 0x20 else { throw MessageError(.badMethod, at: offset) }
        methodPlace = Place(line.lowerBound..<offset)
        method = Method.named(methodName, in: bytes)
        offset &+= 1

        let start = offset
        var mark = -1
        while offset < line.upperBound, bytes[offset] != 0x20 {
            let byte = bytes[offset]
            guard isTargetCharacter(byte) else { throw MessageError(.badTarget, at: offset) }
            if byte == UInt8(ascii: "?"), mark < 0 { mark = offset }
            offset &+= 1
        }
        guard offset > start, offset < line.upperBound else {
            throw MessageError(.badRequestLine, at: line.lowerBound)
        }
        targetPlace = Place(start..<offset)
        isVersion10 = try readVersion(offset &+ 1..<line.upperBound, in: bytes)
        try readTarget(mark: mark, in: bytes)
    }

    /// Tells the target's form; `mark` is where its first question mark stands, or negative.
    private mutating func readTarget(mark: Int, in bytes: Span<UInt8>) throws(MessageError) {
        let pathEnd = mark < 0 ? target.upperBound : mark
        if mark >= 0 { queryPlace = Place(mark + 1..<target.upperBound) }
        if bytes[target.lowerBound] == UInt8(ascii: "/") {
            pathPlace = Place(target.lowerBound..<pathEnd)
            return
        }
        if equals("CONNECT", methodName, in: bytes) {
            form = .authority
            pathPlace = Place(target.upperBound..<target.upperBound)
            queryPlace = .none
            return
        }
        if target.count == 1, bytes[target.lowerBound] == UInt8(ascii: "*"), method == .options {
            form = .asterisk
            pathPlace = Place(target.upperBound..<target.upperBound)
            return
        }
        form = .absolute
        let authority = try schemeEnd(in: bytes)
        var end = authority
        while end < pathEnd, bytes[end] != UInt8(ascii: "/") { end += 1 }
        // User and password in an http URL are refused: they serve phishing only (RFC 9110 §4.2.4).
        guard end > authority, isHost(authority..<end, in: bytes) else {
            throw MessageError(.badTarget, at: authority)
        }
        hostPlace = Place(authority..<end)
        pathPlace = Place(end..<pathEnd)
    }

    /// Where the authority of an absolute target begins.
    private func schemeEnd(in bytes: Span<UInt8>) throws(MessageError) -> Int {
        var end = target.lowerBound
        while end < target.upperBound, bytes[end] != UInt8(ascii: ":") { end += 1 }
        let scheme = target.lowerBound..<end
        guard matches("http", scheme, in: bytes) || matches("https", scheme, in: bytes),
            end + 3 <= target.upperBound, equals("://", end..<end + 3, in: bytes)
        else { throw MessageError(.badTarget, at: target.lowerBound) }
        return end + 3
    }

    private func isHost(_ range: Range<Int>, in bytes: Span<UInt8>) -> Bool {
        for offset in range where !isHostCharacter(bytes[offset]) { return false }
        return true
    }

    /// What the fields mean together.
    mutating func settle(in bytes: Span<UInt8>) throws(MessageError) {
        if let value = fields[.host] {
            guard isHost(value, in: bytes) else { throw MessageError(.badHost, at: value.lowerBound) }
            // An absolute target's host wins (RFC 9112 §3.2.2).
            if host == nil { hostPlace = Place(value) }
        } else if !isVersion10 {
            throw MessageError(.missingHost, at: count)
        }
        framing = try fields.framing(isVersion10: isVersion10, in: bytes)
        keepAlive = fields.keepAlive(isVersion10: isVersion10, in: bytes) && form != .authority
        // A 1.0 client does not know what it would be waiting for (RFC 9110 §10.1.1).
        if let value = fields[.expect], !isVersion10 {
            let isContinue = matches("100-continue", value, in: bytes) && !fields.isRepeated(.expect)
            expectation = isContinue ? .continue : .other
        }
    }
}

extension Fields {
    /// How the content's end is known, from Content-Length and Transfer-Encoding (RFC 9112 §6.3).
    func framing(isVersion10: Bool, in bytes: Span<UInt8>) throws(MessageError) -> Framing {
        if let coding = self[.transferEncoding] {
            if let length = self[.contentLength] {
                throw MessageError(.lengthAndChunked, at: length.lowerBound)
            }
            guard !isVersion10, matches("chunked", coding, in: bytes) else {
                throw MessageError(.badTransferEncoding, at: coding.lowerBound)
            }
            return .chunked
        }
        guard let value = self[.contentLength] else { return .none }
        var length = 0
        for offset in value {
            let digit = bytes[offset] &- 0x30
            guard digit < 10, length <= (1 << 53) / 10 else { throw MessageError(.badLength, at: offset) }
            length = length * 10 + Int(digit)
        }
        guard !value.isEmpty else { throw MessageError(.badLength, at: value.lowerBound) }
        return .length(length)
    }

    /// Whether the connection goes on after this message (RFC 9112 §9.3).
    func keepAlive(isVersion10: Bool, in bytes: Span<UInt8>) -> Bool {
        var closes = false
        var keeps = false
        var line = self[.connection]
        while let value = line {
            var start = value.lowerBound
            while start <= value.upperBound {
                var end = start
                while end < value.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
                let option = trimmed(start..<end, in: bytes)
                closes = closes || matches("close", option, in: bytes)
                keeps = keeps || matches("keep-alive", option, in: bytes)
                start = end + 1
            }
            line = isRepeated(.connection) ? next(.connection, after: value.upperBound, in: bytes) : nil
        }
        return !closes && (keeps || !isVersion10)
    }
}
