// The cluster's routes and what the node tells of itself: leadership, members, metrics, documents.
import API
import Foundation
import HTTP
import JSON
import KeyValue
import Testing

@Test(
    "to whom leadership is to go",
    arguments: [("", nil), ("{}", nil), (" { } ", nil), ("{\"id\":2}", 2), ("{ \"\\u0069d\" : 7 }\n", 7)]
        as [(String, UInt64?)])
func wishes(content: String, id: UInt64?) throws {
    #expect(try LeaderWish(Array(content.utf8).span).id == id)
}

@Test(
    "what is no wish is refused, with its place",
    arguments: [
        "{", "null", "[]", "2", "{\"id\":null}", "{\"id\":0}", "{\"id\":-1}", "{\"id\":1.0}",
        "{\"id\":\"2\"}",
        "{\"id\":2,\"id\":2}", "{\"id\":2,}", "{\"to\":2}", "{\"id\":2}x", "\u{FEFF}{}", " ", "{\"id\":[2]}",
        "{\"id\":9007199254740992}",
    ])
func noWishes(content: String) throws {
    do {
        _ = try LeaderWish(Array(content.utf8).span)
        Issue.record("\(content) was taken")
    } catch {
        #expect(error.status == 400 && error.code == .badJSON && error.detail.hasPrefix("At byte "))
    }
}

@Test("what may be redirected: not with redirect=no, credentials, or a node that says so")
func redirects() throws {
    for line in ["GET /kv", "GET /kv/a", "DELETE /kv/a", "POST /cluster/leader"] {
        #expect(try Asked(line).request.mayRedirect)
        #expect(try !Asked("\(line)?redirect=no").request.mayRedirect)
        #expect(try !Asked(line, "Authorization: Bearer x|").request.mayRedirect)
    }
    let bytes = wire("GET /kv/a?redirect=yes HTTP/1.1|Host: a||")
    var parser = RequestParser()
    guard case .head(let head) = try parser.parse(bytes.span, limits: Limits()) else { throw Unfinished() }
    var scratch: [UInt8] = []
    let limits = RequestLimits(mayRedirect: false)
    #expect(try !Request(head, in: bytes.span, limits: limits, scratch: &scratch).mayRedirect)
}

@Test("what is built, and what a list, a wait for a revision and an idempotency key are refused on")
func edges() throws {
    #expect(try Asked("GET /kv").request.action == .list)
    #expect(try Asked("GET /cluster/members?timeout=1s&redirect=no").request.action == .members)
    #expect(try Asked("POST /cluster/leader", "Content-Length: 0|").request.action == .transfer)
    #expect(try Asked("GET /metrics").request.action == .metrics)
    #expect(try Asked("GET /openapi.yaml").request.action == .openapi)
    #expect(try Asked("GET /").request.action == .dashboard)
    #expect(try Asked("GET /watch?prefix=a").request.action == .watch)
    #expect(try refusal("POST /cluster/members", "Content-Length: 0|")?.code == .notImplemented)
    #expect(try Asked("GET /kv/a?min-revision=9").request.revisionMin == Revision(9))
    #expect(try Asked("GET /kv?min-revision=9&consistency=local").request.revisionMin == Revision(9))
    #expect(try refusal("PUT /kv/a?min-revision=9", "Content-Length: 0|")?.code == .unknownParameter)
    #expect(try refusal("GET /kv", "Idempotency-Key: k|")?.status == 400)
    #expect(try refusal("GET /status", "Idempotency-Key: k|")?.status == 400)
    #expect(try refusal("PUT /kv/a", "Idempotency-Key: k|Content-Length: 0|") == nil)
    #expect(try refusal("POST /cluster/leader", "Content-Length: 65537|")?.status == 413)
    #expect(try refusal("GET /metrics?timeout=1s")?.code == .unknownParameter)
}

@Test("members as an object of their own")
func members() throws {
    var second = Status.Member(id: 2, url: "http://b", peerURL: "http://b:1")
    second.matchIndex = 7
    second.roundTripMicroseconds = 1_234
    let first = Status.Member(id: 1, url: "http://a", peerURL: "http://a:1", isSelf: true)
    let object = try response { $0.append(members: [first, second], to: &$1) }.object
    let expected: NSDictionary = [
        "members": [
            ["id": 1, "url": "http://a", "peerUrl": "http://a:1", "role": "voter", "self": true],
            [
                "id": 2, "url": "http://b", "peerUrl": "http://b:1", "role": "voter", "self": false,
                "matchIndex": 7, "rttMs": 1.234,
            ],
        ]
    ]
    #expect(object == expected)
}

@Test("documents have their types, and the page its policy")
func documents() throws {
    let yaml = try response { $0.append(.openapi, Array("openapi: 3".utf8).span, to: &$1) }
    #expect(yaml["Content-Type"] == "application/yaml" && yaml.content.count == 10)
    let policy = Array("default-src 'none'".utf8)
    let page = try response {
        $0.append(.dashboard(policy: policy), [UInt8](repeating: 60, count: 9).span, to: &$1)
    }
    #expect(page["Content-Type"] == "text/html; charset=utf-8")
    #expect(page["Content-Security-Policy"] == "default-src 'none'")
    #expect(page["Cache-Control"] == "no-store" && page["X-Content-Type-Options"] == "nosniff")
}

@Test("an answer that is passed on says what this node is, and keeps the rest")
func forwarded() throws {
    var inner: [UInt8] = []
    Answer(.bare, Manner()).append(.overloaded, to: &inner)
    let direct = try response { $0.append(.overloaded, to: &$1) }
    let passed = try response { #expect($0.append(forwarded: inner.span, to: &$1) == 429) }
    #expect(passed.fields == direct.fields && passed.content == direct.content)
    let closing = try response(Manner().closing) { _ = $0.append(forwarded: inner.span, to: &$1) }
    #expect(closing["Connection"] == "close" && closing["Rast-Node"] == "1")
    for text in [
        "", "HTTP/1.1 200 OK", "HTTP/1.1 2x0 OK|a: b||", "HTTP/1.0 200 OK|||||", "HTTP/1.1 100 Continue||",
    ] {
        var out: [UInt8] = []
        #expect(Answer(context, Manner()).append(forwarded: wire(text).span, to: &out) == nil)
        #expect(out.isEmpty)
    }
}

@Test("a duration falls below the first bound that is not smaller, and what is too long is counted too")
func buckets() {
    for index in 0..<Histogram.boundsCount {
        let bound = Histogram.bound(index)
        var histogram = Histogram()
        histogram.observe(nanoseconds: bound)
        histogram.observe(nanoseconds: bound + 1)
        #expect(histogram.count(upTo: index) == 1)
        if index > 0 { #expect(histogram.count(upTo: index - 1) == 0) }
        #expect(histogram.count(upTo: index + 1) == 2)
        #expect(histogram.sumNanoseconds == 2 * bound + 1)
    }
    var histogram = Histogram()
    for duration: UInt64 in [0, 1, .max / 2] { histogram.observe(nanoseconds: duration) }
    #expect(histogram.count(upTo: 0) == 2 && histogram.count == 3)
}

@Test("metrics: help and type once a name, samples of one name together, labels, sums, buckets that rise")
func metrics() throws {
    var requests = RequestCounts()
    for _ in 0..<3 { requests.observe(.key, .put, status: 201, nanoseconds: 1_500_000) }
    requests.observe(.key, .get, status: 404, nanoseconds: 10)
    requests.observe(nil, .other, status: 400, nanoseconds: 10)
    requests.observe(.peer(.append), .post, status: 599, nanoseconds: 10)
    var metrics = Metrics(version: "0.1\"0", requests: requests)
    metrics.diskSyncs.observe(nanoseconds: 2_000_000_000)
    metrics.peers = [.init(id: 2, roundTrips: Histogram()), .init(id: 3, roundTrips: metrics.diskSyncs)]
    metrics.revision = 77
    metrics.process.cpuNanoseconds = 1_050_000_000
    var bytes: [UInt8] = []
    metrics.append(to: &bytes)
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.hasSuffix("\n"))
    let puts = "method=\"PUT\",route=\"/kv/{key}\",status=\"201\""
    let bucket = "rast_http_request_duration_seconds_bucket"
    for line in [
        "\(bucket){\(puts),le=\"0.0008\"} 0", "\(bucket){\(puts),le=\"0.0016\"} 3",
        "\(bucket){\(puts),le=\"+Inf\"} 3",
        "rast_build_info{version=\"0.1\\\"0\"} 1",
        "rast_http_requests_total{method=\"PUT\",route=\"/kv/{key}\",status=\"201\"} 3",
        "rast_http_requests_total{method=\"other\",route=\"none\",status=\"400\"} 1",
        "rast_http_request_duration_seconds_sum{method=\"PUT\",route=\"/kv/{key}\",status=\"201\"} 0.0045",
        "rast_peer_round_trip_seconds_sum{peer=\"3\"} 2", "rast_disk_sync_duration_seconds_count 1",
        "rast_store_revision 77", "process_cpu_seconds_total 1.05",
    ] { #expect(text.contains("\(line)\n"), "\(line)") }
    var described: Set<String> = []
    var current = ""
    for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        if line.hasPrefix("# HELP ") {
            current = String(words[2])
            #expect(described.insert(current).inserted)
        } else if line.hasPrefix("# TYPE ") {
            #expect(words[2] == current && ["counter", "gauge", "histogram"].contains(words[3]))
        } else {
            #expect(line.hasPrefix(current))
            #expect(Double(words[words.count - 1]) != nil)
        }
    }
    #expect(
        described.isSuperset(of: [
            "rast_build_info", "rast_http_requests_total", "rast_http_request_duration_seconds",
            "rast_disk_sync_duration_seconds", "rast_raft_commit_duration_seconds",
            "rast_peer_round_trip_seconds",
            "rast_raft_term", "rast_raft_is_leader", "rast_raft_has_leader", "rast_raft_leader_changes_total",
            "rast_raft_commit_index", "rast_raft_applied_index", "rast_store_revision", "rast_store_keys",
            "rast_store_bytes", "rast_leases", "rast_watchers", "rast_disk_free_bytes", "process_max_fds",
        ]))
}
