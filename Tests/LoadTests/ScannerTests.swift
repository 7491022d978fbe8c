// Answers in pieces, cut at every byte.
import Load
import Testing

@Suite("Response scanner")
struct ScannerTests {
    /// What an answer came to.
    private struct Found: Equatable {
        let status: Int
        let code: String
        let keepsAlive: Bool
    }

    private static let answers = [
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length:   5  \r\n\r\nhello",
        "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 36\r\n\r\n"
            + #"{"status":503,"code":"no_leader","x"}"#.prefix(36),
        "HTTP/1.1 204 No Content\r\nRast-Node: 1\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "8\r\n{\"code\":\r\n5;x=y\r\n\"gone\r\n2\r\n\"}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!",
    ]
    private static let expected = [
        Found(status: 200, code: "", keepsAlive: true), Found(status: 201, code: "", keepsAlive: true),
        Found(status: 200, code: "", keepsAlive: true),
        Found(status: 503, code: "no_leader", keepsAlive: true),
        Found(status: 204, code: "", keepsAlive: true), Found(status: 404, code: "gone", keepsAlive: true),
        Found(status: 200, code: "", keepsAlive: true), Found(status: 200, code: "", keepsAlive: true),
        Found(status: 500, code: "", keepsAlive: false),
    ]

    /// All answers in the pieces, or nil where the scanner had something against them.
    private func scan(_ pieces: [[UInt8]]) -> [Found]? {
        var scanner = ResponseScanner()
        var found: [Found] = []
        for piece in pieces {
            var offset = 0
            var isMore = true
            while isMore {
                switch piece.withUnsafeBytes({ scanner.next($0, at: &offset) }) {
                case .needMore: isMore = false
                case .malformed: return nil
                case .answer(let status):
                    found.append(
                        Found(
                            status: status, code: String(decoding: scanner.refusal, as: UTF8.self),
                            keepsAlive: scanner.keepsAlive))
                }
            }
            #expect(offset == piece.count)
        }
        return found
    }

    @Test("a pipeline of all kinds of answers, in one piece and cut in two at every byte")
    func cuts() {
        let bytes = Array(Self.answers.joined().utf8)
        #expect(scan([bytes]) == Self.expected)
        for cut in 0...bytes.count {
            let found = scan([Array(bytes[..<cut]), Array(bytes[cut...])])
            #expect(found == Self.expected, "cut at \(cut)")
        }
    }

    @Test("byte by byte, and in pieces of a few")
    func pieces() {
        let bytes = Array(Self.answers.joined().utf8)
        for size in [1, 2, 3, 7, 16, 64] {
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            #expect(scan(pieces) == Self.expected, "pieces of \(size)")
        }
    }

    @Test(
        "what is not HTTP, or does not say where it ends, is malformed",
        arguments: [
            "HTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n", "\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n",
        ])
    func malformed(text: String) {
        var scanner = ResponseScanner()
        var offset = 0
        #expect(Array(text.utf8).withUnsafeBytes { scanner.next($0, at: &offset) } == .malformed)
        #expect(scan(Array(text.utf8).map { [$0] }) == nil)
    }

    @Test("a head without an end is refused once it is longer than any")
    func endless() {
        let line = "HTTP/1.1 200 OK\r\n" + String(repeating: "X-More: and more\r\n", count: 10_000)
        #expect(scan([Array(line.utf8)]) == nil)
    }

    @Test("values larger than a piece are skipped, and the next answer is found")
    func large() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        let value = [UInt8](repeating: UInt8(ascii: "\n"), count: 100_000)
        let bytes = Array(head.utf8) + value + Array(Self.answers[0].utf8)
        let pieces = stride(from: 0, to: bytes.count, by: 4_096).map {
            Array(bytes[$0..<min($0 + 4_096, bytes.count)])
        }
        #expect(scan(pieces) == [Self.expected[0], Self.expected[0]])
    }
}
