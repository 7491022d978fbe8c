// Long polls over real sockets: answered when the key changes, or when the time is over (Interface §2).
import Glibc
import Network
import Testing

extension Caller {
    fileprivate func begin(_ target: String, _ fields: String = "") throws {
        try send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
    }
}

/// What it took, in milliseconds.
private func milliseconds(_ body: () throws -> Void) throws -> Double {
    let start = monotonicNanoseconds()
    try body()
    return Double(monotonicNanoseconds() - start) / 1e6
}

@Suite("Reads that wait")
struct WaitTests {
    private func put(_ key: String, _ value: String, at node: OneNode) throws {
        #expect(try Caller(node.port).ask("PUT", "/kv/\(key)?redirect=no", Array(value.utf8)).status < 300)
    }

    /// Until somebody waits at that node.
    private func isWaiting(at node: OneNode) throws {
        let caller = try Caller(node.port)
        try until { try !caller.ask("GET", "/status").text.contains("\"watchers\":0}") }
    }

    @Test("a put or a delete after the revision ends it, and nothing else does")
    func changes() throws {
        let node = try OneNode()
        try put("a", "1", at: node)
        // By after, and from now on; another key's change is none.
        for after in ["&after=2", ""] {
            let caller = try Caller(node.port)
            try put("a", "1", at: node)
            let revision = try caller.ask("GET", "/kv/a").head
            #expect(revision.contains("Rast-Revision"))
            let now = try caller.ask("GET", "/kv/a")
            let current = now.head.split(separator: "Rast-Revision: ")[1].prefix { $0.isNumber }
            try caller.begin("/kv/a?wait=20s\(after.isEmpty ? "" : "&after=\(current)")")
            try isWaiting(at: node)
            try put("ab", "x", at: node)
            try put("b", "x", at: node)
            // Time enough for an answer that must not come.
            usleep(150_000)
            #expect(caller.statusSoFar() == nil)
            try put("a", "new", at: node)
            let answer = try caller.response()
            #expect(answer.status == 200 && answer.text == "new")
            let next = answer.head.split(separator: "Rast-Revision: ")[1].prefix { $0.isNumber }
            try caller.begin("/kv/a?wait=20s&after=\(next)")
            try isWaiting(at: node)
            #expect(try Caller(node.port).ask("DELETE", "/kv/a").status == 200)
            let gone = try caller.response()
            #expect(gone.status == 404)
        }
    }

    @Test("what has changed already is answered at once, deletes too")
    func already() throws {
        let node = try OneNode()
        try put("a", "1", at: node)
        try put("b", "1", at: node)
        let caller = try Caller(node.port)
        let took = try milliseconds { () throws in
            #expect(try caller.ask("GET", "/kv/a?wait=20s&after=1").text == "1")
            #expect(try caller.ask("GET", "/kv/a?wait=20s&after=0").text == "1")
            #expect(try caller.ask("GET", "/kv/b?wait=20s&after=2").text == "1")
            #expect(try caller.ask("DELETE", "/kv/b").status == 200)
            #expect(try caller.ask("GET", "/kv/b?wait=20s&after=3").status == 404)
            #expect(try caller.ask("GET", "/kv/a?wait=0").text == "1")
            #expect(try caller.ask("HEAD", "/kv/a?wait=20s&after=1").status == 200)
        }
        #expect(took < 15_000)
    }

    @Test("when the time is over it reads afresh: 304, 200 or 404")
    func timeOver() throws {
        let node = try OneNode()
        try put("a", "1", at: node)
        let caller = try Caller(node.port)
        for (target, fields, status) in [
            ("/kv/a?wait=300ms&after=2", "", 200),
            ("/kv/a?wait=300ms&after=2", "If-None-Match: \"2\"\r\n", 304),
            ("/kv/absent?wait=300ms&after=2", "", 404), ("/kv/a?wait=300ms", "", 200),
            ("/kv/a?wait=300ms&after=500", "", 200), ("/kv/a?wait=300ms&consistency=local", "", 200),
        ] {
            let took = try milliseconds { () throws in
                try caller.begin(target, fields)
                #expect(try caller.response().status == status)
            }
            #expect(took >= 299 && took < 15_000, "\(target)")
        }
        // The connection goes on as after any other answer.
        #expect(try caller.ask("GET", "/livez").text == "ok\n")
    }

    @Test("of an absent key whose history is gone nothing is known: at once")
    func compacted() throws {
        let node = try OneNode(["--history-events", "5"])
        for number in 0..<20 { try put("k\(number)", "1", at: node) }
        let caller = try Caller(node.port)
        let took = try milliseconds { () throws in
            #expect(try caller.ask("GET", "/kv/absent?wait=20s&after=3").status == 404)
        }
        #expect(took < 15_000)
        // A key that is there tells by its own revision.
        try caller.begin("/kv/k1?wait=20s&after=3")
        try isWaiting(at: node)
        #expect(caller.statusSoFar() == nil)
        try put("k1", "2", at: node)
        #expect(try caller.response().text == "2")
    }

    @Test("many wait for one key, and go with their connections")
    func many() throws {
        let node = try OneNode()
        let callers = try (0..<100).map { _ in try Caller(node.port) }
        for caller in callers { try caller.begin("/kv/a?wait=60s&after=1") }
        var others = try (0..<20).map { _ in try Caller(node.port) }
        for other in others { try other.begin("/kv/b?wait=60s&after=1") }
        let asking = try Caller(node.port)
        func watchers(_ count: Int) throws -> Bool {
            try asking.ask("GET", "/status").text.contains("\"watchers\":\(count)}")
        }
        try until { try watchers(120) }
        others.removeAll()
        try until { try watchers(100) }
        try put("a", "new", at: node)
        for caller in callers { #expect(try caller.response().text == "new") }
        #expect(try watchers(0))
    }

    @Test("a follower sends the client to the leader, or waits itself where it may not")
    func followers() throws {
        let cluster = try ThreeNodes()
        let leader = try cluster.leader()
        let follower = cluster.nodes[(leader + 1) % 3]
        let caller = try Caller(follower.port)
        for query in ["wait=20s", "wait=20s&after=1"] {
            let redirect = try caller.ask("GET", "/kv/a?\(query)")
            #expect(redirect.status == 307)
            #expect(redirect.has("Location: http://127.0.0.1:\(cluster.nodes[leader].port)/kv/a?\(query)"))
        }
        for (place, query) in ["redirect=no", "redirect=no&after=1", "consistency=local"].enumerated() {
            let caller = try Caller(follower.port)
            let key = "k\(place)"
            try caller.begin("/kv/\(key)?wait=20s&\(query)")
            try isWaiting(at: follower)
            #expect(caller.statusSoFar() == nil)
            try put(key, "new", at: cluster.nodes[leader])
            #expect(try caller.response().text == "new")
        }
    }
}
