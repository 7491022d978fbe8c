// Leases and idempotency keys, read from the log: anything that no client could have asked is malformed.
internal import JSON

extension CommandReader {
    mutating func readGrant(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Operation {
        var id: UInt64?
        var time: UInt64?
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            if name.equals("id", in: bytes), id == nil {
                id = try leaseID(bytes)
            } else if name.equals("ttl", in: bytes), time == nil {
                time = try ttl(bytes, Lease.ttlMilliseconds)
            } else {
                throw MalformedCommand()
            }
        }
        guard let time else { throw MalformedCommand() }
        return .grant(id: id, ttlMilliseconds: time)
    }

    mutating func readLeases(_ bytes: Span<UInt8>) throws(MalformedCommand) -> [UInt64] {
        guard try next(bytes) == .arrayStart else { throw MalformedCommand() }
        var leases: [UInt64] = []
        while true {
            switch try next(bytes) {
            case .arrayEnd: return leases
            case .string(let text): leases.append(try leaseID(text, bytes))
            case .objectStart, .objectEnd, .arrayStart, .name, .number, .boolean, .null, .end:
                throw MalformedCommand()
            }
        }
    }

    mutating func readOnce(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Once {
        var key: [UInt8]?
        var request: Once.Fingerprint?
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            guard case .string(let text) = try next(bytes) else { throw MalformedCommand() }
            if name.equals("key", in: bytes), key == nil {
                var plain: [UInt8] = []
                text.append(from: bytes, to: &plain)
                guard (1...Once.keyBytesMax).contains(plain.count) else { throw MalformedCommand() }
                key = plain
            } else if name.equals("request", in: bytes), request == nil, !text.isEscaped {
                request = Once.Fingerprint(hexadecimal: bytes.extracting(text.range))
                guard request != nil else { throw MalformedCommand() }
            } else {
                throw MalformedCommand()
            }
        }
        guard let key, let request else { throw MalformedCommand() }
        return Once(key: key, request: request)
    }

    /// A lease's id: 1 to 2^63−1.
    mutating func leaseID(_ bytes: Span<UInt8>) throws(MalformedCommand) -> UInt64 {
        guard case .string(let text) = try next(bytes) else { throw MalformedCommand() }
        return try leaseID(text, bytes)
    }

    func leaseID(_ text: Text, _ bytes: Span<UInt8>) throws(MalformedCommand) -> UInt64 {
        guard !text.isEscaped, let id = Lease.id(decimal: bytes.extracting(text.range)) else {
            throw MalformedCommand()
        }
        return id
    }

    mutating func ttl(
        _ bytes: Span<UInt8>, _ allowed: ClosedRange<UInt64>
    ) throws(MalformedCommand) -> UInt64 {
        let milliseconds = try number(bytes)
        guard allowed.contains(milliseconds) else { throw MalformedCommand() }
        return milliseconds
    }
}

extension Lease {
    /// The id that these decimal digits are, without zeros before them: 1 to 2^63−1; nil if they are none.
    public static func id(decimal text: Span<UInt8>) -> UInt64? {
        guard (1...19).contains(text.count), text[0] != UInt8(ascii: "0") else { return nil }
        var id: UInt64 = 0
        for place in text.indices {
            let digit = UInt64(text[place] &- UInt8(ascii: "0"))
            guard digit <= 9, id <= (idMax - digit) / 10 else { return nil }
            id = id * 10 + digit
        }
        return id
    }
}

extension Once.Fingerprint {
    /// 32 digits; nil if these are none.
    public init?(hexadecimal text: Span<UInt8>) {
        guard text.count == 32 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for place in text.indices {
            let byte = text[place]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            if place < 16 {
                words.0 = words.0 << 4 | UInt64(digit)
            } else {
                words.1 = words.1 << 4 | UInt64(digit)
            }
        }
        self.init(high: words.0, low: words.1)
    }
}
