// What a node tells of itself over real sockets: metrics that count what was done, documents, slow requests.
import Testing

@Suite struct MetricsTests {
    /// The samples, by name and labels; each line must be one, or a comment.
    private func samples(_ node: OneNode) throws -> [String: Double] {
        let answer = try Caller(node.port).ask("GET", "/metrics")
        #expect(answer.status == 200 && answer.has("Content-Type: text/plain; version=0.0.4; charset=utf-8"))
        var samples: [String: Double] = [:]
        for line in answer.text.split(separator: "\n") where !line.hasPrefix("# ") {
            let cut = try #require(line.lastIndex(of: " "))
            #expect(
                samples.updateValue(
                    try #require(Double(line[cut...].dropFirst())), forKey: String(line[..<cut])) == nil)
        }
        return samples
    }

    @Test("every request is counted once, by route and status, and the rest is what the node has done")
    func counts() throws {
        let node = try OneNode()
        let caller = try Caller(node.port)
        for number in 0..<10 { #expect(try caller.ask("PUT", "/kv/m\(number)", [1, 2, 3]).status == 201) }
        for _ in 0..<5 { #expect(try caller.ask("GET", "/kv/m1").status == 200) }
        #expect(try caller.ask("GET", "/kv/none").status == 404)
        #expect(try caller.ask("GET", "/kv/%zz").status == 400)
        #expect(try caller.ask("GET", "/nowhere").status == 404)
        let samples = try samples(node)
        func requests(_ method: String, _ route: String, _ status: Int) -> Double? {
            let labels = "{method=\"\(method)\",route=\"\(route)\",status=\"\(status)\"}"
            #expect(
                samples["rast_http_requests_total\(labels)"]
                    == samples["rast_http_request_duration_seconds_count\(labels)"])
            return samples["rast_http_requests_total\(labels)"]
        }
        #expect(requests("PUT", "/kv/{key}", 201) == 10)
        #expect(requests("GET", "/kv/{key}", 200) == 5)
        #expect(requests("GET", "/kv/{key}", 404) == 1)
        #expect(requests("GET", "/kv/{key}", 400) == 1)
        #expect(requests("GET", "none", 404) == 1)
        #expect(samples["rast_store_keys"] == 10 && samples["rast_store_revision"] == 11)
        #expect(samples["rast_store_bytes"] == 50 && samples["rast_raft_is_leader"] == 1)
        #expect(samples["rast_raft_leader_changes_total"] == 1)
        #expect(try #require(samples["rast_disk_sync_duration_seconds_count"]) >= 10)
        #expect(try #require(samples["rast_raft_commit_duration_seconds_count"]) >= 10)
        #expect(try #require(samples["rast_raft_commit_duration_seconds_sum"]) > 0)
        #expect(try #require(samples["process_resident_memory_bytes"]) > 1_000_000)
        #expect(try #require(samples["process_open_fds"]) > 5)
        #expect(samples["rast_http_connections"] == 2)
    }

    @Test("the page and the document are served, and answer HEAD alike")
    func documents() throws {
        let node = try OneNode()
        let caller = try Caller(node.port)
        let page = try caller.ask("GET", "/")
        #expect(page.status == 200 && page.text.lowercased().hasPrefix("<!doctype html>"))
        #expect(
            page.has("Content-Type: text/html; charset=utf-8")
                && page.has("Content-Security-Policy: default-src 'none'"))
        #expect(try caller.ask("HEAD", "/").has("Content-Length: \(page.content.count)"))
        let document = try caller.ask("GET", "/openapi.yaml")
        #expect(document.text.hasPrefix("openapi: 3.1") && document.has("Content-Type: application/yaml"))
        withExtendedLifetime(node) {}
    }

    @Test("a request over the threshold is told of in the log, with what it was and how long it took")
    func slow() throws {
        let node = try OneNode(["--slow-request", "20ms"])
        let caller = try Caller(node.port)
        #expect(try caller.ask("GET", "/kv/a?consistency=local&min-revision=99&timeout=50ms").status == 504)
        #expect(try caller.ask("GET", "/livez").status == 200)
        #expect(node.end(15) == 0)
        let lines = node.log.split(separator: "\n").filter {
            $0.contains("slow request: GET /kv/a?consistency=local")
        }
        #expect(lines.count == 1 && lines.first?.contains("was answered with 504") == true)
        #expect(!node.log.contains("livez"))
    }
}
