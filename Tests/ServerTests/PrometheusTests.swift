// The metrics of a node under some load, read by a parser that nobody here wrote (Debian's
// python3-prometheus-client).
import Foundation
import Network
import Testing

/// What that parser makes of a family.
private struct Family: Decodable {
    let kind: String
    let help: String
    let samples: [Sample]

    struct Sample: Decodable {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    func sum(_ name: String) -> Double { samples.filter { $0.name == name }.reduce(0) { $0 + $1.value } }
}

@Suite struct PrometheusTests {
    /// Every name of Interface §7, and its kind.
    private static let documented = [
        "rast_build_info": "gauge", "rast_http_requests_total": "counter",
        "rast_http_request_duration_seconds": "histogram", "rast_disk_sync_duration_seconds": "histogram",
        "rast_raft_commit_duration_seconds": "histogram", "rast_raft_apply_duration_seconds": "histogram",
        "rast_peer_round_trip_seconds": "histogram", "rast_raft_term": "gauge", "rast_condition": "gauge",
        "rast_raft_states_differ": "gauge",
        "rast_raft_is_leader": "gauge", "rast_raft_has_leader": "gauge",
        "rast_raft_leader_changes_total": "counter", "rast_raft_commit_index": "gauge",
        "rast_raft_applied_index": "gauge", "rast_raft_last_index": "gauge", "rast_store_revision": "gauge",
        "rast_store_keys": "gauge", "rast_store_bytes": "gauge", "rast_leases": "gauge",
        "rast_watchers": "gauge", "rast_disk_free_bytes": "gauge", "rast_disk_log_bytes": "gauge",
        "rast_disk_reserve_bytes": "gauge",
        "rast_http_connections": "gauge", "rast_http_connection_bytes": "gauge",
        "process_cpu_seconds_total": "counter", "process_resident_memory_bytes": "gauge",
        "process_virtual_memory_bytes": "gauge", "process_open_fds": "gauge", "process_max_fds": "gauge",
        "process_start_time_seconds": "gauge",
    ]

    private static let script = """
        import json, sys
        from prometheus_client.parser import text_string_to_metric_families as families
        text = sys.stdin.read()
        found = {}
        for family in families(text):
            assert family.name not in found, family.name
            samples = [dict(name=s.name, labels=s.labels, value=s.value) for s in family.samples]
            found[family.name] = dict(kind=family.type, help=family.documentation, samples=samples)
        json.dump(found, sys.stdout)
        """

    /// Debian's own Python, for which its package is.
    private func parsed(_ text: [UInt8]) throws -> [String: Family] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-c", Self.script]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Foundation.Data(text))
        try input.fileHandleForWriting.close()
        let result = try output.fileHandleForReading.readToEnd() ?? Foundation.Data()
        process.waitUntilExit()
        try #require(
            process.terminationStatus == 0,
            "python3 with prometheus_client is wanted (scripts/setup), and text that it can read")
        return try JSONDecoder().decode([String: Family].self, from: result)
    }

    @Test("a Prometheus parser reads every documented name, with its help and kind, and what was counted")
    func families() throws {
        let cluster = try ThreeNodes()
        let leader = cluster.nodes[try cluster.leader()]
        let caller = try Caller(leader.port)
        for number in 0..<200 {
            #expect(try caller.ask("PUT", "/kv/p\(number)", Array("\(number)".utf8)).status == 201)
            #expect(try caller.ask("GET", "/kv/p\(number)?redirect=no").status == 200)
        }
        #expect(try caller.ask("GET", "/kv/%22%0A").status == 404)
        let answer = try caller.ask("GET", "/metrics")
        let families = try parsed(answer.content)
        for (name, kind) in Self.documented {
            // The parser knows counters by their names without _total.
            let isCounter = kind == "counter"
            let family = try #require(families[isCounter ? String(name.dropLast(6)) : name], "\(name)")
            #expect(family.kind == kind && !family.help.isEmpty, "\(name)")
            #expect(!family.samples.isEmpty, "\(name)")
            #expect(answer.text.contains("# HELP \(name) "))
            #expect(answer.text.contains("# TYPE \(name) \(kind)\n"))
        }
        let known = Set(Self.documented.map { $1 == "counter" ? String($0.dropLast(6)) : $0 })
        #expect(Set(families.keys) == known, "each name is documented")
        try checkHistograms(families)
        func value(_ name: String) throws -> Double { try #require(families[name]?.samples.first?.value) }
        #expect(try value("rast_raft_is_leader") == 1 && value("rast_raft_has_leader") == 1)
        #expect(try value("rast_store_keys") == 200 && value("rast_store_revision") == 201)
        #expect(try value("rast_raft_applied_index") <= value("rast_raft_commit_index"))
        #expect(try value("rast_raft_commit_index") >= 201)
        for name in ["commit", "apply"] {
            let family = try #require(families["rast_raft_\(name)_duration_seconds"])
            let count = family.sum("rast_raft_\(name)_duration_seconds_count")
            #expect(count >= 50 && family.sum("rast_raft_\(name)_duration_seconds_sum") > 0, "\(name)")
        }
        let requests = try #require(families["rast_http_requests"]).samples
        let puts = requests.filter { $0.labels["route"] == "/kv/{key}" && $0.labels["method"] == "PUT" }
        #expect(puts.map(\.value) == [200] && puts.first?.labels["status"] == "201")
        let trips = try #require(families["rast_peer_round_trip_seconds"]).samples
        #expect(Set(trips.compactMap { $0.labels["peer"] }).count == 2)
    }

    /// Buckets rise to the count, and end with one for what is longer than all.
    private func checkHistograms(_ families: [String: Family]) throws {
        for (name, family) in families where family.kind == "histogram" {
            var series: [[String: String]: [(bound: Double, count: Double)]] = [:]
            for sample in family.samples where sample.name == "\(name)_bucket" {
                var labels = sample.labels
                let text = try #require(sample.labels["le"])
                labels["le"] = nil
                let bound = text == "+Inf" ? Double.infinity : try #require(Double(text))
                series[labels, default: []].append((bound, sample.value))
            }
            #expect(!series.isEmpty)
            for (labels, buckets) in series {
                #expect(buckets.map(\.bound) == buckets.map(\.bound).sorted())
                #expect(buckets.map(\.count) == buckets.map(\.count).sorted())
                let count = family.samples.first { $0.name == "\(name)_count" && $0.labels == labels }
                #expect(buckets.last?.bound == .infinity && buckets.last?.count == count?.value)
            }
        }
    }
}
