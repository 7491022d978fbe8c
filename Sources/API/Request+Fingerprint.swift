// What a request under an idempotency key is, in 128 bits: the same again, or another one (Interface §6).
public import HTTP
internal import JSON
public import KeyValue

extension Request {
    /// The client's own name for this write, and what it asks for; nil: it has no name.
    ///
    /// The same request gives the same, on every node: method, path, query (but for `timeout` and
    /// `redirect`), Content-Type, conditions and content.
    ///
    /// - Parameters:
    ///   - head: the request's head.
    ///   - bytes: the bytes in which it stands.
    ///   - content: the content, decoded.
    /// - Returns: both, if it has a name.
    public func once(_ head: borrowing RequestHead, in bytes: Span<UInt8>, content: Span<UInt8>) -> Once? {
        guard let idempotencyKey else { return nil }
        var key: [UInt8] = []
        key.append(bytes: bytes.extracting(idempotencyKey))
        var hash = RequestHash()
        hash.mix(bytes.extracting(head.methodName))
        hash.mix(bytes.extracting(head.path))
        var parameters = Parameters(head.query)
        while let parameter = parameters.next(in: bytes) {
            if parameter.isNamed("timeout", in: bytes) || parameter.isNamed("redirect", in: bytes) {
                continue
            }
            hash.mix(bytes.extracting(parameter.name))
            hash.mix(bytes.extracting(parameter.value ?? 0..<0))
        }
        for field in [Field.contentType, .ifMatch, .ifNoneMatch] {
            var line = head.fields[field]
            while let value = line {
                hash.mix(bytes.extracting(value))
                line =
                    head.fields.isRepeated(field)
                    ? head.fields.next(field, after: value.upperBound, in: bytes) : nil
            }
            hash.end()
        }
        hash.mix(content)
        return Once(key: key, request: hash.value)
    }
}

/// Two chains of 64 bits over parts of bytes, each with its length: against chance, not against a forger, who
/// could only be refused his own requests.
private struct RequestHash {
    private var words: (UInt64, UInt64) = (0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344)

    var value: Once.Fingerprint { Once.Fingerprint(high: words.0, low: words.1) }

    /// A list of parts is over.
    mutating func end() { mix(.max) }

    mutating func mix(_ bytes: Span<UInt8>) {
        mix(UInt64(bytes.count))
        var word: UInt64 = 0
        for place in bytes.indices {
            word = word &<< 8 | UInt64(bytes[place])
            if place & 7 == 7 { mix(word) }
        }
        if bytes.count & 7 != 0 { mix(word) }
    }

    /// Both steps can be undone, so that no part is lost; the two differ, so that what meets in one does
    /// not in the other.
    @inline(__always)
    private mutating func mix(_ word: UInt64) {
        words.0 = (words.0 ^ word) &* 0x9FB2_1C65_1E98_DF25
        words.0 ^= words.0 &>> 32
        words.1 = (words.1 &+ word) &* 0xD6E8_FEB8_6659_FD93
        words.1 ^= words.1 &>> 29
    }
}
