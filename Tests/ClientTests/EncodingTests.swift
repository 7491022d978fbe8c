// Keys in paths, endpoints, and text on terminals.
import Client
import Testing

@Suite("Keys, URLs and text")
struct EncodingTests {
    @Test(
        "a key's path: slashes stay, everything else but unreserved characters is escaped",
        arguments: [
            ("a", "/kv/a"), ("config/app", "/kv/config/app"), ("a b", "/kv/a%20b"), ("a+b", "/kv/a%2Bb"),
            ("100%", "/kv/100%25"), ("a?b#c&d=e", "/kv/a%3Fb%23c%26d%3De"), ("é", "/kv/%C3%A9"),
            ("a.b_c-d~e", "/kv/a.b_c-d~e"), ("\u{0}\n", "/kv/%00%0A"), ("😀", "/kv/%F0%9F%98%80"),
        ])
    func paths(key: String, path: String) { #expect(text(keyPath(bytes(key))) == path) }

    @Test(
        "what a normaliser of paths would fold away is not there to fold",
        arguments: [
            ("a/../b", "/kv/a%2F..%2Fb"), ("a/./b", "/kv/a%2F.%2Fb"), ("../x/y", "/kv/..%2Fx/y"),
            ("a//b", "/kv/a%2F%2Fb"), ("/a", "/kv/%2Fa"), ("a/", "/kv/a%2F"), (".", "/kv/%2E"),
            ("..", "/kv/%2E%2E"), ("...", "/kv/..."), ("a/.../b", "/kv/a/.../b"), ("a/..b/c", "/kv/a/..b/c"),
        ])
    func dots(key: String, path: String) { #expect(text(keyPath(bytes(key))) == path) }

    @Test("every byte of a key comes back when the path is decoded once")
    func everyByte() {
        for byte in UInt8.min...UInt8.max {
            let path = keyPath([byte, UInt8(ascii: "x")]).dropFirst(4)
            var decoded: [UInt8] = []
            var rest = path[...]
            while let next = rest.popFirst() {
                if next == UInt8(ascii: "%") {
                    decoded += [UInt8(text(Array(rest.prefix(2))), radix: 16)].compactMap { $0 }
                    rest = rest.dropFirst(2)
                } else {
                    decoded.append(next)
                }
            }
            #expect(decoded == [byte, UInt8(ascii: "x")])
        }
    }

    @Test("a query's parameters are joined, and a plus in them is no space")
    func query() {
        var query: [UInt8] = []
        appendParameter("prefix", bytes("a b+c/d&e"), to: &query)
        appendParameter("keys", to: &query)
        #expect(text(query) == "prefix=a%20b%2Bc/d%26e&keys")
    }

    @Test(
        "endpoints are read as URLs",
        arguments: [
            ("http://127.0.0.1:8001", "127.0.0.1", 8001), ("http://node-1.example/", "node-1.example", 80),
            ("http://[::1]:9000", "::1", 9000), ("http://[::1]", "::1", 80),
        ] as [(String, String, UInt16)])
    func endpoints(url: String, host: String, port: UInt16) throws {
        let endpoint = try Endpoint(url)
        #expect(endpoint.host == host && endpoint.port == port)
    }

    @Test(
        "what is no endpoint is refused, with what was expected",
        arguments: [
            "", "127.0.0.1:8001", "http://", "http://:80", "http://a:0", "http://a:65536", "http://a:+1",
            "http://a/b", "http://u:p@a", "http://a b", "http://::1:80", "http://a\r\nX: y", "http://a?b",
        ])
    func badEndpoints(url: String) {
        #expect { try Endpoint(url) } throws: { "\($0)".contains("http://127.0.0.1:8001") }
    }

    @Test("a list of endpoints: each once, spaces after commas allowed, none left out")
    func endpointList() throws {
        #expect(
            try Endpoint.list("http://a:1, http://b:2,http://a:1").map(\.description) == [
                "http://a:1", "http://b:2",
            ])
        #expect(throws: Endpoint.Flaw.self) { try Endpoint.list("http://a:1,") }
        #expect { try Endpoint("https://a") } throws: { "\($0)".contains("TLS") }
    }

    @Test("text for terminals: one line, no controls, no bytes that are no text, no reordering")
    func terminals() {
        #expect(printable(bytes("a\tb\nc\\d\r")) == "a\\tb\\nc\\\\d\\r")
        #expect(printable(bytes("\u{1B}[2Jé😀")) == "\\x1b[2Jé😀")
        #expect(printable([0x61, 0xFF, 0xC3, 0x28, 0x80]) == "a\\xff\\xc3(\\x80")
        #expect(printable(bytes("a\u{202E}b\u{85}")) == "a\\xe2\\x80\\xaeb\\xc2\\x85")
        #expect(printable([0xF0, 0x9F, 0x98]) == "\\xf0\\x9f\\x98")
    }

    @Test("a preview is cut at a character, and says so")
    func previews() {
        #expect(printable(bytes("ééé"), charactersMax: 2) == "éé…")
        #expect(printable(bytes("ééé"), charactersMax: 3) == "ééé")
        #expect(printable([], charactersMax: 0) == "")
    }
}
