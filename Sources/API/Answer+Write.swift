// What a PUT or a DELETE is answered with, once it has been applied (Interface §2).
internal import HTTP
internal import JSON
public import KeyValue

extension Answer {
    /// Answers a write by what the store made of it.
    ///
    /// - Parameters:
    ///   - reply: what the store answered.
    ///   - key: the key, decoded; empty where the request is of many.
    ///   - route: the request's.
    ///   - revision: the store's revision after it.
    ///   - isKeyed: whether the request had an idempotency key.
    ///   - out: where the response goes.
    public func appendReply(
        _ reply: Reply, key: Span<UInt8>, route: Route = .key, storeRevision revision: Revision,
        isKeyed: Bool = false, to out: inout [UInt8]
    ) {
        switch reply {
        case .written(let created, let revision, let createdRevision, let version):
            appendWritten(
                key: key, isNew: created, revision: revision, createdRevision: createdRevision,
                version: version,
                to: &out)
        case .deleted(let count, let revision):
            if key.isEmpty {
                appendDeleted(count: UInt64(count), revision: revision, to: &out)
            } else {
                appendDeleted(key: key, count: UInt64(count), revision: revision, to: &out)
            }
        case .conditionFailed(let current):
            appendConditionFailed(current: current, storeRevision: revision, to: &out)
        case .transacted(let transaction): append(transaction, to: &out)
        case .tooManyKeys(let count, let place):
            appendTooMany(.tooManyKeys(count).at(place?.ofKeys), count: count, revision, to: &out)
        case .leaseFull(let place):
            appendTooMany(
                .leaseFull.at(place?.ofLease), count: Lease.keysMax + 1, revision, to: &out)
        case .answerTooLarge(let place):
            let refusal: Refusal = isKeyed ? .answerTooLargeToKeep : .answerTooLarge
            append(refusal.at(place.text), storeRevision: revision, to: &out)
        case .granted(let lease, let ttl): appendGranted(lease, ttlMilliseconds: ttl, revision, to: &out)
        case .leaseExists: append(.leaseExists, storeRevision: revision, to: &out)
        case .leaseNotFound(let place):
            let refusal: Refusal = route == .lease ? .leaseAbsent : .noSuchLease
            append(refusal.at(place?.ofLease), storeRevision: revision, to: &out)
        case .revoked(let lease, let count, let revision):
            appendRevoked(lease, deleted: count, revision, to: &out)
        case .replayed(let reply, let then):
            var again = self
            again.isReplay = true
            again.appendReply(
                reply, key: key, route: route, storeRevision: then, isKeyed: isKeyed, to: &out)
        case .keyReused: append(.keyReused, storeRevision: revision, to: &out)
        case .keysFull: append(.keysFull, storeRevision: revision, to: &out)
        case .none, .malformed:
            // Neither is what a request of this API can come to.
            append(.badRequest("The command was not understood, and nothing was changed."), to: &out)
        }
    }

    /// `201` or `200`: the value was stored.
    public func appendWritten(
        key: Span<UInt8>, isNew: Bool, revision: Revision, createdRevision: Revision, version: UInt64,
        to out: inout [UInt8]
    ) {
        guard isPlain(key) else {
            var escaped: [UInt8] = []
            escaped.append(jsonString: key)
            return appendWritten(
                name: escaped.span.extracting(1..<escaped.count - 1), isNew: isNew, revision: revision,
                createdRevision: createdRevision, version: version, to: &out)
        }
        appendWritten(
            name: key, isNew: isNew, revision: revision, createdRevision: createdRevision, version: version,
            to: &out)
    }

    /// The same; `name` is the key as it stands in a JSON string.
    private func appendWritten(
        name: Span<UInt8>, isNew: Bool, revision: Revision, createdRevision: Revision, version: UInt64,
        to out: inout [UInt8]
    ) {
        let first: StaticString =
            isNew
            ? "HTTP/1.1 201 Created\r\nCache-Control: no-store\r\nContent-Type: application/json\r\n"
            : "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/json\r\n"
        let (numbers, literals) = (6 * 20, 134)
        let room = first.utf8CodeUnitCount + beginBytesMax + name.count + numbers + literals
        out.append(room: room) { out in
            begin(first, to: &out)
            out.write("ETag: \"")
            out.write(decimal: revision.rawValue)
            out.write("\"\r\n")
            field("Rast-Revision: ", revision.rawValue, to: &out)
            // {"key":…,"revision":…,"createdRevision":…,"version":…} and a newline.
            let count =
                53 + name.count + digits(revision.rawValue) + digits(createdRevision.rawValue)
                + digits(version)
            end(contentBytes: count, to: &out)
            out.write("{\"key\":\"")
            out.write(bytes: name)
            out.write("\",\"revision\":")
            out.write(decimal: revision.rawValue)
            out.write(",\"createdRevision\":")
            out.write(decimal: createdRevision.rawValue)
            out.write(",\"version\":")
            out.write(decimal: version)
            out.write("}\n")
        }
    }

    /// `200`: so many keys were removed.
    public func appendDeleted(key: Span<UInt8>, count: UInt64, revision: Revision, to out: inout [UInt8]) {
        begin("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/json\r\n", to: &out)
        field("Rast-Revision: ", revision.rawValue, to: &out)
        // {"key":…,"deleted":…,"revision":…} and a newline.
        end(contentBytes: 32 + jsonCount(key) + digits(count) + digits(revision.rawValue), to: &out)
        out.append(literal: "{\"key\":")
        out.append(jsonString: key)
        out.append(literal: ",\"deleted\":")
        out.append(decimal: count)
        out.append(literal: ",\"revision\":")
        out.append(decimal: revision.rawValue)
        out.append(literal: "}\n")
    }

    /// `412`: If-Match or If-None-Match did not hold.
    public func appendConditionFailed(
        current: Revision?, storeRevision: Revision, age: Age? = nil, to out: inout [UInt8]
    ) {
        let detail = current.map { "The key's revision is \($0)." } ?? "The key is absent."
        var fields: [UInt8] = []
        if let current {
            fields.append(literal: "ETag: \"")
            fields.append(decimal: current.rawValue)
            fields.append(literal: "\"\r\n")
        }
        appendFields(of: age, to: &fields)
        append(
            Refusal(412, .conditionFailed, detail), storeRevision: storeRevision, fields: fields.span,
            to: &out)
    }
}
