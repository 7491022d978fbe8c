// Everything a node is told at its start, checked: what `rast serve` fills from its flags (Interface §12).
internal import API
public import Consensus
public import KeyValue
public import Network

/// What was wrong with how a program was called; for people, one line.
public struct UsageError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// Where a node is reached: `http://host:port`, without a path.
public struct BaseURL: Hashable, Sendable, CustomStringConvertible {
    public let place: HostPort

    public init(_ place: HostPort) { self.place = place }

    /// - Throws: ``UsageError`` that names `option` and what it expects.
    public init(_ text: String, for option: String) throws(UsageError) {
        let expected = "\(option) expects a URL such as http://10.0.0.1:8001, not \"\(text)\""
        guard text.hasPrefix("http://") else {
            throw UsageError(
                text.hasPrefix("https://") ? "\(expected): TLS is not built yet." : "\(expected).")
        }
        var rest = text.dropFirst(7)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard let place = HostPort(String(rest)) ?? HostPort("\(rest):80") else {
            throw UsageError("\(expected).")
        }
        // It is sent to peers and clients as it stands: nothing in it may end a line or a string.
        guard place.host.utf8.count <= Self.hostBytesMax, place.host.utf8.allSatisfy(Self.isHostByte) else {
            throw UsageError(
                "\(expected): a host is at most \(Self.hostBytesMax) letters, digits or any of -._:")
        }
        self.place = place
    }

    /// The longest name of the DNS (RFC 1035 §2.3.4).
    private static let hostBytesMax = 253

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        // - . _ : and the brackets and the zone of an IPv6 address.
        case 0x2D, 0x2E, 0x5F, 0x3A, 0x5B, 0x5D, 0x25: true
        default: false
        }
    }

    public var description: String { "http://\(place)" }
}

/// A node's settings.
public struct Configuration: Sendable {
    public var node: NodeID
    public var listen: HostPort
    /// What clients are told to call this node.
    public var advertise: BaseURL
    /// All members named at the start, this node among them, sorted by id.
    public var peers: [Peer]
    public var data: String
    public var heartbeat = Interval.milliseconds(100)
    public var electionTimeout = Interval.milliseconds(500)
    public var valueBytesMax = 1 << 20
    public var segmentBytes = 64 << 20
    /// A snapshot is taken after so much of the log, or so many entries.
    public var snapshotBytes = 256 << 20
    public var snapshotEntries = 1_000_000
    /// So much of the log stays though a snapshot covers it.
    public var logTailBytes = 64 << 20
    /// So much of the disk stays free for the next snapshot, and more if the last one was large (rule 13).
    public var diskReserveBytes = 64 << 20
    /// What the store's limits are where this node leads; the same on all nodes.
    public var store = Store.Settings.usual
    public var connectionsMax = 10_000
    /// What contents and answers of all connections may take together.
    public var connectionBytesMax = 256 << 20
    /// How long a request's head and body may take to arrive.
    public var headTime = Interval.milliseconds(10_000)
    public var idleTime = Interval.milliseconds(60_000)
    /// Origins of web pages, besides the node's own, that may ask here (`https://kv.example.com`).
    public var allowedOrigins: [String] = []
    /// Names as which the node may be asked; empty: any.
    public var allowedHosts: [String] = []
    /// Whether clients are sent to the leader; otherwise this node asks it for them.
    public var mayRedirect = true
    /// A request that takes at least so long is told of in the log.
    public var slowRequest = Interval.milliseconds(1_000)
    /// Peers that are not on this machine are talked to without proof of who they are.
    public var isInsecurePeersAllowed = false

    public struct Peer: Hashable, Sendable {
        public let id: NodeID
        public let url: BaseURL
        public init(id: NodeID, url: BaseURL) {
            self.id = id
            self.url = url
        }
    }

    /// - Throws: ``UsageError`` if the parts do not fit together.
    public init(
        node: NodeID, listen: HostPort, advertise: BaseURL?, peers: [Peer], data: String
    ) throws(UsageError) {
        self.node = node
        self.listen = listen
        self.data = data
        let own = peers.first { $0.id == node }
        self.advertise = advertise ?? own?.url ?? BaseURL(listen)
        if !peers.isEmpty && own == nil {
            let ids = peers.map(\.id.description).joined(separator: ", ")
            throw UsageError("--peers names \(ids) but not this node, \(node): it expects all members.")
        }
        if peers.count > 1, own == nil, listen.literal?.isUnspecified == true, advertise == nil {
            throw UsageError(
                "--listen \(listen) is no address that others can call: give --advertise URL too.")
        }
        self.peers = (peers.isEmpty ? [Peer(id: node, url: self.advertise)] : peers).sorted { $0.id < $1.id }
    }

    /// Reads `1=http://…,2=http://…`.
    public static func peers(_ text: String) throws(UsageError) -> [Peer] {
        var peers: [Peer] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2 else {
                throw UsageError("--peers expects ID=URL,ID=URL,…, not \"\(part)\".")
            }
            let id = try nodeID(String(sides[0]), for: "--peers")
            if peers.contains(where: { $0.id == id }) { throw UsageError("--peers names node \(id) twice.") }
            peers.append(Peer(id: id, url: try BaseURL(String(sides[1]), for: "--peers")))
        }
        return peers
    }

    /// Reads a node's id: a positive integer, at most 2^53−1.
    public static func nodeID(_ text: String, for option: String) throws(UsageError) -> NodeID {
        guard let number = UInt64(text), number > 0, number <= largestNumber else {
            throw UsageError("\(option) expects a node's id, an integer from 1 on, not \"\(text)\".")
        }
        return NodeID(number)
    }

    /// Whether this node may be started as it is told: times that allow elections, and peers that can be
    /// trusted.
    ///
    /// - Throws: ``UsageError`` that says what to change.
    public func check() throws(UsageError) {
        if heartbeat.milliseconds < 1 { throw UsageError("--heartbeat expects at least 1ms.") }
        if electionTimeout.nanoseconds < 2 * heartbeat.nanoseconds {
            throw UsageError(
                "--election-timeout (\(electionTimeout.milliseconds)ms) expects at least twice --heartbeat "
                    + "(\(heartbeat.milliseconds)ms).")
        }
        if !(1...(64 << 20)).contains(valueBytesMax) {
            throw UsageError("--max-value-size expects 1 to 67108864 bytes.")
        }
        if connectionBytesMax < Swift.max(1 << 20, 4 * valueBytesMax) {
            throw UsageError(
                "--max-connection-memory expects at least 1048576 bytes, and four times --max-value-size.")
        }
        if segmentBytes < (1 << 20) || segmentBytes > (1 << 30) {
            throw UsageError("--segment-size expects 1048576 to 1073741824 bytes.")
        }
        if snapshotBytes < (64 << 10) || snapshotBytes > (1 << 40) {
            throw UsageError("--snapshot-bytes expects 65536 to 1099511627776 bytes.")
        }
        if snapshotEntries < 100 || snapshotEntries > 1_000_000_000 {
            throw UsageError("--snapshot-entries expects 100 to 1000000000.")
        }
        if logTailBytes < 0 || logTailBytes > (1 << 40) {
            throw UsageError("--log-tail expects 0 to 1099511627776 bytes.")
        }
        if diskReserveBytes < 0 || diskReserveBytes > (1 << 40) {
            throw UsageError("--disk-reserve expects 0 to 1099511627776 bytes.")
        }
        if !Store.Settings.historyEventsRange.contains(store.historyEvents) {
            throw UsageError("--history-events expects 1 to 10000000.")
        }
        if !Store.Settings.historyBytesRange.contains(store.historyBytes) {
            throw UsageError("--history-bytes expects 1 to 17179869184 bytes.")
        }
        for origin in allowedOrigins where !AcceptedPlaces.isOrigin(origin) {
            throw UsageError(
                "--allow-origin expects origins such as https://kv.example.com, not \"\(origin)\".")
        }
        for host in allowedHosts where !AcceptedPlaces.isHost(host) {
            throw UsageError("--allow-host expects names such as kv.example.com, not \"\(host)\".")
        }
        for peer in peers where peer.id != node && !isInsecurePeersAllowed {
            let host = peer.url.place.host
            if host == "localhost" || peer.url.place.literal?.isLoopback == true { continue }
            throw UsageError(
                "Node \(peer.id) at \(peer.url) is not on this machine, and nothing proves who it is: who "
                    + "reaches this node's port could join in. Where the network itself is trusted, say "
                    + "--insecure-peers."
            )
        }
    }

    /// What requests may name as origin and host. Peers and redirected clients use the node's own URLs, so
    /// their hosts go with those that were named.
    var acceptedPlaces: AcceptedPlaces? {
        if allowedOrigins.isEmpty && allowedHosts.isEmpty { return nil }
        let own = [advertise, peer(node)?.url ?? advertise].map(\.place.host)
        return AcceptedPlaces(origins: allowedOrigins, hosts: allowedHosts.isEmpty ? [] : allowedHosts + own)
    }

    func peer(_ id: NodeID) -> Peer? { peers.first { $0.id == id } }
}

/// Reads a length of time as people write it: `500ms`, `2s`, `1.5s`, `10m`, `1h`, or bare seconds; nil if it
/// is not one.
public func interval(_ text: String) -> Interval? {
    let units: [(String, Double)] = [("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9), ("", 1e9)]
    for (unit, nanoseconds) in units where text.hasSuffix(unit) {
        let digits = text.dropLast(unit.count)
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
            let number = Double(digits), number.isFinite, number * nanoseconds < 1e18
        else { return nil }
        return Interval(nanoseconds: UInt64(number * nanoseconds))
    }
    return nil
}

/// The version of this program.
public let version = "0.1.0"
