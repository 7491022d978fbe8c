// What is to be measured: how many connections ask for what, how fast, and for how long.
internal import Client

/// What a run is to be, within its bounds.
public struct LoadPlan: Sendable {
    /// Which nodes reads go to. Writes go to the leader.
    public enum Readers: String, Sendable, CaseIterable {
        /// The node that leads.
        case leader
        /// Every member of the cluster.
        case all
        /// The endpoints that were named, and no other.
        case endpoints
    }

    /// As many as a node takes by default.
    public static let connectionsMax = 10_000
    public static let pipelineMax = 1_000
    /// How many requests may be under way, over all connections.
    public static let underWayMax = 1_000_000
    public static let keysMax = 100_000_000
    public static let valueBytesMax = 16 << 20
    public static let rateMax = 10_000_000
    public static let threadsMax = 64

    /// How many clients there are; each has one connection, or two where its reads and its writes go to
    /// different nodes.
    public var connections = 64
    /// How many requests a client has under way at most.
    public var pipeline = 1
    /// How many requests start each second, over all clients; nil: each client's next one starts when it may.
    public var rate: Int?
    /// Over how many threads the clients are spread.
    public var threads = 1
    /// How many keys there are.
    public var keys = 10_000
    /// How often which of them is asked for.
    public var distribution = Distribution.uniform
    /// How large each value is.
    public var valueBytes = 64
    /// The share of the requests that are reads, 0 to 1.
    public var reads = 0.0
    /// Whether reads may be of a node's own state, however old.
    public var isLocal = false
    /// Which nodes are read from.
    public var readers = Readers.leader
    /// What the keys begin with; digits follow, of the same number for each.
    public var prefix: [UInt8]
    /// How long it runs before anything counts.
    public var warmUpNanoseconds: UInt64 = 1_000_000_000
    /// How long it is measured.
    public var durationNanoseconds: UInt64 = 10_000_000_000
    /// How long an answer may take, and a connection to be made.
    public var timeoutNanoseconds: UInt64 = 5_000_000_000
    /// Where chance begins.
    public var seed: UInt64 = 1

    public init(prefix: [UInt8]) { self.prefix = prefix }

    /// Whether each client has a connection for its reads beside that for its writes.
    var isSplit: Bool { reads > 0 && reads < 1 && readers != .leader }
    /// How many connections are made.
    public var sockets: Int { connections * (isSplit ? 2 : 1) }

    /// How many digits a key's number has.
    public var digits: Int { max(Self.digitsMin, String(max(0, keys - 1)).utf8.count) }
    private static let digitsMin = 8

    /// Ranges that together hold all keys, each with as many as one deletion takes: the first key of each,
    /// and a bound above its last one that no other key of the run is below.
    public var parts: [(start: [UInt8], end: [UInt8])] {
        stride(from: 0, to: keys, by: Self.keysOfPart).map { first in
            let last = min(first + Self.keysOfPart, keys) - 1
            return (name(first), name(last) + [UInt8(ascii: "0")])
        }
    }
    private static let keysOfPart = 10_000

    /// A key, by its number.
    public func name(_ number: Int) -> [UInt8] {
        let text = String(number)
        return prefix + Array((String(repeating: "0", count: max(0, digits - text.utf8.count)) + text).utf8)
    }

    /// The same plan for writing each key once.
    func preloading() -> LoadPlan {
        var plan = self
        plan.connections = min(connections, Self.preloadConnections)
        // As many as keep a cluster busy, and no more bytes at once than it is glad of.
        plan.pipeline = max(1, min(16, (4 << 20) / max(1, valueBytes) / plan.connections))
        plan.threads = 1
        plan.rate = nil
        plan.reads = 0
        return plan
    }
    private static let preloadConnections = 64
}
