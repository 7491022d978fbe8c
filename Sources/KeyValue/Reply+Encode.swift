// What is kept of an answer under an idempotency key: the reply as one JSON object (Interface §6).
internal import JSON

extension Reply {
    /// Appends the reply, one that is kept, as JSON.
    ///
    /// ```json
    /// {"written":{"created":true,"revision":7,"createdRevision":7,"version":1}}
    /// {"deleted":{"count":1,"revision":8}}
    /// {"conditionFailed":{"current":5}}
    /// {"transacted":{"succeeded":true,"revision":9,"results":[{"put":{…}},{"got":{}},{"deleted":3}]}}
    /// {"granted":{"lease":"7","ttl":30000}}
    /// {"leaseExists":true}
    /// {"leaseNotFound":true}
    /// {"leaseNotFound":{"then":1}}
    /// {"revoked":{"lease":"7","count":3,"revision":9}}
    /// ```
    func append(to out: inout [UInt8]) {
        switch self {
        case .written(let created, let revision, let createdRevision, let version):
            out.append(
                literal: created ? "{\"written\":{\"created\":true" : "{\"written\":{\"created\":false")
            out.append(",\"revision\":", revision.rawValue)
            out.append(",\"createdRevision\":", createdRevision.rawValue)
            out.append(",\"version\":", version)
            out.append(literal: "}}")
        case .deleted(let count, let revision):
            out.append("{\"deleted\":{\"count\":", UInt64(count))
            out.append(",\"revision\":", revision.rawValue)
            out.append(literal: "}}")
        case .conditionFailed(let current?):
            out.append("{\"conditionFailed\":{\"current\":", current.rawValue)
            out.append(literal: "}}")
        case .conditionFailed(nil): out.append(literal: "{\"conditionFailed\":{}}")
        case .transacted(let reply): reply.append(to: &out)
        case .granted(let lease, let ttl):
            out.append("{\"granted\":{\"lease\":\"", lease)
            out.append("\",\"ttl\":", ttl)
            out.append(literal: "}}")
        case .leaseExists: out.append(literal: "{\"leaseExists\":true}")
        case .leaseNotFound(nil): out.append(literal: "{\"leaseNotFound\":true}")
        case .leaseNotFound(let place?):
            // Only a put asks for a lease, so its kind need not be told.
            out.append(
                literal: place.isThen ? "{\"leaseNotFound\":{\"then\":" : "{\"leaseNotFound\":{\"else\":")
            out.append(decimal: UInt64(place.number))
            out.append(literal: "}}")
        case .revoked(let lease, let deleted, let revision):
            out.append("{\"revoked\":{\"lease\":\"", lease)
            out.append("\",\"count\":", UInt64(deleted))
            out.append(",\"revision\":", revision.rawValue)
            out.append(literal: "}}")
        case .tooManyKeys, .leaseFull, .answerTooLarge, .replayed, .keyReused, .keysFull, .none, .malformed:
            preconditionFailure("a reply that is not kept")
        }
    }
}

extension TransactionReply {
    fileprivate func append(to out: inout [UInt8]) {
        out.append(literal: "{\"transacted\":{\"succeeded\":")
        out.append(literal: succeeded ? "true" : "false")
        out.append(",\"revision\":", revision.rawValue)
        out.append(literal: ",\"results\":[")
        for (place, result) in results.enumerated() {
            if place > 0 { out.append(UInt8(ascii: ",")) }
            switch result {
            case .put(let record):
                out.append(literal: "{\"put\":")
                out.append(kept: record, isWhole: false)
            case .got(let record?):
                out.append(literal: "{\"got\":")
                out.append(kept: record, isWhole: true)
            case .got(nil): out.append(literal: "{\"got\":{}")
            case .listed(let records, let isMore):
                out.append(literal: isMore ? "{\"more\":true,\"listed\":[" : "{\"more\":false,\"listed\":[")
                for (place, record) in records.enumerated() {
                    if place > 0 { out.append(UInt8(ascii: ",")) }
                    out.append(kept: record, isWhole: true)
                }
                out.append(UInt8(ascii: "]"))
            case .deleted(let count): out.append("{\"deleted\":", UInt64(count))
            }
            out.append(UInt8(ascii: "}"))
        }
        out.append(literal: "]}}")
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ name: StaticString, _ number: UInt64) {
        append(literal: name)
        append(decimal: number)
    }

    /// Of a record that was put, the answer tells the key and its numbers only.
    fileprivate mutating func append(kept record: Record, isWhole: Bool) {
        append(literal: "{\"key\":")
        record.withKey { append(jsonString: $0) }
        if isWhole { record.withValue { Command.append(value: $0, to: &self) } }
        if record.contentTypeCount > 0, isWhole {
            append(literal: ",\"type\":")
            record.withContentType { append(jsonString: $0) }
        }
        append(",\"revision\":", record.revision.rawValue)
        append(",\"createdRevision\":", record.createdRevision.rawValue)
        append(",\"version\":", record.version)
        if isWhole, record.lease != 0 {
            append(",\"lease\":\"", record.lease)
            append(UInt8(ascii: "\""))
        } else if isWhole, let end = record.hold.end {
            append(",\"end\":", end.milliseconds)
        }
        append(UInt8(ascii: "}"))
    }
}
