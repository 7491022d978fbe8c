// `rast serve`: one node.
internal import ArgumentParser
internal import CLinux
internal import Consensus
internal import Glibc
internal import KeyValue
internal import Logging
internal import Network
internal import Server

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run one node.",
        discussion: """
            Without --peers it is a cluster of one. SIGTERM hands leadership over, finishes what is in
            flight (5 s at most) and exits 0; a second one exits at once.

            Every option may also stand in the environment (--election-timeout as RAST_ELECTION_TIMEOUT)
            and in --config FILE, one JSON object ({"election-timeout":"500ms"}). A flag goes before the
            environment, and that before the file.

            EXAMPLES:
              rast serve --id 1 --listen 127.0.0.1:8001 --data data/1 \\
                --peers 1=http://127.0.0.1:8001,2=http://127.0.0.1:8002,3=http://127.0.0.1:8003
            """)

    @Option(
        help: """
            This node's id, a positive integer; or "hostname": the number that ends the host's name, plus 1.
            """)
    var id = "1"
    @Option(help: ArgumentHelp("Where to listen.", valueName: "host:port"))
    var listen = "127.0.0.1:8001"
    @Option(
        help: ArgumentHelp(
            "What clients call this node; its entry in --peers, else the listen address.", valueName: "url"))
    var advertise: String?
    @Option(help: ArgumentHelp("All members, this node too: 1=http://…,2=http://…", valueName: "list"))
    var peers: String?
    @Option(help: ArgumentHelp("The data directory, created if it is not there.", valueName: "dir"))
    var data: String
    @Option(help: ArgumentHelp("How often a leader lets the others hear of it.", valueName: "time"))
    var heartbeat = "100ms"
    @Option(
        help: ArgumentHelp(
            "After this to twice this without a leader, a node stands for election.", valueName: "time"))
    var electionTimeout = "500ms"
    @Option(help: ArgumentHelp("The largest value.", valueName: "bytes"))
    var maxValueSize = 1 << 20
    @Option(help: ArgumentHelp("The size of a log file.", valueName: "bytes"))
    var segmentSize = 64 << 20
    @Option(help: ArgumentHelp("A snapshot is taken after so much of the log.", valueName: "bytes"))
    var snapshotBytes = 256 << 20
    @Option(help: ArgumentHelp("A snapshot is taken after so many entries.", valueName: "count"))
    var snapshotEntries = 1_000_000
    @Option(
        help: ArgumentHelp(
            "How much of the log stays, for nodes that are a little behind, though a snapshot covers it.",
            valueName: "bytes"))
    var logTail = 64 << 20
    @Option(
        help: ArgumentHelp(
            "So much of the disk stays free for the next snapshot (1.2 times the last, if that is more).",
            valueName: "bytes"))
    var diskReserve = 64 << 20
    @Option(
        help: ArgumentHelp(
            "How many events are kept for watches; the same on all nodes.", valueName: "count"))
    var historyEvents = 100_000
    @Option(
        help: ArgumentHelp(
            "How much of keys and values is kept in events; the same on all nodes.", valueName: "bytes"))
    var historyBytes = 64 << 20
    @Option(help: ArgumentHelp("How many connections are served at a time.", valueName: "count"))
    var maxConnections = 10_000
    @Option(
        help: ArgumentHelp("What contents and answers of all connections may take.", valueName: "bytes"))
    var maxConnectionMemory = 256 << 20
    @Option(help: ArgumentHelp("How long a request may take to arrive.", valueName: "time"))
    var headTime = "10s"
    @Option(help: ArgumentHelp("How long a connection may rest between requests.", valueName: "time"))
    var idleTime = "60s"
    @Option(
        help: ArgumentHelp(
            "Origins of web pages, besides the node's own, that may ask here, as https://kv.example.com.",
            valueName: "list"))
    var allowOrigin: String?
    @Option(
        help: ArgumentHelp(
            "Names that are accepted as Host; any if not given. Addresses and localhost always are.",
            valueName: "list"))
    var allowHost: String?
    @Option(
        help: ArgumentHelp(
            "Whether clients are sent to the leader (yes), or this node asks it in their stead (no).",
            valueName: "yes|no"))
    var redirect = "yes"
    @Option(help: ArgumentHelp("Requests that take so long are told of in the log.", valueName: "time"))
    var slowRequest = "1s"
    @Flag(help: "Talk to peers on other machines without proof of who they are.")
    var insecurePeers = false
    @Option(
        help: ArgumentHelp("What is logged: trace, debug, info, notice, warning, error.", valueName: "level"))
    var logLevel = "info"
    @Option(help: ArgumentHelp("How log lines are written: text or json.", valueName: "form"))
    var logFormat = "text"
    @Option(help: ArgumentHelp("A file of options, as JSON.", valueName: "file"))
    var config: String?
    @Option(help: .hidden)
    var parent: Int32?

    func run() throws {
        if let parent { try die(with: parent) }
        let configuration = try checked()
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw UsageError(
                "--log-level expects trace, debug, info, notice, warning or error, not \"\(logLevel)\".")
        }
        guard let form = LogForm(rawValue: logFormat) else {
            throw UsageError("--log-format expects text or json, not \"\(logFormat)\".")
        }
        try serve(configuration, logLevel: level, logForm: form)
    }

    private func checked() throws(UsageError) -> Server.Configuration {
        guard let place = HostPort(listen) else {
            throw UsageError("--listen expects HOST:PORT such as 127.0.0.1:8001, not \"\(listen)\".")
        }
        var url: BaseURL?
        if let advertise { url = try BaseURL(advertise, for: "--advertise") }
        var configuration = try Server.Configuration(
            node: try Server.Configuration.nodeID(id == "hostname" ? try hostNumber() : id, for: "--id"),
            listen: place, advertise: url,
            peers: try peers.map(Server.Configuration.peers) ?? [], data: data)
        configuration.heartbeat = try time(heartbeat, for: "--heartbeat")
        configuration.electionTimeout = try time(electionTimeout, for: "--election-timeout")
        configuration.headTime = try time(headTime, for: "--head-time")
        configuration.idleTime = try time(idleTime, for: "--idle-time")
        configuration.valueBytesMax = maxValueSize
        configuration.segmentBytes = segmentSize
        configuration.snapshotBytes = snapshotBytes
        configuration.snapshotEntries = snapshotEntries
        configuration.logTailBytes = logTail
        configuration.diskReserveBytes = diskReserve
        configuration.store.historyEvents = historyEvents
        configuration.store.historyBytes = historyBytes
        configuration.connectionsMax = maxConnections
        configuration.connectionBytesMax = maxConnectionMemory
        configuration.allowedOrigins = list(allowOrigin)
        configuration.allowedHosts = list(allowHost)
        guard redirect == "yes" || redirect == "no" else {
            throw UsageError("--redirect expects yes or no, not \"\(redirect)\".")
        }
        configuration.mayRedirect = redirect == "yes"
        configuration.slowRequest = try time(slowRequest, for: "--slow-request")
        configuration.isInsecurePeersAllowed = insecurePeers
        try configuration.check()
        return configuration
    }

    /// The number that ends the host's name, plus 1: `rast-0` of a StatefulSet is node 1.
    private func hostNumber() throws(UsageError) -> String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let text = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let digits = text.reversed().prefix { (0x30...0x39).contains($0) }.reversed()
        guard let number = UInt64(String(decoding: digits, as: UTF8.self)), number < 1 << 53 else {
            let host = String(decoding: text, as: UTF8.self)
            throw UsageError("--id hostname expects a host name that ends in a number, not \"\(host)\".")
        }
        return "\(number + 1)"
    }

    /// The parts of a list with commas; what is empty between them is refused where it is used.
    private func list(_ text: String?) -> [String] {
        text?.split(separator: ",", omittingEmptySubsequences: false).map(String.init) ?? []
    }

    private func time(_ text: String, for option: String) throws(UsageError) -> Interval {
        guard let time = interval(text), time.nanoseconds > 0, time.nanoseconds <= 3_600_000_000_000 else {
            throw UsageError("\(option) expects a time such as 500ms or 2s, not \"\(text)\".")
        }
        return time
    }

    /// A node that `rast dev` or a test started goes with its parent, however that ends.
    private func die(with parent: Int32) throws {
        linux_signal_at_parents_death(SIGKILL)
        // The parent may have died before the line above.
        if getppid() != parent { throw StartFailure("The parent, process \(parent), is gone.") }
    }
}
