// Disks that fill up under running nodes, on small file systems that only these see (rule 13).
import Foundation
import Testing

extension Failures {
    @Suite("Full disks", .serialized)
    struct FullDisks {
        /// Whether a process may have mounts of its own here.
        private static let canMount: Bool =
            (try? Run("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]))?.end == 0

        /// Who only stalls goes on leading: these tests tell by the leader who is full.
        private static let options = [
            "--segment-size", "1048576", "--disk-reserve", "16777216", "--election-timeout", "1500ms",
        ]

        /// Starts a node whose data stands on 64 MiB that go with it.
        private func startSmall(_ cluster: Cluster, _ id: Int, _ options: [String] = options) throws {
            let data = cluster[id].data
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            let script = "mount -t tmpfs -o size=64m none \"$0\" && exec \"$@\""
            try cluster.start(id, under: "unshare", ["-rm", "sh", "-c", script, data], options)
        }

        /// Where a file takes the room that the node has left, but for less than it keeps.
        private func ballast(_ cluster: Cluster, _ id: Int) throws -> String {
            let process = try #require(cluster[id].process?.id)
            return "/proc/\(process)/root\(cluster[id].data)/ballast"
        }

        private func fill(_ cluster: Cluster, _ id: Int, leaving bytes: Int = 8 << 20) throws {
            let path = try ballast(cluster, id)
            let folder = String(path.dropLast("/ballast".count))
            let free = try #require(
                FileManager.default.attributesOfFileSystem(forPath: folder)[.systemFreeSize] as? NSNumber)
            let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
            try #require(descriptor >= 0, "\(path): \(String(cString: strerror(errno)))")
            defer { close(descriptor) }
            let status = posix_fallocate(descriptor, 0, free.intValue - bytes)
            try #require(status == 0, "\(path): \(String(cString: strerror(status)))")
        }

        private func condition(_ cluster: Cluster, _ id: Int) -> String? {
            cluster.status(id, "node", "condition") as? String
        }

        private func put(_ cluster: Cluster, _ id: Int, _ key: String, _ value: String = "1") -> Answer {
            cluster.follow(.put(cluster.url(id, "/kv/\(key)"), value))
        }

        /// What the leader says of a member.
        private func member(_ cluster: Cluster, _ id: Int, of leader: Int, _ name: String) -> Any? {
            let members = cluster.status(leader, "members") as? [[String: Any]]
            return members?.first { $0["id"] as? Int == id }?[name]
        }

        @Test(
            "rast status says who is full and who is a learner, until it has caught up",
            .enabled(if: canMount))
        func table() throws {
            try withCluster { cluster in
                let leader = try cluster.newLeader()
                let other = try #require(cluster.ids.first { $0 != leader })
                var shown = ""
                /// Waits until these words stand in the other's row.
                func shows(_ words: String...) -> Bool {
                    Clock.poll(seconds: 20) {
                        let arguments = ["status", "--endpoints", cluster[leader].url]
                        shown = (try? Run(Cluster.program, arguments))?.output ?? ""
                        let row = shown.split(separator: "\n").first { $0.hasPrefix("\(other) ") } ?? ""
                        return words.allSatisfy(row.contains)
                    }
                }
                #expect(shows(" follower ", " whole ", " yes"), "\(shown)")
                let value = String(repeating: "v", count: 256 << 10)
                for number in 0..<12 { try cluster.store(leader, "large-\(number)", value) }

                // It lost its disk, and the new one has less room than it must keep: it cannot catch up.
                cluster.kill(other)
                try FileManager.default.removeItem(atPath: cluster[other].data)
                try startSmall(cluster, other, ["--segment-size", "1048576", "--disk-reserve", "\(1 << 40)"])
                #expect(shows(" learner ", "disk_full", " yes"), "\(shown)")
                #expect(cluster.status(other, "node", "role") as? String == "learner")

                // Its small disk went with it.
                cluster.kill(other)
                try cluster.start(other)
                #expect(shows(" follower ", " whole ", " yes"), "\(shown)")
            }
        }

        @Test("who leads with a disk that was full before refuses writes", .enabled(if: canMount))
        func fullFromTheStart() throws {
            try withCluster(of: 1, isStarted: false) { cluster in
                try startSmall(cluster, 1, ["--segment-size", "1048576", "--disk-reserve", "\(1 << 40)"])
                try cluster.ready()
                let refusal = put(cluster, 1, "refused")
                #expect(refusal.status == 507, "\(refusal)")
                #expect(cluster.get(1, "/kv/refused")?.status == 404)
            }
        }

        @Test(
            "a full leader hands over, a full follower is asked again, a full majority serves reads only",
            .enabled(if: canMount))
        func fillUp() throws {
            try withCluster(isStarted: false) { cluster in
                for id in cluster.ids { try startSmall(cluster, id) }
                try cluster.ready()
                let first = try cluster.newLeader()
                try cluster.store(first, "before")

                // A full leader hands over, says so everywhere, and can still be asked.
                try fill(cluster, first)
                let second = try cluster.newLeader(after: first)
                #expect(condition(cluster, first) == "disk_full")
                #expect(cluster.log(first).contains("Free some space"))
                let readiness = try #require(cluster.get(first, "/readyz?verbose"))
                #expect(readiness.status == 200 && readiness.text.contains("disk ok, but it is full"))
                let metrics = try #require(cluster.get(first, "/metrics"))
                #expect(metrics.text.contains("rast_condition{condition=\"disk_full\"} 1"))
                try cluster.store(second, "handed-over")
                let isKnown = Clock.poll(seconds: 10) {
                    member(cluster, first, of: second, "full") as? Bool == true
                }
                #expect(isKnown, "the leader does not know that node \(first) is full")

                // The full follower takes what has room, and then refuses; the others go on.
                let value = String(repeating: "v", count: 256 << 10)
                var written = 0
                let isBehind = Clock.poll(seconds: 30) {
                    written += 1
                    let answer = put(cluster, second, "large-\(written % 4)", value)
                    if ![200, 201].contains(answer.status) { return true }
                    return (member(cluster, first, of: second, "lag") as? Int ?? 0) > 8
                }
                #expect(isBehind)
                try cluster.store(second, "without")

                // With a second one full nothing could be committed: refused before it is proposed.
                let third = try #require(cluster.ids.first { $0 != first && $0 != second })
                try fill(cluster, third)
                var refusal: Response?
                let isRefused = Clock.poll(seconds: 10) {
                    guard case .response(let response) = put(cluster, second, "refused") else { return false }
                    refusal = response
                    return response.status == 507
                }
                #expect(isRefused && refusal?.member("code") == "disk_full", "\(String(describing: refusal))")
                #expect(cluster.log(second).contains("disks of so many others are full"))
                #expect(cluster.follow(.get(cluster.url(third, "/kv/handed-over"))).status == 200, "no reads")

                // With room again all is as before, by itself.
                try FileManager.default.removeItem(atPath: ballast(cluster, third))
                let isTaken = Clock.poll(seconds: 10) { put(cluster, second, "after").status == 201 }
                #expect(isTaken, "writes are not taken again")
                try FileManager.default.removeItem(atPath: ballast(cluster, first))
                let hasCaughtUp = Clock.poll(seconds: 20) {
                    condition(cluster, first) == "whole" && condition(cluster, third) == "whole"
                        && member(cluster, first, of: second, "lag") as? Int == 0
                }
                #expect(hasCaughtUp, "\(cluster.status(second) ?? "")")
                #expect(cluster.log(first).contains("the disk has room again"))
                for id in cluster.ids { #expect(!cluster.log(id).contains("the disk failed")) }
            }
        }
    }
}
