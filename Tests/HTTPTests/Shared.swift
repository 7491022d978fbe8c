// What these tests share: requests as text, read whole or byte by byte.
import HTTP

/// A request's parts as text, to compare and to print.
struct Reading: Equatable {
    var method: Method
    var path: String
    var query: String?
    var host: String?
    var framing: Framing
    var keepAlive: Bool
    var content: String
    /// The bytes after the request.
    var rest: Int
}

/// Text in which `|` stands for a line's end, CR LF.
func wire(_ text: String) -> [UInt8] {
    Array(text.replacing("|", with: "\r\n").utf8)
}

func text(_ range: Range<Int>, of bytes: [UInt8]) -> String {
    String(decoding: bytes[range], as: UTF8.self)
}

/// The head and the content of a request, its bytes arriving in pieces of `step` at a time; nil where it is
/// not whole.
func read(
    _ bytes: [UInt8], step: Int = .max, limits: Limits = Limits(), contentBytesMax: Int = 1 << 20
) throws(MessageError) -> Reading? {
    var parser = RequestParser()
    var end = min(step, bytes.count)
    while true {
        let part = Array(bytes[..<end])
        if case .head(let head) = try parser.parse(part.span, limits: limits) {
            return try readContent(
                of: head, in: bytes, from: end, step: step, contentBytesMax: contentBytesMax)
        }
        guard end < bytes.count else { return nil }
        end = step < bytes.count - end ? end + step : bytes.count
    }
}

private func readContent(
    of head: RequestHead, in bytes: [UInt8], from arrived: Int, step: Int, contentBytesMax: Int
) throws(MessageError) -> Reading? {
    var decoder = ContentDecoder(head.framing, contentBytesMax: contentBytesMax)
    var offset = head.count
    var end = arrived
    var content: [UInt8] = []
    while true {
        let part = Array(bytes[..<end])
        switch try decoder.next(part.span, at: &offset) {
        case .content(let range): content += bytes[range]
        case .complete:
            return Reading(
                method: head.method, path: text(head.path, of: bytes),
                query: head.query.map { text($0, of: bytes) },
                host: head.host.map { text($0, of: bytes) }, framing: head.framing, keepAlive: head.keepAlive,
                content: String(decoding: content, as: UTF8.self), rest: bytes.count - offset)
        case .needMore:
            guard end < bytes.count else { return nil }
            end = step < bytes.count - end ? end + step : bytes.count
        }
    }
}

/// What is wrong with a request, or nil.
func flaw(
    _ bytes: [UInt8], step: Int = .max, limits: Limits = Limits(), contentBytesMax: Int = 1 << 20
) -> Flaw? {
    do {
        _ = try read(bytes, step: step, limits: limits, contentBytesMax: contentBytesMax)
        return nil
    } catch {
        return error.flaw
    }
}

/// The head of a request that is whole and valid.
func head(_ bytes: [UInt8]) throws -> RequestHead {
    var parser = RequestParser()
    switch try parser.parse(bytes.span, limits: Limits()) {
    case .head(let head): return head
    case .needMore: throw Unfinished()
    }
}

struct Unfinished: Error {}
