// Lists: ranges, order, limits, folding, cursors, pages and streams, against a plain filter over all keys.
import API
import Foundation
import HTTP
import JSON
import KeyValue
import Testing

/// A store with these keys, each with its own name as value, written in this order.
private func store(_ keys: [String], value: [UInt8]? = nil) -> Store {
    var store = Store()
    for (index, key) in keys.enumerated() { put(key, value ?? Array(key.utf8), at: index + 1, in: &store) }
    return store
}

private func put(_ key: String, _ value: [UInt8], at index: Int, in store: inout Store) {
    var command: [UInt8] = []
    Command.appendPut(
        key: Array(key.utf8).span, value: value.span, contentType: [UInt8]().span, precondition: .none,
        at: .zero, to: &command)
    _ = store.apply(command.span, index: UInt64(index))
}

private struct Page {
    let keys: [String]
    let prefixes: [String]
    let next: String?
    let count: Int
    let revision: Int
    let entries: [[String: Any]]
}

private func page(_ query: String, _ store: Store) throws -> Page {
    let asked = try Asked("GET /kv\(query)")
    let listing = try #require(asked.request.listing)
    #expect(!listing.isStream)
    let answer = try response { $0.appendPage(listing, of: store, to: &$1) }
    #expect(answer.status == 200 && answer["Content-Type"] == "application/json")
    #expect(answer["Vary"] == "Accept, Accept-Encoding" && answer["Cache-Control"] == "no-store")
    #expect(answer["Rast-Revision"] == "\(store.revision)")
    let head = try response(Manner(isHead: true)) { $0.appendPage(listing, of: store, to: &$1) }
    #expect(head.head == answer.head)
    let object = try answer.object
    let entries = try #require(object["entries"] as? [[String: Any]])
    return Page(
        keys: entries.compactMap { $0["key"] as? String },
        prefixes: try #require(object["prefixes"] as? [String]), next: object["next"] as? String,
        count: try #require(object["count"] as? Int), revision: try #require(object["revision"] as? Int),
        entries: entries)
}

/// All pages, by their cursors.
private func pages(_ query: String, _ store: Store) throws -> [Page] {
    var pages = [try page(query, store)]
    while let next = pages.last?.next, pages.count < 1_000 {
        pages.append(try page("\(query)\(query.isEmpty ? "?" : "&")cursor=\(next)", store))
    }
    return pages
}

private let some = ["a", "a/1", "a/2", "a/b/1", "a/b/2", "a/c", "aa", "b/", "b/x", "c", "é/1", "😀"]

@Test("a page has what lies in the range, in order, with count and revision")
func pageOfAll() throws {
    let all = try page("", store(some))
    #expect(all.keys == some && all.count == 12 && all.revision == 13)
    #expect(all.next == nil && all.prefixes == [])
    #expect(
        NSDictionary(dictionary: all.entries[1]) == [
            "key": "a/1", "value": "a/1", "encoding": "utf-8", "contentType": "application/octet-stream",
            "revision": 3, "createdRevision": 3, "version": 1,
        ])
    #expect(try page("?prefix=a/", store(some)).keys == ["a/1", "a/2", "a/b/1", "a/b/2", "a/c"])
    #expect(try page("?start=a/b&end=b/x", store(some)).keys == ["a/b/1", "a/b/2", "a/c", "aa", "b/"])
    #expect(
        try page("?start=a/b&end=b/x&reverse", store(some)).keys == ["b/", "aa", "a/c", "a/b/2", "a/b/1"])
    #expect(try page("?prefix=%F0%9F", store(some)).keys == ["😀"])
    #expect(try page("?start=b&end=a", store(some)).keys == [])
    #expect(try page("?end=", store(some)).keys == [])
    #expect(try page("", Store()).count == 0)
    let bare = try page("?keys&prefix=c", store(some)).entries
    #expect(
        NSDictionary(dictionary: bare[0]) == [
            "key": "c", "contentType": "application/octet-stream", "revision": 11, "createdRevision": 11,
            "version": 1,
        ])
}

@Test("a delimiter folds what follows it into prefixes, each once, and a fold counts as one")
func folding() throws {
    let folded = try page("?delimiter=/", store(some))
    #expect(folded.keys == ["a", "aa", "c", "😀"] && folded.prefixes == ["a/", "b/", "é/"])
    #expect(folded.count == 7)
    let below = try page("?delimiter=/&prefix=a/", store(some))
    #expect(below.keys == ["a/1", "a/2", "a/c"] && below.prefixes == ["a/b/"])
    #expect(try page("?delimiter=/&prefix=a/&start=a/b/2", store(some)).prefixes == ["a/b/"])
    #expect(try page("?delimiter=/b/", store(some)).prefixes == ["a/b/"])
}

@Test("a delimiter is found where it first stands, however it repeats itself")
func delimiters() throws {
    // All words of up to seven letters of two.
    var words = [""]
    var next = [""]
    for _ in 0..<7 {
        next = next.flatMap { ["\($0)a", "\($0)b"] }
        words += next
    }
    let keys = words.filter { !$0.isEmpty }.sorted()
    let store = store(keys)
    for delimiter in ["a", "ab", "aa", "aab", "abab", "aabaa", "abaabab"] {
        var (alone, folded) = ([String](), [String]())
        for key in keys {
            if let range = key.range(of: delimiter) {
                let prefix = String(key[..<range.upperBound])
                if folded.last != prefix, !folded.contains(prefix) { folded.append(prefix) }
            } else {
                alone.append(key)
            }
        }
        let all = try page("?limit=10000&delimiter=\(delimiter)", store)
        #expect(all.keys == alone && all.prefixes == folded, "\(delimiter)")
    }
}

@Test("a delimiter that almost stands everywhere costs no more than another")
func costlyDelimiter() throws {
    let name = String(repeating: "a", count: 1_000)
    let store = store((0..<1_000).map { "\(name)\($0)" }, value: [])
    let near = String(repeating: "a", count: 500) + "b"
    func time(_ delimiter: String) throws -> Duration {
        try ContinuousClock().measure { _ = try page("?keys&limit=10000&delimiter=\(delimiter)", store) }
    }
    let plain = try (0..<3).map { _ in try time("b") }.min() ?? .zero
    let costly = try (0..<3).map { _ in try time(near) }.min() ?? .zero
    // It was thirty times as much.
    #expect(costly < plain * 6, "\(costly) and \(plain)")
}

@Test(
    "pages of any size put together are the whole list, each item once",
    arguments: ["", "prefix=a/", "delimiter=/", "delimiter=/&prefix=a/", "start=a/2&end=c", "keys"],
    [1, 2, 3, 5, 12])
func cursors(query: String, limit: Int) throws {
    let store = store(some)
    for reverse in ["", "&reverse"] {
        let whole = try page("?\(query)\(reverse)", store)
        let parts = try pages("?\(query)\(reverse)&limit=\(limit)", store)
        #expect(parts.flatMap(\.keys) == whole.keys)
        #expect(parts.flatMap(\.prefixes) == whole.prefixes)
        for part in parts { #expect(part.count == part.keys.count + part.prefixes.count) }
        for part in parts.dropLast() { #expect(part.count == limit) }
        if reverse.isEmpty {
            #expect(
                whole.keys == whole.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
        } else {
            #expect(try page("?\(query)", store).keys == whole.keys.reversed())
        }
    }
}

@Test("writes between two pages: what was there throughout comes once, and nothing twice")
func changesBetween() throws {
    var store = store((10..<60).map { "k\($0)" })
    var seen: [String] = []
    var query = "?limit=7"
    for index in 100..<200 {
        let part = try page(query, store)
        seen += part.keys
        guard let next = part.next else { break }
        query = "?limit=7&cursor=\(next)"
        put("k\(index % 50 + 10)x", [1], at: 2 * index, in: &store)
        var command: [UInt8] = []
        Command.appendDelete(
            key: Array(try #require(part.keys.last).utf8).span, precondition: .none, at: .zero, to: &command)
        _ = store.apply(command.span, index: UInt64(2 * index + 1))
    }
    #expect(Set(seen).count == seen.count)
    #expect(Set((10..<60).map { "k\($0)" }).isSubset(of: seen))
}

@Test("a cursor belongs to its parameters, and a garbled one is refused")
func boundCursors() throws {
    let next = try #require(try page("?limit=2&prefix=a", store(some)).next)
    #expect(next.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
    #expect(
        try page("?cursor=\(next)&prefix=a&limit=2&timeout=1s&min-revision=3", store(some)).keys.count == 2)
    for query in [
        "prefix=a", "limit=2", "prefix=a&limit=3", "prefix=b&limit=2", "prefix=a&limit=2&reverse",
        "prefix=a&limit=2&keys", "prefix=a&limit=2&delimiter=/", "prefix=a&limit=2&start=a",
        "prefix=a&limit=2&end=b", "prefix=a&limit=2&consistency=local",
    ] {
        #expect(try refusal("GET /kv?\(query)&cursor=\(next)")?.status == 400, "\(query)")
    }
    for garbled in ["", "A", "AAAA", next.dropLast() + "", next + "A", "A" + next, "=\(next)", "%00"] {
        #expect(try refusal("GET /kv?limit=2&prefix=a&cursor=\(garbled)")?.status == 400, "\(garbled)")
    }
}

@Test(
    "bad parameters of lists are refused",
    arguments: [
        "limit=0", "limit=10001", "limit=x", "limit=", "limit=-1", "limit", "limit=1&limit=2", "keys=3",
        "reverse=maybe", "delimiter=", "delimiter", "delimiter=%ff", "prefix=%zz", "min-revision=x",
        "min-revision", "min-revision=9007199254740992", "format=json", "wait=1s", "unknown", "timeout=0s",
        "timeout=61s", "consistency=none",
    ])
func badParameters(query: String) throws {
    #expect(try refusal("GET /kv?\(query)")?.status == 400)
}

@Test("a page ends at 4 MiB, but not before its first entry")
func pageBytes() throws {
    let store = store((0..<10).map { "k\($0)" }, value: [UInt8](repeating: 0xFF, count: 1 << 20))
    let parts = try pages("", store)
    #expect(parts.map(\.count) == [2, 2, 2, 2, 2])
    #expect(parts.flatMap(\.keys) == (0..<10).map { "k\($0)" })
    // A control character takes six bytes, so that one value alone passes the bound.
    let large = Tests.store(["a", "b"], value: [UInt8](repeating: 1, count: 1 << 20))
    #expect(try pages("", large).map(\.count) == [1, 1])
}

private enum Tests {
    static func store(_ keys: [String], value: [UInt8]) -> Store {
        var store = Store()
        for (index, key) in keys.enumerated() { put(key, value, at: index + 1, in: &store) }
        return store
    }
}

@Test("a stream has a line for each entry and prefix, in chunks, and the last chunk at its end only")
func stream() throws {
    let store = store((0..<5_000).map { "k\($0)" })
    let asked = try Asked("GET /kv?prefix=k1", "Accept: application/x-ndjson|")
    let listing = try #require(asked.request.listing)
    #expect(listing.isStream)
    var walk = ListWalk(listing)
    var content: [UInt8] = []
    var lines: [UInt8] = []
    var chunks = 0
    while !walk.isOver {
        var out: [UInt8] = []
        walk.appendChunk(from: store, now: .zero, bytesMax: 4_096, lines: &lines, to: &out)
        #expect(out.count < 4_096 + 300)
        #expect((out.suffix(5) == Array("0\r\n\r\n".utf8)[...]) == walk.isOver)
        content += out
        chunks += 1
    }
    #expect(chunks > 10)
    var decoder = ContentDecoder(.chunked, contentBytesMax: .max)
    var plain: [UInt8] = []
    var offset = 0
    while case .content(let range) = try decoder.next(content.span, at: &offset) { plain += content[range] }
    #expect(decoder.isComplete && offset == content.count)
    let objects = try String(decoding: plain, as: UTF8.self).split(separator: "\n").map {
        try #require(JSONSerialization.jsonObject(with: Foundation.Data($0.utf8)) as? [String: Any])
    }
    #expect(
        objects.compactMap { $0["key"] as? String }
            == (0..<5_000).map { "k\($0)" }.filter { $0.hasPrefix("k1") }.sorted())

    var head: [UInt8] = []
    Answer(context, Manner()).appendStreamHead(storeRevision: Revision(9), to: &head)
    let text = String(decoding: head, as: UTF8.self)
    #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.hasSuffix("Transfer-Encoding: chunked\r\n\r\n"))
    for line in [
        "application/x-ndjson", "X-Accel-Buffering: no", "Vary: Accept, Accept-Encoding", "Rast-Revision: 9",
    ] {
        #expect(text.contains(line))
    }
}

@Test("a stream ends at the limit that was asked for, whatever follows in the store")
func limitedStream() throws {
    let store = store((0..<100).map { "k\($0 + 100)" } + ["z/a", "z/b"])
    for (query, count) in [
        ("?limit=3", 3), ("?limit=102", 102), ("?limit=7&reverse", 7), ("?delimiter=/&limit=101", 101),
    ] {
        let asked = try Asked("GET /kv\(query)", "Accept: application/x-ndjson|")
        var walk = ListWalk(try #require(asked.request.listing))
        var lines: [UInt8] = []
        var turns = 0
        while !walk.isOver, turns < 200 {
            walk.appendLines(from: store, now: .zero, bytesMax: lines.count + 200, to: &lines)
            turns += 1
        }
        #expect(walk.isOver && lines.split(separator: 0x0A).count == count, "\(query)")
    }
}

@Test("an empty stream is the last chunk alone")
func emptyStream() throws {
    let asked = try Asked("GET /kv?delimiter=/", "Accept: application/x-ndjson|")
    var walk = ListWalk(try #require(asked.request.listing))
    var lines: [UInt8] = []
    var out: [UInt8] = []
    walk.appendChunk(from: Store(), now: .zero, bytesMax: 100, lines: &lines, to: &out)
    #expect(walk.isOver && out == Array("0\r\n\r\n".utf8))
    walk = ListWalk(try #require(asked.request.listing))
    out = []
    walk.appendChunk(from: store(["a/b", "a/c"]), now: .zero, bytesMax: 100, lines: &lines, to: &out)
    #expect(String(decoding: out, as: UTF8.self) == "10\r\n{\"prefix\":\"a/\"}\n\r\n0\r\n\r\n")
}

@Test(
    "Accept chooses between a page and a stream: the most specific range, then the highest q, else the page",
    arguments: [
        ("", false), ("*/*", false), ("application/json", false), ("application/x-ndjson", true),
        ("application/*", false), ("text/html", false), ("application/x-ndjson, application/json", false),
        ("application/x-ndjson, application/json;q=0.9", true),
        ("application/*;q=0.5, application/x-ndjson", true),
        ("application/x-ndjson;q=0.3, */*;q=0.2", true), ("application/x-ndjson;q=0.1, */*;q=0.2", false),
        ("application/x-ndjson;q=0", false), ("APPLICATION/X-NDJSON", true),
        ("application/x-ndjson;q=2", false),
        ("application/x-ndjson;charset=utf-8", true), ("application/x-ndjson;q=0.001", true),
        ("text/plain;x=\"a,application/x-ndjson\"", false),
        ("application/json;q=0.5|Accept: application/x-ndjson", true),
        (",,;,application/x-ndjson;;q=1", true), ("application/x-ndjson;q=0.5, application/x-ndjson", true),
    ])
func accept(value: String, isStream: Bool) throws {
    let asked = try Asked("GET /kv", value.isEmpty ? "" : "Accept: \(value)|")
    #expect(asked.request.listing?.isStream == isStream)
}

@Test("a page that would be larger than there is room for is given up: 429; a small one is given")
func noRoom() throws {
    let keys = (100..<400).map { "k\($0)" }
    let store = store(keys, value: [UInt8](repeating: 0x61, count: 1_000))
    func status(_ query: String, bytesMax: Int) throws -> Int {
        let listing = try #require(try Asked("GET /kv\(query)").request.listing)
        let answer = try response { $0.appendPage(listing, of: store, bytesMax: bytesMax, to: &$1) }
        if answer.status == 429 {
            #expect(answer["Retry-After"] == "1" && answer.content.count < 1_000)
        }
        return answer.status
    }
    #expect(try status("", bytesMax: 100_000) == 429)
    #expect(try status("", bytesMax: 1_000_000) == 200)
    #expect(try status("?limit=5", bytesMax: 10_000) == 200)
    #expect(try status("?keys", bytesMax: 100_000) == 200)
    #expect(try status("?keys", bytesMax: 1_000) == 429)
    #expect(try status("?limit=1", bytesMax: 999) == 429)
    #expect(try status("?delimiter=1", bytesMax: 10_000) == 429)
    #expect(try status("?delimiter=k", bytesMax: 10) == 200)
}
