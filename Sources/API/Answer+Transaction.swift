// What a transaction and a range delete are answered with, once applied (Interface §2).
internal import JSON
public import KeyValue

extension Answer {
    /// `200`: what each operation of the branch that was taken has come to.
    public func append(_ reply: TransactionReply, to out: inout [UInt8]) {
        var content: [UInt8] = []
        content.append(literal: reply.succeeded ? "{\"succeeded\":true" : "{\"succeeded\":false")
        content.append(literal: ",\"revision\":")
        content.append(decimal: reply.revision.rawValue)
        content.append(literal: ",\"results\":[")
        for (place, result) in reply.results.enumerated() {
            if place > 0 { content.append(UInt8(ascii: ",")) }
            content.append(result, now: reply.at)
        }
        content.append(literal: "]}\n")
        append(object: content, revision: reply.revision, to: &out)
    }

    /// `200`: so many keys of a range were removed.
    public func appendDeleted(count: UInt64, revision: Revision, to out: inout [UInt8]) {
        var content: [UInt8] = []
        content.append(literal: "{\"deleted\":")
        content.append(decimal: count)
        content.append(literal: ",\"revision\":")
        content.append(decimal: revision.rawValue)
        content.append(literal: "}\n")
        append(object: content, revision: revision, to: &out)
    }

    func append(object content: [UInt8], revision: Revision, to out: inout [UInt8]) {
        begin(Answer.object, to: &out)
        field("Rast-Revision: ", revision.rawValue, to: &out)
        end(content.span, to: &out)
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ result: TransactionReply.Result, now: ClusterTime) {
        switch result {
        case .put(let record):
            append(literal: "{\"put\":{\"key\":")
            record.withKey { append(jsonString: $0) }
            append(literal: ",\"revision\":")
            append(decimal: record.revision.rawValue)
            append(literal: ",\"createdRevision\":")
            append(decimal: record.createdRevision.rawValue)
            append(literal: ",\"version\":")
            append(decimal: record.version)
            append(literal: "}}")
        case .got(let record?):
            append(literal: "{\"get\":")
            append(record: record, now: now)
            append(UInt8(ascii: "}"))
        case .got(nil): append(literal: "{\"get\":null}")
        case .listed(let records, let isMore):
            append(literal: "{\"list\":{\"count\":")
            append(decimal: UInt64(records.count))
            append(literal: ",\"entries\":[")
            for (place, record) in records.enumerated() {
                if place > 0 { append(UInt8(ascii: ",")) }
                append(record: record, now: now)
            }
            append(literal: isMore ? "],\"more\":true}}" : "],\"more\":false}}")
        case .deleted(let count):
            append(literal: "{\"delete\":{\"deleted\":")
            append(decimal: UInt64(count))
            append(literal: "}}")
        }
    }
}
