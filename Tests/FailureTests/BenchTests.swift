// `rast bench` against a real cluster: its sums, its keys, and what it says of a cluster that is not there.
import Foundation
import Testing

extension Failures {
    @Suite("Bench", .serialized)
    struct Bench {
        /// The parts of a report that sums are made of.
        private struct Report: Decodable {
            struct Kind: Decodable {
                let answered: Int
                let perSecond: Double
                let latencyMs: [String: Double]
            }
            struct Row: Decodable {
                let code: String
                let count: Int
            }
            let requests: Int
            let answered: Int
            let failed: Int
            let unsent: Int
            let leader: String
            let leaderAtEnd: String
            let seconds: Double
            let perSecond: Double
            let interrupted: Bool
            let latencyMs: [String: Double]
            let reads: Kind?
            let writes: Kind?
            let errors: [Row]
            let cpu: [String: Double]
        }

        private func bench(_ cluster: Cluster, _ arguments: String...) throws -> Run {
            let urls = cluster.urls.joined(separator: ",")
            return try Run(
                Cluster.program, ["bench", "--keys", "300", "--warm-up", "100ms"] + arguments,
                environment: ["RAST_ENDPOINTS=\(urls)"], seconds: 40)
        }

        private func report(_ run: Run) throws -> Report {
            try #require(run.end == 0, "\(run)")
            let line = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("{") }, "\(run)")
            return try JSONDecoder().decode(Report.self, from: Data(line.utf8))
        }

        private func expectSums(_ report: Report) {
            #expect(report.requests == report.answered + report.failed)
            #expect((report.reads?.answered ?? 0) + (report.writes?.answered ?? 0) == report.answered)
            #expect(report.answered > 0)
            #expect(
                abs(report.perSecond * report.seconds - Double(report.answered)) <= report.perSecond / 500)
            for kind in [report.latencyMs, report.reads?.latencyMs, report.writes?.latencyMs] {
                guard let kind else { continue }
                let steps = ["p50", "p90", "p99", "p999", "p9999", "max"].map { kind[$0] ?? -1 }
                #expect(steps == steps.sorted() && steps[0] > 0, "\(steps)")
            }
        }

        private func keys(_ cluster: Cluster, _ prefix: String) throws -> Int {
            let list = try Run(
                Cluster.program,
                ["list", prefix, "--keys", "--endpoints", cluster.urls.joined(separator: ",")])
            try #require(list.end == 0, "\(list)")
            return list.output.split(separator: "\n").count
        }

        @Test("a mixed closed loop as JSON, a fixed rate, local reads, and a table; no key is left")
        func sums() throws {
            try withCluster(electionTimeout: "3s") { cluster in
                _ = try cluster.newLeader()
                let mixed = try report(bench(cluster, "--duration", "1", "--output", "json"))
                expectSums(mixed)
                #expect(mixed.failed == 0 && mixed.errors.isEmpty && mixed.unsent == 0)
                #expect(mixed.seconds >= 1 && mixed.seconds < 4 && !mixed.interrupted)
                #expect((mixed.cpu["microsecondsPerRequest"] ?? 0) > 0)
                let share = Double(mixed.reads?.answered ?? 0) / Double(mixed.answered)
                #expect(share > 0.4 && share < 0.6)

                let paced = try report(
                    bench(
                        cluster, "--duration", "2", "--rate", "200", "--reads", "0", "--connections", "8",
                        "--output", "json"))
                expectSums(paced)
                // Each moment of the rate is one request, answered or not; some are of the warm-up.
                #expect(abs(paced.requests + paced.unsent - 400) <= 8, "\(paced)")
                #expect(paced.reads == nil)

                // More than any cluster does: what is answered was due long before, and it is said.
                let flooded = try report(
                    bench(
                        cluster, "--duration", "1", "--rate", "1000000", "--reads", "0", "--output", "json"))
                expectSums(flooded)
                #expect(flooded.unsent > 100_000 && (flooded.latencyMs["p50"] ?? 0) > 100, "\(flooded)")

                let local = try report(
                    bench(
                        cluster, "--duration", "1", "--reads", "0.9", "--consistency", "local", "--pipeline",
                        "4", "--threads", "2", "--distribution", "zipfian", "--output", "json"))
                expectSums(local)
                #expect(local.failed == 0, "\(local.errors)")

                let text = try bench(cluster, "--duration", "1", "--reads", "1", "--read-from", "endpoints")
                try #require(text.end == 0, "\(text)")
                for word in ["p99.99", "errors: none", "linearizable reads", "reads ", "cores"] {
                    #expect(text.output.contains(word), "no \(word) in: \(text)")
                }
                #expect(try keys(cluster, "") == 0)
            }
        }

        @Test("--keep leaves the keys, another run uses them, and nobody else's are touched")
        func keeping() throws {
            try withCluster(electionTimeout: "3s") { cluster in
                _ = try cluster.newLeader()
                let kept = try bench(cluster, "--duration", "200ms", "--prefix", "b/", "--keep")
                try #require(kept.end == 0, "\(kept)")
                #expect(try keys(cluster, "b/") == 300)
                let refused = try bench(cluster, "--duration", "200ms", "--prefix", "b/")
                #expect(refused.end == 1 && refused.output.contains("--no-preload"), "\(refused)")
                let others = try Run(
                    Cluster.program,
                    ["put", "b/mine", "1", "--endpoints", cluster.urls.joined(separator: ",")])
                try #require(others.end == 0, "\(others)")
                let again = try report(
                    bench(
                        cluster, "--duration", "500ms", "--prefix", "b/", "--no-preload", "--reads", "1",
                        "--output", "json"))
                #expect(again.failed == 0, "\(again.errors)")
                #expect(try keys(cluster, "b/") == 1)
            }
        }

        /// Starts it, and answers once it measures: its keys are there, and hundreds were written again.
        private func begin(
            _ cluster: Cluster, _ leader: Int, keys: Int, _ duration: String, _ prefix: String, log: String
        ) throws -> Child {
            var child = try Child(
                Cluster.program,
                [
                    "bench", "--duration", duration, "--warm-up", "0s", "--output", "json", "--endpoints",
                    cluster.urls.joined(separator: ","), "--connections", "16", "--prefix", prefix, "--keys",
                    "\(keys)",
                ], log: log)
            func store(_ name: String) -> Int { cluster.status(leader, "store", name) as? Int ?? 0 }
            // A revision makes one key at most, so more revisions than keys were no first writes.
            let hasBegun = Clock.poll(seconds: 20) {
                store("keys") >= keys && store("revision") > store("keys") + 300
            }
            if !hasBegun { child.killNow() }
            try #require(hasBegun)
            return child
        }

        @Test("the leader killed under way: it goes on with the next one, and counts what failed")
        func failover() throws {
            try withCluster { cluster in
                let leader = try cluster.newLeader()
                let folder = try Folder()
                defer { folder.remove() }
                let log = folder.path + "/bench"
                var child = try begin(cluster, leader, keys: 10_000, "6s", "b/", log: log)
                defer { child.killNow() }
                cluster.kill(leader)
                try #require(child.wait(seconds: 30) == 0)
                let output = try String(contentsOfFile: log, encoding: .utf8)
                let line = try #require(
                    output.split(separator: "\n").first { $0.hasPrefix("{") }, "\(output)")
                let report = try JSONDecoder().decode(Report.self, from: Data(line.utf8))
                expectSums(report)
                #expect(report.errors.contains { $0.code == "connection_lost" }, "\(report.errors)")
                // Only the requests that were under way were lost, and those that met the election.
                #expect(report.failed < report.answered / 10, "\(report)")
                #expect(report.latencyMs["max"] ?? 0 > 100)
                #expect(report.leader != report.leaderAtEnd)
                #expect(try keys(cluster, "b/") == 0)
            }
        }

        @Test("a node that says nothing costs a time-out, and the others are read from")
        func silence() throws {
            try withCluster(electionTimeout: "3s") { cluster in
                let leader = try cluster.newLeader()
                let silent = try #require(cluster.ids.first { $0 != leader })
                cluster.signal(silent, SIGSTOP)
                defer { cluster.signal(silent, SIGCONT) }
                let report = try report(
                    bench(
                        cluster, "--duration", "3", "--warm-up", "0s", "--reads", "1", "--consistency",
                        "local", "--timeout", "2s", "--connections", "9", "--output", "json"))
                expectSums(report)
                #expect(report.errors.map(\.code) == ["timed_out"], "\(report.errors)")
                // A third of the connections led there, and each of them elsewhere after that.
                #expect(report.failed == 3, "\(report)")
            }
        }

        @Test("Ctrl-C: the figures so far, and no key is left")
        func interrupted() throws {
            try withCluster { cluster in
                let leader = try cluster.newLeader()
                let folder = try Folder()
                defer { folder.remove() }
                let log = folder.path + "/bench"
                var child = try begin(cluster, leader, keys: 100, "60m", "bench/", log: log)
                defer { child.killNow() }
                child.send(SIGINT)
                try #require(child.wait(seconds: 15) == 0)
                let output = try String(contentsOfFile: log, encoding: .utf8)
                let report = try JSONDecoder().decode(Report.self, from: Data(output.utf8))
                expectSums(report)
                #expect(report.interrupted)
                #expect(try keys(cluster, "") == 0)
            }
        }

        @Test("nobody there, nobody leading, and what is not taken, each in one line")
        func refusals() throws {
            let port = try Ports.free(1)[0]
            let nobody = try Run(
                Cluster.program,
                ["bench", "--endpoints", "http://127.0.0.1:\(port)", "--timeout", "500ms"])
            #expect(nobody.end == 3 && nobody.output.contains("no node answers"), "\(nobody)")
            for (arguments, word) in [
                (["--connections", "0"], "--connections"), (["--reads", "2"], "--reads"),
                (["--connections", "10000", "--pipeline", "1000"], "--pipeline"),
                (["--no-preload"], "--prefix"), (["--duration", "soon"], "--duration"),
            ] {
                let run = try Run(Cluster.program, ["bench"] + arguments)
                #expect(run.end == 2 && run.output.contains(word), "\(run)")
                #expect(run.output.filter { $0 == "\n" }.count == 1, "\(run)")
            }
            try withCluster { cluster in
                _ = try cluster.newLeader()
                let large = try bench(cluster, "--value-size", "2000000", "--connections", "1")
                #expect(large.end == 1 && large.output.contains("too_large"), "\(large)")
                for id in cluster.ids.dropFirst() { cluster.kill(id) }
                let lone = try Run(
                    Cluster.program, ["bench", "--endpoints", cluster[1].url, "--timeout", "1500ms"])
                #expect(lone.end == 3 && lone.output.contains("no leader"), "\(lone)")
            }
        }
    }
}
