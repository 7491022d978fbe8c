// A key as one line of JSON: what snapshots and backups are made of.
internal import JSON
internal import KeyValue

/// One line, in this exact form:
/// ```
/// {"key":"a","value":"x","type":"text/plain","revision":7,"createdRevision":5,"version":2,"lease":"9"}
/// ```
/// `base64` in place of `value` where that is shorter or the value is not UTF-8; without `type` it is
/// `application/octet-stream`, and without `lease` there is none.
enum Row {
    /// Appends a record's row with its newline.
    static func append(_ record: Record, to out: inout [UInt8]) {
        record.withKey { key in
            out.append(literal: "{\"key\":")
            out.append(jsonString: key)
        }
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
        }
        out.append(literal: "}\n")
    }
}
