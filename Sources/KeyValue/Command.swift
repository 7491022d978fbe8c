// Commands as the log carries them: one JSON object each, the "command" member of an entry's line.
internal import JSON

/// The encoder of commands.
///
/// ```json
/// {"at":123456,"put":{"key":"a","value":"x","type":"text/plain","ifMatch":[5]}}
/// {"at":123456,"put":{"key":"a","base64":"/w=="}}
/// {"at":123456,"delete":{"key":"a","ifNoneMatch":"*"}}
/// {"at":123456,"deleteRange":{"start":"a/","end":"a0"}}
/// {"at":123456,"txn":{"if":[…],"then":[…],"else":[…]}}
/// {"at":123456,"grant":{"ttl":30000}}
/// {"at":123456,"revoke":"7"}
/// {"at":123456,"expire":["7","9"]}
/// {"at":123456,"once":{"key":"K","request":"32 hex"},"put":{"key":"a","value":"x","ttl":60000}}
/// {"at":123456,"settings":{"historyEvents":100000,"historyBytes":67108864}}
/// {"at":123456,"none":true}
/// {"at":123456,"members":{…}}
/// ```
/// `members` says who belongs to the cluster: consensus reads it, and the store steps over it.
/// `at` is the leader's cluster time. A tag list is `"*"` or an array of revisions. A command whose meaning
/// is not that of the first version will carry `"version"` (rule 20); today that is malformed.
public enum Command {
    /// The most bytes a key has.
    public static let keyBytesMax = 1_024
    /// The most bytes a content type has.
    public static let contentTypeBytesMax = 255
    /// The content type that is not written down.
    public static let contentTypeDefault: StaticString = "application/octet-stream"

    /// Appends a command that stores a value.
    ///
    /// The value is a JSON string where it is UTF-8, and base64 where it is not or where the escapes would
    /// take more; so the command is at most 4/3 of the value, and what the other fields take.
    ///
    /// - Parameters:
    ///   - key: 1 to 1,024 bytes of valid UTF-8.
    ///   - value: any bytes.
    ///   - contentType: visible ASCII and spaces, at most 255; empty means `application/octet-stream`.
    ///   - precondition: what the key's revision must be when this is applied.
    ///   - lifetime: how long the key is to live.
    ///   - once: the client's own name for this write.
    ///   - at: the leader's cluster time.
    ///   - out: where one JSON object, without a newline, goes.
    public static func appendPut(
        key: Span<UInt8>, value: Span<UInt8>, contentType: Span<UInt8>,
        precondition: borrowing Precondition, lifetime: Lifetime = .unbounded, once: Once? = nil,
        at: ClusterTime, to out: inout [UInt8]
    ) {
        let isTyped = !contentType.isEmpty && !equals(contentType, contentTypeDefault)
        let type = contentType.extracting(first: isTyped ? contentType.count : 0)
        let isUsual = precondition.isEmpty && lifetime == .unbounded && once == nil
        if isUsual && isPlain(key) && isPlain(value) && isPlain(type) {
            appendUsualPut(key: key, value: value, contentType: type, at: at, to: &out)
            return
        }
        append(at: at, once, to: &out)
        out.append(literal: ",\"put\":{\"key\":")
        append(string: key, to: &out)
        append(value: value, to: &out)
        if isTyped {
            out.append(literal: ",\"type\":")
            append(string: contentType, to: &out)
        }
        append(lifetime, to: &out)
        append(precondition, to: &out)
        out.append(literal: "}}")
    }

    /// Appends a command that removes one key.
    ///
    /// - Parameters:
    ///   - key: 1 to 1,024 bytes of valid UTF-8.
    ///   - precondition: what the key's revision must be when this is applied.
    ///   - once: the client's own name for this write.
    ///   - at: the leader's cluster time.
    ///   - out: where one JSON object, without a newline, goes.
    public static func appendDelete(
        key: Span<UInt8>, precondition: borrowing Precondition, once: Once? = nil, at: ClusterTime,
        to out: inout [UInt8]
    ) {
        append(at: at, once, to: &out)
        out.append(literal: ",\"delete\":{\"key\":")
        append(string: key, to: &out)
        append(precondition, to: &out)
        out.append(literal: "}}")
    }

    /// Appends the empty command of a new leader's first entry.
    public static func appendNone(at: ClusterTime, to out: inout [UInt8]) {
        append(at: at, to: &out)
        out.append(literal: ",\"none\":true}")
    }
}

extension Command {
    static func append(at: ClusterTime, to out: inout [UInt8]) {
        out.append(literal: "{\"at\":")
        out.append(decimal: at.milliseconds)
    }

    static func append(string text: Span<UInt8>, to out: inout [UInt8]) {
        if isPlain(text) {
            out.append(UInt8(ascii: "\""))
            out.append(bytes: text)
            out.append(UInt8(ascii: "\""))
        } else {
            out.append(jsonString: text)
        }
    }

    private static func append(_ precondition: borrowing Precondition, to out: inout [UInt8]) {
        append(",\"ifMatch\":", precondition.ifMatch, to: &out)
        append(",\"ifNoneMatch\":", precondition.ifNoneMatch, to: &out)
    }

    private static func append(_ name: StaticString, _ tags: Precondition.Tags, to out: inout [UInt8]) {
        switch tags {
        case .absent: return
        case .any:
            out.append(literal: name)
            out.append(literal: "\"*\"")
        case .one(let revision):
            out.append(literal: name)
            out.append(UInt8(ascii: "["))
            out.append(decimal: revision.rawValue)
            out.append(UInt8(ascii: "]"))
        case .list(let revisions):
            out.append(literal: name)
            out.append(UInt8(ascii: "["))
            for i in revisions.indices {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                out.append(decimal: revisions[i].rawValue)
            }
            out.append(UInt8(ascii: "]"))
        }
    }

    private static func equals(_ bytes: Span<UInt8>, _ literal: StaticString) -> Bool {
        guard bytes.count == literal.utf8CodeUnitCount else { return false }
        for i in bytes.indices where unsafe bytes[i] != literal.utf8Start[i] { return false }
        return true
    }
}
