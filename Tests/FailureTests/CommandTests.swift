// The program as people meet it: curl, `rast log`, `rast dev`, wrong flags (Interface §5, §12).
import Foundation
import Testing

extension Failures {
    @Suite("Commands", .serialized)
    struct Commands {
        @Test("curl: a write to a follower arrives with -L; without it the 307 names the leader")
        func redirects() throws {
            try withCluster(electionTimeout: "3s") { cluster in
                let leader = try cluster.newLeader()
                let follower = try #require(cluster.ids.first { $0 != leader })
                let target = cluster.url(follower, "/kv/a%2Fb?timeout=2s")
                let plain = try Run("curl", ["-s", "-i", "-X", "PUT", "-d", "one", target])
                try #require(plain.end == 0, "\(plain.output)")
                let answer = plain.output.lowercased()
                try #require(answer.hasPrefix("http/1.1 307 "), "\(plain.output)")
                let location = cluster.url(leader, "/kv/a%2Fb?timeout=2s")
                try #require(answer.contains("\nlocation: \(location.lowercased())\r\n"), "\(plain.output)")
                try #require(
                    answer.contains("\nrast-leader: \(leader); url=\"\(cluster[leader].url)\"\r\n"),
                    "\(plain.output)")
                try #require(answer.contains("not_leader"))

                let followed = try Run(
                    "curl", ["-s", "-L", "-w", "%{http_code}", "-X", "PUT", "-d", "one", target])
                try #require(followed.output.hasSuffix("201"), "\(followed.output)")
                let read = try Run("curl", ["-s", "-L", target])
                try #require(read.output == "one", "\(read.output)")
                // Of the revision that the first write of a cluster gets.
                let own = cluster.url(follower, "/kv/a%2Fb?consistency=local&min-revision=2")
                let local = try Run("curl", ["-s", "--retry", "3", own])
                try #require(local.output == "one", "\(local.output)")
            }
        }

        @Test("rast log DIR | jq prints the log of a live node")
        func log() throws {
            try withCluster { cluster in
                let load = Load(cluster)
                load.start()
                try #require(load.waitFor(writes: 200))
                for id in cluster.ids {
                    // While it is being written.
                    let run = try Run(
                        "bash",
                        [
                            "-c", "set -o pipefail; \"$1\" log \"$2\" | jq -c .index", "bash",
                            Cluster.program, cluster[id].data,
                        ])
                    try #require(run.end == 0, "\(run.output.suffix(500))")
                    let indexes = run.output.split(separator: "\n").compactMap { Int($0) }
                    try #require(
                        indexes.count > 100, "only \(indexes.count) entries: \(run.output.prefix(500))")
                    try #require(indexes == Array(1...indexes.count), "the entries are not in order")
                }
                let history = load.stop()
                for id in cluster.ids { cluster.kill(id) }
                let run = try Run(Cluster.program, ["log", cluster[1].data])
                try #require(run.end == 0)
                // Most writes are on every node by now; all are on a majority.
                let isThere = history.writes.filter(\.isAcknowledged).count {
                    run.output.contains("\"\($0.key)\"")
                }
                try #require(isThere > 100)
            }
        }

        @Test(
            "wrong flags are named, with what was expected, and exit 2",
            arguments: [
                (["serve", "--id", "0", "--data", "x"], ["--id", "integer from 1"]),
                (["serve", "--id", "one", "--data", "x"], ["--id", "\"one\""]),
                (["serve", "--id", "1", "--data", "x", "--listen", "nowhere"], ["--listen", "HOST:PORT"]),
                (["serve", "--id", "1", "--data", "x", "--listen", "127.0.0.1:70000"], ["--listen"]),
                (["serve", "--id", "1", "--data", "x", "--peers", "1"], ["--peers", "ID=URL"]),
                (
                    ["serve", "--id", "3", "--data", "x", "--peers", "1=http://127.0.0.1:1"],
                    ["--peers", "not this node"]
                ),
                (["serve", "--id", "1", "--data", "x", "--peers", "1=ftp://a:1"], ["--peers", "http://"]),
                (["serve", "--id", "1", "--data", "x", "--heartbeat", "soon"], ["--heartbeat", "500ms"]),
                (["serve", "--id", "1", "--data", "x", "--election-timeout", "1ms"], ["--election-timeout"]),
                (["serve", "--id", "1"], ["--data"]),
                (["serve", "--data", "x", "--colour"], ["--colour"]),
                (["dev", "--nodes", "0"], ["--nodes"]),
                (["fly"], ["fly", "`rast --help`"]),
                (["put"], ["<key>", "`rast put --help`"]),
                (["get", "a", "--output", "xml"], ["--output", "'text' and 'json'", "`rast get --help`"]),
                (
                    [
                        "serve", "--id", "1", "--data", "x", "--peers",
                        "1=http://127.0.0.1:1,2=http://10.1.2.3:1",
                    ],
                    ["--insecure-peers"]
                ),
            ])
        func flags(arguments: [String], words: [String]) throws {
            let run = try Run(Cluster.program, arguments)
            try #require(run.end == 2, "exit \(run.end ?? -99): \(run.output)")
            for word in words { try #require(run.output.contains(word), "no \(word) in: \(run.output)") }
            try #require(run.output.filter { $0 == "\n" }.count == 1, "more than one line: \(run.output)")
            try #require(access("x", F_OK) != 0, "a directory was made")
        }

        @Test("rast dev: says when it is ready; Ctrl-C ends it with every process and all its data")
        func dev() throws {
            let folder = try Folder()
            defer { folder.remove() }
            let port = try #require(try Ports.free(1).first)
            let log = folder.path + "/output"
            var dev = try Child(
                Cluster.program, ["dev", "--port", "\(port)"], environment: ["TMPDIR=\(folder.path)"],
                log: log)
            defer { dev.killNow() }
            func output() -> String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
            let isReady = Clock.poll(seconds: 20) { output().contains("ready") }
            try #require(isReady, "\(output())")
            try #require(Self.processes(naming: folder.path).count == 3)
            let client = Client()
            var answer = Answer.notSent("")
            let isStored = Clock.poll(seconds: 10) {
                answer = client.follow(.put("http://127.0.0.1:\(port)/kv/a", "1"))
                return [200, 201].contains(answer.status)
            }
            try #require(isStored, "\(answer)")
            dev.send(SIGINT)
            try #require(dev.wait(seconds: 10) == 0, "\(output())")
            try #require(Self.processes(naming: folder.path).isEmpty, "nodes are left")
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
                $0 != "output"
            }
            try #require(left.isEmpty, "left behind: \(left)")
        }

        @Test("rast dev killed: its nodes go with it")
        func devKilled() throws {
            let folder = try Folder()
            defer { folder.remove() }
            let port = try #require(try Ports.free(1).first)
            let data = folder.path + "/data"
            var dev = try Child(
                Cluster.program, ["dev", "--port", "\(port)", "--data", data], log: folder.path + "/output")
            defer { dev.killNow() }
            try #require(Clock.poll(seconds: 20) { Self.processes(naming: data + "/").count == 3 })
            dev.send(SIGKILL)
            try #require(dev.wait(seconds: 5) == -SIGKILL)
            try #require(
                Clock.poll(seconds: 5) { Self.processes(naming: data + "/").isEmpty }, "nodes are left")
        }

        /// The `rast serve` processes whose command line has these words in it.
        static func processes(naming words: String) -> [String] {
            let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return folders.filter { Int($0) != nil }.filter { process in
                guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else {
                    return false
                }
                let line = String(decoding: bytes, as: UTF8.self)
                return line.contains(words) && line.contains("\0serve\0")
            }
        }
    }
}
