// Transactions and range deletes, read from the log: anything that no client could have asked is malformed.
internal import JSON

extension CommandReader {
    mutating func readRange(_ bytes: Span<UInt8>) throws(MalformedCommand) -> KeyRange {
        var start: [UInt8]?
        var end: [UInt8]?
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            if name.equals("start", in: bytes), start == nil {
                start = try blob(bytes)
            } else if name.equals("end", in: bytes), end == nil {
                end = try blob(bytes)
            } else {
                throw MalformedCommand()
            }
        }
        guard let start else { throw MalformedCommand() }
        return KeyRange(start: start, end: end)
    }

    mutating func readTransaction(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Operation.Branches {
        var transaction = Operation.Branches()
        transaction.then.reserveCapacity(min(bytes.count / Self.stepBytes, Transaction.operationsMax))
        var seen = 0
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            let part = name.equals("if", in: bytes) ? 1 : name.equals("then", in: bytes) ? 2 : 4
            guard part < 4 || name.equals("else", in: bytes), seen & part == 0 else {
                throw MalformedCommand()
            }
            seen |= part
            guard try next(bytes) == .arrayStart else { throw MalformedCommand() }
            while try nextElement(bytes) {
                switch part {
                case 1: transaction.comparisons.append(try readComparison(bytes))
                case 2: transaction.then.append(try readStep(bytes))
                default: transaction.otherwise.append(try readStep(bytes))
                }
            }
        }
        let steps = transaction.then.count + transaction.otherwise.count
        guard transaction.comparisons.count <= Transaction.operationsMax, steps <= Transaction.operationsMax
        else { throw MalformedCommand() }
        return transaction
    }

    /// A small put takes about so many.
    private static var stepBytes: Int { 64 }

    /// Inside an object that has been begun: whether another one begins, or the array ends.
    mutating func nextElement(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Bool {
        switch try next(bytes) {
        case .objectStart: return true
        case .arrayEnd: return false
        case .objectEnd, .arrayStart, .name, .string, .number, .boolean, .null, .end:
            throw MalformedCommand()
        }
    }

    // MARK: Operations

    private mutating func readStep(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Operation.Branches.Step {
        guard let name = try nextName(bytes) else { throw MalformedCommand() }
        let step: Operation.Branches.Step
        if name.equals("put", in: bytes) {
            step = try putStep(try readPut(bytes), bytes)
        } else {
            step = .other(try readOther(name, bytes))
        }
        guard try nextName(bytes) == nil else { throw MalformedCommand() }
        return step
    }

    /// A step that is no put.
    private mutating func readOther(
        _ name: Text, _ bytes: Span<UInt8>
    ) throws(MalformedCommand) -> Transaction.Step {
        if name.equals("get", in: bytes) {
            let target = try readTarget(bytes)
            guard let key = target.key, target.prefix == nil, target.limit == nil else {
                throw MalformedCommand()
            }
            return .get(key: key)
        } else if name.equals("list", in: bytes) {
            let target = try readTarget(bytes)
            guard target.key == nil, let prefix = target.prefix, let limit = target.limit,
                (1...UInt64(Transaction.listMax)).contains(limit)
            else { throw MalformedCommand() }
            return .list(prefix: prefix, limit: Int(limit))
        } else if name.equals("delete", in: bytes) {
            let target = try readTarget(bytes)
            guard target.limit == nil, (target.key == nil) != (target.prefix == nil) else {
                throw MalformedCommand()
            }
            return target.key.map { .delete(key: $0) } ?? .deleteAll(prefix: target.prefix ?? [])
        }
        throw MalformedCommand()
    }

    private func putStep(
        _ put: Operation.Put, _ bytes: Span<UInt8>
    ) throws(MalformedCommand) -> Operation.Branches.Step {
        guard put.precondition.isEmpty else { throw MalformedCommand() }
        if put.isPlain {
            let plain = Operation.Branches.PlainPut(
                key: put.key.range, value: put.value.range, contentType: put.contentType?.range ?? 0..<0,
                lifetime: put.lifetime)
            guard (1...Command.keyBytesMax).contains(plain.key.count), plain.value.count <= Int(UInt32.max),
                plain.contentType.count <= Command.contentTypeBytesMax
            else { throw MalformedCommand() }
            return .put(plain)
        }
        var value: [UInt8] = []
        if !put.isBase64 {
            put.value.append(from: bytes, to: &value)
        } else if !put.value.appendBase64Decoded(from: bytes, to: &value) {
            throw MalformedCommand()
        }
        var contentType: [UInt8] = []
        put.contentType?.append(from: bytes, to: &contentType)
        guard contentType.count <= Command.contentTypeBytesMax, value.count <= Int(UInt32.max) else {
            throw MalformedCommand()
        }
        return .other(
            .put(key: try key(put.key, bytes), value: value, contentType: contentType, lifetime: put.lifetime)
        )
    }

    /// What a get, a list or a delete is about.
    private struct Target {
        var key: [UInt8]?
        var prefix: [UInt8]?
        var limit: UInt64?
    }

    private mutating func readTarget(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Target {
        var target = Target()
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            if name.equals("key", in: bytes), target.key == nil {
                guard case .string(let text) = try next(bytes) else { throw MalformedCommand() }
                target.key = try key(text, bytes)
            } else if name.equals("prefix", in: bytes), target.prefix == nil {
                target.prefix = try blob(bytes)
            } else if name.equals("limit", in: bytes), target.limit == nil {
                target.limit = try number(bytes)
            } else {
                throw MalformedCommand()
            }
        }
        return target
    }

    // MARK: Comparisons

    private mutating func readComparison(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Comparison {
        var key: [UInt8]?
        var subject: Comparison.Subject?
        while let name = try nextName(bytes) {
            if name.equals("key", in: bytes), key == nil {
                guard case .string(let text) = try next(bytes) else { throw MalformedCommand() }
                key = try self.key(text, bytes)
                continue
            }
            guard subject == nil else { throw MalformedCommand() }
            if name.equals("exists", in: bytes) {
                guard case .boolean(let exists) = try next(bytes) else { throw MalformedCommand() }
                subject = .exists(exists)
            } else if name.equals("value", in: bytes) {
                subject = .value(
                    try readBounds(bytes) { reader, bytes throws(MalformedCommand) in try reader.blob(bytes) }
                )
            } else {
                let number = try readNumber(name, bytes)
                let bounds = try readBounds(bytes) { reader, bytes throws(MalformedCommand) in
                    number == .lease ? try reader.lease(bytes) : try reader.number(bytes)
                }
                guard number != .lease || bounds.allSatisfy({ $0.relation == .eq || $0.relation == .ne })
                else { throw MalformedCommand() }
                subject = .number(number, bounds)
            }
        }
        guard let key, let subject else { throw MalformedCommand() }
        return Comparison(key: key, subject)
    }

    private func readNumber(_ name: Text, _ bytes: Span<UInt8>) throws(MalformedCommand) -> Comparison.Number
    {
        if name.equals("revision", in: bytes) { return .revision }
        if name.equals("createdRevision", in: bytes) { return .createdRevision }
        if name.equals("version", in: bytes) { return .version }
        guard name.equals("lease", in: bytes) else { throw MalformedCommand() }
        return .lease
    }

    private mutating func readBounds<Operand>(
        _ bytes: Span<UInt8>,
        _ read: (inout CommandReader, Span<UInt8>) throws(MalformedCommand) -> Operand
    ) throws(MalformedCommand) -> [Comparison.Bound<Operand>] {
        var bounds: [Comparison.Bound<Operand>] = []
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            var plain: [UInt8] = []
            name.append(from: bytes, to: &plain)
            guard let relation = Comparison.Relation(rawValue: String(decoding: plain, as: UTF8.self)),
                !bounds.contains(where: { $0.relation == relation })
            else { throw MalformedCommand() }
            bounds.append(Comparison.Bound(relation, try read(&self, bytes)))
        }
        guard !bounds.isEmpty else { throw MalformedCommand() }
        return bounds
    }

    // MARK: Bytes

    /// A lease's id, or 0, which is none.
    mutating func lease(_ bytes: Span<UInt8>) throws(MalformedCommand) -> UInt64 {
        guard case .string(let text) = try next(bytes), !text.isEscaped else { throw MalformedCommand() }
        var lease: UInt64 = 0
        for place in text.range {
            let digit = UInt64(bytes[place] &- UInt8(ascii: "0"))
            guard digit <= 9, lease <= (UInt64(Int64.max) - digit) / 10 else { throw MalformedCommand() }
            lease = lease * 10 + digit
        }
        return lease
    }

    private func key(_ text: Text, _ bytes: Span<UInt8>) throws(MalformedCommand) -> [UInt8] {
        var key: [UInt8] = []
        text.append(from: bytes, to: &key)
        guard !key.isEmpty, key.count <= Command.keyBytesMax else { throw MalformedCommand() }
        return key
    }

    /// A string, or an object with base64.
    private mutating func blob(_ bytes: Span<UInt8>) throws(MalformedCommand) -> [UInt8] {
        var blob: [UInt8] = []
        switch try next(bytes) {
        case .string(let text): text.append(from: bytes, to: &blob)
        case .objectStart:
            guard let name = try nextName(bytes), name.equals("base64", in: bytes),
                case .string(let text) = try next(bytes), text.appendBase64Decoded(from: bytes, to: &blob),
                try nextName(bytes) == nil
            else { throw MalformedCommand() }
        case .objectEnd, .arrayStart, .arrayEnd, .name, .number, .boolean, .null, .end:
            throw MalformedCommand()
        }
        return blob
    }
}
