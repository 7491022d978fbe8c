// Whole responses, appended to a connection's output: heads in one style, content with its length (Interface
// §5).
public import HTTP
public import JSON
public import KeyValue

/// One response on its way into a connection's output.
///
/// It holds what all responses of one request share; each function appends one whole response to `out`. Those
/// that a usual PUT or GET ends with allocate nothing but what `out` grows by.
public struct Answer: Sendable {
    @usableFromInline let context: Context
    @usableFromInline let manner: Manner
    /// Cluster time, for what is left of the lives of keys.
    @usableFromInline let now: ClusterTime
    /// Whether it was given before (Interface §6).
    @usableFromInline var isReplay = false

    @inlinable public init(_ context: Context, _ manner: Manner, now: ClusterTime = .zero) {
        self.context = context
        self.manner = manner
        self.now = now
    }

    /// Appends the head up to the fields of the response's own: `first` is the status line and fields.
    @inlinable
    func begin(_ first: StaticString, to out: inout [UInt8]) {
        out.append(room: first.utf8CodeUnitCount + beginBytesMax) { begin(first, to: &$0) }
    }

    /// What ``begin(_:to:)`` writes after the first fields, at most.
    @inlinable var beginBytesMax: Int { 56 + context.lines.count }

    @inlinable
    func begin(_ first: StaticString, to out: inout Pen) {
        out.write(first)
        out.write(bytes: context.lines.span)
        if !manner.keepAlive {
            out.write("Connection: close\r\n")
        } else if manner.isVersion10 {
            out.write("Connection: keep-alive\r\n")
        }
        if isReplay { out.write("Idempotency-Replayed: true\r\n") }
    }

    /// Appends a field whose value is a number.
    @inlinable
    func field(_ name: StaticString, _ value: UInt64, to out: inout [UInt8]) {
        out.append(literal: name)
        out.append(decimal: value)
        out.append(literal: "\r\n")
    }

    @inlinable
    func field(_ name: StaticString, _ value: UInt64, to out: inout Pen) {
        out.write(name)
        out.write(decimal: value)
        out.write("\r\n")
    }

    @inlinable
    func end(contentBytes count: Int, to out: inout Pen) {
        out.write("Content-Length: ")
        out.write(decimal: UInt64(count))
        out.write("\r\n\r\n")
    }

    /// Appends Content-Length and the end of the head.
    @inlinable
    func end(contentBytes count: Int, to out: inout [UInt8]) {
        out.append(literal: "Content-Length: ")
        out.append(decimal: UInt64(count))
        out.append(literal: "\r\n\r\n")
    }

    /// Appends Content-Length, the end of the head and the content, which a HEAD leaves out.
    @inlinable
    func end(_ content: Span<UInt8>, to out: inout [UInt8]) {
        end(contentBytes: content.count, to: &out)
        if !manner.isHead { out.append(bytes: content) }
    }
}

extension Answer {
    /// `200`: a probe is fine.
    public func appendLive(to out: inout [UInt8]) {
        begin(Answer.plainText, to: &out)
        end(Array("ok\n".utf8).span, to: &out)
    }

    /// `204` with the methods that the route takes.
    public func appendOptions(_ route: Route, to out: inout [UInt8]) {
        begin("HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\nAllow: ", to: &out, after: route.allow)
        out.append(literal: "\r\n")
    }

    /// `200` to a peer's question; `content` is what Wire has encoded, `contentType` its type.
    public func appendPeerAnswer(
        _ content: Span<UInt8>, contentType: StaticString = "application/json", to out: inout [UInt8]
    ) {
        begin("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: ", to: &out, after: contentType)
        end(content, to: &out)
    }

    /// The status line and fields of a text for people.
    static let plainText: StaticString =
        "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: text/plain; charset=utf-8\r\n"
    /// The status line and fields of an object.
    static let object: StaticString =
        "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/json\r\n"

    /// As ``begin(_:to:)``, where the last field's value is not known when this is compiled.
    func begin(_ first: StaticString, to out: inout [UInt8], after value: StaticString) {
        out.append(literal: first)
        out.append(literal: value)
        begin("\r\n", to: &out)
    }
}

/// How many digits the number has.
func digits(_ number: UInt64) -> Int {
    var count = 1
    var bound: UInt64 = 10
    while number >= bound, count < 19 {
        bound *= 10
        count += 1
    }
    return count
}

/// The bytes of the text as a JSON string, quotes and escapes counted.
func jsonCount(_ text: Span<UInt8>) -> Int {
    if isPlain(text) { return text.count + 2 }
    var count = 2
    for index in text.indices {
        switch text[index] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x08, 0x09, 0x0A, 0x0C, 0x0D: count += 2
        case 0..<0x20: count += 6
        default: count += 1
        }
    }
    return count
}
