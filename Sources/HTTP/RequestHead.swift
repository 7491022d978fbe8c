// A request's head as ranges of the connection's bytes (RFC 9112 §3, RFC 9110 §7.6).

/// A request's method (RFC 9110 §9).
public enum Method: UInt8, Sendable, Equatable {
    case get, head, put, post, delete, options, patch, other
}

/// The form of a request's target (RFC 9112 §3.2).
public enum TargetForm: UInt8, Sendable, Equatable {
    case origin, absolute, authority, asterisk
}

/// How the end of a message's content is known (RFC 9112 §6).
public enum Framing: Sendable, Equatable {
    /// There is no content, and nothing that announced any.
    case none
    /// Exactly so many bytes; 0 says that the content is empty.
    case length(Int)
    case chunked
}

/// What the Expect field asks for (RFC 9110 §10.1.1).
public enum Expect: UInt8, Sendable, Equatable {
    case none, `continue`, other
}

/// A request's head: what is needed of it, and where the rest stands.
///
/// All ranges are offsets in the bytes that the parser was given; they die when that buffer is compacted.
public struct RequestHead: Sendable {
    public internal(set) var method = Method.other
    public internal(set) var form = TargetForm.origin
    /// Whether the version is HTTP/1.0; otherwise it is HTTP/1.1.
    public internal(set) var isVersion10 = false
    /// Whether the connection goes on after this request (RFC 9112 §9.3).
    public internal(set) var keepAlive = true
    public internal(set) var expectation = Expect.none
    public internal(set) var framing = Framing.none
    /// Where the fields' values stand.
    public internal(set) var fields = Fields()
    /// The bytes of the head with the empty line that ends it: where the content begins.
    public internal(set) var count = 0

    @usableFromInline var methodPlace = Place.none
    @usableFromInline var targetPlace = Place.none
    @usableFromInline var pathPlace = Place.none
    @usableFromInline var queryPlace = Place.none
    @usableFromInline var hostPlace = Place.none

    /// The method as it was written.
    @inlinable public var methodName: Range<Int> { methodPlace.range }
    /// The target as it was written, query and all.
    @inlinable public var target: Range<Int> { targetPlace.range }
    /// The path, percent-escapes as they are; empty (an absolute target without one) means `/`.
    @inlinable public var path: Range<Int> { pathPlace.range }
    /// What follows the first question mark; nil where there is none.
    @inlinable public var query: Range<Int>? { queryPlace.optionalRange }
    /// The host that was asked: an absolute target's, else the Host field's; nil only in HTTP/1.0.
    @inlinable public var host: Range<Int>? { hostPlace.optionalRange }

    @usableFromInline init() {}

    /// The value of the field's first line, or nil.
    @inlinable @inline(__always) public subscript(field: Field) -> Range<Int>? { fields[field] }

    /// The content, where it is not chunked and all of it has arrived.
    @inlinable public func wholeContent(in bytes: Span<UInt8>) -> Range<Int>? {
        switch framing {
        case .none: count..<count
        case .length(let length): length <= bytes.count &- count ? count..<(count &+ length) : nil
        case .chunked: nil
        }
    }
}

/// How much of a head is taken.
public struct Limits: Sendable, Equatable {
    /// The longest request line in bytes.
    public var requestLineBytesMax: Int
    /// The most bytes of all field lines together.
    public var fieldBytesMax: Int
    /// The most field lines.
    public var fieldCountMax: Int

    /// The defaults are those of Interface §10.
    public init(
        requestLineBytesMax: Int = 16 * 1024, fieldBytesMax: Int = 32 * 1024, fieldCountMax: Int = 100
    ) {
        self.requestLineBytesMax = requestLineBytesMax
        self.fieldBytesMax = fieldBytesMax
        self.fieldCountMax = fieldCountMax
    }
}
