// From a request's head to what it asks for: route, query, conditions, content (Interface §1, §2, §5).
public import HTTP
internal import JSON
internal import KeyValue

extension Request {
    /// The most bytes of a request's object.
    static let objectBytesMax = 64 << 10

    /// Settles what a request asks for, from its head alone.
    ///
    /// The content has not been looked at: where the request is refused, or answered before its content has
    /// come, the connection cannot go on unless that content is read and dropped. `scratch` is overwritten.
    public init(
        _ head: borrowing RequestHead, in bytes: Span<UInt8>, limits: RequestLimits, scratch: inout [UInt8]
    ) throws(Refusal) {
        if let places = limits.places { try places.checkHost(head, in: bytes) }
        if let origin = head[.origin] {
            try AcceptedPlaces.checkOrigin(bytes.extracting(origin), head, in: bytes, limits.places)
        }
        let route = try Request.route(head, in: bytes)
        guard head.method != .other else {
            throw Refusal(501, .noMethod, "This server does not know the method.", allowing: route)
        }
        guard route.takes(head.method) else {
            throw Refusal(
                405, .methodNotAllowed, "\(route.name) takes \(route.allow).", allowing: route)
        }
        if head.method == .options {
            self.init(.options(route), route)
            contentBytesMax = limits.valueBytesMax
        } else {
            guard route.isBuilt(for: head.method) else {
                var method: [UInt8] = []
                method.append(bytes: bytes.extracting(head.methodName))
                throw Refusal.notBuilt("\(String(decoding: method, as: UTF8.self)) \(route.name)")
            }
            self.init(Request.action(route, head.method), route)
            try read(head, in: bytes, limits: limits, scratch: &scratch)
        }
        try checkContent(head)
    }

    private static func route(_ head: borrowing RequestHead, in bytes: Span<UInt8>) throws(Refusal) -> Route {
        switch head.form {
        case .asterisk: return .server
        case .authority: throw Refusal(501, .noMethod, "This server is no proxy.", allowing: .server)
        case .origin, .absolute:
            guard let route = Route.find(bytes.extracting(head.path)) else {
                throw Refusal(404, .noRoute, "There is nothing at this path; keys are at /kv/{key}.")
            }
            return route
        }
    }

    private static func action(_ route: Route, _ method: Method) -> Action {
        switch route {
        case .key:
            method == .put ? .put : method == .delete ? .delete : .read
        case .livez, .healthz: .live
        case .readyz: .ready(isVerbose: false)
        case .peer(let call): .peer(call)
        case .list: method == .delete ? .deleteRange : .list
        case .transaction: .transaction
        case .metrics: .metrics
        case .openapi: .openapi
        case .dashboard: .dashboard
        case .members: .members
        case .leader: .transfer
        case .snapshot: .snapshot
        case .backup: .backup
        case .leases: method == .post ? .grant : .leases
        case .lease: method == .delete ? .revoke : .lease
        case .keepalive: .keepAlive
        case .watch: .watch
        case .status, .member, .promote, .demote, .server:
            .status
        }
    }

    private mutating func read(
        _ head: borrowing RequestHead, in bytes: Span<UInt8>, limits: RequestLimits, scratch: inout [UInt8]
    ) throws(Refusal) {
        contentBytesMax = limits.valueBytesMax
        switch action {
        case .read, .put, .delete:
            try readKey(head, in: bytes, scratch: &scratch)
            try readConditions(head, in: bytes)
            let hasCredentials = head[.authorization] != nil
            mayRedirect = limits.mayRedirect && !hasCredentials
            if action == .put { try readContentFields(head, in: bytes) }
        case .peer:
            try checkPeerContent(head, in: bytes)
            contentBytesMax = limits.peerBytesMax
        case .list, .members, .transfer, .backup, .leases, .lease, .grant, .revoke, .keepAlive:
            if route == .lease || route == .keepalive { readLease(head, in: bytes) }
            try readManyFields(head)
            let hasCredentials = head[.authorization] != nil
            mayRedirect = limits.mayRedirect && !hasCredentials
            contentBytesMax = min(contentBytesMax, Request.objectBytesMax)
        case .transaction, .deleteRange:
            try readManyFields(head)
            let hasCredentials = head[.authorization] != nil
            mayRedirect = limits.mayRedirect && !hasCredentials
            let isTransaction = action == .transaction
            contentBytesMax = isTransaction ? Request.transactionBytesMax : Request.objectBytesMax
        case .watch:
            try readManyFields(head)
            // Every node answers for itself.
            mayRedirect = false
            contentBytesMax = min(contentBytesMax, Request.objectBytesMax)
        case .snapshot: contentBytesMax = 0
        case .metrics, .openapi, .dashboard: coding = ContentCoding(acceptedBy: head, in: bytes)
        case .live, .ready, .status, .options: break
        }
        if action == .backup || action == .watch, head.isVersion10 {
            throw Refusal(505, .badVersion, "A stream needs HTTP/1.1.")
        }
        if let key = head[.idempotencyKey] { try readIdempotencyKey(key, in: bytes) }
        if action == .list || action == .deleteRange || action == .leases {
            try readListing(head, in: bytes)
        } else if action == .watch {
            try readWatch(head, in: bytes)
        } else if head.query != nil {
            var none = ListParameters()
            _ = try readQuery(head, in: bytes, list: &none)
        }
    }

    private mutating func readKey(
        _ head: borrowing RequestHead, in bytes: Span<UInt8>, scratch: inout [UInt8]
    ) throws(Refusal) {
        rawKey = (head.path.lowerBound + 4)..<head.path.upperBound
        isKeyEscaped = hasEscape(rawKey, in: bytes)
        var count = rawKey.count
        if isKeyEscaped {
            scratch.removeAll(keepingCapacity: true)
            do {
                try appendDecoded(rawKey, in: bytes, plusIsSpace: false, to: &scratch)
            } catch {
                let place = error.offset - rawKey.lowerBound
                throw Refusal(400, .badKey, "At byte \(place) of the key: \(error.message).")
            }
            guard isUTF8(scratch.span) else { throw Refusal(400, .badKey, "The key is not UTF-8.") }
            count = scratch.count
        }
        guard count > 0 else { throw Refusal(400, .badKey, "The key is empty.") }
        guard count <= Command.keyBytesMax else {
            throw Refusal(
                400, .badKey, "The key has \(count) bytes; at most \(Command.keyBytesMax) are taken.")
        }
    }

    private mutating func readConditions(
        _ head: borrowing RequestHead, in bytes: Span<UInt8>
    ) throws(Refusal) {
        if head[.ifMatch] == nil, head[.ifNoneMatch] == nil { return }
        do {
            if var tags = EntityTags(.ifMatch, of: head) {
                while let tag = try tags.next(in: bytes) {
                    switch tag {
                    case .any: precondition.ifMatch = .any
                    case .strong(let range):
                        precondition.addIfMatch(tag: bytes.extracting(range), isWeak: false)
                    case .weak(let range): precondition.addIfMatch(tag: bytes.extracting(range), isWeak: true)
                    }
                }
            }
            if var tags = EntityTags(.ifNoneMatch, of: head) {
                while let tag = try tags.next(in: bytes) {
                    switch tag {
                    case .any: precondition.ifNoneMatch = .any
                    case .strong(let range):
                        precondition.addIfNoneMatch(tag: bytes.extracting(range), isWeak: false)
                    case .weak(let range):
                        precondition.addIfNoneMatch(tag: bytes.extracting(range), isWeak: true)
                    }
                }
            }
        } catch {
            throw Refusal(error)
        }
    }

    /// A list's parameters and form. The cursor is read last: it is bound to the others.
    private mutating func readListing(
        _ head: borrowing RequestHead, in bytes: Span<UInt8>
    ) throws(Refusal) {
        var parameters = ListParameters()
        let cursor = try readQuery(head, in: bytes, list: &parameters)
        parameters.consistency = consistency
        // Their cursors are not those of keys.
        if action == .leases { parameters.prefix = Array("/leases/".utf8) }
        if action == .deleteRange {
            try parameters.checkDeletion()
            more = .listing(Listing(parameters, isStream: false, place: nil))
            return
        }
        var place: ListPlace?
        if let cursor {
            place = Cursor.place(cursor.span, of: parameters)
            guard place != nil else {
                throw Refusal.badRequest(
                    "The cursor is not one that a list with the same other parameters answered with.")
            }
        }
        let accept = Accept(head)
        let isStream =
            action == .list
            && accept.quality(of: "application/x-ndjson", in: bytes)
                > accept.quality(of: "application/json", in: bytes)
        if isStream, head.isVersion10 {
            throw Refusal(505, .badVersion, "A stream needs HTTP/1.1.")
        }
        if action == .list || action == .leases { coding = ContentCoding(acceptedBy: head, in: bytes) }
        more = .listing(Listing(parameters, isStream: isStream, place: place))
    }

    private mutating func readLease(_ head: borrowing RequestHead, in bytes: Span<UInt8>) {
        var end = head.path.lowerBound + 8
        while end < head.path.upperBound, bytes[end] != UInt8(ascii: "/") { end += 1 }
        life = Lease.id(decimal: bytes.extracting(head.path.lowerBound + 8..<end)) ?? 0
    }

    /// A name as it is, or in quotes: the two are the same.
    private mutating func readIdempotencyKey(
        _ field: Range<Int>, in bytes: Span<UInt8>
    ) throws(Refusal) {
        switch action {
        case .put, .delete, .transaction, .deleteRange, .grant, .revoke: break
        case .read, .list, .live, .ready, .status, .metrics, .openapi, .dashboard, .members, .transfer,
            .snapshot, .backup, .watch, .leases, .lease, .keepAlive, .options, .peer:
            throw Refusal.badRequest("Idempotency-Key is for writes of keys and leases.")
        }
        var key = field
        let quote = UInt8(ascii: "\"")
        if key.count >= 2, bytes[key.lowerBound] == quote, bytes[key.upperBound - 1] == quote {
            key = key.lowerBound + 1..<key.upperBound - 1
        }
        var isPrintable = true
        for place in key where bytes[place] < 0x20 || bytes[place] > 0x7E { isPrintable = false }
        guard (1...Once.keyBytesMax).contains(key.count), isPrintable else {
            throw Refusal.badRequest(
                "Idempotency-Key has 1 to \(Once.keyBytesMax) printable ASCII characters.")
        }
        nameStart = UInt32(key.lowerBound)
        nameCount = UInt32(key.count)
    }

    private func checkContent(_ head: borrowing RequestHead) throws(Refusal) {
        guard head.expectation != .other else {
            throw Refusal(417, .badExpect, "The only expectation that is known is 100-continue.")
        }
        if case .length(let length) = head.framing, length > contentBytesMax {
            throw Refusal.tooLarge(bytesMax: contentBytesMax)
        }
    }
}
