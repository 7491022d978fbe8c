// What may be wrong with a message: the flaw, its place, and how it is answered (RFC 9112, Interface §5).

/// A message that cannot be read. The connection it came on cannot be used any further.
public struct MessageError: Error, Equatable, Sendable {
    public let flaw: Flaw
    /// Where in the bytes given to the parser the flaw begins.
    public let offset: Int

    @inlinable public init(_ flaw: Flaw, at offset: Int) {
        self.flaw = flaw
        self.offset = offset
    }

    /// The status that a request with this flaw is answered with.
    public var status: Int { flaw.status }
    /// What programs match on (Interface §5).
    public var code: StaticString { flaw.code }
    /// A sentence for people.
    public var message: StaticString { flaw.message }
}

/// What may be wrong with a message.
public enum Flaw: UInt8, Equatable, Sendable {
    case bareLineFeed, bareCarriageReturn, controlCharacter
    case badRequestLine, badMethod, badTarget, badStatusLine, malformedVersion, unknownVersion
    case requestLineTooLong, headTooLarge, tooManyFields
    case badFieldName, spaceBeforeColon, foldedLine, missingColon, repeatedField
    case missingHost, secondHost, badHost
    case badLength, secondLength, lengthAndChunked, badTransferEncoding, unknownLength
    case badChunkSize, badChunkExtension, badChunkEnd, chunkOverhead, badTrailer, contentTooLarge
    case badEntityTag, badEscape

    /// The status that a request with this flaw is answered with.
    public var status: Int {
        switch self {
        case .requestLineTooLong: 414
        case .headTooLarge, .tooManyFields: 431
        case .unknownVersion: 505
        case .contentTooLarge: 413
        default: 400
        }
    }

    /// What programs match on (Interface §5).
    public var code: StaticString {
        switch self {
        case .requestLineTooLong, .headTooLarge, .tooManyFields: "head_too_large"
        case .unknownVersion: "bad_version"
        case .contentTooLarge: "too_large"
        default: "bad_request"
        }
    }

    /// A sentence for people.
    public var message: StaticString {
        switch self {
        case .bareLineFeed: "a line ends with a line feed alone; CR LF is needed"
        case .bareCarriageReturn: "a carriage return stands without its line feed"
        case .controlCharacter: "a control character stands in the head"
        case .badRequestLine: "the request line is not: method, space, target, space, version"
        case .badMethod: "the method is not a token"
        case .badTarget: "the request target has no form that is known here"
        case .badStatusLine: "the status line is not: version, space, three digits"
        case .malformedVersion: "the version is not HTTP/1.1 or HTTP/1.0"
        case .unknownVersion: "this server speaks HTTP/1.1 and HTTP/1.0"
        case .requestLineTooLong: "the request line is longer than this server takes"
        case .headTooLarge: "the header fields are larger than this server takes"
        case .tooManyFields: "there are more header fields than this server takes"
        case .badFieldName: "a field name is not a token"
        case .spaceBeforeColon: "whitespace stands between a field name and its colon"
        case .foldedLine: "a field line begins with whitespace (line folding is obsolete)"
        case .missingColon: "a field line has no colon"
        case .repeatedField: "this field may be given once only"
        case .missingHost: "an HTTP/1.1 request needs a Host field"
        case .secondHost: "there are two Host fields"
        case .badHost: "the Host field is not a host with an optional port"
        case .badLength: "Content-Length is not a number in digits"
        case .secondLength: "there are two Content-Length fields"
        case .lengthAndChunked: "Content-Length and Transfer-Encoding are both there"
        case .badTransferEncoding: "the only Transfer-Encoding is chunked, given once, in HTTP/1.1"
        case .unknownLength: "the message does not say how long its content is"
        case .badChunkSize: "a chunk size is not a hexadecimal number followed by CR LF"
        case .badChunkExtension: "a chunk extension is malformed"
        case .badChunkEnd: "a chunk's content is not followed by CR LF"
        case .chunkOverhead: "chunk extensions and trailers are larger than this server takes"
        case .badTrailer: "a trailer field is malformed"
        case .contentTooLarge: "the content is larger than this server takes"
        case .badEntityTag: "a list of entity tags is malformed; a tag is quoted, as in \"5\""
        case .badEscape: "a percent sign is not followed by two hexadecimal digits"
        }
    }
}
