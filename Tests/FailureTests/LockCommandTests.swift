// `rast lock` around real commands: who comes when, and what becomes of a command whose lock is lost.
import Foundation
import Testing

extension Failures {
    @Suite("Lock command", .serialized)
    struct LockCommand {
        /// A command with a child, and with another one that has lost its parent; each says when it begins
        /// and when it gets SIGTERM, of which the orphan takes no notice.
        private static let script = """
            say() { echo "$1" >>"$file"; }
            file=$1
            export file
            export -f say
            trap 'say command-told; exit 5' TERM
            bash -c 'trap "say child-told; exit" TERM; say begun; while :; do sleep 0.05; done' &
            (bash -c 'trap "say orphan-told" TERM; say begun; while :; do sleep 0.05; done' &)
            say "number $RAST_LOCK_REVISION"
            say "group $(cut -d' ' -f5 /proc/$$/stat)"
            wait
            """

        private func environment(_ cluster: Cluster) -> [String] {
            ["RAST_ENDPOINTS=\(cluster.urls.joined(separator: ","))"]
        }

        /// The processes whose command line or environment has these words in it.
        private func living(_ words: String) -> [String] {
            let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return folders.filter { process in
                guard Int32(process) != nil, process != "\(getpid())" else { return false }
                return ["cmdline", "environ"].contains { file in
                    let bytes = FileManager.default.contents(atPath: "/proc/\(process)/\(file)") ?? Data()
                    return bytes.range(of: Data(words.utf8)) != nil
                }
            }
        }

        @Test(
            "the command has its number; signals reach its children and orphans; a lost lock ends them",
            arguments: [SIGTERM, SIGKILL])
        func family(signal: Int32) throws {
            let folder = try Folder()
            defer { folder.remove() }
            let file = "\(folder.path)/said"
            var said: String { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }
            try withCluster { cluster in
                var holder = try Child(
                    Cluster.program, ["lock", "m", "--", "bash", "-c", Self.script, "family", file],
                    environment: environment(cluster), log: "/dev/null")
                defer {
                    holder.killNow()
                    for process in living(file) { kill(Int32(process) ?? 0, SIGKILL) }
                }
                let isBegun = Clock.poll(seconds: 20) {
                    said.components(separatedBy: "begun").count == 3 && said.contains("group ")
                }
                try #require(isBegun, "\(said)")
                let lock = try #require(cluster.get(1, "/kv/lock/m?format=json&redirect=no")?.object)
                let number = try #require(lock["createdRevision"] as? Int)
                try #require(said.contains("number \(number)\n"), "\(said)")
                // In the group that it was started in: a terminal's foreground stays so.
                try #require(said.contains("group \(holder.id)\n"), "\(said)")
                let start = Clock.now
                if signal == SIGTERM {
                    holder.send(SIGTERM)
                    try #require(holder.wait(seconds: 20) == 5, "\(said)")
                } else {
                    let id = try #require(lock["lease"] as? String)
                    var revoke = Call.get(cluster.url(1, "/leases/\(id)?redirect=no"))
                    revoke.method = "DELETE"
                    try #require(cluster.settled(revoke).status == 200)
                    try #require(holder.wait(seconds: 40) == 3, "\(said)")
                    try #require(Clock.now - start >= 10)
                    try #require(living(file).isEmpty, "\(living(file))")
                }
                let isTold = Clock.poll(seconds: 10) {
                    ["command", "child", "orphan"].allSatisfy { said.contains("\($0)-told\n") }
                }
                try #require(isTold, "\(said)")
            }
        }

        @Test("a lock whose key somebody deletes is lost; who waits does so no longer than he says")
        func deleted() throws {
            try withCluster { cluster in
                func lock(_ words: [String]) throws -> Child {
                    try Child(
                        Cluster.program, ["lock", "d"] + words, environment: environment(cluster),
                        log: "/dev/null")
                }
                func wait(_ time: String) throws -> Double {
                    // The best of three: how long a process takes to begin is not what is meant.
                    try (0..<3).map { _ in
                        let start = Clock.now
                        var waiter = try lock(["--wait", time, "--", "true"])
                        try #require(waiter.wait(seconds: 20) == 1)
                        return Clock.now - start
                    }.min() ?? 0
                }
                var holder = try lock(["--ttl", "6s", "--", "sleep", "60"])
                defer { holder.killNow() }
                let path = "/kv/lock/d?redirect=no"
                let isHeld = Clock.poll(seconds: 20) { cluster.get(1, path)?.status == 200 }
                try #require(isHeld)
                let (least, more) = (try wait("0s"), try wait("200ms"))
                #expect(more > 0.2 && more - least < 0.8, "\(least) s, \(more) s")
                var delete = Call.get(cluster.url(1, path))
                delete.method = "DELETE"
                try #require(cluster.settled(delete).status == 200)
                try #require(holder.wait(seconds: 20) == 3)
                var nameless = try Child(
                    Cluster.program, ["lock", "", "--", "true"], environment: environment(cluster),
                    log: "/dev/null")
                try #require(nameless.wait(seconds: 20) == 2)
            }
        }

        @Test("a command may read from its terminal")
        func terminal() throws {
            let folder = try Folder()
            defer { folder.remove() }
            try withCluster { cluster in
                let read = "read -r line </dev/tty; echo \"got $line\""
                let command = "\(Cluster.program) lock t -- bash -c '\(read)'"
                let run = try Run(
                    "bash", ["-c", "echo hello | script -qec \"$0\" /dev/null", command],
                    environment: environment(cluster) + ["SHELL=/bin/sh"])
                try #require(run.end == 0 && run.output.contains("got hello"), "\(run)")
            }
        }

        /// How often something was asked for, at all nodes.
        private func asked(_ route: String, _ cluster: Cluster) -> Int {
            cluster.ids.compactMap { cluster.get($0, "/metrics")?.text }.flatMap { $0.split(separator: "\n") }
                .filter {
                    $0.hasPrefix("rast_http_requests_total{") && $0.contains("method=\"GET\"")
                        && $0.contains("route=\"\(route)\"")
                }
                .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
        }

        @Test("waiters come in their order, over a killed one and a killed leader, and ask little")
        func order() throws {
            let folder = try Folder()
            defer { folder.remove() }
            let file = "\(folder.path)/order"
            try withCluster { cluster in
                let leader = try cluster.newLeader()
                func contend(_ command: String) throws -> Child {
                    try Child(
                        Cluster.program, ["lock", "q", "--", "bash", "-c", command],
                        environment: environment(cluster), log: "\(folder.path)/log")
                }
                func queued() -> Int? {
                    cluster.get(1, "/kv?prefix=lock-queue/q/&keys&redirect=no")?.object?["count"] as? Int
                }
                var children: [Child] = []
                defer { for place in children.indices { children[place].killNow() } }
                let isHeld = "[ ! -e \(folder.path)/release ]"
                children.append(try contend("while \(isHeld); do sleep 0.05; done; echo 0 >>\(file)"))
                for number in 1...5 {
                    try #require(Clock.poll(seconds: 20) { queued() == number }, "\(number)")
                    children.append(try contend("echo \(number) >>\(file)"))
                }
                try #require(Clock.poll(seconds: 20) { queued() == 6 })
                // While all wait, each asks for one key; the last may just have read the queue.
                let (lists, reads) = (asked("/kv", cluster), asked("/kv/{key}", cluster))
                let isWaiting = Clock.poll(seconds: 30, every: 50_000) {
                    asked("/kv/{key}", cluster) >= reads + 20
                }
                try #require(isWaiting)
                #expect(asked("/kv", cluster) - lists <= 3)
                children[2].killNow()
                cluster.kill(leader)
                try #require(FileManager.default.createFile(atPath: "\(folder.path)/release", contents: nil))
                for place in [0, 1, 3, 4, 5] {
                    let end = children[place].wait(seconds: 60)
                    let log = try String(contentsOfFile: "\(folder.path)/log", encoding: .utf8)
                    try #require(end == 0, "\(place): \(String(describing: end)) \(log)")
                }
                #expect(try String(contentsOfFile: file, encoding: .utf8) == "0\n1\n3\n4\n5\n")
            }
        }
    }
}
