// Data directories that are not this node's to use: another's, in use, newer, unwritable, emptied.
import Foundation
import Testing

extension Failures {
    @Suite("Directories", .serialized)
    struct Directories {
        /// Starts node `id` on `data`, which must be refused: exit 1 and one line with all of `words`.
        private func refusal(
            _ cluster: Cluster, _ id: Int, data: String, words: [String],
            _ place: SourceLocation = #_sourceLocation
        ) throws {
            let run = try Run(Cluster.program, cluster.arguments(id, data: data))
            try #require(run.end == 1, "exit \(run.end ?? -99): \(run.output)", sourceLocation: place)
            for word in words {
                try #require(
                    run.output.contains(word), "no \"\(word)\" in: \(run.output)", sourceLocation: place)
            }
        }

        @Test("a directory in use: the second process is told who holds it, and the first goes on")
        func inUse() throws {
            try withCluster(of: 1) { cluster in
                let holder = try #require(cluster[1].process?.id)
                try refusal(
                    cluster, 1, data: cluster[1].data,
                    words: ["in use by process \(holder)", cluster[1].data])
                try #require(cluster.ask(.put(cluster.url(1, "/kv/a"), "1")).status == 201)
            }
        }

        @Test("a directory copied to another node is refused, and says whose it is; nothing in it changes")
        func copied() throws {
            try withCluster { cluster in
                try cluster.store(1, "a")
                cluster.kill(1)
                cluster.kill(2)
                let copy = cluster.folder.path + "/copy"
                try FileManager.default.copyItem(atPath: cluster[1].data, toPath: copy)
                try refusal(cluster, 2, data: copy, words: ["belongs to node 1", "this is node 2"])
                let names = ["rast.json", "vote", "log/1.ndjson"]
                for name in names {
                    let isEqual = FileManager.default.contentsEqual(
                        atPath: "\(cluster[1].data)/\(name)", andPath: "\(copy)/\(name)")
                    try #require(isEqual, "\(name) was changed by a start that was refused")
                }
                try cluster.start()
                try cluster.ready()
            }
        }

        @Test("a directory of a newer format is refused, and not taken for a damaged one")
        func newer() throws {
            try withCluster(of: 1) { cluster in
                cluster.signal(1, SIGTERM)
                try #require(cluster.ended(1) == 0)
                let file = cluster[1].data + "/rast.json"
                var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
                let format = try #require(bytes.firstRange(of: Array("\"format\":1".utf8)))
                bytes[format.upperBound - 1] = UInt8(ascii: "9")
                try Data(Checksums.sealed(bytes)).write(to: URL(fileURLWithPath: file))
                try refusal(cluster, 1, data: cluster[1].data, words: ["rast.json", "newer version"])
            }
        }

        @Test("a place where nothing may be written is named")
        func unwritable() throws {
            try withCluster(of: 1, isStarted: false) { cluster in
                // Not even root makes folders there.
                try refusal(cluster, 1, data: "/sys/rast-data", words: ["/sys/rast-data"])
                let file = cluster.folder.path + "/file"
                try Data().write(to: URL(fileURLWithPath: file))
                try refusal(cluster, 1, data: file + "/data", words: [file])
            }
        }

        @Test("a read-only file system is named as one", .enabled(if: canUnshare, "needs user namespaces"))
        func readOnly() throws {
            try withCluster(of: 1) { cluster in
                cluster.kill(1)
                let command = cluster.arguments(1).map { "'\($0)'" }.joined(separator: " ")
                let own = command.replacingOccurrences(of: "'--parent' '\(getpid())'", with: "")
                let run = try Run(
                    "unshare",
                    [
                        "-rm", "sh", "-c",
                        "mount --bind '\(cluster[1].data)' '\(cluster[1].data)'"
                            + " && mount -o remount,bind,ro '\(cluster[1].data)'"
                            + " && exec '\(Cluster.program)' \(own)",
                    ])
                try #require(run.end == 1, "\(run.output)")
                try #require(run.output.contains("read-only"), "\(run.output)")
            }
        }

        static var canUnshare: Bool {
            (try? Run("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]))?.end == 0
        }

        @Test("a first start that was cut short goes on as one: no_leader says starting, and not election")
        func firstStartAgain() throws {
            try withCluster(isStarted: false) { cluster in
                // All have stored the cluster's id, and nobody has stood yet.
                for id in cluster.ids { try cluster.start(id, ["--election-timeout", "60s"]) }
                for id in cluster.ids { try #require(cluster.logs(id, "member of cluster")) }
                cluster.kill(cluster.ids)
                try cluster.start(1)
                var reason: String?
                let isTold = Clock.poll(seconds: 10) {
                    guard let answer = cluster.get(1, "/kv/a"), answer.member("code") == "no_leader" else {
                        return false
                    }
                    reason = answer.member("reason")
                    return true
                }
                try #require(isTold && reason == "starting", "\(reason ?? "no answer")")
                // One that has been a member waits for an election.
                try cluster.start()
                try cluster.ready()
                cluster.kill(cluster.ids)
                // For twice this time it speaks of an election.
                try cluster.start(1, ["--election-timeout", "10s"])
                let waits = Clock.poll(seconds: 10) {
                    reason = cluster.get(1, "/kv/a")?.member("reason")
                    return reason == "election"
                }
                try #require(waits, "\(reason ?? "no answer")")
            }
        }

        @Test("a node that lost its disk shows it everywhere while nobody can let it in")
        func wipedIsShown() throws {
            try withCluster { cluster in
                try cluster.store(1, "a")
                cluster.kill([2, 3])
                try FileManager.default.removeItem(atPath: cluster[2].data)
                try cluster.start(2)
                try #require(cluster.shows(2, "wiped", under: "disk"))
                try cluster.start(3)
                try cluster.ready()
                try #require(cluster.condition(2) == "whole")
            }
        }

        @Test("a node that lost its disk says so, stays mute, and acknowledges nothing for the others")
        func wiped() throws {
            try withCluster { cluster in
                let leader = try cluster.newLeader()
                let wiped = try #require(cluster.ids.first { $0 != leader })
                let third = try #require(cluster.ids.first { $0 != leader && $0 != wiped })
                let load = Load(cluster)
                load.start()
                try #require(load.waitFor(writes: 100))
                cluster.kill(wiped)
                try FileManager.default.removeItem(atPath: cluster[wiped].data)
                try cluster.start(wiped)
                try #require(
                    cluster.logs(wiped, "neither votes nor stands"), "it does not say that it was wiped")
                try #require(cluster.get(wiped, "/livez")?.status == 200)
                try #require(cluster.get(wiped, "/readyz")?.status == 503)
                try #require(load.waitFor(writes: 100), "the other two do not go on")
                // With it alone the leader is no majority.
                cluster.kill(third)
                let isUnready = Clock.poll(seconds: 10) { cluster.get(leader, "/readyz")?.status == 503 }
                try #require(isUnready, "the leader counts a wiped node")
                let history = load.stop()
                let refused = cluster.ask(.put(cluster.url(leader, "/kv/alone"), "1"))
                try #require([503, 504].contains(refused.status), "\(refused)")
                try cluster.start(third)
                try cluster.ready([leader, third])
                cluster.kill(wiped)
                try history.verify(cluster)
            }
        }
    }
}

/// CRC-32 as in gzip, and where the files of a data directory have it.
enum Checksums {
    static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var sum: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
        return ~sum
    }

    /// The same page with the right checksum: it stands first, and covers all after its quote up to
    /// the newline.
    static func sealed(_ page: [UInt8]) -> [UInt8] {
        var page = page
        guard let name = page.firstRange(of: Array("\"sum\":\"".utf8)),
            let newline = page.firstIndex(of: UInt8(ascii: "\n"))
        else { return page }
        let digits = name.upperBound..<name.upperBound + 8
        let sum = crc32(page[(digits.upperBound + 1)..<newline])
        page.replaceSubrange(digits, with: Array(String(format: "%08x", sum).utf8))
        return page
    }
}
