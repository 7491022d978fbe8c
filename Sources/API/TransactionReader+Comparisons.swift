// The conditions of a transaction: one comparison each (Interface §2, POST /txn).
internal import JSON
internal import KeyValue

extension TransactionReader {
    /// The names of a condition; from the second on, what of the key is compared.
    private static let names: [StaticString] = [
        "key", "exists", "revision", "createdRevision", "version", "value", "lease",
    ]
    private static let numbers: [Comparison.Number] = [.revision, .createdRevision, .version]
    private static let relations: [Comparison.Relation] = [.eq, .ne, .gt, .ge, .lt, .le]
    private static let relationNames: [StaticString] = ["eq", "ne", "gt", "ge", "lt", "le"]

    /// One condition; its object has begun.
    mutating func comparison(_ content: Span<UInt8>) throws(Refusal) -> Comparison {
        var seen = Names()
        var key: [UInt8]?
        var subject: Comparison.Subject?
        while let name = try nextName(content, of: Self.names, &seen) {
            guard name == 0 || subject == nil else {
                throw bad("a condition has one comparison; this is its second")
            }
            switch name {
            case 0: key = try self.key(content)
            case 1:
                guard case .boolean(let exists) = try next(content) else {
                    throw bad("true or false was expected")
                }
                subject = .exists(exists)
            case 2, 3, 4: subject = .number(Self.numbers[name - 2], try numberBounds(content))
            case 5: subject = .value(try valueBounds(content))
            default: subject = .number(.lease, try leaseBounds(content))
            }
            leave()
        }
        guard let key else { throw bad("the key is missing") }
        guard let subject else {
            throw bad(
                "what is compared is missing: exists, revision, createdRevision, version, value or lease")
        }
        return Comparison(key: key, subject)
    }

    private mutating func numberBounds(_ content: Span<UInt8>) throws(Refusal) -> [Comparison.Bound<UInt64>] {
        switch try next(content) {
        case .number(let digits):
            guard let number = unsignedInteger(digits, in: content) else {
                throw bad("an integer from 0 to 9007199254740991 was expected")
            }
            return [Comparison.Bound(.eq, number)]
        case .objectStart:
            return try bounds(content, Self.relationNames) { reader throws(Refusal) in
                try reader.number(content)
            }
        case .objectEnd, .arrayStart, .arrayEnd, .name, .string, .boolean, .null, .end:
            throw bad("a number or an object such as {\"gt\":2} was expected")
        }
    }

    private mutating func leaseBounds(_ content: Span<UInt8>) throws(Refusal) -> [Comparison.Bound<UInt64>] {
        switch try next(content) {
        case .string(let text): return [Comparison.Bound(.eq, try lease(text, content))]
        case .objectStart:
            return try bounds(content, ["eq", "ne"]) { reader throws(Refusal) in
                guard case .string(let text) = try reader.next(content) else {
                    throw reader.bad("a lease's id is a string of digits")
                }
                return try reader.lease(text, content)
            }
        case .objectEnd, .arrayStart, .arrayEnd, .name, .number, .boolean, .null, .end:
            throw bad("a lease's id is a string of digits")
        }
    }

    /// An id, or 0 for none.
    private func lease(_ text: Text, _ content: Span<UInt8>) throws(Refusal) -> UInt64 {
        var digits: [UInt8] = []
        text.append(from: content, to: &digits)
        let isCanonical = !digits.isEmpty && (digits[0] != UInt8(ascii: "0") || digits.count == 1)
        guard isCanonical, digits.allSatisfy({ $0 &- 0x30 < 10 }),
            let id = Int64(String(decoding: digits, as: UTF8.self))
        else { throw bad("a lease's id is a string of digits, at most 9223372036854775807") }
        return UInt64(id)
    }

    /// A value, or bounds of one; `{"base64":"…"}` is a value.
    private mutating func valueBounds(_ content: Span<UInt8>) throws(Refusal) -> [Comparison.Bound<[UInt8]>] {
        switch try next(content) {
        case .string(let text):
            var bytes: [UInt8] = []
            text.append(from: content, to: &bytes)
            return [Comparison.Bound(.eq, bytes)]
        case .objectStart: break
        case .objectEnd, .arrayStart, .arrayEnd, .name, .number, .boolean, .null, .end:
            throw bad("a string, {\"base64\":\"…\"} or an object such as {\"ne\":\"x\"} was expected")
        }
        var seen = Names()
        var bounds: [Comparison.Bound<[UInt8]>] = []
        var bytes: [UInt8]?
        while let name = try nextName(content, of: Self.relationNames + ["base64"], &seen) {
            if name == Self.relations.count {
                guard bounds.isEmpty else { throw bad("base64 does not stand beside relations") }
                bytes = try base64(content)
            } else {
                guard bytes == nil else { throw bad("relations do not stand beside base64") }
                bounds.append(Comparison.Bound(Self.relations[name], try blob(content)))
            }
            leave()
        }
        if let bytes { return [Comparison.Bound(.eq, bytes)] }
        guard !bounds.isEmpty else { throw bad("a relation is missing, such as eq") }
        return bounds
    }

    /// Relations and their operands; their object has begun.
    private mutating func bounds(
        _ content: Span<UInt8>, _ names: [StaticString],
        _ read: (inout TransactionReader) throws(Refusal) -> UInt64
    ) throws(Refusal) -> [Comparison.Bound<UInt64>] {
        var seen = Names()
        var bounds: [Comparison.Bound<UInt64>] = []
        while let name = try nextName(content, of: names, &seen) {
            bounds.append(Comparison.Bound(Self.relations[name], try read(&self)))
            leave()
        }
        guard !bounds.isEmpty else { throw bad("a relation is missing, such as eq") }
        return bounds
    }
}
