// What the client's commands print and exit with: transactions, watches, waits, JSON, and wrong usage.
import Foundation
import Testing

extension Failures {
    @Suite("Client output", .serialized)
    struct ClientOutput {
        /// `rast` for one cluster.
        private struct Rast {
            let environment: [String]
            init(_ cluster: Cluster) {
                environment = ["RAST_ENDPOINTS=\(cluster.urls.joined(separator: ","))"]
            }

            func callAsFunction(_ arguments: String...) throws -> Run {
                try Run(Cluster.program, arguments, environment: environment)
            }

            func begin(_ arguments: String..., log: String) throws -> Child {
                try Child(Cluster.program, arguments, environment: environment, log: log)
            }
        }

        private func expect(_ run: Run, _ end: Int32, _ output: String) throws {
            try #require(run.end == end && run.output == output, "\(run)")
        }

        @Test("rast txn: from a file or standard input, and exit 1 where \"else\" was done")
        func transactions() throws {
            let folder = try Folder()
            defer { folder.remove() }
            let file = "\(folder.path)/move.json"
            try """
            {"if": [{"key": "to", "exists": false}],
             "then": [{"put": {"key": "to", "value": "x"}}, {"get": {"key": "to"}}],
             "else": [{"put": {"key": "late", "value": "y"}}, {"delete": {"key": "none"}}]}
            """.write(toFile: file, atomically: true, encoding: .utf8)
            try withCluster { cluster in
                let rast = Rast(cluster)
                try expect(rast("txn", file), 0, "2\n")
                let otherwise = "rast: a condition does not hold: what \"else\" says was done.\n"
                try expect(rast("txn", file), 1, "3\n" + otherwise)
                try expect(rast("get", "late"), 0, "y")
                try expect(
                    rast("txn", file, "--output", "json"), 1,
                    #"{"succeeded":false,"revision":4,"results":["#
                        + #"{"put":{"key":"late","revision":4,"createdRevision":3,"version":2}},"#
                        + #"{"delete":{"deleted":0}}]}"# + "\n" + otherwise)
                try expect(rast("delete", "to"), 0, "5\n")
                let input = try Run(
                    "bash", ["-c", "\"$0\" txn - --output json <\"$1\"", Cluster.program, file],
                    environment: rast.environment)
                try expect(
                    input, 0,
                    #"{"succeeded":true,"revision":6,"results":["#
                        + #"{"put":{"key":"to","revision":6,"createdRevision":6,"version":1}},"#
                        + #"{"get":{"key":"to","value":"x","encoding":"utf-8","#
                        + #""contentType":"application/octet-stream","revision":6,"createdRevision":6,"#
                        + #""version":1}}]}"# + "\n")
                try "{\"then\":[{\"put\":{}}]}".write(toFile: file, atomically: true, encoding: .utf8)
                let flawed = try rast("txn", file)
                try #require(flawed.end == 1 && flawed.output.contains("/then/0/put"), "\(flawed)")
                let missing = try rast("txn", "/nowhere/move.json")
                try #require(missing.end == 1 && missing.output.contains("/nowhere/move.json"), "\(missing)")
                try expect(rast("list", "--keys"), 0, "late\nto\n")
            }
        }

        @Test("rast watch: --since and --count, a prefix or a key, as text and as JSON")
        func watches() throws {
            let folder = try Folder()
            defer { folder.remove() }
            try withCluster { cluster in
                let rast = Rast(cluster)
                try expect(rast("put", "p/a", "one"), 0, "2\n")
                try expect(rast("put", "q", "aside"), 0, "3\n")
                let both = #"{"then":[{"put":{"key":"p/b","value":"1\n2"}},{"delete":{"key":"p/a"}}]}"#
                let changed = cluster.settled(.post(cluster.url(1, "/txn"), both))
                try #require(changed.status == 200, "\(changed)")
                let events = ["2\tput\tp/a\tone\n", "4.0\tput\tp/b\t1\\n2\n", "4\tdelete\tp/a\n"]
                try expect(rast("watch", "p/", "--since", "1", "--count", "3"), 0, events.joined())
                try expect(rast("watch", "p/", "--since", "2", "--count", "1"), 0, events[1])
                try expect(rast("watch", "p/", "--since", "4.0", "--count", "1"), 0, events[2])
                try expect(
                    rast("watch", "--key", "q", "--since", "1", "--count", "1"), 0, "3\tput\tq\taside\n")
                try expect(
                    rast("watch", "--key", "p/a", "--since", "2", "--count", "1", "--output", "json"), 0,
                    #"{"event":"delete","id":"4","revision":4,"key":"p/a"}"# + "\n")
                // From now on: what was before is not told.
                let log = "\(folder.path)/watched"
                var watch = try rast.begin("watch", "p/", "--count", "2", log: log)
                defer { watch.killNow() }
                var count = 0
                let isOver = Clock.poll(seconds: 20, every: 50_000) {
                    count += 1
                    _ = cluster.follow(.put(cluster.url(1, "/kv/p/now"), "\(count)"))
                    return watch.hasEnded()
                }
                let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
                try #require(isOver && watch.end == 0 && lines.count == 2, "\(lines)")
                try #require(lines.allSatisfy { $0.contains("\tput\tp/now\t") }, "\(lines)")
                // (A put that met an election is none, and its value is never seen.)
                let revisions = lines.compactMap { $0.split(separator: "\t").first.flatMap { Int($0) } }
                try #require(revisions.count == 2 && revisions[1] == revisions[0] + 1, "\(lines)")
            }
        }

        @Test("rast get --wait: until the key changes, after a revision, or for so long")
        func waits() throws {
            let folder = try Folder()
            defer { folder.remove() }
            try withCluster { cluster in
                let rast = Rast(cluster)
                try expect(rast("put", "k", "first"), 0, "2\n")
                let start = Clock.now
                try expect(rast("get", "k", "--wait", "300ms"), 0, "first")
                try #require(Clock.now - start >= 0.3)
                try expect(rast("get", "k", "--wait", "5m", "--after", "1"), 0, "first")
                let log = "\(folder.path)/got"
                var get = try rast.begin("get", "k", "--wait", "5m", "--output", "json", log: log)
                defer { get.killNow() }
                let isOver = Clock.poll(seconds: 20, every: 50_000) {
                    _ = cluster.follow(.put(cluster.url(1, "/kv/k"), "changed"))
                    return get.hasEnded()
                }
                let text = try String(contentsOfFile: log, encoding: .utf8)
                try #require(isOver && get.end == 0 && text.contains("\"value\":\"changed\""), "\(text)")
                try #require(rast("delete", "k").end == 0)
                try expect(
                    rast("get", "k", "--wait", "5m", "--after", "2"), 1, "rast: there is no key \"k\".\n")
                try #require(rast("get", "k", "--after", "2").end == 2)
            }
        }

        @Test("--output json of put, delete and list: the answer as it came, an object a line")
        func json() throws {
            try withCluster { cluster in
                let rast = Rast(cluster)
                try expect(
                    rast("put", "j/a", "one", "--content-type", "text/plain", "--output", "json"), 0,
                    #"{"key":"j/a","revision":2,"createdRevision":2,"version":1}"# + "\n")
                try expect(
                    rast("put", "j/a", "two\n", "--output", "json"), 0,
                    #"{"key":"j/a","revision":3,"createdRevision":2,"version":2}"# + "\n")
                try expect(rast("put", "j/b", "three"), 0, "4\n")
                let first =
                    #"{"key":"j/a","value":"two\n","encoding":"utf-8","#
                    + #""contentType":"application/octet-stream","revision":3,"#
                    + #""createdRevision":2,"version":2}"#
                    + "\n"
                let second =
                    #"{"key":"j/b","value":"three","encoding":"utf-8","#
                    + #""contentType":"application/octet-stream","revision":4,"#
                    + #""createdRevision":4,"version":1}"#
                    + "\n"
                try expect(rast("list", "j/", "--output", "json"), 0, first + second)
                try expect(rast("list", "j/", "--limit", "1", "--output", "json"), 0, first)
                try expect(rast("list", "none/", "--output", "json"), 0, "")
                try expect(
                    rast("delete", "j/a", "--output", "json"), 0,
                    #"{"key":"j/a","deleted":1,"revision":5}"# + "\n")
            }
        }

        @Test(
            "what no node would take is a usage error, before anything is sent",
            arguments: [
                (["put", "k", "v", "--ttl", "abc"], ["--ttl", "1s to ten years", "\"abc\""]),
                (["put", "k", "v", "--ttl", "999ms"], ["--ttl", "\"999ms\""]),
                (["put", "k", "v", "--ttl", "87601h"], ["--ttl", "\"87601h\""]),
                (["watch", "--since", "9007199254740992"], ["--since", "at most 9007199254740991"]),
                (["watch", "--since", "99999999999999999999"], ["--since", "at most 9007199254740991"]),
                (["watch", "--since", "11.4294967295"], ["--since", "11.0"]),
                (["watch", "--since", "+11"], ["--since", "\"+11\""]),
                (["watch", "--since", ""], ["--since", "\"\""]),
                (["watch", "--count", "0"], ["--count"]),
            ])
        func usage(arguments: [String], words: [String]) throws {
            // Nobody listens there: what is sent ends with 3.
            let port = try #require(try Ports.free(1).first)
            let run = try Run(
                Cluster.program, arguments + ["--endpoints", "http://127.0.0.1:\(port)", "--timeout", "1s"])
            try #require(run.end == 2, "\(run)")
            for word in words { try #require(run.output.contains(word), "no \(word) in: \(run.output)") }
            try #require(run.output.count { $0 == "\n" } == 1, "\(run.output)")
        }
    }
}
