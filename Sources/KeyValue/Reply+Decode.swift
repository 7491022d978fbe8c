// A kept answer read back from its JSON; anything that is not what the encoder writes is none.
internal import JSON

extension Reply {
    /// The reply that is kept, whole; nil if its JSON is none that the encoder writes.
    init?(_ kept: KeptAnswer) {
        var reader = CommandReader()
        do throws(MalformedCommand) {
            self = try reader.readReply(kept.reply.span, kept.at)
        } catch {
            return nil
        }
    }
}

/// The numbers and flags of an object: a reply has no others.
private struct Numbers {
    var created: Bool?
    var revision, createdRevision, version, count, current, lease, ttl: UInt64?
}

extension CommandReader {
    fileprivate mutating func readReply(
        _ bytes: Span<UInt8>, _ at: ClusterTime
    ) throws(MalformedCommand) -> Reply {
        try expectObject(bytes)
        guard let name = try nextName(bytes) else { throw MalformedCommand() }
        let reply: Reply
        if name.equals("transacted", in: bytes) {
            reply = .transacted(try readTransactionReply(bytes, at))
        } else if name.equals("leaseExists", in: bytes) {
            reply = .leaseExists
            guard try next(bytes) == .boolean(true) else { throw MalformedCommand() }
        } else if name.equals("leaseNotFound", in: bytes) {
            reply = .leaseNotFound(at: try placeOfPut(bytes))
        } else {
            reply = try read(name, try readNumbers(bytes), bytes)
        }
        guard try nextName(bytes) == nil, try next(bytes) == .end else { throw MalformedCommand() }
        return reply
    }

    private func read(
        _ name: Text, _ numbers: Numbers, _ bytes: Span<UInt8>
    ) throws(MalformedCommand) -> Reply {
        if name.equals("written", in: bytes), let created = numbers.created, let revision = numbers.revision,
            let createdRevision = numbers.createdRevision, let version = numbers.version
        {
            return .written(
                created: created, revision: Revision(revision), createdRevision: Revision(createdRevision),
                version: version)
        }
        if name.equals("deleted", in: bytes), let count = numbers.count, let revision = numbers.revision {
            return .deleted(count: Int(count), revision: Revision(revision))
        }
        if name.equals("conditionFailed", in: bytes) {
            return .conditionFailed(current: numbers.current.map(Revision.init))
        }
        if name.equals("granted", in: bytes), let lease = numbers.lease, let ttl = numbers.ttl {
            return .granted(lease: lease, ttlMilliseconds: ttl)
        }
        if name.equals("revoked", in: bytes), let lease = numbers.lease, let count = numbers.count,
            let revision = numbers.revision
        {
            return .revoked(lease: lease, deleted: Int(count), revision: Revision(revision))
        }
        throw MalformedCommand()
    }

    private mutating func readNumbers(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Numbers {
        var numbers = Numbers()
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            if name.equals("created", in: bytes) {
                numbers.created = try boolean(bytes)
            } else if name.equals("lease", in: bytes) {
                numbers.lease = try leaseID(bytes)
            } else if name.equals("revision", in: bytes) {
                numbers.revision = try number(bytes)
            } else if name.equals("createdRevision", in: bytes) {
                numbers.createdRevision = try number(bytes)
            } else if name.equals("version", in: bytes) {
                numbers.version = try number(bytes)
            } else if name.equals("count", in: bytes) {
                numbers.count = try number(bytes)
            } else if name.equals("current", in: bytes) {
                numbers.current = try number(bytes)
            } else if name.equals("ttl", in: bytes) {
                numbers.ttl = try number(bytes)
            } else {
                throw MalformedCommand()
            }
        }
        return numbers
    }

    private mutating func boolean(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Bool {
        guard case .boolean(let value) = try next(bytes) else { throw MalformedCommand() }
        return value
    }

    // MARK: Transactions

    /// Which put of a transaction it is about; `true` where there is but one.
    private mutating func placeOfPut(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Transaction.Place? {
        let token = try next(bytes)
        if token == .boolean(true) { return nil }
        guard token == .objectStart, let name = try nextName(bytes) else { throw MalformedCommand() }
        let isThen = name.equals("then", in: bytes)
        guard isThen || name.equals("else", in: bytes) else { throw MalformedCommand() }
        let number = try number(bytes)
        guard number < Transaction.operationsMax, try nextName(bytes) == nil else { throw MalformedCommand() }
        return Transaction.Place(isThen: isThen, number: Int(number), .put)
    }

    private mutating func readTransactionReply(
        _ bytes: Span<UInt8>, _ at: ClusterTime
    ) throws(MalformedCommand) -> TransactionReply {
        var succeeded: Bool?
        var revision: UInt64?
        var results: [TransactionReply.Result]?
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            if name.equals("succeeded", in: bytes) {
                succeeded = try boolean(bytes)
            } else if name.equals("revision", in: bytes) {
                revision = try number(bytes)
            } else if name.equals("results", in: bytes), try next(bytes) == .arrayStart {
                var all: [TransactionReply.Result] = []
                while try nextElement(bytes) { all.append(try readResult(bytes)) }
                results = all
            } else {
                throw MalformedCommand()
            }
        }
        guard let succeeded, let revision, let results else { throw MalformedCommand() }
        return TransactionReply(
            succeeded: succeeded, revision: Revision(revision), at: at, results: results)
    }

    private mutating func readResult(
        _ bytes: Span<UInt8>
    ) throws(MalformedCommand) -> TransactionReply.Result {
        var result: TransactionReply.Result?
        var isMore: Bool?
        while let name = try nextName(bytes) {
            if name.equals("more", in: bytes) {
                isMore = try boolean(bytes)
                continue
            }
            guard result == nil else { throw MalformedCommand() }
            if name.equals("put", in: bytes) {
                try expectObject(bytes)
                guard let record = try readRecord(bytes) else { throw MalformedCommand() }
                result = .put(record)
            } else if name.equals("got", in: bytes) {
                try expectObject(bytes)
                result = .got(try readRecord(bytes))
            } else if name.equals("deleted", in: bytes) {
                result = .deleted(Int(try number(bytes)))
            } else if name.equals("listed", in: bytes), let isMore, try next(bytes) == .arrayStart {
                var records: [Record] = []
                while try nextElement(bytes) {
                    guard let record = try readRecord(bytes) else { throw MalformedCommand() }
                    records.append(record)
                }
                result = .listed(records, isMore: isMore)
            } else {
                throw MalformedCommand()
            }
        }
        guard let result else { throw MalformedCommand() }
        return result
    }

    /// The rest of an object that has begun; nil if it is empty.
    private mutating func readRecord(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Record? {
        var key: [UInt8] = []
        var value: [UInt8] = []
        var type: [UInt8] = []
        var numbers = Numbers()
        var hold = Hold.none
        while let name = try nextName(bytes) {
            if name.equals("key", in: bytes) {
                key = try string(bytes)
            } else if name.equals("value", in: bytes) {
                value = try string(bytes)
            } else if name.equals("type", in: bytes) {
                type = try string(bytes)
            } else if name.equals("base64", in: bytes) {
                guard case .string(let text) = try next(bytes),
                    text.appendBase64Decoded(from: bytes, to: &value)
                else { throw MalformedCommand() }
            } else if name.equals("lease", in: bytes) {
                hold = Hold(lease: try leaseID(bytes))
            } else if name.equals("end", in: bytes) {
                hold = Hold(end: ClusterTime(milliseconds: try number(bytes)))
            } else if name.equals("revision", in: bytes) {
                numbers.revision = try number(bytes)
            } else if name.equals("createdRevision", in: bytes) {
                numbers.createdRevision = try number(bytes)
            } else if name.equals("version", in: bytes) {
                numbers.version = try number(bytes)
            } else {
                throw MalformedCommand()
            }
        }
        if key.isEmpty { return nil }
        guard let revision = numbers.revision, let created = numbers.createdRevision,
            let version = numbers.version, key.count <= Command.keyBytesMax,
            type.count <= Command.contentTypeBytesMax
        else { throw MalformedCommand() }
        return Record(
            key: key.span, value: value.span, contentType: type.span, revision: Revision(revision),
            createdRevision: Revision(created), version: version, hold: hold)
    }

    private mutating func string(_ bytes: Span<UInt8>) throws(MalformedCommand) -> [UInt8] {
        guard case .string(let text) = try next(bytes) else { throw MalformedCommand() }
        var plain: [UInt8] = []
        text.append(from: bytes, to: &plain)
        return plain
    }
}
