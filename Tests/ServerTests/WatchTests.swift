// Watches over real sockets: every event once and in order, whatever the form and wherever it goes on
// (Interface §3).
import Glibc
import Network
import Testing

private let lines = "Accept: application/x-ndjson\r\n"

extension Caller {
    /// A watch in lines, after its opening progress.
    fileprivate convenience init(_ port: UInt16, watching target: String, _ fields: String = "") throws {
        try self.init(port)
        let head = try open(target, lines + fields)
        guard head.status == 200 else { throw Trouble(description: "\(head.head)\(head.text)") }
        guard try line()?.contains("\"event\":\"progress\"") == true else {
            throw Trouble(description: "no opening")
        }
    }

    /// The ids and keys of the next events, progress aside, as `11.0 a`.
    fileprivate func events(_ count: Int) throws -> [String] {
        var events: [String] = []
        while events.count < count {
            guard let line = try line() else { throw Trouble(description: "cut after \(events)") }
            if !line.contains("\"event\":\"progress\"") { events.append(Self.short(line)) }
        }
        return events
    }

    private static func short(_ line: String) -> String {
        "\(part(of: line, after: "\"id\":\"")) \(part(of: line, after: "\"key\":\""))"
    }

    fileprivate static func part(of line: String, after mark: String) -> String {
        let parts = line.split(separator: mark, maxSplits: 1, omittingEmptySubsequences: false)
        return String(parts.count > 1 ? parts[1].prefix { $0 != "\"" } : "")
    }

    fileprivate func put(_ key: String, _ value: String = "x") throws {
        let answer = try ask("PUT", "/kv/\(key)?redirect=no", Array(value.utf8))
        if answer.status > 201 { throw Trouble(description: "PUT: \(answer.status) \(answer.text)") }
    }

    fileprivate func revision() throws -> Int {
        let text = try ask("GET", "/status").text
        return Int(text.split(separator: "\"revision\":")[1].prefix { $0.isNumber }) ?? 0
    }
}

@Suite("Watches over sockets")
struct WatchTests {
    @Test("server-sent events, byte for byte")
    func serverSent() throws {
        let node = try OneNode()
        let writer = try Caller(node.port)
        try writer.put("before")
        let watch = try Caller(node.port)
        let head = try watch.open("/watch?prefix=a")
        #expect(head.status == 200 && head.has("Content-Type: text/event-stream"))
        #expect(head.has("Rast-Revision: 2") && head.has("X-Accel-Buffering: no"))
        try writer.put("b")
        try writer.put("a", "1")
        let body =
            #"{"then":[{"put":{"key":"a1","value":"1"}},{"put":{"key":"b","value":"2"}},"#
            + #"{"delete":{"key":"a"}}]}"#
        #expect(try writer.ask("POST", "/txn", Array(body.utf8)).status == 200)
        #expect(try writer.ask("DELETE", "/kv/a1").status == 200)
        let wanted = """
            retry: 1000
            id: 2
            event: progress
            data: {"event":"progress","id":"2","revision":2}

            id: 4
            event: put
            data: {"event":"put","id":"4","revision":4,"key":"a","value":"1","encoding":"utf-8",\
            "contentType":"application/octet-stream","createdRevision":4,"version":1}

            id: 5.0
            event: put
            data: {"event":"put","id":"5.0","revision":5,"key":"a1","value":"1","encoding":"utf-8",\
            "contentType":"application/octet-stream","createdRevision":5,"version":1}

            id: 5
            event: delete
            data: {"event":"delete","id":"5","revision":5,"key":"a"}

            id: 6
            event: delete
            data: {"event":"delete","id":"6","revision":6,"key":"a1"}

            """
        for line in wanted.split(separator: "\n", omittingEmptySubsequences: false) {
            #expect(try watch.line() == String(line))
        }
    }

    @Test("a stream goes on exactly after every id, in each form of it")
    func resumes() throws {
        let node = try OneNode()
        let writer = try Caller(node.port)
        for number in 0..<20 {
            try writer.put("a/\(number)")
            try writer.put("b/\(number)")
            let body =
                #"{"then":[{"put":{"key":"a/x","value":"\#(number)"}},{"put":{"key":"b/x","value":"1"}},"#
                + #"{"put":{"key":"a/y","value":"\#(number)"}}]}"#
            #expect(try writer.ask("POST", "/txn", Array(body.utf8)).status == 200)
        }
        for (target, count) in [("/watch?prefix=a/", 60), ("/watch?key=a/x", 20), ("/watch", 100)] {
            let since = target == "/watch" ? "?since=1" : "&since=1"
            let all = try Caller(node.port, watching: target + since).events(count)
            #expect(Set(all).count == count)
            for (place, event) in all.enumerated().dropLast() {
                let id = String(event.prefix { $0 != " " })
                let rest = count - place - 1
                let next = min(rest, 3)
                let wanted = Array(all[(place + 1)..<(place + 1 + next)])
                let query = target + (target == "/watch" ? "?" : "&") + "since=\(id)"
                #expect(try Caller(node.port, watching: query).events(next) == wanted)
                // The header goes before the query.
                let field = "Last-Event-ID: \(id)\r\n"
                #expect(try Caller(node.port, watching: target + since, field).events(next) == wanted)
            }
        }
    }

    @Test("nested prefixes and keys: each watcher gets its own, also when others come and go")
    func topics() throws {
        let node = try OneNode()
        let writer = try Caller(node.port)
        let targets = [
            "prefix=", "prefix=a", "prefix=a/b", "prefix=a/b/c", "prefix=b", "key=a/b", "prefix=a/bb",
        ]
        var watches = try targets.map { try Caller(node.port, watching: "/watch?\($0)") }
        let keys = ["a", "a/b", "a/b/c", "a/b/c/d", "a/bb", "b", "c"]
        func expect(_ round: Int) throws {
            let first = try writer.revision() + 1
            for key in keys { try writer.put(key) }
            for (place, target) in targets.enumerated() {
                let name = String(target.drop { $0 != "=" }.dropFirst())
                let wanted = keys.enumerated()
                    .filter { target.hasPrefix("key") ? $0.element == name : $0.element.hasPrefix(name) }
                    .map { "\(first + $0.offset) \($0.element)" }
                #expect(try watches[place].events(wanted.count) == wanted, "\(target), round \(round)")
            }
        }
        try expect(0)
        // The middle of the chain goes, and comes back after its children.
        for place in [2, 5, 0, 1] {
            watches[place] = try Caller(node.port, watching: "/watch?\(targets[place])")
            try expect(place + 1)
        }
        #expect(try writer.ask("GET", "/metrics").text.contains("\nrast_watchers "))
    }

    @Test("what is older than the history is 410, on a node that was started with the bound")
    func compacted() throws {
        let node = try OneNode(["--history-events", "10"])
        let writer = try Caller(node.port)
        for number in 0..<30 { try writer.put("k\(number)") }
        let gone = try Caller(node.port).open("/watch?since=20")
        #expect(gone.status == 410 && gone.text.contains("\"oldest\":21"))
        #expect(gone.has("Rast-Revision: 31"))
        #expect(try Caller(node.port, watching: "/watch?since=21").events(10).first == "22 k20")
        #expect(try Caller(node.port).open("/watch", "Last-Event-ID: 21.0\r\n").status == 410)
    }

    @Test("a revision that is not there yet is waited for, and nothing up to it is sent")
    func future() throws {
        let node = try OneNode()
        let writer = try Caller(node.port)
        let watch = try Caller(node.port)
        #expect(try watch.open("/watch?since=5", lines).status == 200)
        #expect(try watch.line() == #"{"event":"progress","id":"5","revision":5}"#)
        let part = try Caller(node.port, watching: "/watch?since=6.0")
        for number in 0..<4 { try writer.put("k\(number)") }
        #expect(
            try writer.ask(
                "POST", "/txn",
                Array(#"{"then":[{"put":{"key":"p","value":"1"}},{"put":{"key":"q","value":"2"}}]}"#.utf8)
            ).status == 200)
        try writer.put("last")
        #expect(try watch.events(3) == ["6.0 p", "6 q", "7 last"])
        #expect(try part.events(2) == ["6 q", "7 last"])
    }

    @Test("a thousand events to a hundred watchers in both forms, none lost, none twice")
    func many() throws {
        let node = try OneNode()
        let watches = try (0..<100).map { number in
            try Caller(node.port, watching: number % 2 == 0 ? "/watch?prefix=k" : "/watch")
        }
        let writer = try Caller(node.port)
        var wanted: [String] = []
        for number in 0..<1_000 {
            try writer.put("k\(number)", String(repeating: "v", count: number % 300))
            wanted.append("\(number + 2) k\(number)")
        }
        for watch in watches { #expect(try watch.events(1_000) == wanted) }
    }

    @Test("who comes and who goes while hundreds are served: every stream is whole")
    func coming() throws {
        let node = try OneNode()
        var watches = try (0..<300).map { _ in try Caller(node.port, watching: "/watch?prefix=k") }
        var late: [(watch: Caller, sent: Int)] = []
        let writer = try Caller(node.port)
        let (count, batch) = (600, 20)
        for start in stride(from: 0, to: count, by: batch) {
            // Not waited for: events are on their way while others come and go.
            for number in start..<start + batch {
                try writer.send("PUT /kv/k\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nv")
            }
            watches.removeFirst(5)
            watches.append(try Caller(node.port, watching: "/watch?prefix=k&since=1"))
            late.append((try Caller(node.port, watching: "/watch?prefix=k"), start + batch))
            watches.removeFirst(2)
            for _ in 0..<batch { #expect(try writer.response().status == 201) }
        }
        let wanted = (0..<count).map { "\($0 + 2) k\($0)" }
        #expect(watches.count == 120)
        for watch in watches { #expect(try watch.events(count) == wanted) }
        // Whoever named no place has everything from some moment before its beginning on.
        for (watch, sent) in late where sent < count {
            let first = try #require(wanted.firstIndex(of: try watch.events(1)[0]))
            #expect(first <= sent)
            let rest = Array(wanted[(first + 1)...])
            #expect(try watch.events(rest.count) == rest)
        }
    }

    @Test("who does not read is cut off, told so, and costs the node little", .timeLimit(.minutes(10)))
    func lagging() throws {
        let node = try OneNode([
            "--history-events", "200", "--max-connection-memory", "16777216", "--idle-time", "600s",
        ])
        let slow = try (0..<20).map { _ in try Caller(node.port, receiveBufferBytes: 4_096) }
        for watch in slow { _ = try watch.open("/watch?prefix=k", lines) }
        let quick = try Caller(node.port, watching: "/watch?prefix=z")
        let writer = try Caller(node.port)
        let before = node.residentBytes
        let value = String(repeating: "v", count: 100_000)
        for number in 0..<1_000 { try writer.put("k\(number % 10)", value) }
        // 64 MiB of the log's cache, 20 MiB of history, and 16 MiB of connections.
        #expect(node.grown(since: before) < 250 << 20)
        try writer.put("z")
        #expect(try quick.events(1) == ["1002 z"])
        var toldCount = 0
        for watch in slow {
            var last = 1
            while let line = try watch.line() {
                if line.contains("\"event\":\"lagging\"") {
                    toldCount += 1
                    // It resumes by its last id, which is gone by now.
                    #expect(Caller.part(of: line, after: "\"id\":\"") == "\(last)")
                    #expect(try watch.line() == nil)
                    break
                }
                let id = Int(Caller.part(of: line, after: "\"id\":\"")) ?? 0
                #expect(id == last || id == last + 1)
                last = id
            }
            #expect(last < 1_001)
        }
        // The others were ended while their room was wanted.
        #expect(toldCount > 0)
    }

    @Test("idle times and short bounds do not end a watch; progress comes every 15 seconds")
    func idle() throws {
        let node = try OneNode(["--idle-time", "500ms", "--head-time", "500ms"])
        let start = monotonicNanoseconds()
        let watch = try Caller(node.port, watching: "/watch?prefix=a")
        let writer = try Caller(node.port)
        try writer.put("b")
        #expect(try watch.line() == #"{"event":"progress","id":"2","revision":2}"#)
        let seconds = Double(monotonicNanoseconds() - start) / 1e9
        #expect(seconds > 13 && seconds < 25)
        try Caller(node.port).put("a")
        #expect(try watch.events(1) == ["3 a"])
    }

    @Test("a node that shuts down cuts its watches, without an end, and at once")
    func stopping() throws {
        let node = try OneNode()
        let watches = try (0..<20).map { _ in try Caller(node.port, watching: "/watch") }
        let waiting = try Caller(node.port)
        try waiting.send("GET /kv/a?wait=60s&after=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        try Caller(node.port).put("b")
        #expect(node.end(SIGTERM, within: 30) == 0)
        #expect(!node.log.contains("requests that are still in flight"))
        for watch in watches {
            #expect(try watch.events(1) == ["2 b"])
            #expect(try watch.line() == nil)
        }
        let answer = try waiting.response()
        #expect(answer.status == 503 && answer.text.contains("shutting_down"))
    }

    @Test("connections that go take their watches with them")
    func going() throws {
        let node = try OneNode()
        var watches = try (0..<50).map { _ in try Caller(node.port, watching: "/watch?prefix=a") }
        let writer = try Caller(node.port)
        #expect(try writer.ask("GET", "/status").text.contains("\"watchers\":50"))
        watches.removeFirst(49)
        try until { try writer.ask("GET", "/status").text.contains("\"watchers\":1}") }
        try writer.put("a")
        #expect(try watches[0].events(1) == ["2 a"])
    }
}

@Suite("Watches in a cluster")
struct ClusterWatchTests {
    @Test("any node is watched, and a stream goes on at another when its node is gone")
    func hops() throws {
        let cluster = try ThreeNodes()
        let leader = try cluster.leader()
        var alive = [0, 1, 2]
        let follower = (leader + 1) % 3
        var watch = try Caller(cluster.nodes[follower].port, watching: "/watch?prefix=k")
        var seen: [String] = []
        let writer = try Caller(cluster.nodes[(leader + 2) % 3].port)
        for number in 0..<20 { try writer.put("k\(number)") }
        seen += try watch.events(10)
        // To the leader, which is then killed, and on to the last one.
        func hop(to place: Int) throws {
            let id = seen.last.map { String($0.prefix { $0 != " " }) } ?? ""
            watch = try Caller(
                cluster.nodes[place].port, watching: "/watch?prefix=k", "Last-Event-ID: \(id)\r\n")
        }
        try hop(to: leader)
        seen += try watch.events(5)
        kill(cluster.nodes[leader].process, SIGKILL)
        alive.removeAll { $0 == leader }
        while try watch.line() != nil {}
        try hop(to: (leader + 2) % 3)
        seen += try watch.events(5)
        for number in 20..<40 {
            try until {
                let answer = try writer.ask(
                    "PUT", "/kv/k\(number)?redirect=no", Array("x".utf8), "If-None-Match: *\r\n")
                // Where the outcome was unknown, the key is there by now.
                return answer.status == 201 || answer.status == 412
            }
        }
        seen += try watch.events(20)
        #expect(seen == (0..<40).map { "\($0 + 2) k\($0)" })
    }

    @Test("the bounds of the leader hold on every node, and so does what is gone")
    func bounds() throws {
        let cluster = try ThreeNodes(["--history-events", "7"])
        let writer = try Caller(cluster.nodes[0].port)
        for number in 0..<20 { try writer.put("k\(number)") }
        for node in cluster.nodes {
            let caller = try Caller(node.port)
            try until { try caller.revision() >= 21 }
            #expect(try Caller(node.port).open("/watch?since=13").text.contains("\"oldest\":14"))
            #expect(try Caller(node.port, watching: "/watch?since=14").events(7).last == "21 k19")
        }
    }

    @Test("a node without a quorum goes on with an id, and says why it cannot begin with now")
    func withoutQuorum() throws {
        let cluster = try ThreeNodes()
        try Caller(cluster.nodes[0].port).put("a")
        let follower = (try cluster.leader() + 1) % 3
        let node = cluster.nodes[follower]
        try until { try Caller(node.port).revision() >= 2 }
        for place in 0..<3 where place != follower { kill(cluster.nodes[place].process, SIGKILL) }
        #expect(try Caller(node.port, watching: "/watch?since=1").events(1) == ["2 a"])
        try until { try Caller(node.port).ask("GET", "/readyz").status == 503 }
        let refused = try Caller(node.port).open("/watch?timeout=1s")
        #expect(refused.status == 503 && refused.text.contains("no_leader"))
    }
}
