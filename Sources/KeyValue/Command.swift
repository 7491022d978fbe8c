// Commands as the log carries them: one JSON object each, the "command" member of an entry's line.

/// The encoder of commands.
///
/// ```json
/// {"at":123456,"put":{"key":"a","value":"x","type":"text/plain","ifMatch":[5]}}
/// {"at":123456,"put":{"key":"a","base64":"/w=="}}
/// {"at":123456,"delete":{"key":"a","ifNoneMatch":"*"}}
/// {"at":123456,"none":true}
/// ```
public enum Command {
    /// The most bytes a key has.
    public static let keyBytesMax = 1_024
    /// The most bytes a content type has.
    public static let contentTypeBytesMax = 255

    /// Appends a command that stores a value.
    ///
    /// - Parameters:
    ///   - key: 1 to 1,024 bytes of valid UTF-8.
    ///   - value: any bytes.
    ///   - contentType: visible ASCII and spaces, at most 255; empty means `application/octet-stream`.
    ///   - precondition: what the key's revision must be when this is applied.
    ///   - at: the leader's cluster time.
    ///   - out: where one JSON object, without a newline, goes.
    public static func appendPut(
        key: Span<UInt8>, value: Span<UInt8>, contentType: Span<UInt8>,
        precondition: borrowing Precondition, at: ClusterTime, to out: inout [UInt8]
    ) {}

    /// Appends a command that removes one key.
    public static func appendDelete(
        key: Span<UInt8>, precondition: borrowing Precondition, at: ClusterTime, to out: inout [UInt8]
    ) {}

    /// Appends the empty command of a new leader's first entry.
    public static func appendNone(at: ClusterTime, to out: inout [UInt8]) {}
}
