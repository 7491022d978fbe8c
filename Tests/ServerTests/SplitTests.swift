// Valid requests, cut in two at every byte: a running node answers them the same.
import Testing

/// Requests in the notation of `Table`, and how many final answers each has.
private let valid: [(String, answers: Int)] = [
    ("GET /kv/k HTTP/1.1|Host: a||", 1),
    ("GET /kv/k HTTP/1.1|hOsT:  h:80 \\t|X:|X-Long: {40*b}||", 1),
    ("|GET /kv/%6B?format=json&consistency=local HTTP/1.1|Host: a||", 1),
    ("HEAD /kv/k?timeout=2s&redirect=no HTTP/1.1|Host: a||", 1),
    ("GET /kv/k HTTP/1.1|Host: a|If-None-Match: \"0\", W/\"2\"|If-None-Match: \"x\"||", 1),
    ("GET /kv/k HTTP/1.1|Host: a|If-Match: \"1\"||", 1),
    ("GET /kv/none HTTP/1.0|Connection: keep-alive||", 1),
    ("GET http://other:1/kv/k HTTP/1.1|Host: a||", 1),
    ("GET /kv?prefix=k&keys&limit=5 HTTP/1.1|Host: a|Accept: text/*;q=0.5, application/json||", 1),
    ("GET /kv?prefix=k&delimiter=/&reverse HTTP/1.1|Host: a|Accept: application/x-ndjson||", 1),
    ("PUT /kv/k HTTP/1.1|Host: a|Content-Type: text/plain|Content-Length: 11||hello world", 1),
    ("PUT /kv/k HTTP/1.1|Host: a|Content-Length: 0||", 1),
    (
        "PUT /kv/k HTTP/1.1|Host: a|Transfer-Encoding: chunked||"
            + "5|hello|6;a=b;c=\"d\\\\\" ;\"| world|000|T: x||", 1
    ),
    ("PUT /kv/k HTTP/1.1|Host: a|If-None-Match: *|Content-Length: 3||abc", 1),
    ("PUT /kv/k HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 5||hello", 1),
    ("PUT /kv/k HTTP/1.1|Host: a|Expect: 100-Continue|Transfer-Encoding: chunked||1|a|0||", 1),
    ("DELETE /kv/absent HTTP/1.1|Host: a||", 1),
    ("DELETE /kv/absent HTTP/1.1|Host: a|If-Match: *|Content-Length: 2||\\{}", 1),
    ("DELETE /kv?prefix=absent&redirect=no HTTP/1.1|Host: a||", 1),
    (
        "POST /txn HTTP/1.1|Host: a|Content-Length: 92||\\{\"if\":[\\{\"key\":\"k\",\"exists\":true}],"
            + "\"then\":[\\{\"get\":\\{\"key\":\"k\"}},\\{\"list\":\\{\"prefix\":\"absent\"}}]}", 1
    ),
    (
        "POST /txn HTTP/1.1|Host: a|Transfer-Encoding: chunked||"
            + "8|\\{\"then\":|18|[\\{\"delete\":\\{\"key\":\"x\"}}]|1|}|0||", 1
    ),
    ("OPTIONS * HTTP/1.1|Host: a||", 1),
    ("OPTIONS /kv HTTP/1.1|Host: a|Content-Length: 1||x", 1),
    ("GET /readyz?verbose HTTP/1.1|Host: a|Origin: http://a||", 1),
    ("POST /cluster/leader HTTP/1.1|Host: a|Content-Length: 8||\\{\"id\":1}", 1),
    ("POST /kv/k HTTP/1.1|Host: a|Content-Length: 4||GET GET /nowhere HTTP/1.1|Host: a||", 2),
    (
        "PUT /kv/k HTTP/1.1|Host: a|Content-Length: 1||xGET /kv/k HTTP/1.1|Host: a||"
            + "PUT /kv/k HTTP/1.1|Host: a|Transfer-Encoding: chunked||1|y|0||HEAD /kv/k HTTP/1.1|Host: a||", 4
    ),
    ("GET /livez HTTP/1.1|Host: a||GET /kv/k HTTP/1.1|Host: a|Connection: close||", 2),
]

@Suite struct SplitTests {
    private let node: OneNode
    private let other: Caller
    init() throws {
        node = try OneNode()
        other = try Caller(node.port)
        #expect(try other.ask("PUT", "/kv/k", Array("first".utf8)).status == 201)
    }

    @Test("cut at every byte, a request is answered as when it comes whole", arguments: valid.indices)
    func everyByte(index: Int) throws {
        let (text, answers) = valid[index]
        let bytes = Table.bytes(text)
        let whole = try answered(bytes, cut: 0, answers)
        #expect(whole.count == answers)
        for cut in 1..<bytes.count {
            let answer = try answered(bytes, cut: cut, answers)
            #expect(answer == whole, "cut at \(cut)")
        }
    }

    /// The final answers, with what differs from one time to the next left out.
    private func answered(_ bytes: [UInt8], cut: Int, _ count: Int) throws -> [String] {
        let caller = try Caller(node.port)
        if cut > 0 {
            try caller.send(Array(bytes[..<cut]))
            // The loop has one thread: when this is answered, it has read what was sent before.
            #expect(try other.ask("GET", "/livez").status == 200)
        }
        try caller.send(Array(bytes[cut...]))
        let text = String(decoding: bytes, as: UTF8.self)
        var found: [String] = []
        for number in 0..<count {
            let isHead = text.hasPrefix("HEAD") || number == 3
            let isStream = text.contains("application/x-ndjson")
            var answer = try isStream ? caller.streamed() : caller.response(isHead: isHead)
            if answer.status == 100 { answer = try caller.response(isHead: isHead) }
            found.append(normal(answer))
        }
        let isLast = text.contains("Connection: close")
        #expect(isLast ? caller.isClosed() : try caller.ask("GET", "/livez").status == 200)
        return found
    }

    private func normal(_ answer: Response) -> String {
        let lines = answer.head.split(separator: "\r\n").filter { !$0.hasPrefix("Date: ") }
        let first = lines.first.map(String.init) ?? ""
        // Revisions and versions go on from write to write, and lengths with them.
        let rest = lines.dropFirst().joined(separator: "\n") + "\n" + answer.text
        var digits = ""
        for character in rest where !(character.isNumber && digits.last == "#") {
            digits.append(character.isNumber ? "#" : character)
        }
        return first + "\n" + digits
    }
}
