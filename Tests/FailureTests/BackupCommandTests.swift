// Backup and restore as people run them: a new cluster from a backup that was made while writes went on.
import Foundation
import Testing

extension Failures {
    @Suite("Backup and restore", .serialized)
    struct BackupCommands {
        private func rast(_ arguments: String...) throws -> Run { try Run(Cluster.program, arguments) }

        private func restore(_ file: String, _ data: String) throws -> Run {
            try rast("restore", file, "--data", data)
        }

        /// All keys with values and revisions, a line each, as they are at one revision.
        private func rows(_ url: String, _ query: String = "") throws -> [Substring] {
            let run = try Run("curl", ["-sfL", "-H", "Accept: application/x-ndjson", "\(url)/kv\(query)"])
            try #require(run.end == 0, "\(run.end ?? -99)")
            return run.output.split(separator: "\n")
        }

        private func number(_ name: String, in row: some StringProtocol) throws -> UInt64 {
            let found = try #require(row.range(of: "\"\(name)\":"), "no \(name) in \(row)")
            return try #require(UInt64(row[found.upperBound...].prefix { $0.isNumber }), "\(row)")
        }

        /// The keys of these tests need no escapes.
        private func key(in row: Substring) -> Substring { row.split(separator: "\"").prefix(4).last ?? "" }

        /// What every reader of a backup sees: gzip and lines.
        private func lines(of backup: String) throws -> [Substring] {
            let run = try Run("gzip", ["-dc", backup])
            try #require(run.end == 0, "gzip: \(run.output.suffix(200))")
            return run.output.split(separator: "\n")
        }

        private func fill(_ url: String, _ count: Int) throws {
            let run = try Run(
                "curl",
                [
                    "-sf", "-Z", "--parallel-max", "32", "-o", "/dev/null", "-X", "PUT", "-d",
                    String(repeating: "some value ", count: 20), "\(url)/kv/bulk/[1-\(count)]",
                ], seconds: 60)
            try #require(run.end == 0, "\(run)")
        }

        @Test("a backup under load is of one moment; three nodes restored from one have it all and go on")
        func cycle() throws {
            try withCluster(electionTimeout: "3s") { cluster in
                let leader = cluster[try cluster.newLeader()].url
                try fill(leader, 3_000)
                let load = Load(cluster)
                load.start()
                try #require(load.waitFor(writes: 100))
                let (early, late) = (cluster.folder.path + "/early.gz", cluster.folder.path + "/late.gz")
                let urls = cluster.urls.joined(separator: ",")
                let busy = try rast("backup", early, "--endpoints", urls)
                try #require(busy.end == 0, "\(busy)")
                // On a terminal there is a bar; the run before has none.
                let command = "'\(Cluster.program)' backup '\(early).2' --endpoints \(urls)"
                let shown = try Run("env", ["SHELL=/bin/sh", "script", "-qec", command, "/dev/null"])
                try #require(shown.end == 0 && shown.output.contains("\r\u{1B}[Kbackup "), "\(shown)")
                try #require(!busy.output.contains("\u{1B}"), "\(busy)")
                try #require(load.waitFor(writes: 100), "nothing is written after a backup")
                let history = load.stop()

                // Every key that was there at its revision and is still as it was, and none that came later.
                let backup = try lines(of: early)
                let revision = try number("revision", in: try #require(backup.first))
                let kept = Set(
                    try backup.dropFirst().dropLast().map { row in
                        try #require(
                            number("revision", in: row) <= revision, "\(row) is later than \(revision)")
                        return key(in: row)
                    })
                let now = try rows(leader)
                var older = 0
                for row in now where try number("revision", in: row) <= revision {
                    older += 1
                    try #require(kept.contains(key(in: row)), "\(row) is not in the backup of \(revision)")
                }
                try #require(older >= 3_000 && now.count > older, "\(older) of \(now.count)")
                for record in history.records where record.kind == .unique {
                    guard case .acknowledged(let at) = record.outcome else { continue }
                    try #require(kept.contains(Substring(record.key)) == (at <= revision), "\(record)")
                }

                let quiet = try rast("backup", late, "--endpoints", urls)
                try #require(quiet.end == 0 && quiet.output.contains("\(now.count) keys"), "\(quiet)")
                try verifyRestored(late, now, revision: try number("revision", in: lines(of: late)[0]))
            }
        }

        /// A new cluster of three has these rows, and serves like any other.
        private func verifyRestored(_ backup: String, _ rows: [Substring], revision: UInt64) throws {
            try withCluster(isStarted: false) { cluster in
                let made = try restore(backup, cluster[1].data)
                try #require(made.end == 0 && made.output.contains("\(rows.count) keys"), "\(made)")
                try cluster.start()
                try cluster.ready()
                let next = revision + 1_000_000_000 + 1
                let areVoters = Clock.poll(seconds: 20) {
                    let members = cluster.status(1, "members") as? [[String: Any]] ?? []
                    return members.count == 3 && members.allSatisfy { $0["role"] as? String == "voter" }
                }
                try #require(areVoters, "\(cluster.status(1, "members") ?? "")")
                try cluster.store(3, "written%20later")
                let written = cluster.settled(.get(cluster.url(3, "/kv/written%20later?format=json")))
                guard case .response(let response) = written else { throw Unexpected("\(written)") }
                let created = response.object?["createdRevision"] as? Int
                try #require(created.map { UInt64($0) } == next, "\(response)")
                for id in cluster.ids {
                    let query = "?consistency=local&min-revision=\(next)"
                    let all = try self.rows(cluster[id].url, query).filter { !$0.contains("written later") }
                    try #require(all == rows, "node \(id) differs")
                }
                // The one that was restored is needed no longer.
                cluster.kill(1)
                let successor = try cluster.newLeader(after: 1)
                try cluster.store(successor, "more")
                try cluster.start(1)
                try cluster.ready()
            }
        }

        @Test("a file that is damaged, cut off or none at all is refused with the place, and nothing is made")
        func refused() throws {
            try withCluster(of: 1) { cluster in
                try fill(cluster[1].url, 500)
                let file = cluster.folder.path + "/backup.gz"
                try #require(try rast("backup", file, "--endpoints", cluster[1].url).end == 0)
                let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
                var damaged = whole
                damaged[whole.count / 2] ^= 0x10
                let bad: [(bytes: [UInt8], words: String)] = [
                    (damaged, " between byte 0 and byte "),
                    (Array(whole[..<(whole.count * 2 / 3)]), "cut off after byte \(whole.count * 2 / 3)"),
                    (Array("{\"not\":\"a backup\"}\n".utf8), "not gzip"), ([], "cut off after byte 0"),
                ]
                let data = cluster.folder.path + "/restored"
                for (bytes, words) in bad {
                    let other = cluster.folder.path + "/bad.gz"
                    try Data(bytes).write(to: URL(fileURLWithPath: other))
                    let run = try restore(other, data)
                    try #require(run.end == 1 && run.output.contains(words), "\(run) without \(words)")
                    try #require(access(data, F_OK) != 0, "something was made of a bad backup")
                }
                let used = try restore(file, cluster[1].data)
                try #require(used.end == 1 && used.output.contains("is not empty"), "\(used)")
                let absent = try restore(file + ".none", data)
                try #require(absent.end == 1 && absent.output.contains("No such file"), "\(absent)")
                // A backup that fails leaves the one before as it is.
                cluster.kill(1)
                let failed = try rast("backup", file, "--endpoints", cluster[1].url, "--timeout", "300ms")
                try #require(failed.end == 3, "\(failed)")
                try #require([UInt8](try Data(contentsOf: URL(fileURLWithPath: file))) == whole)
                try #require(access(file + ".part", F_OK) != 0, "a part is left")
            }
        }

        @Test("a restore that is killed leaves what no node starts on, and the next restore makes whole")
        func killed() throws {
            try withCluster(of: 1) { cluster in
                try fill(cluster[1].url, 2_000)
                let file = cluster.folder.path + "/backup.gz"
                try #require(try rast("backup", file, "--endpoints", cluster[1].url).end == 0)
                let data = cluster.folder.path + "/restored"
                let arguments = ["restore", file, "--data", data]
                var interrupted = 0
                for milliseconds in 0..<40 {
                    var child = try Child(
                        Cluster.program, arguments, log: cluster.folder.path + "/restore.log")
                    usleep(UInt32(milliseconds * 1_000))
                    child.killNow()
                    let isMarked = access(data + "/restoring", F_OK) == 0
                    let isWhole = access(data + "/snapshot/1-1.ndjson", F_OK) == 0
                    if isMarked {
                        interrupted += 1
                        let run = try Run(Cluster.program, cluster.arguments(1, data: data))
                        try #require(run.end == 1 && run.output.contains("was interrupted"), "\(run)")
                        try #require(!isWhole)
                    }
                    if isWhole { try FileManager.default.removeItem(atPath: data) }
                    if !isWhole && !isMarked { try #require(access(data + "/rast.json", F_OK) != 0) }
                }
                let run = try Run(Cluster.program, arguments)
                try #require(run.end == 0, "after \(interrupted): \(run)")
                let log = try rast("log", data)
                try #require(log.end == 0 && log.output.isEmpty, "\(log)")
                let again = try Run(Cluster.program, arguments)
                try #require(again.end == 1 && again.output.contains("is not empty"), "\(again)")
            }
        }
    }
}
