// The operations of a transaction: put, get, list, delete (Interface §2, POST /txn).
internal import JSON
internal import KeyValue

extension TransactionReader {
    /// One operation; its object has begun.
    mutating func step(_ content: Span<UInt8>) throws(Refusal) -> Transaction.Step {
        var seen = Names()
        var step: Transaction.Step?
        while let name = try nextName(content, of: ["put", "get", "list", "delete"], &seen) {
            guard step == nil else { throw bad("an operation has one name; this is its second") }
            switch name {
            case 0: step = try put(content)
            case 1: step = try get(content)
            case 2: step = try list(content)
            default: step = try delete(content)
            }
            leave()
        }
        guard let step else { throw bad("an operation was expected: put, get, list or delete") }
        return step
    }

    private mutating func put(_ content: Span<UInt8>) throws(Refusal) -> Transaction.Step {
        var seen = Names()
        var key: [UInt8]?
        var value: [UInt8]?
        var contentType: [UInt8] = []
        var lifetime = Lifetime.unbounded
        try expectObject(content, "{\"key\":\"a\",\"value\":\"x\"}")
        while let name = try nextName(
            content, of: ["key", "value", "base64", "contentType", "ttl", "lease"], &seen)
        {
            switch name {
            case 0: key = try self.key(content)
            case 1, 2:
                guard value == nil else { throw bad("value or base64 is given, not both") }
                let bytes = name == 1 ? try string(content) : try base64(content)
                guard bytes.count <= valueBytesMax else {
                    let what = "the value has \(bytes.count) bytes; at most \(valueBytesMax) are taken"
                    throw bad(what, .tooLarge, status: 413)
                }
                value = bytes
            case 3: contentType = try self.contentType(content)
            default:
                if lifetime != .unbounded { throw bad("ttl or lease is given, not both") }
                lifetime = try self.lifetime(content, isLease: name == 5)
            }
            leave()
        }
        guard let key else { throw bad("the key is missing") }
        guard let value else { throw bad("value or base64 is missing") }
        return .put(key: key, value: value, contentType: contentType, lifetime: lifetime)
    }

    private mutating func lifetime(
        _ content: Span<UInt8>, isLease: Bool
    ) throws(Refusal) -> Lifetime {
        if isLease {
            let id = try leaseID(content)
            return .lease(id)
        }
        let token = try next(content)
        guard let time = duration(token, in: content, in: Lifetime.ttlMilliseconds) else {
            throw bad("a time from 1s to ten years was expected, as \"30s\", or a number of seconds")
        }
        return .ttl(milliseconds: time)
    }

    mutating func leaseID(_ content: Span<UInt8>) throws(Refusal) -> UInt64 {
        let text = try string(content)
        guard let id = Lease.id(decimal: text.span) else {
            throw bad("a lease's id was expected: a string of digits")
        }
        return id
    }

    private mutating func contentType(_ content: Span<UInt8>) throws(Refusal) -> [UInt8] {
        let type = try string(content)
        guard isMediaType(type.span) else {
            throw bad(
                "this is not a media type of at most \(Command.contentTypeBytesMax) ASCII characters",
                .badRequest)
        }
        return type.span.equals(Command.contentTypeDefault) ? [] : type
    }

    private mutating func get(_ content: Span<UInt8>) throws(Refusal) -> Transaction.Step {
        var seen = Names()
        var key: [UInt8]?
        try expectObject(content, "{\"key\":\"a\"}")
        while try nextName(content, of: ["key"], &seen) != nil {
            key = try self.key(content)
            leave()
        }
        guard let key else { throw bad("the key is missing") }
        return .get(key: key)
    }

    private mutating func list(_ content: Span<UInt8>) throws(Refusal) -> Transaction.Step {
        var seen = Names()
        var prefix: [UInt8]?
        var limit = Listing.limitDefault
        try expectObject(content, "{\"prefix\":\"a/\",\"limit\":10}")
        while let name = try nextName(content, of: ["prefix", "limit"], &seen) {
            if name == 0 {
                prefix = try blob(content)
            } else {
                guard case .number(let digits) = try next(content),
                    let number = unsignedInteger(digits, in: content), number >= 1,
                    number <= UInt64(Transaction.listMax)
                else { throw bad("an integer from 1 to \(Transaction.listMax) was expected") }
                limit = Int(number)
            }
            leave()
        }
        guard let prefix else { throw bad("the prefix is missing; an empty one lists all keys") }
        return .list(prefix: prefix, limit: limit)
    }

    private mutating func delete(_ content: Span<UInt8>) throws(Refusal) -> Transaction.Step {
        var seen = Names()
        var step: Transaction.Step?
        try expectObject(content, "{\"key\":\"a\"}")
        while let name = try nextName(content, of: ["key", "prefix"], &seen) {
            guard step == nil else { throw bad("key or prefix is given, not both") }
            if name == 0 {
                step = .delete(key: try key(content))
            } else {
                let prefix = try blob(content)
                guard !prefix.isEmpty else {
                    throw bad(
                        "an empty prefix means everything, which only DELETE /kv?prefix=&all=true deletes",
                        .badRequest)
                }
                step = .deleteAll(prefix: prefix)
            }
            leave()
        }
        guard let step else { throw bad("key or prefix is missing") }
        return step
    }

    /// Bytes: a string, or an object with base64.
    mutating func blob(_ content: Span<UInt8>) throws(Refusal) -> [UInt8] {
        switch try next(content) {
        case .string(let text):
            var bytes: [UInt8] = []
            text.append(from: content, to: &bytes)
            return bytes
        case .objectStart:
            var seen = Names()
            var bytes: [UInt8]?
            while try nextName(content, of: ["base64"], &seen) != nil {
                bytes = try base64(content)
                leave()
            }
            guard let bytes else { throw bad("base64 is missing") }
            return bytes
        case .objectEnd, .arrayStart, .arrayEnd, .name, .number, .boolean, .null, .end:
            throw bad("a string or {\"base64\":\"…\"} was expected")
        }
    }
}
