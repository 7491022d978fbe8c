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
}
