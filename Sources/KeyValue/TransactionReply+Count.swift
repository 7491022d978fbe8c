// What a transaction's answer takes as JSON: known while it is applied, so that one which would be too large
// is never begun, and one that is asked for again can be kept (Interface §2, §6).

extension TransactionReply {
    /// The bytes that stand around the results, for a revision of so many digits or fewer.
    static func frameBytes(_ revision: Revision) -> Int {
        count("{\"succeeded\":false,\"revision\":,\"results\":[]}\n") + digits(revision.rawValue)
    }

    /// So many bytes more than the answer, at most, has what is kept of it: its frame has one name more, and
    /// nothing else is longer.
    static let keptBytesMore = count("{\"transacted\":}")

    /// The bytes of a list that has no entry yet, and at most `limit` in the end.
    static func listBytes(limit: Int) -> Int {
        count("{\"list\":{\"count\":,\"entries\":[],\"more\":false}},") + digits(UInt64(limit))
    }

    /// The bytes of a record and what parts it from the next, its life told from `now`; one more than that
    /// where the value is UTF-8.
    static func bytes(of record: Record, now: ClusterTime) -> Int {
        count("{\"key\":,\"value\":,\"encoding\":\"base64\",\"contentType\":,")
            + record.withKey { Command.jsonCount($0) } + record.withValue { Command.jsonCount($0) }
            + (record.contentTypeCount == 0
                ? count("\"application/octet-stream\"")
                : record.withContentType { Command.jsonCount($0) })
            + numbersBytes(of: record) + holdBytes(of: record, now: now) + count("},")
    }

    private static func numbersBytes(of record: Record) -> Int {
        count("\"revision\":,\"createdRevision\":,\"version\":") + digits(record.revision.rawValue)
            + digits(record.createdRevision.rawValue) + digits(record.version)
    }

    private static func holdBytes(of record: Record, now: ClusterTime) -> Int {
        if record.lease != 0 { return count(",\"lease\":\"\"") + digits(record.lease) }
        guard let end = record.hold.end else { return 0 }
        return count(",\"ttl\":") + digits(end.seconds(from: now))
    }

    fileprivate static func putBytes(of record: Record) -> Int {
        count("{\"put\":{\"key\":,}},") + record.withKey { Command.jsonCount($0) }
            + numbersBytes(of: record)
    }

    fileprivate static func count(_ literal: StaticString) -> Int { literal.utf8CodeUnitCount }

    fileprivate static func digits(_ number: UInt64) -> Int {
        var (count, rest) = (1, number / 10)
        while rest > 0 {
            count += 1
            rest /= 10
        }
        return count
    }
}

extension TransactionReply.Result {
    /// The bytes of the result and what parts it from the next, the life of keys told from `now`; at most a
    /// byte more for each record.
    func bytes(now: ClusterTime) -> Int {
        typealias Reply = TransactionReply
        switch self {
        case .put(let record): return Reply.putBytes(of: record)
        case .got(let record?): return Reply.count("{\"get\":},") + Reply.bytes(of: record, now: now)
        case .got(nil): return Reply.count("{\"get\":null},")
        case .listed(let records, _):
            return records.reduce(Reply.listBytes(limit: records.count)) {
                $0 + Reply.bytes(of: $1, now: now)
            }
        case .deleted(let count):
            return Reply.count("{\"delete\":{\"deleted\":}},") + Reply.digits(UInt64(count))
        }
    }
}
