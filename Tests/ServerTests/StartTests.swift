// What is checked before a node runs: its directory, its flags, and what people are told.
import Consensus
import Glibc
import Network
import Server
import Testing

@Suite struct StartTests {
    @Test("a directory that is in use is refused, and the holder is named")
    func locked() throws {
        var template = Array("/tmp/rast-lock-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            unlink("\(path)/a/b/lock")
            for folder in ["a/b/log", "a/b", "a", ""] { rmdir("\(path)/\(folder)") }
        }
        do {
            let held = try DataDirectory.open("\(path)/a/b")
            do {
                _ = try DataDirectory.open("\(path)/a/b")
                Issue.record("two locks on one directory")
            } catch {
                #expect(error.description.contains("in use by process \(getpid())"))
            }
            #expect(try DataDirectory.openToRead("\(path)/a/b").logFiles().isEmpty)
            withExtendedLifetime(held) {}
        }
        // At once, though a test beside this one may be starting a process.
        _ = try DataDirectory.open("\(path)/a/b")
    }

    @Test("what is no data directory is not read as one")
    func notADirectory() {
        #expect(throws: StartFailure.self) { try DataDirectory.openToRead("/proc") }
        #expect(throws: StartFailure.self) { try DataDirectory.open("/proc/self/exe/data") }
        #expect(throws: StartFailure.self) { try DataDirectory.open("") }
    }

    @Test("peers are read with their ids, sorted; this node must be among them")
    func peers() throws {
        let peers = try Server.Configuration.peers("2=http://127.0.0.1:2,1=http://127.0.0.1:1/")
        let place = try #require(HostPort("127.0.0.1:2"))
        let configuration = try Server.Configuration(
            node: NodeID(2), listen: place, advertise: nil, peers: peers, data: "x")
        #expect(configuration.peers.map(\.id.rawValue) == [1, 2])
        #expect(configuration.advertise.description == "http://127.0.0.1:2")
        #expect(throws: UsageError.self) {
            try Server.Configuration(node: NodeID(3), listen: place, advertise: nil, peers: peers, data: "x")
        }
    }

    @Test(
        "wrong peers are refused",
        arguments: [
            "", "1", "1=", "x=http://a:1", "0=http://a:1", "1=ftp://a:1", "1=http://a:1,1=http://b:1",
            "1=http://a:1/path", "1=https://a:1", "9007199254740992=http://a:1",
        ])
    func wrongPeers(text: String) {
        #expect(throws: UsageError.self) { try Server.Configuration.peers(text) }
    }

    @Test(
        "a URL that could break a line, a string or a bound is refused: it is told to peers and clients",
        arguments: [
            "http://a\"b:1", "http://a\\b:1", "http://a\r\nb:1", "http://a b:1", "http://h\u{e9}:1",
            "http://" + String(repeating: "a", count: 254) + ":1",
        ])
    func wrongURL(text: String) {
        #expect(throws: UsageError.self) { try BaseURL(text, for: "--advertise") }
    }

    @Test("the longest host, IPv6 and names with dashes are URLs")
    func goodURL() throws {
        for host in [String(repeating: "a", count: 253), "[::1]", "rast-0.rast_peers.svc", "127.0.0.1"] {
            _ = try BaseURL("http://\(host):8001", for: "--advertise")
        }
    }

    @Test("peers on other machines need a word of trust; times must allow elections")
    func checks() throws {
        let place = try #require(HostPort("127.0.0.1:2"))
        var configuration = try Server.Configuration(
            node: NodeID(1), listen: place, advertise: nil,
            peers: try Server.Configuration.peers("1=http://127.0.0.1:1,2=http://10.1.2.3:1"), data: "x")
        #expect(throws: UsageError.self) { try configuration.check() }
        configuration.isInsecurePeersAllowed = true
        try configuration.check()
        configuration.heartbeat = .milliseconds(300)
        #expect(throws: UsageError.self) { try configuration.check() }
        configuration.heartbeat = .milliseconds(100)
        for origin in ["", "*", "kv.example.com", "https://a/"] {
            configuration.allowedOrigins = ["https://kv.example.com", origin]
            #expect(throws: UsageError.self, "\(origin)") { try configuration.check() }
        }
        configuration.allowedOrigins = ["https://kv.example.com"]
        for host in ["", "*", "http://a"] {
            configuration.allowedHosts = ["kv.example.com", host]
            #expect(throws: UsageError.self, "\(host)") { try configuration.check() }
        }
        configuration.allowedHosts = ["kv.example.com:8001"]
        try configuration.check()
        configuration.connectionBytesMax = 4 << 20
        try configuration.check()
        configuration.connectionBytesMax -= 1
        #expect(throws: UsageError.self) { try configuration.check() }
    }

    @Test(
        "times are read as people write them",
        arguments: [
            ("500ms", 500), ("2s", 2_000), ("1.5s", 1_500), ("3", 3_000), ("2m", 120_000),
            ("1h", 3_600_000),
        ])
    func times(text: String, milliseconds: UInt64) {
        #expect(interval(text)?.milliseconds == milliseconds)
    }

    @Test(
        "what is no time is refused",
        arguments: ["", "ms", "-1s", "1d", "1e3s", "x", "1..2s", "99999999999999999s"])
    func noTimes(text: String) { #expect(interval(text) == nil) }
}
