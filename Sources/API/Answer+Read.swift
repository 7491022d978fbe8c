// What a GET or HEAD of a key is answered with (Interface §2).
internal import HTTP
internal import JSON
public import KeyValue

/// How old a local answer may be.
public struct Age: Sendable, Equatable {
    /// How far this node has applied the log.
    public var appliedIndex: UInt64
    /// The milliseconds since this node last heard from a leader; nil where it never has.
    public var leaderContactMilliseconds: UInt64?

    public init(appliedIndex: UInt64, leaderContactMilliseconds: UInt64?) {
        self.appliedIndex = appliedIndex
        self.leaderContactMilliseconds = leaderContactMilliseconds
    }
}

extension Answer {
    /// Answers a read of one key by its record: `200`, `304`, `404` or `412`.
    ///
    /// - Parameters:
    ///   - record: the key as it stands in the store, if it exists.
    ///   - request: the read; its conditions and form decide.
    ///   - storeRevision: the store's revision at that moment.
    ///   - age: what a local answer says of itself; nil for a linearizable one.
    ///   - out: where the response goes.
    public func appendRead(
        _ record: Record?, for request: borrowing Request, storeRevision: Revision, age: Age? = nil,
        to out: inout [UInt8]
    ) {
        // Conditions count only where there is a 200 without them (RFC 9110 §13.2.1).
        guard let record else {
            appendAbsent(storeRevision: storeRevision, age: age, to: &out)
            return
        }
        guard request.precondition.ifMatchHolds(current: record.revision) else {
            appendConditionFailed(
                current: record.revision, storeRevision: storeRevision, age: age, to: &out)
            return
        }
        guard request.precondition.ifNoneMatchHolds(current: record.revision) else {
            begin("HTTP/1.1 304 Not Modified\r\nCache-Control: no-cache\r\n", to: &out)
            out.append(room: Self.fieldsBytesMax + 2) {
                writeFields(
                    of: record, isWeak: request.wantsJSON, storeRevision: storeRevision, age: age, to: &$0)
                $0.write("\r\n")
            }
            return
        }
        if request.wantsJSON {
            begin(Self.value, to: &out)
            out.append(room: Self.fieldsBytesMax) {
                writeFields(of: record, isWeak: true, storeRevision: storeRevision, age: age, to: &$0)
            }
            appendObject(record, to: &out)
            return
        }
        let content = manner.isHead ? 0 : record.valueCount
        let room = Self.value.utf8CodeUnitCount + beginBytesMax + Self.fieldsBytesMax
        // (A default content type and the literals around it have 40 bytes, the length's 40.)
        out.append(room: room + 80 + record.contentTypeCount + content) { out in
            begin(Self.value, to: &out)
            writeFields(of: record, isWeak: false, storeRevision: storeRevision, age: age, to: &out)
            write(record, to: &out)
        }
    }

    /// The first fields of a value. A stored page must not act as the dashboard.
    private static let value: StaticString = """
        HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nAccept-Ranges: none\r\n\
        X-Content-Type-Options: nosniff\r\nContent-Security-Policy: sandbox\r\n
        """

    /// What ``writeFields(of:isWeak:storeRevision:age:to:)`` writes at most: 148 bytes of names, and eight
    /// numbers.
    private static let fieldsBytesMax = 148 + 8 * 20

    private func writeFields(
        of record: Record, isWeak: Bool, storeRevision: Revision, age: Age?, to out: inout Pen
    ) {
        out.write(isWeak ? "ETag: W/\"" : "ETag: \"")
        out.write(decimal: record.revision.rawValue)
        out.write("\"\r\n")
        field("Rast-Revision: ", storeRevision.rawValue, to: &out)
        field("Rast-Created-Revision: ", record.createdRevision.rawValue, to: &out)
        field("Rast-Version: ", record.version, to: &out)
        if record.lease != 0 { field("Rast-Lease: ", record.lease, to: &out) }
        if let end = record.hold.end { field("Rast-TTL: ", end.seconds(from: now), to: &out) }
        guard let age else { return }
        field("Rast-Applied-Index: ", age.appliedIndex, to: &out)
        if let contact = age.leaderContactMilliseconds { field("Rast-Leader-Contact: ", contact, to: &out) }
    }

    func appendFields(of age: Age?, to out: inout [UInt8]) {
        guard let age else { return }
        field("Rast-Applied-Index: ", age.appliedIndex, to: &out)
        if let contact = age.leaderContactMilliseconds { field("Rast-Leader-Contact: ", contact, to: &out) }
    }

    /// Content type, length, and content.
    private func write(_ record: Record, to out: inout Pen) {
        out.write("Content-Type: ")
        if record.contentTypeCount == 0 {
            out.write(Command.contentTypeDefault)
        } else {
            record.withContentType { out.write(bytes: $0) }
        }
        out.write("\r\n")
        end(contentBytes: record.valueCount, to: &out)
        if !manner.isHead { record.withValue { out.write(bytes: $0) } }
    }

    private func appendObject(_ record: Record, to out: inout [UInt8]) {
        out.append(literal: "Content-Type: application/json\r\n")
        var content: [UInt8] = []
        content.append(record: record, now: now)
        content.append(UInt8(ascii: "\n"))
        end(content.span, to: &out)
    }

    /// `404`: the key is absent.
    private func appendAbsent(storeRevision: Revision, age: Age?, to out: inout [UInt8]) {
        begin(
            "HTTP/1.1 404 Not Found\r\nCache-Control: no-store\r\nContent-Type: application/problem+json\r\n",
            to: &out)
        field("Rast-Revision: ", storeRevision.rawValue, to: &out)
        appendFields(of: age, to: &out)
        let content: StaticString = """
            {"type":"about:blank","title":"Not Found","status":404,"detail":"The key is absent.",\
            "code":"key_not_found"}

            """
        end(contentBytes: content.utf8CodeUnitCount, to: &out)
        if !manner.isHead { out.append(literal: content) }
    }
}

extension [UInt8] {
    /// Appends a key as an object, in the form of `format=json`, with or without its value.
    mutating func append(record: Record, hasValue: Bool = true, now: ClusterTime) {
        append(literal: "{\"key\":")
        record.withKey { append(jsonString: $0) }
        if hasValue { append(valueOf: record) }
        append(contentTypeOf: record)
        append(literal: ",\"revision\":")
        append(decimal: record.revision.rawValue)
        append(literal: ",\"createdRevision\":")
        append(decimal: record.createdRevision.rawValue)
        append(literal: ",\"version\":")
        append(decimal: record.version)
        append(holdOf: record, now: now)
        append(UInt8(ascii: "}"))
    }

    mutating func append(contentTypeOf record: Record) {
        append(literal: ",\"contentType\":")
        if record.contentTypeCount == 0 {
            append(literal: "\"application/octet-stream\"")
        } else {
            record.withContentType { append(jsonString: $0) }
        }
    }

    mutating func append(holdOf record: Record, now: ClusterTime) {
        if record.lease != 0 {
            append(literal: ",\"lease\":\"")
            append(decimal: record.lease)
            append(UInt8(ascii: "\""))
        } else if let end = record.hold.end {
            append(literal: ",\"ttl\":")
            append(decimal: end.seconds(from: now))
        }
    }

    mutating func append(valueOf record: Record) {
        append(literal: ",\"value\":")
        record.withValue { value in
            if isUTF8(value) {
                append(jsonString: value)
                append(literal: ",\"encoding\":\"utf-8\"")
            } else {
                append(UInt8(ascii: "\""))
                append(base64: value)
                append(literal: "\",\"encoding\":\"base64\"")
            }
        }
    }
}
