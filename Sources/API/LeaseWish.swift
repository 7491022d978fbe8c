// The content of POST /leases: how long, and under which id (Interface §4).
internal import JSON
internal import KeyValue

/// What a client wants a lease to be.
public struct LeaseWish: Sendable, Equatable {
    /// The id that it asks for; nil: any.
    public let id: UInt64?
    /// How long the lease is to live without a keepalive.
    public let ttlMilliseconds: UInt64

    /// Reads `{"ttl":"30s"}` or `{"ttl":30,"id":"7"}`.
    ///
    /// - Throws: a refusal that says what is wrong and where.
    public init(reading content: Span<UInt8>) throws(Refusal) {
        var reader = TransactionReader(valueBytesMax: 0)
        self = try reader.leaseWish(content)
    }

    fileprivate init(id: UInt64?, ttlMilliseconds: UInt64) {
        self.id = id
        self.ttlMilliseconds = ttlMilliseconds
    }
}

extension TransactionReader {
    fileprivate mutating func leaseWish(_ content: Span<UInt8>) throws(Refusal) -> LeaseWish {
        var seen = Names()
        var id: UInt64?
        var ttl: UInt64?
        try expectObject(content, "{\"ttl\":\"30s\"}")
        while let name = try nextName(content, of: ["ttl", "id"], &seen) {
            if name == 0 { ttl = try leaseTime(content) } else { id = try leaseID(content) }
            leave()
        }
        // Whatever follows the object is an error of its own.
        _ = try next(content)
        guard let ttl else { throw bad("ttl is missing") }
        return LeaseWish(id: id, ttlMilliseconds: ttl)
    }

    private mutating func leaseTime(_ content: Span<UInt8>) throws(Refusal) -> UInt64 {
        let token = try next(content)
        guard let time = duration(token, in: content, in: Lease.ttlMilliseconds) else {
            throw bad("a time from 1s to a day was expected, as \"30s\", or a number of seconds")
        }
        return time
    }
}

/// The milliseconds of a length of time in JSON: a string as in a query, or a number of seconds.
func duration(
    _ token: Token, in content: Span<UInt8>, in allowed: ClosedRange<UInt64>
) -> UInt64? {
    let range: Range<Int>
    switch token {
    case .string(let text):
        if text.isEscaped { return nil }
        range = text.range
    case .number(let digits): range = digits
    case .objectStart, .objectEnd, .arrayStart, .arrayEnd, .name, .boolean, .null, .end: return nil
    }
    guard let time = milliseconds(content.extracting(range), atMost: allowed.upperBound) else { return nil }
    return time < allowed.lowerBound ? nil : time
}
