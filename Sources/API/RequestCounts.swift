// How many requests were answered, by route, method and status, and how long each took: arrays only, since
// every request is counted.
public import HTTP

/// Counts of answered requests.
public struct RequestCounts: Sendable {
    /// What one histogram is of.
    struct Row: Sendable {
        let route: Route?
        let method: Method
        let status: Int
        var durations = Histogram()
    }

    /// In the order in which they were first needed.
    private(set) var rows: [Row] = []
    /// By route, method and status: the place in `rows`, plus one; 0 where there is none.
    private var places = [UInt16](
        repeating: 0, count: RequestCounts.routesMax * RequestCounts.methodsMax * RequestCounts.statusesMax)

    private static let routesMax = 24
    private static let methodsMax = 8
    private static let statusesMax = 32

    public init() {}

    /// Counts an answer. `route` is nil where no route was found.
    public mutating func observe(_ route: Route?, _ method: Method, status: Int, nanoseconds: UInt64) {
        let place =
            ((route?.number ?? 0) * RequestCounts.methodsMax + Int(method.rawValue))
            * RequestCounts.statusesMax + number(of: status)
        if places[place] == 0 {
            rows.append(Row(route: route, method: method, status: status))
            places[place] = UInt16(rows.count)
        }
        rows[Int(places[place]) - 1].durations.observe(nanoseconds: nanoseconds)
    }

    /// The rows in an order that does not depend on what was asked first.
    var sorted: [Row] { places.filter { $0 > 0 }.map { rows[Int($0) - 1] } }

    private func number(of status: Int) -> Int {
        switch status {
        case 200: 1
        case 201: 2
        case 204: 3
        case 304: 4
        case 307: 5
        case 400: 6
        case 401: 7
        case 403: 8
        case 404: 9
        case 405: 10
        case 408: 11
        case 409: 12
        case 410: 13
        case 411: 14
        case 412: 15
        case 413: 16
        case 414: 17
        case 415: 18
        case 417: 19
        case 422: 20
        case 429: 21
        case 431: 22
        case 501: 23
        case 503: 24
        case 504: 25
        case 505: 26
        case 507: 27
        default: 0
        }
    }
}

extension Route {
    /// A number below 24 for each name; 0 is free.
    fileprivate var number: Int {
        switch self {
        case .key: 1
        case .list: 2
        case .transaction: 3
        case .watch: 4
        case .leases: 5
        case .lease: 6
        case .keepalive: 7
        case .livez: 8
        case .healthz: 9
        case .readyz: 10
        case .status: 11
        case .metrics: 12
        case .openapi: 13
        case .dashboard: 14
        case .members: 15
        case .member: 16
        case .promote: 17
        case .demote: 18
        case .leader: 19
        case .snapshot: 20
        case .backup: 21
        case .peer: 22
        case .server: 23
        }
    }
}

extension Method {
    /// As it stands in metrics.
    var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .put: "PUT"
        case .post: "POST"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .other: "other"
        }
    }
}
