// The parameters of a query: each known, each once, each with a value of its kind (Interface §1, §2).
internal import HTTP
internal import JSON
internal import KeyValue

/// The parameters that a route of this version has, or is to have.
private enum Name: UInt8, CaseIterable {
    case timeout, redirect, format, consistency, verbose
    case ttl, lease, wait, after, minRevision
    case prefix, start, end, limit, keys, delimiter, reverse, cursor, all
    case key, since

    var text: StaticString {
        switch self {
        case .timeout: "timeout"
        case .redirect: "redirect"
        case .format: "format"
        case .consistency: "consistency"
        case .verbose: "verbose"
        case .ttl: "ttl"
        case .lease: "lease"
        case .wait: "wait"
        case .after: "after"
        case .minRevision: "min-revision"
        case .prefix: "prefix"
        case .start: "start"
        case .end: "end"
        case .limit: "limit"
        case .keys: "keys"
        case .delimiter: "delimiter"
        case .reverse: "reverse"
        case .cursor: "cursor"
        case .all: "all"
        case .key: "key"
        case .since: "since"
        }
    }

    func belongs(to action: Action) -> Bool {
        switch self {
        case .timeout where action == .watch: true
        case .timeout, .redirect:
            switch action {
            case .read, .put, .delete, .list, .members, .transfer, .backup, .transaction, .deleteRange,
                .leases, .lease, .grant, .revoke, .keepAlive:
                true
            case .live, .ready, .status, .metrics, .openapi, .dashboard, .snapshot, .watch, .options, .peer:
                false
            }
        case .consistency, .minRevision: action == .read || action == .list || action == .backup
        case .format, .wait, .after: action == .read
        case .ttl, .lease: action == .put
        case .verbose: if case .ready = action { true } else { false }
        case .prefix where action == .watch: true
        case .key, .since: action == .watch
        case .prefix, .start, .end: action == .list || action == .deleteRange
        case .limit, .cursor: action == .list || action == .leases
        case .keys, .delimiter, .reverse: action == .list
        case .all: action == .deleteRange
        }
    }

    /// Whether it says something of the request itself, and its value is only looked at.
    var isOfRequest: Bool {
        switch self {
        case .timeout, .redirect, .format, .consistency, .verbose, .ttl, .lease, .minRevision: true
        case .wait, .after, .prefix, .start, .end, .limit, .keys, .delimiter, .reverse, .cursor, .all, .key,
            .since:
            false
        }
    }

    /// Whether its value is bytes: a name alone then says nothing.
    var isBytes: Bool {
        switch self {
        case .prefix, .start, .end, .delimiter, .cursor, .key: true
        case .timeout, .redirect, .format, .consistency, .verbose, .ttl, .lease, .wait, .after, .minRevision,
            .limit, .keys, .reverse, .all, .since:
            false
        }
    }
}

extension Request {
    /// Reads all parameters: those that say what is in a list go to `list`. Answers the cursor.
    mutating func readQuery(
        _ head: borrowing RequestHead, in bytes: Span<UInt8>, list: inout ListParameters
    ) throws(Refusal) -> [UInt8]? {
        var parameters = Parameters(head.query)
        var seen: UInt32 = 0
        var cursor: [UInt8]?
        var (wait, after): (UInt64?, Revision?)
        while let parameter = parameters.next(in: bytes) {
            guard let name = known(parameter, in: bytes) else {
                throw Refusal(
                    400, .unknownParameter,
                    "\(route.name) has no parameter \"\(shown(parameter.name, in: bytes))\".")
            }
            let bit: UInt32 = 1 << UInt32(name.rawValue)
            guard seen & bit == 0 else {
                throw Refusal(400, .unknownParameter, "The parameter \"\(name.text)\" is given twice.")
            }
            seen |= bit
            if name.isOfRequest, let range = parameter.value, isAsWritten(range, in: bytes) {
                try read(name, bytes.extracting(range))
                continue
            }
            let value = try decodedValue(parameter, of: name, in: bytes)
            switch name {
            case .cursor: cursor = value
            case .prefix, .start, .end, .limit, .keys, .delimiter, .reverse, .all, .key, .since:
                try read(name, value, into: &list)
            case .wait:
                guard let time = milliseconds(value.span), time <= KeyWait.millisecondsMax else {
                    throw Refusal.badRequest("wait is a time up to 10m, as in wait=30s.")
                }
                wait = time
            case .after:
                guard let revision = unsignedInteger(0..<value.count, in: value.span) else {
                    throw Refusal.badRequest("after is a revision, a number up to 9007199254740991.")
                }
                after = Revision(revision)
            case .timeout, .redirect, .format, .consistency, .verbose, .ttl, .lease, .minRevision:
                try read(name, value.span)
            }
        }
        if let wait {
            more = .wait(KeyWait(milliseconds: wait, after: after))
        } else if after != nil {
            throw Refusal.badRequest("after goes with wait, as in wait=30s&after=7.")
        }
        return cursor
    }

    private func known(_ parameter: Parameter, in bytes: Span<UInt8>) -> Name? {
        for name in Name.allCases where name.belongs(to: action) && parameter.isNamed(name.text, in: bytes) {
            return name
        }
        return nil
    }

    /// A part of a query for people to read, cut to a bearable length.
    private func shown(_ range: Range<Int>, in bytes: Span<UInt8>) -> String {
        var text: [UInt8] = []
        for offset in range.prefix(64) { text.append(bytes[offset]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Whether a value has nothing that would have to be decoded.
    private func isAsWritten(_ range: Range<Int>, in bytes: Span<UInt8>) -> Bool {
        for offset in range where bytes[offset] == UInt8(ascii: "%") || bytes[offset] == UInt8(ascii: "+") {
            return false
        }
        return true
    }

    /// A name alone means `true`.
    private func decodedValue(
        _ parameter: Parameter, of name: Name, in bytes: Span<UInt8>
    ) throws(Refusal) -> [UInt8] {
        guard let range = parameter.value else { return name.isBytes ? [] : Array("true".utf8) }
        var value: [UInt8] = []
        do {
            try appendDecoded(range, in: bytes, plusIsSpace: true, to: &value)
        } catch {
            throw Refusal.badRequest("In the parameter \"\(name.text)\": \(error.message).")
        }
        return value
    }

    private mutating func read(_ name: Name, _ value: Span<UInt8>) throws(Refusal) {
        switch name {
        case .timeout:
            guard let time = milliseconds(value), time >= 1, time <= Request.timeoutMillisecondsMax else {
                throw Refusal.badRequest("timeout is a time from 1ms to 60s, as in timeout=2s.")
            }
            timeoutMilliseconds = time
        case .redirect:
            let isAllowed = try flag(value, yes: "yes", no: "no", of: name)
            mayRedirect = mayRedirect && isAllowed
        case .format:
            guard value.equals("json") else { throw Refusal.badRequest("format is json, or left out.") }
            wantsJSON = true
        case .consistency:
            if value.equals("local") {
                consistency = .local
            } else if !value.equals("linearizable") {
                throw Refusal.badRequest("consistency is linearizable or local.")
            }
        case .verbose:
            let isVerbose = try flag(value, yes: "true", no: "false", of: name)
            self = replacing(.ready(isVerbose: isVerbose))
        case .minRevision:
            guard let revision = unsignedInteger(0..<value.count, in: value) else {
                throw Refusal.badRequest("min-revision is a revision, a number up to 9007199254740991.")
            }
            revisionMin = Revision(revision)
        case .ttl:
            guard let time = milliseconds(value, atMost: Lifetime.ttlMilliseconds.upperBound),
                Lifetime.ttlMilliseconds.contains(time)
            else { throw Refusal.badRequest("ttl is a time from 1s to ten years, as in ttl=30s.") }
            try set(time | Request.isTime)
        case .lease:
            guard let id = Lease.id(decimal: value) else {
                throw Refusal.badRequest("lease is a lease's id, as POST /leases answers with.")
            }
            try set(id)
        case .prefix, .start, .end, .limit, .keys, .delimiter, .reverse, .cursor, .all, .wait, .after, .key,
            .since:
            break
        }
    }

    private func read(_ name: Name, _ value: [UInt8], into list: inout ListParameters) throws(Refusal) {
        list.hasBounds = list.hasBounds || name == .prefix || name == .start || name == .end
        switch name {
        case .prefix:
            list.prefix = value
            list.hasPrefix = true
        case .key:
            guard isUTF8(value.span), !value.isEmpty, value.count <= Command.keyBytesMax else {
                throw Refusal(
                    400, .badKey, "key is UTF-8 of 1 to \(Command.keyBytesMax) bytes.")
            }
            list.watchedKey = value
        case .since:
            guard let id = EventID(text: value.span) else {
                throw Refusal.badRequest(
                    "since is a revision, or an id that a watch has sent, as 11 or 11.0.")
            }
            list.since = id
        case .start: list.start = value
        case .end: list.end = value
        case .all: list.isForAll = try flag(value.span, yes: "true", no: "false", of: name)
        case .limit:
            guard let limit = unsignedInteger(0..<value.count, in: value.span), limit >= 1,
                limit <= UInt64(Listing.limitMax)
            else { throw Refusal.badRequest("limit is a number from 1 to \(Listing.limitMax).") }
            list.limit = Int(limit)
        case .keys: list.hasValues = !(try flag(value.span, yes: "true", no: "false", of: name))
        case .reverse: list.isReverse = try flag(value.span, yes: "true", no: "false", of: name)
        case .delimiter:
            guard !value.isEmpty, isUTF8(value.span) else {
                throw Refusal.badRequest("delimiter is text of at least one character, such as /.")
            }
            list.delimiter = value
        case .timeout, .redirect, .format, .consistency, .verbose, .ttl, .lease, .wait, .after, .minRevision,
            .cursor:
            break
        }
    }

    private mutating func set(_ life: UInt64) throws(Refusal) {
        guard self.life == 0 else { throw Refusal.badRequest("ttl or lease is given, not both.") }
        self.life = life
    }

    private func flag(
        _ value: Span<UInt8>, yes: StaticString, no: StaticString, of name: Name
    ) throws(Refusal) -> Bool {
        if value.equals(yes) || value.equals("true") { return true }
        if value.equals(no) || value.equals("false") { return false }
        throw Refusal.badRequest("\(name.text) is \(yes) or \(no).")
    }

    private func replacing(_ action: Action) -> Request {
        var request = Request(action, route)
        request.contentBytesMax = contentBytesMax
        return request
    }
}

/// The milliseconds of a length of time: `30s`, `500ms`, `2m`, `1.5s`, or a bare number of seconds; nil if it
/// is none of these, or longer than `most`, a day if nothing else is said.
func milliseconds(_ text: Span<UInt8>, atMost most: UInt64 = 86_400_000) -> UInt64? {
    var index = 0
    var number: UInt64 = 0
    // The number counts units of 1/scale.
    var scale: UInt64 = 1
    while index < text.count, text[index] &- 0x30 < 10 {
        number = number * 10 + UInt64(text[index] &- 0x30)
        guard number < 1_000_000_000 else { return nil }
        index += 1
    }
    guard index > 0 else { return nil }
    if index < text.count, text[index] == UInt8(ascii: ".") {
        let point = index
        index += 1
        while index < text.count, text[index] &- 0x30 < 10 {
            number = number * 10 + UInt64(text[index] &- 0x30)
            scale *= 10
            guard scale <= 1_000_000 else { return nil }
            index += 1
        }
        guard index > point + 1 else { return nil }
    }
    let unit = text.extracting(index..<text.count)
    let factor: UInt64
    if unit.isEmpty || unit.equals("s") {
        factor = 1_000
    } else if unit.equals("ms") {
        factor = 1
    } else if unit.equals("m") {
        factor = 60_000
    } else if unit.equals("h") {
        factor = 3_600_000
    } else {
        return nil
    }
    guard number <= UInt64.max / factor else { return nil }
    let time = number * factor / scale
    return time <= most ? time : nil
}
