// openapi.yaml and the routes agree both ways: paths, methods, and which are built.
import API
import HTTP
import Testing

@Suite struct DocumentTests {
    /// The methods of each path, and whether the document says that they are reserved.
    private static func documented(_ text: String) -> [String: [String: Bool]] {
        var paths: [String: [String: Bool]] = [:]
        var path: String?
        var method: String?
        var isInside = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if !line.hasPrefix(" ") && !line.hasPrefix("#") && !line.isEmpty { isInside = line == "paths:" }
            guard isInside else { continue }
            if line.hasPrefix("  /"), line.hasSuffix(":") {
                path = String(line.dropFirst(2).dropLast())
                method = nil
                path.map { paths[$0] = [:] }
            } else if let here = path, line.hasPrefix("    "), !line.hasPrefix("     ") {
                let name = String(line.dropFirst(4).prefix { $0 != ":" })
                method = ["get", "head", "put", "post", "delete"].contains(name) ? name.uppercased() : nil
                method.map { paths[here]?[$0] = line.contains("[reserved]") }
            } else if let path, let method, line.contains("tags: [reserved]") {
                paths[path]?[method] = true
            }
        }
        return paths
    }

    private static let methods: [(String, Method)] = [
        ("GET", .get), ("HEAD", .head), ("PUT", .put), ("POST", .post), ("DELETE", .delete),
    ]

    private static let routes: [Route] = [
        .key, .list, .transaction, .watch, .leases, .lease, .keepalive, .livez, .healthz, .readyz, .status,
        .metrics, .openapi, .dashboard, .members, .member, .promote, .demote, .leader, .snapshot, .backup,
        .peer(.propose),
    ]

    @Test("every route is documented with its methods, and every documented path is a route")
    func agreement() throws {
        let node = try OneNode()
        let paths = Self.documented(try Caller(node.port).ask("GET", "/openapi.yaml").text)
        #expect(Set(paths.keys) == Set(Self.routes.map { "\($0.name)" }))
        for route in Self.routes {
            let documented = paths["\(route.name)"] ?? [:]
            for (name, method) in Self.methods {
                #expect((documented[name] != nil) == route.takes(method), "\(name) \(route.name)")
                guard let isReserved = documented[name] else { continue }
                #expect(isReserved != route.isBuilt(for: method), "\(name) \(route.name)")
            }
            let path = "\(route.name)".replacing("{call}", with: "propose").replacing("{key}", with: "a")
                .replacing("{id}", with: "7")
            #expect(Route.find(Array(path.utf8).span) == route)
        }
    }

    /// Whether a text is one that the parameter may have, by the document.
    private static func allows(_ text: String, _ parameter: YAML, _ contract: Contract) throws -> Bool {
        guard let named = parameter["schema"] else { throw Trouble(description: "no schema") }
        let schema = try contract.resolved(named)
        guard let pattern = schema["pattern"]?.text else { throw Trouble(description: "no pattern") }
        let longest = schema["maxLength"]?.text.flatMap { Int($0) } ?? .max
        return try Regex(pattern).firstMatch(in: text) != nil && text.utf8.count <= longest
    }

    @Test("what the document allows is what is taken: times, leases, names of writes")
    func values() throws {
        let node = try OneNode()
        let caller = try Caller(node.port)
        let contract = try Contract(try caller.ask("GET", "/openapi.yaml").text)
        let parameters = try contract.operation("putKey").parameters
        func check(_ name: String, _ values: [String], _ status: (String) throws -> Int) throws {
            let parameter = try #require(parameters.first { $0["name"]?.text == name })
            for value in values {
                let (allowed, isTaken) = (
                    try Self.allows(value, parameter, contract), try status(value) != 400
                )
                #expect(allowed == isTaken, "\(name)=\(value)")
            }
        }
        let times = [
            "1", "1s", "1.5s", "1.5", "0.5s", "999ms", "1000ms", "1500.25ms", "999999999ms", "1000000000ms",
            "315360000s", "315360001", "315359999.5s", "5256000m", "5256001m", "0.5m", "87600h", "87601h",
            "87600.5h", "1.123456h", "1.1234567h", "0.1h", "0", "-1s", "1d", "1.s", ".5m", "1 s", "",
        ]
        try check("ttl", times) {
            try caller.ask("PUT", "/kv/a?ttl=\($0.replacing(" ", with: "%20"))", [1]).status
        }
        let ids = [
            "0", "1", "01", "999999999999999999", "1000000000000000000", "9223372036854775807",
            "9223372036854775808", "9223372036854775799", "9999999999999999999", "10000000000000000000", "x",
        ]
        try check("lease", ids) { try caller.ask("PUT", "/kv/a?lease=\($0)", [1]).status }
        let long = String(repeating: "k", count: 127)
        let names = [
            "k", "\"", "\"\"", "\"k\"", "k k", "\"k k\"", "\" \"", "k\"", "\"k", "a\"b", long + "k",
            long + "kk",
            "\"\(long)k\"", "\"\(long)kk\"", "\"\(long)", "\"\(long)k", "é", "\\",
        ]
        try check("Idempotency-Key", names) {
            try caller.ask("PUT", "/kv/a", [1], "Idempotency-Key: \($0)\r\n").status
        }
    }
}
