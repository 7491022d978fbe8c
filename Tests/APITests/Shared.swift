// What these tests share: requests from text, and responses taken apart by a parser that API does not use.
import API
import Foundation
import HTTP
import JSON
import KeyValue

/// Text in which `|` stands for a line's end, CR LF.
func wire(_ text: String) -> [UInt8] {
    Array(text.replacing("|", with: "\r\n").utf8)
}

struct Unfinished: Error {}

/// A request with its bytes.
struct Asked {
    let bytes: [UInt8]
    let head: RequestHead
    let request: Request

    /// A request line such as `GET /kv/a`, and further fields such as `If-Match: "5"|`.
    init(_ line: String, _ fields: String = "", host: String = "h:1") throws {
        let text = wire("\(line) HTTP/1.1|Host: \(host)|\(fields)|")
        var parser = RequestParser()
        let progress = try parser.parse(text.span, limits: Limits())
        guard case .head(let read) = progress else { throw Unfinished() }
        var scratch: [UInt8] = []
        let limits = RequestLimits(valueBytesMax: 100)
        request = try Request(read, in: text.span, limits: limits, scratch: &scratch)
        head = read
        bytes = text
    }

    var key: [UInt8] {
        var scratch: [UInt8] = [1, 2, 3]
        var key: [UInt8] = []
        request.withKey(in: bytes.span, scratch: &scratch) { key.append(bytes: $0) }
        return key
    }

    var contentType: String {
        var type: [UInt8] = []
        request.withContentType(in: bytes.span) { type.append(bytes: $0) }
        return String(decoding: type, as: UTF8.self)
    }
}

/// Why a request is refused, or nil.
func refusal(_ line: String, _ fields: String = "") throws -> Refusal? {
    do {
        _ = try Asked(line, fields)
        return nil
    } catch let refusal as Refusal {
        return refusal
    }
}

/// A response, taken apart.
struct Response {
    let status: Int
    let fields: [String: String]
    let content: [UInt8]
    let head: String

    /// The only response in `bytes`; `isHead` where it must not have content.
    init(_ bytes: [UInt8], isHead: Bool = false) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { throw Unfinished() }
        head = String(text[..<end.lowerBound])
        var lines = head.components(separatedBy: "\r\n")
        let first = lines.removeFirst().split(separator: " ", maxSplits: 2)
        guard first.count == 3, first[0] == "HTTP/1.1", let number = Int(first[1]) else {
            throw Unfinished()
        }
        status = number
        var fields: [String: String] = [:]
        for line in lines {
            guard let colon = line.range(of: ": "), fields[String(line[..<colon.lowerBound])] == nil
            else {
                throw Unfinished()
            }
            fields[String(line[..<colon.lowerBound])] = String(line[colon.upperBound...])
        }
        self.fields = fields
        content = Array(bytes[(head.utf8.count + 4)...])
        if let length = fields["Content-Length"], !isHead {
            guard Int(length) == content.count else { throw Unfinished() }
        } else {
            guard content.isEmpty else { throw Unfinished() }
        }
    }

    /// The content as an object.
    var object: NSDictionary {
        get throws {
            let value = try JSONSerialization.jsonObject(with: Foundation.Data(content))
            guard let object = value as? NSDictionary else { throw Unfinished() }
            return object
        }
    }

    subscript(field: String) -> String? { fields[field] }
}

let context: Context = {
    var context = Context(node: 1)
    context.setTime(secondsSince1970: 784_111_777)
    return context
}()

/// The response that `body` appends, to a GET if nothing else is said.
func response(
    _ manner: Manner = Manner(), _ body: (Answer, inout [UInt8]) throws -> Void
) throws -> Response {
    var out: [UInt8] = []
    try body(Answer(context, manner), &out)
    return try Response(out, isHead: manner.isHead)
}

func record(
    _ key: String = "a", _ value: [UInt8] = Array("x".utf8), type: String = "", revision: UInt64 = 7,
    created: UInt64 = 5, version: UInt64 = 2, lease: UInt64 = 0
) -> Record {
    Record(
        key: Array(key.utf8).span, value: value.span, contentType: Array(type.utf8).span,
        revision: Revision(revision), createdRevision: Revision(created), version: version,
        hold: lease == 0 ? .none : Hold(lease: lease)
    )
}
