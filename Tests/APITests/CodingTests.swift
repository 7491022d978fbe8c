// Which answers may go out compressed, and what their heads say of it (Interface §2, §5).
import API
import HTTP
import KeyValue
import Testing

@Test("lists, documents and metrics are coded as Accept-Encoding says, and nothing else is")
func codedRoutes() throws {
    for line in [
        "GET /kv", "HEAD /kv?limit=7", "GET /", "HEAD /", "GET /openapi.yaml", "GET /metrics", "GET /leases",
        "HEAD /leases?limit=7",
    ] {
        #expect(try Asked(line).request.coding == .identity)
        #expect(try Asked(line, "Accept-Encoding: gzip|").request.coding == .gzip)
        #expect(try Asked(line, "accept-encoding: gzip, *;q=0|").request.coding == .onlyGzip)
    }
    let stream = "Accept: application/x-ndjson|Accept-Encoding: gzip|"
    #expect(try Asked("GET /kv", stream).request.coding == .gzip)
    for line in ["GET /kv/a", "GET /kv/a?format=json", "GET /status", "GET /backup", "GET /leases/7"] {
        #expect(try Asked(line, "Accept-Encoding: gzip, *;q=0|").request.coding == .identity)
    }
}

@Test("what is short goes as it is, unless the client does not take it so")
func threshold() {
    let least = LargeAnswer.compressedBytesMin
    #expect(!ContentCoding.identity.compresses(contentBytes: .max))
    #expect(!ContentCoding.gzip.compresses(contentBytes: least - 1))
    #expect(ContentCoding.gzip.compresses(contentBytes: least))
    #expect(ContentCoding.onlyGzip.compresses(contentBytes: 0))
}

@Test("the head says the coding and that it may vary; HEAD has the same one, and no tag is shared")
func codedHeads() throws {
    let content = Array("gzip, let us say".utf8)
    let kinds: [(LargeAnswer, vary: String)] = [
        (.openapi, "Accept-Encoding"), (.metrics, "Accept-Encoding"),
        (.leases(Revision(9)), "Accept-Encoding"), (.dashboard(policy: []), "Accept-Encoding"),
        (.page(Revision(9), nil), "Accept, Accept-Encoding"),
    ]
    for (kind, vary) in kinds {
        let plain = try response { $0.append(kind, content.span, to: &$1) }
        #expect(plain["Vary"] == vary && plain["Content-Encoding"] == nil && plain["ETag"] == nil)
        let coded = try response { $0.append(kind, content.span, isGzip: true, to: &$1) }
        #expect(coded["Vary"] == vary && coded["Content-Encoding"] == "gzip" && coded["ETag"] == nil)
        #expect(coded["Content-Type"] == plain["Content-Type"] && coded.content == content)
        let head = try response(Manner(isHead: true)) {
            $0.append(kind, content.span, isGzip: true, to: &$1)
        }
        #expect(head.head == coded.head)
    }
    var stream: [UInt8] = []
    Answer(context, Manner()).appendStreamHead(storeRevision: Revision(9), isGzip: true, to: &stream)
    let text = String(decoding: stream, as: UTF8.self)
    #expect(text.contains("\r\nContent-Encoding: gzip\r\n"))
    #expect(text.contains("\r\nVary: Accept, Accept-Encoding\r\n"))
}

@Test("a page's content alone is that of the whole answer")
func pageContent() throws {
    var store = Store()
    for number in 1...300 {
        var command: [UInt8] = []
        Command.appendPut(
            key: Array("k\(number)".utf8).span, value: [0xFF].span, contentType: [UInt8]().span,
            precondition: .none, at: .zero, to: &command)
        _ = store.apply(command.span, index: UInt64(number))
    }
    for query in ["", "?limit=3", "?delimiter=1&keys", "?prefix=none"] {
        let listing = try #require(try Asked("GET /kv\(query)").request.listing)
        let whole = try response { $0.appendPage(listing, of: store, to: &$1) }
        let answer = Answer(context, Manner())
        #expect(answer.pageContent(listing, of: store, bytesMax: .max) == whole.content)
        let again = try response { $0.append(.page(store.revision, nil), whole.content.span, to: &$1) }
        #expect(again.head == whole.head)
    }
    let all = try #require(try Asked("GET /kv").request.listing)
    #expect(Answer(context, Manner()).pageContent(all, of: store, bytesMax: 1_000) == nil)
}
