// Every way to be wrong that `malformed.requests` has, sent to a running node, and a good request after it.
import Foundation
import Testing

/// A line of the table.
private struct Malformed {
    let status: Int
    let code: String
    let survives: Bool
    let text: String

    init?(_ line: Substring) {
        let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4, let status = Int(words[0]), ["keep", "close"].contains(words[2]) else {
            return nil
        }
        self.status = status
        code = String(words[1])
        survives = words[2] == "keep"
        text = String(words[3])
    }

    static func all() throws -> [Malformed] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "malformed.requests")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        return try lines.filter { !$0.hasPrefix("#") }.map { try #require(Malformed($0), "\($0)") }
    }
}

@Suite struct MalformedTests {
    private let node: OneNode
    init() throws {
        node = try OneNode()
        #expect(try Caller(node.port).ask("PUT", "/kv/good", Array("fine".utf8)).status == 201)
    }

    @Test("what is malformed gets its status and code, whole or in two pieces, and a good request follows it")
    func table() throws {
        let table = try Malformed.all()
        #expect(table.count >= 150)
        for row in table {
            let bytes = Table.bytes(row.text)
            for cut in [0, bytes.count / 2, bytes.count - 1] {
                try #require(try isRefused(row, bytes, cut: cut), "\(row.text.prefix(200)) cut at \(cut)")
            }
        }
        // None of them has changed anything.
        let keys = try Caller(node.port).ask("GET", "/kv?keys")
        #expect(keys.text.contains("\"revision\":2,\"count\":1,"))
    }

    /// Whether the refusal is what the row says, in form too, and what follows is served.
    private func isRefused(_ row: Malformed, _ bytes: [UInt8], cut: Int) throws -> Bool {
        let caller = try Caller(node.port)
        try caller.send(Array(bytes[..<cut]))
        // The loop has one thread: when this is answered, it has read what was sent before.
        if cut > 0 { _ = try Caller(node.port).ask("GET", "/livez") }
        // A node that has seen enough answers before the rest comes, and may not take it any more.
        _ = try caller.sendSome(Array(bytes[cut...]))
        let answer = try caller.response(isHead: false)
        try #require(answer.status >= 400, "\(row.text.prefix(200))")
        let object = try JSONSerialization.jsonObject(with: Foundation.Data(answer.content))
        let problem = try #require(object as? [String: Any])
        #expect(answer.status == row.status && problem["code"] as? String == row.code, "\(answer.text)")
        #expect(problem["status"] as? Int == row.status && problem["type"] as? String == "about:blank")
        #expect((problem["detail"] as? String)?.isEmpty == false && problem["title"] is String)
        #expect(answer.has("Content-Type: application/problem+json\r\n"))
        #expect(answer.has("Cache-Control: no-store\r\n") && answer.has("Rast-Node: 1\r\n"))
        #expect(answer.has("Date: ") && !answer.has("Server: "))
        #expect(answer.has("Allow: ") == [405, 501].contains(row.status))
        #expect(answer.has("Accept-Encoding: identity\r\n") == (row.status == 415))
        #expect(answer.has("Connection: close\r\n") == !row.survives)
        if !row.survives { #expect(caller.isClosed()) }
        let next = row.survives ? caller : try Caller(node.port)
        let good = try next.ask("GET", "/kv/good")
        return good.status == 200 && good.text == "fine" && answer.status == row.status
            && problem["code"] as? String == row.code
    }
}
