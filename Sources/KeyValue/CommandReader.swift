// The decoder of commands: from the bytes of one JSON object to what it asks for, without copying any.
internal import JSON

/// These bytes are no command that this version knows.
struct MalformedCommand: Error {}

/// What a command asks for. Texts are places in the command's bytes.
enum Operation {
    case none
    case put(Put)
    case delete(Delete)
    case deleteRange(KeyRange)
    case transaction(Branches)
    /// A lease is to be; without an id, the entry's index gives one.
    case grant(id: UInt64?, ttlMilliseconds: UInt64)
    case revoke(UInt64)
    /// These leases have run out, and the keys whose moment has come.
    case expire([UInt64])
    case settings(Store.Settings)

    struct Put {
        let key: Text
        let value: Text
        let isBase64: Bool
        let contentType: Text?
        let precondition: Precondition
        let lifetime: Lifetime

        /// Whether its texts stand in the command as what they mean.
        var isPlain: Bool {
            !isBase64 && !key.isEscaped && !value.isEscaped && !(contentType?.isEscaped ?? false)
        }
    }

    struct Delete {
        let key: Text
        let precondition: Precondition
    }

    /// A transaction's parts.
    struct Branches {
        var comparisons: [Comparison] = []
        var then: [Step] = []
        var otherwise: [Step] = []

        enum Step {
            /// A put whose texts mean what they are: the most usual step, for which nothing is copied.
            case put(PlainPut)
            case other(Transaction.Step)

            var kind: Transaction.Place.Kind {
                switch self {
                case .put: .put
                case .other(let step): step.kind
                }
            }
        }

        /// Where its bytes stand in the command.
        struct PlainPut {
            let key: Range<Int>
            let value: Range<Int>
            let contentType: Range<Int>
            let lifetime: Lifetime
        }
    }
}

/// Reads one command. Every name may stand once, at any place; an unknown one makes the command malformed, so
/// that a node never leaves out what a newer one does.
struct CommandReader {
    private var scanner = Scanner()

    /// One command.
    struct Entry {
        let at: ClusterTime
        let once: Once?
        let operation: Operation
    }

    /// The command that these bytes are, whole.
    static func read(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Entry {
        var reader = CommandReader()
        return try reader.readCommand(bytes)
    }

    private mutating func readCommand(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Entry {
        var at: ClusterTime?
        var once: Once?
        var operation: Operation?
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            if name.equals("at", in: bytes) {
                guard at == nil else { throw MalformedCommand() }
                at = ClusterTime(milliseconds: try number(bytes))
                continue
            }
            if name.equals("once", in: bytes) {
                guard once == nil else { throw MalformedCommand() }
                once = try readOnce(bytes)
                continue
            }
            guard operation == nil else { throw MalformedCommand() }
            if name.equals("put", in: bytes) {
                operation = .put(try readPut(bytes))
            } else if name.equals("delete", in: bytes) {
                operation = .delete(try readDelete(bytes))
            } else if name.equals("txn", in: bytes) {
                operation = .transaction(try readTransaction(bytes))
            } else if name.equals("deleteRange", in: bytes) {
                operation = .deleteRange(try readRange(bytes))
            } else if name.equals("grant", in: bytes) {
                operation = try readGrant(bytes)
            } else if name.equals("revoke", in: bytes) {
                operation = .revoke(try leaseID(bytes))
            } else if name.equals("expire", in: bytes) {
                operation = .expire(try readLeases(bytes))
            } else if name.equals("settings", in: bytes) {
                operation = .settings(try readSettings(bytes))
            } else if name.equals("none", in: bytes) {
                guard try next(bytes) == .boolean(true) else { throw MalformedCommand() }
                operation = Operation.none
            } else if name.equals("members", in: bytes) {
                try skipObject(bytes)
                operation = Operation.none
            } else {
                throw MalformedCommand()
            }
        }
        guard try next(bytes) == .end, let at, let operation else { throw MalformedCommand() }
        return Entry(at: at, once: once, operation: operation)
    }

    mutating func readPut(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Operation.Put {
        var key: Text?
        var value: Text?
        var isBase64 = false
        var contentType: Text?
        var precondition = Precondition.none
        var lifetime = Lifetime.unbounded
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            if name.equals("key", in: bytes) {
                try set(&key, bytes)
            } else if name.equals("ttl", in: bytes), lifetime == .unbounded {
                lifetime = .ttl(milliseconds: try ttl(bytes, Lifetime.ttlMilliseconds))
            } else if name.equals("lease", in: bytes), lifetime == .unbounded {
                lifetime = .lease(try leaseID(bytes))
            } else if name.equals("value", in: bytes) {
                try set(&value, bytes)
            } else if name.equals("base64", in: bytes) {
                try set(&value, bytes)
                isBase64 = true
            } else if name.equals("type", in: bytes) {
                try set(&contentType, bytes)
            } else {
                try readCondition(name, into: &precondition, bytes)
            }
        }
        guard let key, let value else { throw MalformedCommand() }
        return Operation.Put(
            key: key, value: value, isBase64: isBase64, contentType: contentType, precondition: precondition,
            lifetime: lifetime)
    }

    private mutating func readDelete(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Operation.Delete {
        var key: Text?
        var precondition = Precondition.none
        try expectObject(bytes)
        while let name = try nextName(bytes) {
            if name.equals("key", in: bytes) {
                try set(&key, bytes)
            } else {
                try readCondition(name, into: &precondition, bytes)
            }
        }
        guard let key else { throw MalformedCommand() }
        return Operation.Delete(key: key, precondition: precondition)
    }

    private mutating func readCondition(
        _ name: Text, into precondition: inout Precondition, _ bytes: Span<UInt8>
    ) throws(MalformedCommand) {
        if name.equals("ifMatch", in: bytes), precondition.ifMatch.isAbsent {
            precondition.ifMatch = try tags(bytes)
        } else if name.equals("ifNoneMatch", in: bytes), precondition.ifNoneMatch.isAbsent {
            precondition.ifNoneMatch = try tags(bytes)
        } else {
            throw MalformedCommand()
        }
    }

    /// `"*"`, or an array of revisions.
    private mutating func tags(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Precondition.Tags {
        switch try next(bytes) {
        case .string(let text) where text.equals("*", in: bytes): return .any
        case .arrayStart: break
        case .objectStart, .objectEnd, .arrayEnd, .name, .string, .number, .boolean, .null, .end:
            throw MalformedCommand()
        }
        var tags = Precondition.Tags.list([])
        while true {
            switch try next(bytes) {
            case .arrayEnd: return tags
            case .number(let range):
                guard let value = unsignedInteger(range, in: bytes) else { throw MalformedCommand() }
                tags.add(Revision(value))
            case .objectStart, .objectEnd, .arrayStart, .name, .string, .boolean, .null, .end:
                throw MalformedCommand()
            }
        }
    }
}

extension CommandReader {
    @inline(__always)
    mutating func next(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Token {
        do throws(SyntaxError) { return try scanner.next(in: bytes) } catch { throw MalformedCommand() }
    }

    mutating func expectObject(_ bytes: Span<UInt8>) throws(MalformedCommand) {
        guard case .objectStart = try next(bytes) else { throw MalformedCommand() }
    }

    /// The name of the object's next member, or none at its end.
    mutating func nextName(_ bytes: Span<UInt8>) throws(MalformedCommand) -> Text? {
        switch try next(bytes) {
        case .name(let name): return name
        case .objectEnd: return nil
        case .objectStart, .arrayStart, .arrayEnd, .string, .number, .boolean, .null, .end:
            throw MalformedCommand()
        }
    }

    /// Steps over one object, whatever it holds: the scanner bounds its depth.
    private mutating func skipObject(_ bytes: Span<UInt8>) throws(MalformedCommand) {
        try expectObject(bytes)
        var depth = 1
        while depth > 0 {
            switch try next(bytes) {
            case .objectStart, .arrayStart: depth += 1
            case .objectEnd, .arrayEnd: depth -= 1
            case .name, .string, .number, .boolean, .null: break
            case .end: throw MalformedCommand()
            }
        }
    }

    mutating func number(_ bytes: Span<UInt8>) throws(MalformedCommand) -> UInt64 {
        guard case .number(let range) = try next(bytes), let value = unsignedInteger(range, in: bytes) else {
            throw MalformedCommand()
        }
        return value
    }

    /// Reads a string into a field that must not have one yet.
    private mutating func set(_ field: inout Text?, _ bytes: Span<UInt8>) throws(MalformedCommand) {
        guard field == nil, case .string(let text) = try next(bytes) else { throw MalformedCommand() }
        field = text
    }
}
