// A key, a lease, a kept answer as one line of JSON: what snapshots and backups are made of.
internal import JSON
internal import KeyValue

/// One line, in this exact form:
/// ```
/// {"lease":"9","ttl":30000}
/// {"key":"a","value":"x","type":"text/plain","revision":7,"createdRevision":5,"version":2,"lease":"9"}
/// {"answer":"K","index":12,"at":1234,"request":"32 hex","revision":9,"reply":{…}}
/// ```
/// Leases come first, then keys, then answers in the order in which they were given. In a key's, `base64`
/// is in place of `value` where that is shorter or the value is not UTF-8; without `type` it is
/// `application/octet-stream`; `end`, a moment of cluster time, may be in place of `lease`, or neither.
enum Row {
    /// Appends a record's row with its newline.
    static func append(_ record: Record, to out: inout [UInt8]) {
        append("{\"key\":", record, to: &out)
    }

    /// Appends a row that begins with `name`, behind which the key stands.
    static func append(_ name: StaticString, _ record: Record, to out: inout [UInt8]) {
        out.append(literal: name)
        record.withKey { out.append(jsonString: $0) }
        record.withValue { Command.append(value: $0, to: &out) }
        if record.contentTypeCount > 0 {
            record.withContentType { type in
                out.append(literal: ",\"type\":")
                out.append(jsonString: type)
            }
        }
        out.append(literal: ",\"revision\":")
        out.append(decimal: record.revision.rawValue)
        out.append(literal: ",\"createdRevision\":")
        out.append(decimal: record.createdRevision.rawValue)
        out.append(literal: ",\"version\":")
        out.append(decimal: record.version)
        if record.lease != 0 {
            out.append(literal: ",\"lease\":\"")
            out.append(decimal: record.lease)
            out.append(UInt8(ascii: "\""))
        } else if let end = record.hold.end {
            out.append(literal: ",\"end\":")
            out.append(decimal: end.milliseconds)
        }
        out.append(literal: "}\n")
    }

    /// Appends a lease's row with its newline.
    static func append(_ lease: Lease, to out: inout [UInt8]) {
        out.append(literal: "{\"lease\":\"")
        out.append(decimal: lease.id)
        out.append(literal: "\",\"ttl\":")
        out.append(decimal: lease.ttlMilliseconds)
        out.append(literal: "}\n")
    }

    /// Appends the row of an answer that is kept, with its newline.
    static func append(_ answer: KeptAnswer, key: [UInt8], to out: inout [UInt8]) {
        out.append(literal: "{\"answer\":")
        out.append(jsonString: key.span)
        out.append(literal: ",\"index\":")
        out.append(decimal: answer.index)
        out.append(literal: ",\"at\":")
        out.append(decimal: answer.at.milliseconds)
        out.append(literal: ",\"request\":\"")
        answer.request.append(to: &out)
        out.append(literal: "\",\"revision\":")
        out.append(decimal: answer.revision.rawValue)
        out.append(literal: ",\"reply\":")
        out.append(bytes: answer.reply.span)
        out.append(literal: "}\n")
    }
}
