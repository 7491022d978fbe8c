// Requests: routes and methods, keys, parameters, conditions, what a PUT brings (Interface §1, §2, §5).
import API
import HTTP
import JSON
import KeyValue
import Testing

/// Every path, its route, and the methods that it takes.
private let routes: [(String, Route, Set<String>)] =
    [
        ("/kv/a", .key, ["GET", "HEAD", "PUT", "DELETE"]),
        ("/kv", .list, ["GET", "HEAD", "DELETE"]),
        ("/txn", .transaction, ["POST"]),
        ("/watch", .watch, ["GET", "HEAD"]),
        ("/leases", .leases, ["GET", "HEAD", "POST"]),
        ("/leases/7", .lease, ["GET", "HEAD", "DELETE"]),
        ("/leases/7/keepalive", .keepalive, ["POST"]),
        ("/livez", .livez, ["GET", "HEAD"]),
        ("/healthz", .healthz, ["GET", "HEAD"]),
        ("/readyz", .readyz, ["GET", "HEAD"]),
        ("/status", .status, ["GET", "HEAD"]),
        ("/metrics", .metrics, ["GET", "HEAD"]),
        ("/openapi.yaml", .openapi, ["GET", "HEAD"]),
        ("/", .dashboard, ["GET", "HEAD"]),
        ("/cluster/members", .members, ["GET", "HEAD", "POST"]),
        ("/cluster/members/4", .member, ["DELETE"]),
        ("/cluster/members/4/promote", .promote, ["POST"]),
        ("/cluster/members/4/demote", .demote, ["POST"]),
        ("/cluster/leader", .leader, ["POST"]),
        ("/cluster/snapshot", .snapshot, ["POST"]),
        ("/backup", .backup, ["GET", "HEAD"]),
    ] + PeerCall.allCases.map { ("/raft/\($0.rawValue)", .peer($0), ["POST"]) }

@Test(
    "every route takes its methods, and refuses the others with the Allow field",
    arguments: routes.indices)
func methods(index: Int) throws {
    let (path, route, methods) = routes[index]
    for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"] {
        let fields = "Content-Length: 0|Content-Type: application/json|"
        // A range delete must say what.
        let target = method == "DELETE" && path == "/kv" ? "/kv?prefix=a" : path
        let refused = try refusal("\(method) \(target)", fields)
        if !methods.contains(method) {
            #expect(refused?.code == .methodNotAllowed)
            #expect(refused?.status == 405)
            #expect(refused?.allowing == route)
        } else if route.isBuilt(
            for: method == "GET"
                ? .get
                : method == "HEAD" ? .head : method == "PUT" ? .put : method == "POST" ? .post : .delete)
        {
            #expect(refused == nil)
        } else {
            #expect(refused?.code == .notImplemented)
            #expect(refused?.status == 501)
        }
    }
    for method in ["TRACE", "get", "LINK"] {
        #expect(try refusal("\(method) \(path)")?.code == .noMethod)
    }
    let asked = try Asked("OPTIONS \(path)")
    #expect(asked.request.action == .options(route))
    let allowed = try response { $0.appendOptions(route, to: &$1) }
    #expect(allowed.status == 204)
    #expect(
        Set(allowed["Allow"]?.split(separator: ", ").map(String.init) ?? [])
            == methods.union(["OPTIONS"]))
    #expect(allowed["Content-Length"] == nil)
}

@Test("what this version answers")
func built() throws {
    #expect(try Asked("GET /kv/a").request.action == .read)
    #expect(try Asked("HEAD /kv/a").request.action == .read)
    #expect(try Asked("PUT /kv/a", "Content-Length: 0|").request.action == .put)
    #expect(try Asked("DELETE /kv/a").request.action == .delete)
    #expect(try Asked("GET /livez").request.action == .live)
    #expect(try Asked("GET /healthz").request.action == .live)
    #expect(try Asked("GET /readyz").request.action == .ready(isVerbose: false))
    #expect(try Asked("GET /readyz?verbose").request.action == .ready(isVerbose: true))
    #expect(try Asked("GET /readyz?verbose=false").request.action == .ready(isVerbose: false))
    #expect(try Asked("GET /status").request.action == .status)
    #expect(try Asked("OPTIONS *").request.action == .options(.server))
    for call in [PeerCall.hello, .append, .vote, .preVote, .heartbeat, .timeoutNow, .readIndex] {
        let asked = try Asked(
            "POST /raft/\(call.rawValue)", "Content-Type: application/json|Content-Length: 2|")
        #expect(asked.request.action == .peer(call))
    }
}

@Test(
    "paths that lead nowhere",
    arguments: [
        "/kvs", "/k", "/livez/", "/LIVEZ", "//", "/raft/", "/raft/x", "/raft/append/x", "/leases/",
        "/leases/7/x",
        "/leases/7/keepalive/", "/cluster", "/cluster/", "/cluster/members/", "/cluster/members/4/x",
        "/kv%2Fa",
        "/cluster/leader/2",
    ])
func noRoute(path: String) throws {
    #expect(try refusal("GET \(path)") == refusal("POST \(path)"))
    #expect(try refusal("GET \(path)")?.code == .noRoute)
    #expect(try refusal("GET \(path)")?.status == 404)
    #expect(try refusal("OPTIONS \(path)")?.code == .noRoute)
}

@Test(
    "keys are decoded exactly once",
    arguments: [
        ("/kv/a", "a"), ("/kv/a/b/../c", "a/b/../c"), ("/kv/a%2Fb", "a/b"), ("/kv/%252F", "%2F"),
        ("/kv/a+b", "a+b"),
        ("/kv/%2B%20", "+ "), ("/kv/%E2%82%ac", "€"), ("/kv//", "/"), ("/kv/%00", "\u{0}"),
        ("/kv/a?timeout=1s", "a"),
        ("/kv/a\"b|c", "a\"b|c"),
    ])
func keys(path: String, key: String) throws {
    let escaped = path.replacing("|", with: "%7C")
    #expect(try Asked("GET \(escaped)").key == Array(key.utf8))
    #expect(try Asked("GET http://h:1\(escaped)").key == Array(key.utf8))
}

@Test(
    "bad keys are refused",
    arguments: [
        "", "%", "%2", "%2g", "a%", "%ff", "%C3", "%ED%A0%80", String(repeating: "a", count: 1025),
        String(repeating: "%61", count: 1025),
    ])
func badKeys(key: String) throws {
    #expect(try refusal("GET /kv/\(key)")?.code == .badKey)
    #expect(try refusal("PUT /kv/\(key)", "Content-Length: 0|")?.status == 400)
}

@Test("the longest key is taken")
func longestKey() throws {
    #expect(try Asked("GET /kv/" + String(repeating: "a", count: 1024)).key.count == 1024)
    #expect(try Asked("GET /kv/" + String(repeating: "%61", count: 1024)).key.count == 1024)
}

@Test(
    "parameters are known, of their kind, and given once",
    arguments: [
        ("GET /kv/a?x", Code.unknownParameter), ("GET /kv/a?Timeout=1s", .unknownParameter),
        ("GET /kv/a?timeout=1s&timeout=1s", .unknownParameter),
        ("GET /kv/a?timeout=1s&%74imeout=2s", .unknownParameter),
        ("GET /kv/a?=1", .unknownParameter), ("PUT /kv/a?format=json", .unknownParameter),
        ("DELETE /kv/a?ttl=1s", .unknownParameter), ("GET /kv/a?ttl=1s", .unknownParameter),
        ("GET /status?x=1", .unknownParameter), ("GET /livez?verbose", .unknownParameter),
        ("GET /kv/a?timeout", .badRequest), ("GET /kv/a?timeout=", .badRequest),
        ("GET /kv/a?timeout=0", .badRequest),
        ("GET /kv/a?timeout=61s", .badRequest), ("GET /kv/a?timeout=1x", .badRequest),
        ("GET /kv/a?timeout=-1s", .badRequest),
        ("GET /kv/a?timeout=%zz", .badRequest), ("GET /kv/a?timeout=999999999.999999h", .badRequest),
        ("GET /kv/a?timeout=99999999999999999999", .badRequest), ("GET /kv/a?timeout=1.s", .badRequest),
        ("GET /kv/a?format=xml", .badRequest), ("GET /kv/a?consistency=strong", .badRequest),
        ("GET /kv/a?redirect=maybe", .badRequest), ("GET /readyz?verbose=x", .badRequest),
        ("PUT /kv/a?ttl=999ms", .badRequest), ("PUT /kv/a?lease=0", .badRequest),
        ("PUT /kv/a?ttl", .badRequest), ("PUT /kv/a?ttl=87601h", .badRequest),
        ("PUT /kv/a?ttl=1s&lease=1", .badRequest), ("PUT /kv/a?lease=9223372036854775808", .badRequest),
        ("GET /kv/a?ttl=1s", .unknownParameter), ("DELETE /kv/a?lease=1", .unknownParameter),
        ("GET /kv/a?after=1", .badRequest), ("GET /kv/a?min-revision=", .badRequest),
    ])
func badParameters(line: String, code: Code) throws {
    #expect(try refusal(line, "Content-Length: 0|")?.code == code)
}

@Test("good parameters are understood")
func goodParameters() throws {
    let plain = try Asked("GET /kv/a?").request
    #expect(plain.timeoutMilliseconds == 5_000)
    #expect(plain.consistency == .linearizable)
    #expect(!plain.wantsJSON)
    #expect(plain.mayRedirect)
    let all = try Asked("GET /kv/a?timeout=1.5s&consistency=local&&format=json&redirect=no").request
    #expect(all.timeoutMilliseconds == 1_500)
    #expect(all.consistency == .local)
    #expect(all.wantsJSON)
    #expect(!all.mayRedirect)
    #expect(try Asked("GET /kv/a?t%69meout=1%6ds").request.timeoutMilliseconds == 1)
    #expect(try Asked("DELETE /kv/a?timeout=60").request.timeoutMilliseconds == 60_000)
    #expect(try Asked("DELETE /kv/a?timeout=1m").request.timeoutMilliseconds == 60_000)
    #expect(try !Asked("GET /kv/a", "Authorization: Bearer x|").request.mayRedirect)
}

@Test("conditions are read, from several lines too")
func conditions() throws {
    let asked = try Asked(
        "PUT /kv/a",
        "If-Match: \"5\"|Content-Length: 0|If-Match: W/\"6\", \"x\"|If-None-Match: W/\"7\"|")
    #expect(asked.request.precondition.ifMatch == .one(Revision(5)))
    #expect(asked.request.precondition.ifNoneMatch == .one(Revision(7)))
    let any = try Asked("DELETE /kv/a", "If-Match: *|If-None-Match: \"1\", \"2\"|").request
        .precondition
    #expect(any.ifMatch == .any)
    #expect(any.ifNoneMatch == .list([Revision(1), Revision(2)]))
    #expect(try Asked("GET /kv/a").request.precondition.isEmpty)
    // A tag that this store never gave matches nothing.
    #expect(try Asked("GET /kv/a", "If-Match: \"x\"|").request.precondition.ifMatch == .list([]))
}

@Test(
    "malformed conditions are refused, never ignored",
    arguments: [
        "If-Match: 5|", "If-Match:|", "If-None-Match: W/|", "If-None-Match: *, \"5\"|",
        "If-Match: \"5|",
    ])
func malformedConditions(fields: String) throws {
    for line in ["GET /kv/a", "PUT /kv/a", "DELETE /kv/a"] {
        #expect(try refusal(line, fields + "Content-Length: 0|")?.code == .badRequest)
    }
}

@Test(
    "what a PUT must not bring",
    arguments: [
        ("", 411, Code.lengthRequired), ("Content-Length: 101|", 413, .tooLarge),
        ("Content-Length: 1|Content-Encoding: gzip|", 415, .unsupportedEncoding),
        ("Content-Length: 1|Content-Range: bytes 0-1/2|", 400, .badRequest),
        ("Content-Length: 1|Expect: tea|", 417, .badExpect),
        ("Content-Length: 1|Idempotency-Key: |", 400, .badRequest),
        ("Content-Length: 1|Idempotency-Key: \"\"|", 400, .badRequest),
        ("Content-Length: 1|Idempotency-Key: \u{e9}|", 400, .badRequest),
        ("Content-Length: 1|Content-Type: text|", 400, .badRequest),
        ("Content-Length: 1|Content-Type:|", 400, .badRequest),
        ("Content-Length: 1|Content-Type: text/|", 400, .badRequest),
        ("Content-Length: 1|Content-Type: text/plain, a/b|", 400, .badRequest),
        ("Content-Length: 1|Content-Type: text/plain; a=\u{e9}|", 400, .badRequest),
        ("Content-Length: 1|Content-Type: text/plain; a=\"\t\"|", 400, .badRequest),
        ("Content-Length: 1|Content-Type: a/\(String(repeating: "b", count: 254))|", 400, .badRequest),
    ])
func badPuts(fields: String, status: Int, code: Code) throws {
    let refused = try refusal("PUT /kv/a", fields)
    #expect(refused?.status == status)
    #expect(refused?.code == code)
}

@Test("an Idempotency-Key does not belong to a read")
func idempotencyKey() throws {
    #expect(try refusal("GET /kv/a", "Idempotency-Key: k|")?.code == .badRequest)
    #expect(try refusal("DELETE /kv/a", "Idempotency-Key: k|") == nil)
}

@Test(
    "content types are kept as they are, and curl's own is none",
    arguments: [
        ("", ""), ("Content-Type: text/plain; charset=utf-8|", "text/plain; charset=utf-8"),
        ("Content-Type:  application/vnd.x+json |", "application/vnd.x+json"),
        ("Content-Type: application/x-www-form-URLENCODED|", ""), ("Content-Type: a/b ;c|", "a/b ;c"),
        (
            "Content-Type: a/\(String(repeating: "b", count: 253))|",
            "a/\(String(repeating: "b", count: 253))"
        ),
    ])
func contentTypes(fields: String, type: String) throws {
    let asked = try Asked("PUT /kv/a", fields + "Transfer-Encoding: chunked|")
    #expect(asked.contentType == type)
    #expect(asked.request.contentBytesMax == 100)
}

@Test("a peer's message has a type that no web page can send")
func peerTypes() throws {
    for type in ["application/json", "Application/X-NDJSON"] {
        #expect(try refusal("POST /raft/vote", "Content-Type: \(type)|Content-Length: 1|") == nil)
    }
    for fields in [
        "", "Content-Type: text/plain|", "Content-Type: application/x-www-form-urlencoded|",
    ] {
        #expect(try refusal("POST /raft/vote", fields + "Content-Length: 1|")?.code == .badRequest)
    }
}

@Test("a page of another origin is refused, whatever it asks for")
func origins() throws {
    for line in ["GET /kv/a", "DELETE /kv/a", "GET /status", "OPTIONS /kv/a"] {
        #expect(try refusal(line, "Origin: http://h:1|") == nil)
        #expect(try refusal(line, "Origin: HTTP://H:1|") == nil)
        for origin in [
            "http://h:2", "http://h", "https://h:1", "http://h:1/", "null", "", "http://xh:1",
        ] {
            #expect(try refusal(line, "Origin: \(origin)|")?.code == .crossOrigin, "\(origin)")
        }
    }
}

/// What the places that a node accepts make of a request: the code of the refusal, or nil.
private func refusal(
    host: String, origin: String? = nil, by places: AcceptedPlaces?, target: String = "/kv/a"
) throws -> Code? {
    let fields = origin.map { "Origin: \($0)|" } ?? ""
    let bytes = wire("GET \(target) HTTP/1.1|Host: \(host)|\(fields)|")
    var parser = RequestParser()
    let progress = try parser.parse(bytes.span, limits: Limits())
    guard case .head(let head) = progress else { throw Unfinished() }
    var limits = RequestLimits()
    limits.places = places
    var scratch: [UInt8] = []
    do throws(Refusal) {
        _ = try Request(head, in: bytes.span, limits: limits, scratch: &scratch)
        return nil
    } catch {
        #expect(error.status == 403)
        return error.code
    }
}

@Test("origins that were named are accepted besides the node's own, and no others")
func acceptedOrigins() throws {
    let named = ["https://kv.Example.com", "http://b:8080"]
    let places = AcceptedPlaces(origins: named, hosts: [])
    for origin in named { #expect(AcceptedPlaces.isOrigin(origin)) }
    for origin in ["https://kv.example.com", "HTTPS://KV.Example.COM", "http://b:8080", "http://h:1"] {
        #expect(try refusal(host: "h:1", origin: origin, by: places) == nil, "\(origin)")
    }
    for origin in [
        "http://kv.example.com", "https://kv.example.com:443", "https://kv.example.com.evil", "http://b",
        "https://h:1", "null", "",
    ] {
        #expect(try refusal(host: "h:1", origin: origin, by: places) == .crossOrigin, "\(origin)")
    }
    for text in ["", "null", "*", "b", "http://", "https://a/", "ftp://a", "https://a b", "http://u@a"] {
        #expect(!AcceptedPlaces.isOrigin(text), "\(text)")
    }
}

@Test("once a host is named, others are refused; addresses and localhost are always accepted")
func acceptedHosts() throws {
    let named = ["KV.example.com", "b:8080"]
    let places = AcceptedPlaces(origins: [], hosts: named)
    for host in named { #expect(AcceptedPlaces.isHost(host)) }
    for any in [nil, AcceptedPlaces(origins: ["http://b"], hosts: [])] {
        #expect(try refusal(host: "evil.example", by: any) == nil)
    }
    for host in [
        "kv.example.com", "kv.EXAMPLE.com:8001", "b:8080", "10.0.0.1", "127.0.0.1:8001", "[::1]:8001",
        "[fe80::1]",
        "localhost", "LOCALHOST:1",
    ] {
        #expect(try refusal(host: host, by: places) == nil, "\(host)")
    }
    for host in [
        "evil.example", "kv.example.com.evil", "xkv.example.com", "b", "b:80", "1.2.3.4.evil", "1.2.3",
        "1.2.3.x",
        "1234.1.1.1", "localhost.evil", "", "a:1:2",
    ] {
        #expect(try refusal(host: host, by: places) == .crossOrigin, "\(host)")
    }
    // The host of an absolute target is what counts.
    #expect(try refusal(host: "kv.example.com", by: places, target: "http://evil/kv/a") == .crossOrigin)
    #expect(try refusal(host: "evil", by: places, target: "http://kv.example.com/kv/a") == nil)
    // A page that was made to lead here names itself as both.
    #expect(try refusal(host: "evil", origin: "http://evil", by: places) == .crossOrigin)
    for text in ["", "a/b", "http://a", "a b", "*"] {
        #expect(!AcceptedPlaces.isHost(text), "\(text)")
    }
}

@Test("CONNECT is refused: this is no proxy")
func connect() throws {
    #expect(try refusal("CONNECT h:1")?.code == .noMethod)
}

@Test("random changes to requests never crash, and whatever is accepted has a key that may be stored")
func mutations() throws {
    var state: UInt64 = 7
    func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
    let seeds = [
        "PUT /kv/a%2Fb?timeout=1.5s HTTP/1.1|Host: h|If-Match: \"5\", W/\"6\"|Content-Length: 3||abc",
        "GET /kv/%E2%82%AC?format=json&redirect=no HTTP/1.1|Host: h|If-None-Match: *|Origin: http://h||",
        "POST /raft/append HTTP/1.1|Host: h|Content-Type: application/json|Transfer-Encoding: chunked||0||",
        "DELETE http://h/kv/a HTTP/1.1|Host: h|Connection: close||",
        "OPTIONS /cluster/members/4/promote HTTP/1.0||",
    ]
    var accepted = 0
    var scratch: [UInt8] = []
    for round in 0..<20_000 {
        var bytes = wire(seeds[round % seeds.count])
        for _ in 0...random(3) { bytes[random(bytes.count)] = UInt8(random(128)) }
        var parser = RequestParser()
        guard case .head(let head)? = try? parser.parse(bytes.span, limits: Limits()),
            let request = try? Request(head, in: bytes.span, limits: RequestLimits(), scratch: &scratch)
        else { continue }
        accepted += 1
        guard request.route == .key, case .read = request.action else { continue }
        request.withKey(in: bytes.span, scratch: &scratch) { key in
            let isGood = key.count > 0 && key.count <= Command.keyBytesMax && isUTF8(key)
            #expect(isGood)
        }
    }
    #expect(accepted > 100)
}
