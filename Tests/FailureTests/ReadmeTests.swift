// The first five minutes of the README, pasted: each command runs, and does what is said of it.
import Foundation
import Testing

extension Failures {
    @Suite("README")
    struct Readme {
        private struct Command {
            /// As it is pasted.
            let text: String
            /// What the README says behind it.
            let remark: String
        }

        /// What is not pasted, and why.
        private static let skipped = [
            "rast bench": "ten seconds of load; BenchTests runs it"
        ]

        /// What is printed besides what the remarks promise, by a part of the command.
        private static let printed: [(command: String, words: [String])] = [
            ("-L localhost:8002/kv/greeting", ["hello"]),
            ("-i localhost:8001/kv/greeting", ["ETag: \"2\"", "Rast-Revision: 2", "hello"]),
            ("kv?prefix=fruit/'", ["\"key\":\"fruit/apple\"", "\"key\":\"fruit/pear\"", "\"count\":2"]),
            ("-H 'Accept: application/x-ndjson'", ["\"key\":\"fruit/pear\""]),
            ("--compressed", ["\"key\":\"fruit/pear\""]),
            ("localhost:8001/txn", ["\"succeeded\":true", "\"value\":\"blue\""]),
            ("ttl=2s", ["\"key\":\"session\""]),
            ("/keepalive", ["\"id\":\"7\"", "\"ttl\":60", "service/a"]),
            ("-X DELETE localhost:8001/leases/7", ["\"deleted\":1"]),
            ("8001/status", ["\"role\"", "\"members\""]),
            ("/livez", ["ok"]),
            ("readyz?verbose", ["[+]leader"]),
            ("/metrics", ["rast_raft_term "]),
            ("/openapi.yaml", ["openapi: 3", "/kv/{key}"]),
            ("rast get greeting", ["hello again"]),
            ("rast list fruit/", ["fruit/apple\t", "\tred\n"]),
            ("rast lock nightly", ["I hold it, with number "]),
            ("rast status", ["led by node "]),
            ("rast health --ready", [" is ready"]),
            ("rast transfer-leader", ["Node ", " leads."]),
            ("zcat backup.gz", ["{\""]),
            ("rast log", ["\"index\":1"]),
        ]

        private static let commands: [Command] = {
            let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../README.md")
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            let section = text.components(separatedBy: "\n## ").first { $0.hasPrefix("The first five") } ?? ""
            // Every second piece stands between fences.
            let blocks = section.components(separatedBy: "\n```\n").enumerated().filter { $0.offset % 2 == 1 }
            var commands: [Command] = []
            for block in blocks {
                var before = ""
                for line in block.element.split(separator: "\n") {
                    let parts = line.components(separatedBy: " # ")
                    let text = before + parts[0].trimmingCharacters(in: .whitespaces)
                    if text.hasSuffix("\\") || text.count(where: { $0 == "'" }) % 2 == 1 {
                        before = text + "\n"
                        continue
                    }
                    commands.append(Command(text: text, remark: parts.dropFirst().joined(separator: " # ")))
                    before = ""
                }
            }
            return commands
        }()

        @Test("its first five minutes: every command, in order, and what it says of each")
        func fiveMinutes() throws {
            try #require(Self.commands.count >= 50, "\(Self.commands.count) commands")
            for (command, _) in Self.printed {
                #expect(Self.commands.contains { $0.text.contains(command) }, "\(command) is gone")
            }
            try withCluster { cluster in
                // Node 2 is to redirect.
                if try cluster.newLeader() == 2 {
                    let away = cluster.follow(.post(cluster.url(1, "/cluster/leader"), "{\"id\":1}"))
                    try #require(away.status == 200, "\(away)")
                    _ = try cluster.newLeader(after: 2)
                    try cluster.ready()
                }
                let session = try Session(cluster)
                defer { session.end() }
                for command in Self.commands where !Self.isSkipped(command) {
                    let run = try session.run(command.text)
                    try check(command, run, on: cluster)
                }
                try cluster.ready([1, 3])
            }
        }

        private static func isSkipped(_ command: Command) -> Bool {
            skipped.keys.contains { command.text.contains($0) }
        }

        /// A status in the remark is the answer's; any other answer is a success. What it quotes is printed.
        private func check(_ command: Command, _ run: Session.Shown, on cluster: Cluster) throws {
            let (text, remark) = (command.text, command.remark)
            // Of commands that are ended from here, the output counts.
            if let end = run.end { #expect(end == 0, "\(text): \(run)") }
            if run.output.contains("\nstatus ") {
                let status = run.output.components(separatedBy: "\nstatus ").last?.prefix(3) ?? ""
                let number = try Regex("\\b[2-5][0-9][0-9]\\b").firstMatch(in: remark)
                let wanted = number.map { remark[$0.range] }
                let isGood = wanted.map { $0 == status } ?? status.hasPrefix("2")
                // It leads by now, and says so.
                let isLeader = text.contains("curl -i -X PUT") && cluster.leader() == 2
                #expect(isGood || isLeader, "\(text): \(run)")
                if status == "307" { #expect(run.output.contains("Location: http://127.0.0.1:"), "\(run)") }
            }
            for match in remark.matches(of: try Regex("(revision|version) [0-9]+")) {
                let words = remark[match.range].split(separator: " ")
                #expect(run.output.contains("\"\(words[0])\":\(words[1])"), "\(text): \(run)")
            }
            for match in remark.matches(of: try Regex("\"[a-z]+\":[^ ]+")) {
                #expect(run.output.contains(remark[match.range]), "\(text): \(run)")
            }
            for (part, words) in Self.printed where text.contains(part) {
                for word in words { #expect(run.output.contains(word), "\(text): no \(word) in \(run)") }
            }
        }
    }
}

/// A reader's shell: what is exported in it stays, and its commands end with it.
private final class Session {
    private let cluster: Cluster
    private let folder: Folder
    private var settings: [String] = []
    /// The node that the reader starts.
    private var node: Child?

    /// What a command has printed; its exit status, if it was not ended from here.
    struct Shown {
        let end: Int32?
        let output: String
        static let nothing = Shown(end: 0, output: "")
    }

    init(_ cluster: Cluster) throws {
        self.cluster = cluster
        folder = try Folder()
        settings = [
            "cd '\(folder.path)'",
            // A busy machine may elect anew at any time: a reader would ask again.
            "curl() { command curl -sS --retry 8 -w '%{stderr}\\nstatus %{http_code}\\n' \"$@\"; }",
        ]
    }

    func end() {
        node?.killNow()
        folder.remove()
    }

    /// Runs a command in its way: to its end; until it has shown something, for what goes on until Ctrl-C;
    /// beside this test, for a node.
    func run(_ pasted: String) throws -> Shown {
        let text = here(pasted)
        if text.hasPrefix("export ") || text.hasPrefix("DIR=") {
            settings.append(text)
            return .nothing
        }
        let script = (settings + [text]).joined(separator: "\n")
        if pasted.contains("/watch?") { return try follow(script, until: "\"key\":\"fruit/plum\"") }
        if pasted.contains("rast watch") { return try follow(script, until: "\tput\tfruit/plum\t") }
        if pasted.contains("wait=30s") { return try follow(script, until: "\nstatus ") }
        if pasted.contains("rast serve") {
            node = try Child("bash", ["-c", script], log: "\(folder.path)/node")
            try cluster.ready([2])
            return .nothing
        }
        let run = try Run("bash", ["-c", script], seconds: 60)
        if pasted.hasPrefix("kill ") { try #require(cluster.ended(2) == 0, "node 2 did not end") }
        return Shown(end: run.end ?? -SIGKILL, output: run.output)
    }

    /// The command for these nodes, this build and these folders.
    private func here(_ pasted: String) -> String {
        var text = pasted.replacing(".build/release/rast", with: Cluster.program)
            .replacing("/tmp/new", with: "\(folder.path)/new")
            .replacing("/tmp/rast-dev-…", with: cluster.folder.path)
        for node in cluster.nodes {
            for host in ["localhost", "127.0.0.1"] {
                text = text.replacing("\(host):800\(node.id)", with: "\(node.host):\(node.port)")
            }
        }
        return text
    }

    /// Changes a fruit until the command has printed something of it.
    private func follow(_ script: String, until words: String) throws -> Shown {
        let log = "\(folder.path)/followed"
        try? FileManager.default.removeItem(atPath: log)
        var child = try Child("bash", ["-c", script], log: log)
        defer { child.killNow() }
        var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
        let isSaid = Clock.poll(seconds: 30, every: 50_000) {
            _ = cluster.follow(.put(cluster.url(1, "/kv/fruit/plum"), "ripe"))
            return output.contains(words)
        }
        try #require(isSaid, "\(script): \(output)")
        return Shown(end: nil, output: output)
    }
}
