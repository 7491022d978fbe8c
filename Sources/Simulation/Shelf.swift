// A shelf of keys that some clients fill, clear by ranges and list page by page, with the requests and
// answers of the real interface (Interface §2); what each page must hold.
internal import API
internal import HTTP
internal import JSON
internal import KeyValue

/// A list under way, over as many pages as it takes, each perhaps from another node.
struct ShelfWalk {
    let limit: Int
    let isReverse: Bool
    /// The last key that was listed.
    var last: [UInt8]?
    /// Where the list goes on.
    var cursor: [UInt8]?
}

/// What a page said.
struct ShelfPage {
    var revision = Revision.empty
    var keys: [[UInt8]] = []
    var next: [UInt8]?

    /// Takes a whole response apart; nil: it is no page.
    init?(_ response: [UInt8]) {
        let end = Array("\r\n\r\n".utf8)
        guard response.starts(with: Array("HTTP/1.1 200 ".utf8)),
            let place = response.indices.first(where: { response[$0...].starts(with: end) })
        else { return nil }
        guard (try? read(Array(response[(place + end.count)...]))) != nil else { return nil }
    }

    private mutating func read(_ content: [UInt8]) throws(SyntaxError) {
        let bytes = content.span
        var scanner = Scanner()
        var name: Text?
        var depth = 0
        while true {
            switch try scanner.next(in: bytes) {
            case .objectStart, .arrayStart: depth += 1
            case .objectEnd, .arrayEnd: depth -= 1
            case .name(let text): name = text
            case .number(let range):
                if depth == 1, name?.equals("revision", in: bytes) == true {
                    revision = Revision(unsignedInteger(range, in: bytes) ?? 0)
                }
            case .string(let text):
                var value: [UInt8] = []
                text.append(from: bytes, to: &value)
                if depth == 1, name?.equals("next", in: bytes) == true { next = value }
                if depth == 3, name?.equals("key", in: bytes) == true { keys.append(value) }
            case .boolean, .null: continue
            case .end: return
            }
        }
    }
}

extension ShelfWalk {
    static let prefix = Array("~list/".utf8)
    static let keysCount = 20

    static func key(_ number: Int) -> [UInt8] { prefix + Array("\(number / 10)\(number % 10)".utf8) }

    /// The page that a node answers from this store, as bytes; nil: the node takes the request for none.
    func answer(from store: Store) -> [UInt8]? {
        var text = Array("GET /kv?prefix=~list/&limit=\(limit)\(isReverse ? "&reverse" : "")".utf8)
        if let cursor { text += Array("&cursor=".utf8) + cursor }
        text += Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var parser = RequestParser()
        var scratch: [UInt8] = []
        guard case .head(let head)? = try? parser.parse(text.span, limits: Limits()),
            let request = try? Request(head, in: text.span, limits: RequestLimits(), scratch: &scratch),
            let listing = request.listing
        else { return nil }
        var out: [UInt8] = []
        Answer(Context(node: 1), Manner(head)).appendPage(listing, of: store, to: &out)
        return out
    }

    /// What is wrong with the page, where the shelf held these keys at its revision; nil: nothing.
    func problem(with page: ShelfPage, of shelf: [[UInt8]]) -> String? {
        var left = isReverse ? Array(shelf.reversed()) : shelf
        if let last {
            left.removeAll { key in
                isReverse ? !key.lexicographicallyPrecedes(last) : !last.lexicographicallyPrecedes(key)
            }
        }
        func text(_ keys: [[UInt8]]) -> String {
            keys.map { String(decoding: $0.dropFirst(Self.prefix.count), as: UTF8.self) }
                .joined(separator: " ")
        }
        let wanted = Array(left.prefix(limit))
        guard page.keys == wanted else {
            return "a page at revision \(page.revision) has \(text(page.keys)), not \(text(wanted))"
        }
        guard (page.next != nil) == (left.count > limit) else {
            return "a page at revision \(page.revision) \(page.next == nil ? "ends" : "goes on") wrongly"
        }
        return nil
    }
}
