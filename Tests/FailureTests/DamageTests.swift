// Disks that fail: flipped bytes in what was durable, and a sync that reports an error (rules 8, 10, 12).
import Foundation
import Testing

extension Failures {
    @Suite("Damage", .serialized)
    struct Damage {
        /// Flips one bit in the middle of what a node that does not run has logged, and answers where.
        private func flip(_ cluster: Cluster, _ id: Int) throws -> Int {
            let file = URL(fileURLWithPath: cluster[id].data + "/log/1.ndjson")
            var bytes = [UInt8](try Data(contentsOf: file))
            let puts = bytes.ranges(of: Array("\"put\":{\"key\":\"".utf8))
            try #require(puts.count > 50, "only \(puts.count) entries are in the log")
            let place = puts[puts.count / 2].upperBound + 2
            bytes[place] ^= 0x04
            let handle = try FileHandle(forWritingTo: file)
            try handle.seek(toOffset: UInt64(place))
            try handle.write(contentsOf: [bytes[place]])
            try handle.close()
            return place
        }

        @Test(
            "a byte flipped in the middle of a log is reported with its place and repaired; nothing is lost")
        func flipped() throws {
            try withCluster { cluster in
                let load = Load(cluster)
                load.start()
                try #require(load.waitFor(writes: 300))
                let leader = try cluster.newLeader()
                let damaged = try #require(cluster.ids.first { $0 != leader })
                cluster.kill(damaged)
                let place = try flip(cluster, damaged)
                let history = load.stop()

                let log = try Run(Cluster.program, ["log", cluster[damaged].data])
                try #require(log.end == 1, "`rast log` sees no damage: exit \(log.end ?? -99)")
                try #require(log.output.contains("log/1.ndjson"), "`rast log` does not say where")

                try cluster.start(damaged)
                try #require(
                    cluster.logs(damaged, "damaged: log/1.ndjson, byte "), "the damage is not reported")
                let told =
                    cluster.log(damaged).components(separatedBy: "damaged: log/1.ndjson, byte ").last ?? ""
                let byte = try #require(Int(told.prefix(while: \.isNumber)))
                // The batch that holds it begins at the place that is told.
                try #require(byte <= place && place < byte + (1 << 20) && byte % 4096 == 0)
                try #require(cluster.logs(damaged, "whole again"), "it is not repaired")
                try cluster.ready()
                // Now it must be able to stand for the third.
                let third = try #require(cluster.ids.first { $0 != leader && $0 != damaged })
                cluster.kill(third)
                try history.verify(cluster)
                try cluster.start(third)
                cluster.kill(leader)
                _ = try cluster.newLeader(after: leader)
                try history.verify(cluster)
                // And its log is whole for its next start.
                let told2 = cluster.log(damaged).count
                cluster.kill(damaged)
                try cluster.start()
                try cluster.ready()
                let since = cluster.log(damaged).dropFirst(told2)
                try #require(!since.contains("damaged"), "it is damaged again: \(since)")
            }
        }

        @Test("a majority damaged is reported, and nothing is served or lost silently")
        func majority() throws {
            try withCluster { cluster in
                let load = Load(cluster)
                load.start()
                try #require(load.waitFor(writes: 200))
                cluster.kill(cluster.ids)
                _ = load.stop()
                for id in [1, 2] { _ = try flip(cluster, id) }
                try cluster.start()
                for id in [1, 2] {
                    try #require(cluster.logs(id, "damaged: log/1.ndjson, byte "))
                    try #require(cluster.shows(id, "damaged", under: "log"))
                }
                // Longer than any election.
                let isServed = Clock.poll(seconds: 4, every: 100_000) {
                    cluster.ids.contains { cluster.isReady($0) }
                        || cluster.follow(.put(cluster.url(3, "/kv/a?timeout=300ms"), "1")).status < 300
                }
                try #require(!isServed, "a majority of damaged nodes serves")
                let refusal = cluster.ask(.put(cluster.url(1, "/kv/a"), "1"))
                guard case .response(let answer) = refusal else { throw Unexpected("\(refusal)") }
                try #require(answer.status == 503 && answer.member("reason") == "damaged", "\(answer)")
            }
        }

        @Test(
            "a failed sync ends a node's writing: it steps down, says so, and nothing acknowledged is lost",
            .enabled(if: canTrace, "needs strace that may trace"))
        func sync() throws {
            try withCluster(isStarted: false) { cluster in
                // It meets the error once: the next sync would report success. Small
                // segments, so that few syncs are those of blocks written ahead.
                try cluster.start(
                    1, under: "strace",
                    [
                        "-D", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", "-e", "trace=fdatasync",
                        "-e", "inject=fdatasync:error=EIO:when=80",
                    ], ["--segment-size", "1048576"])
                // It leads at first. The others stand later, so that a stall is not taken for its doing.
                cluster.options = ["--election-timeout", "1500ms"]
                try cluster.start(2)
                try cluster.start(3)
                try cluster.ready()
                let load = Load(cluster)
                load.start()
                let hasFailed = Clock.poll(seconds: 20, every: 50_000) {
                    // A moment without a leader is a 503, too.
                    guard let answer = cluster.get(1, "/readyz") else { return false }
                    return answer.status == 503 && answer.text.contains("disk")
                }
                try #require(hasFailed, "node 1 goes on after a failed sync")
                try #require(cluster.get(1, "/livez")?.status == 200)
                try #require(load.waitFor(writes: 100), "the other two do not go on")
                try #require(cluster.leader() != 1)
                let term = try #require(cluster.status(2, "cluster", "term") as? Int)
                // For as long as its own election timeout may be.
                let start = Clock.now
                let goesOn = Clock.poll(seconds: 20, every: 20_000) {
                    Clock.now - start > 1 && load.acknowledged(after: start) >= 100
                }
                try #require(goesOn)
                try #require(cluster.status(2, "cluster", "term") as? Int == term, "it disturbs the others")
                let history = load.stop()
                cluster.kill(1)
                try cluster.start(1)
                try cluster.ready()
                try history.verify(cluster)
            }
        }

        static var canTrace: Bool { (try? Run("strace", ["-D", "-f", "-o", "/dev/null", "true"]))?.end == 0 }
    }
}
