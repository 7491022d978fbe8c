// The commands of a client against a real cluster: what they print, and what they exit with (Interface §12).
import Foundation
import Testing

extension Failures {
    @Suite("Client commands", .serialized)
    struct ClientCommands {
        @Test("keys, conditions, lists and leadership, each with its exit status")
        func sequence() throws {
            try withCluster { cluster in
                _ = try cluster.newLeader()
                let urls = cluster.ids.map { cluster[$0].url }.joined(separator: ",")
                func rast(_ arguments: String..., environment: [String]? = nil) throws -> Run {
                    try Run(
                        Cluster.program, arguments, environment: environment ?? ["RAST_ENDPOINTS=\(urls)"])
                }
                func expect(_ run: Run, _ end: Int32, _ output: String) throws {
                    try #require(run.end == end && run.output == output, "\(run)")
                }
                try expect(rast("put", "a", "one"), 0, "2\n")
                try expect(rast("get", "a"), 0, "one")
                try expect(
                    rast("put", "a", "two", "--if-absent"), 1,
                    "rast: nothing was stored: the key \"a\" is at revision 2.\n")
                try expect(rast("put", "a", "two", "--if-revision", "2"), 0, "3\n")
                try expect(
                    rast("get", "a", "--output", "json"), 0,
                    #"{"key":"a","value":"two","encoding":"utf-8","contentType":"application/octet-stream","#
                        + #""revision":3,"createdRevision":2,"version":2}"# + "\n")
                try expect(rast("put", "b", "line\nend"), 0, "4\n")
                try expect(rast("list"), 0, "a\t3\ttwo\nb\t4\tline\\nend\n")
                try expect(rast("list", "b", "--keys"), 0, "b\n")
                try expect(rast("delete", "a"), 0, "5\n")
                try expect(rast("get", "a"), 1, "rast: there is no key \"a\".\n")
                let target = try #require(cluster.ids.first { $0 != (try? cluster.newLeader()) })
                try expect(rast("transfer-leader", "\(target)"), 0, "Node \(target) leads.\n")
                let other = try rast("transfer-leader")
                try #require(
                    other.end == 0 && other.output.hasPrefix("Node ")
                        && other.output != "Node \(target) leads.\n",
                    "\(other)")
                // Those that did not take part hear of it a moment later.
                var run: Run?
                let isReady = Clock.poll(seconds: 10, every: 50_000) {
                    run = try? rast("health", cluster[1].url, "--ready")
                    return run?.end == 0 && run?.output == "\(cluster[1].url) is ready\n"
                }
                try #require(isReady, "\(String(describing: run))")
                let isLed = Clock.poll(seconds: 10, every: 50_000) {
                    run = try? rast("status")
                    return run?.end == 0 && run?.output.contains("led by node ") == true
                }
                try #require(isLed, "\(String(describing: run))")
                // Two of three gone: nobody leads, which is no fault of the request.
                for id in cluster.ids.dropFirst() { cluster.kill(id) }
                let lone = cluster[cluster.ids[0]].url
                for arguments in [["get", "b"], ["put", "b", "x"], ["list"], ["status"]] {
                    let run = try Run(
                        Cluster.program, arguments + ["--endpoints", lone, "--timeout", "1500ms"])
                    try #require(run.end == 3, "\(arguments): \(run)")
                }
                try expect(
                    rast("get", "b", "--consistency", "local", "--endpoints", lone), 0, "line\nend")
                cluster.kill(cluster.ids[0])
                let nobody = try rast("health", lone)
                try #require(nobody.end == 1 && nobody.output.contains("is not reached"), "\(nobody)")
            }
        }

        @Test("keys that end, and writes that are sent again while a leader is gone")
        func names() throws {
            try withCluster { cluster in
                let leader = try cluster.newLeader()
                let urls = cluster.ids.map { cluster[$0].url }.joined(separator: ",")
                func rast(_ arguments: String...) throws -> Run {
                    try Run(Cluster.program, arguments, environment: ["RAST_ENDPOINTS=\(urls)"])
                }
                try #require(rast("put", "t", "x", "--ttl", "1s").output == "2\n")
                try #require(rast("put", "t", "x", "--ttl", "1s", "--lease", "7").end == 2)
                let missing = try rast("put", "t", "x", "--lease", "7")
                try #require(missing.end == 1 && missing.output.contains("no such lease"), "\(missing)")
                cluster.kill(leader)
                // Sent to whoever is there until somebody leads.
                let put = try rast("put", "a", "1", "--timeout", "15s")
                try #require(put.end == 0, "\(put)")
                try #require(rast("get", "a").output == "1")
                // Another leader goes on from the last stamp that it knows, so this may take a while longer.
                let isGone = Clock.poll(seconds: 30, every: 100_000) { (try? rast("get", "t"))?.end == 1 }
                #expect(isGone)
            }
        }

        /// A lock that is held is not for another one, and the next gets it once it is given back.
        private func passOn(_ cluster: Cluster, _ environment: [String]) throws {
            let release = "\(cluster.folder.path)/release"
            func begin(_ arguments: String...) throws -> Child {
                try Child(
                    Cluster.program, ["lock", "n"] + arguments, environment: environment, log: "/dev/null")
            }
            var holder = try begin("--", "sh", "-c", "while [ ! -e '\(release)' ]; do sleep 0.05; done")
            defer { holder.killNow() }
            var held = ""
            let isHeld = Clock.poll(seconds: 10) {
                let list = try? Run(Cluster.program, ["list", "lock/n"], environment: environment)
                held = list?.output ?? ""
                return held.hasPrefix("lock/n\t")
            }
            try #require(isHeld, "\(held)")
            let refused = try Run(
                Cluster.program, ["lock", "n", "--wait", "0s", "--", "true"], environment: environment)
            try #require(refused.end == 1 && refused.output.contains("held by somebody"), "\(refused)")
            var next = try begin("--wait", "60s", "--", "true")
            defer { next.killNow() }
            let isQueued = Clock.poll(seconds: 20) {
                let queue = cluster.get(1, "/kv?prefix=lock-queue/n/&keys&redirect=no")
                return queue?.object?["count"] as? Int == 2
            }
            try #require(isQueued)
            try #require(FileManager.default.createFile(atPath: release, contents: nil))
            try #require(next.wait(seconds: 60) == 0)
        }

        @Test("a lock: its command's status and number, one holder at a time, and what a lost lease does")
        func locks() throws {
            try withCluster(electionTimeout: "3s") { cluster in
                _ = try cluster.newLeader()
                let urls = cluster.ids.map { cluster[$0].url }.joined(separator: ",")
                let environment = ["RAST_ENDPOINTS=\(urls)"]
                func lock(_ arguments: String...) throws -> Run {
                    try Run(Cluster.program, ["lock"] + arguments, environment: environment)
                }
                let first = try lock("n", "--", "sh", "-c", "echo $RAST_LOCK_REVISION; exit 7")
                try #require(first.end == 7 && UInt64(first.output.dropLast()) != nil, "\(first)")
                let second = try lock("n", "--", "sh", "-c", "echo $RAST_LOCK_REVISION")
                let numbers = [first, second].map { UInt64($0.output.dropLast()) ?? 0 }
                try #require(second.end == 0 && numbers[0] < numbers[1], "\(second)")
                try #require(lock("n", "--", "/nowhere").end == 127)
                try #require(lock("n").end == 2)
                let list = try Run(Cluster.program, ["list", "lock"], environment: environment)
                try #require(list.output.isEmpty, "\(list)")
                try passOn(cluster, environment)
                // A lease that somebody else revokes: the command is told.
                var lost = try Child(
                    Cluster.program, ["lock", "m", "--ttl", "6s", "--", "sleep", "60"],
                    environment: environment, log: "/dev/null")
                defer { lost.killNow() }
                var text = ""
                let isTaken = Clock.poll(seconds: 10) {
                    let run = try? Run(
                        Cluster.program, ["get", "lock/m", "--output", "json"], environment: environment)
                    text = run?.output ?? ""
                    return text.contains("lease")
                }
                try #require(isTaken, "\(text)")
                let id = try #require(
                    text.split(separator: "\"lease\":\"").last?.split(separator: "\"").first)
                let revoked = try Run(
                    "curl", ["-sL", "-X", "DELETE", "\(cluster[1].url)/leases/\(id)"])
                try #require(revoked.end == 0 && revoked.output.contains("\"deleted\":2"), "\(revoked)")
                try #require(lost.wait(seconds: 20) == 3)
            }
        }

        @Test("completions for each shell", arguments: ["bash", "zsh", "fish"])
        func completions(shell: String) throws {
            let run = try Run(Cluster.program, ["--generate-completion-script", shell])
            try #require(run.end == 0)
            for word in ["transfer-leader", "linearizable"] {
                try #require(run.output.contains(word), "no \(word)")
            }
        }
    }
}
