// Nodes as people run them: `rast serve` processes on loopback, with what can be done to them.
import Foundation
import Testing

/// Some nodes, each a process; used by one thread. What is asked of them has a deadline.
final class Cluster {
    struct Node {
        let id: Int
        let host: String
        let port: UInt16
        let data: String
        let log: String
        var process: Child?
        var url: String { "http://\(host):\(port)" }
    }
    private(set) var nodes: [Node]
    let folder: Folder
    private let client = Client()
    /// What calls these nodes, to be ended with the test however that ends.
    var loads: [any Ending] = []
    /// Further flags of every node.
    var options: [String] = []
    /// Snapshots every few hundred entries, and a log that is forgotten behind them.
    static let oftenSnapshots = [
        "--snapshot-entries", "400", "--segment-size", "1048576", "--log-tail", "65536",
    ]
    /// What stands between the nodes, if anything does.
    private(set) var weather: (any Weather)?

    /// The program under test: it was built beside the tests.
    static let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("rast").path

    /// `hasWeather`: what the nodes say to each other passes where it can be held up.
    init(_ count: Int, hasWeather: Bool = false) throws {
        try #require(access(Self.program, X_OK) == 0, "\(Self.program) is not there: swift build")
        folder = try Folder()
        let path = folder.path
        let hasRules = hasWeather && ProcessInfo.processInfo.environment["NEMESIS_NETWORK"] == "rules"
        nodes = try Ports.free(count).enumerated().map { place, port in
            let id = place + 1
            let host = hasRules ? PacketRules.host(of: id) : "127.0.0.1"
            return Node(id: id, host: host, port: port, data: "\(path)/\(id)", log: "\(path)/\(id).log")
        }
        let places = nodes.map { ($0.id, $0.host, $0.port) }
        if hasRules {
            weather = try PacketRules(places)
        } else if hasWeather {
            weather = try FaultProxy(places)
        }
    }

    deinit {
        for place in nodes.indices { nodes[place].process?.killNow() }
        weather?.end()
        folder.remove()
    }

    var ids: [Int] { nodes.map(\.id) }
    var urls: [String] { nodes.map(\.url) }
    subscript(_ id: Int) -> Node { nodes[id - 1] }
    func url(_ id: Int, _ path: String) -> String { self[id].url + path }

    // Processes -------------------------------------------------------------------------------------------

    func arguments(_ id: Int, data: String? = nil) -> [String] {
        let peers = nodes.map { node in
            let way = Way(from: id, to: node.id)
            let url = node.id == id ? nil : weather?.url(way, of: node.port, at: node.host)
            return "\(node.id)=\(url ?? node.url)"
        }.joined(separator: ",")
        return [
            "serve", "--id", "\(id)", "--listen", "\(self[id].host):\(self[id].port)", "--peers", peers,
            "--data", data ?? self[id].data, "--parent", "\(getpid())",
        ] + options
    }

    func start(_ id: Int, _ more: [String] = [], environment: [String] = []) throws {
        try #require(nodes[id - 1].process == nil, "node \(id) runs already")
        nodes[id - 1].process = try Child(
            Self.program, arguments(id) + more, environment: environment, log: self[id].log)
    }

    /// Starts all that do not run.
    func start() throws { for node in nodes where node.process == nil { try start(node.id) } }

    /// Starts all with an election timeout that is longer than any of them, or who tests them, may stall.
    ///
    /// The first election would take as long: node 1 leads by the usual timeout, hands over as it ends, and
    /// comes back as the others are.
    func start(electionTimeout: String) throws {
        try start(1)
        options += ["--election-timeout", electionTimeout]
        try start()
        try ready()
        signal(1, SIGTERM)
        try #require(ended(1, seconds: 20) == 0, "node 1 does not end on SIGTERM")
        try start(1)
        try ready()
    }

    /// Starts node `id` under another program that ends by becoming it, such as `strace -D`.
    func start(_ id: Int, under program: String, _ arguments: [String], _ more: [String] = []) throws {
        try #require(nodes[id - 1].process == nil, "node \(id) runs already")
        nodes[id - 1].process = try Child(
            program, arguments + [Self.program] + self.arguments(id) + more, log: self[id].log)
    }

    func signal(_ id: Int, _ signal: Int32) { nodes[id - 1].process?.send(signal) }

    /// Kills a node as a power cut would, but for what the kernel holds.
    func kill(_ id: Int) {
        nodes[id - 1].process?.killNow()
        nodes[id - 1].process = nil
    }

    /// Kills several at once.
    func kill(_ ids: [Int]) {
        for id in ids { signal(id, SIGKILL) }
        for id in ids { kill(id) }
    }

    /// Waits until a node ends by itself: its exit status, or the negated signal.
    func ended(_ id: Int, seconds: Double = 10) -> Int32? {
        guard let end = nodes[id - 1].process?.wait(seconds: seconds) else { return nil }
        nodes[id - 1].process = nil
        return end
    }

    // Questions -------------------------------------------------------------------------------------------

    func ask(_ call: Call) -> Answer { client.perform(call) }
    func follow(_ call: Call) -> Answer { client.follow(call) }

    /// Asks until the nodes agree on who leads; what came to an unknown end is asked again, too.
    func settled(_ call: Call, seconds: Double = 15) -> Answer {
        var answer = Answer.notSent("")
        _ = Clock.poll(seconds: seconds, every: 20_000) {
            answer = follow(call)
            return ![0, 503, 504].contains(answer.status)
        }
        return answer
    }

    /// Stores a value by way of node `id`, whatever elections come between.
    func store(
        _ id: Int, _ key: String, _ value: String = "1", _ place: SourceLocation = #_sourceLocation
    ) throws {
        let answer = settled(.put(url(id, "/kv/\(key)"), value))
        try #require([200, 201].contains(answer.status), "\(key): \(answer)", sourceLocation: place)
    }

    func get(_ id: Int, _ path: String, milliseconds: Int = 3_000) -> Response? {
        var call = Call.get(url(id, path))
        call.milliseconds = milliseconds
        if case .response(let response) = ask(call) { return response }
        return nil
    }

    /// The node's own status, as JSON; `["cluster", "term"]` leads to a member of a member.
    func status(_ id: Int, _ path: String...) -> Any? {
        var value: Any? = get(id, "/status")?.object
        for name in path { value = (value as? [String: Any])?[name] }
        return value
    }

    /// The node that leads, as it says itself and a majority of the running ones agree.
    func leader() -> Int? {
        let running = nodes.filter { $0.process != nil }.map(\.id)
        let named = running.compactMap { status($0, "cluster", "leader", "id") as? Int }
        return running.first { id in
            (status(id, "node", "role") as? String) == "leader" && named.count { $0 == id } * 2 > nodes.count
        }
    }

    /// Waits for a leader other than `former`.
    func newLeader(after former: Int? = nil, seconds: Double = 15) throws -> Int {
        var found: Int?
        _ = Clock.poll(seconds: seconds) {
            found = leader()
            return found != nil && found != former
        }
        return try #require(found, "no leader within \(seconds) s")
    }

    /// Whether the leader counts a node as a voter.
    func isVoter(_ id: Int) -> Bool {
        guard let leader = leader(), let members = status(leader, "members") as? [[String: Any]] else {
            return false
        }
        return members.contains { $0["id"] as? Int == id && $0["role"] as? String == "voter" }
    }

    /// What a node's disk and state are, in the word of the interface.
    func condition(_ id: Int) -> String? { status(id, "node", "condition") as? String }

    /// Whether a node says everywhere what its condition is: in `/status`, `/metrics` and `/readyz`, there
    /// under the check that it belongs to.
    func shows(_ id: Int, _ word: String, under check: String, seconds: Double = 10) -> Bool {
        Clock.poll(seconds: seconds, every: 20_000) {
            guard condition(id) == word, let metrics = get(id, "/metrics"),
                let readiness = get(id, "/readyz?verbose")
            else { return false }
            return metrics.text.contains("rast_condition{condition=\"\(word)\"} 1")
                && readiness.status == 503 && readiness.text.contains("{\"name\":\"\(check)\",\"ok\":false")
        }
    }

    func isReady(_ id: Int) -> Bool { get(id, "/readyz")?.status == 200 }

    /// Waits until all of `ids` (all running ones) say that they are ready.
    func ready(_ ids: [Int]? = nil, seconds: Double = 20) throws {
        for id in ids ?? nodes.filter({ $0.process != nil }).map(\.id) {
            let isReady = Clock.poll(seconds: seconds) { self.isReady(id) }
            try #require(
                isReady, "node \(id) is not ready within \(seconds) s: \(get(id, "/readyz")?.text ?? "")")
        }
    }

    /// What a node has logged.
    func log(_ id: Int) -> String { (try? String(contentsOfFile: self[id].log, encoding: .utf8)) ?? "" }

    /// What a node has logged after so many bytes.
    func log(_ id: Int, since bytes: Int) -> String {
        String(decoding: log(id).utf8.dropFirst(bytes), as: UTF8.self)
    }

    /// Waits until a node's log has these words.
    func logs(_ id: Int, _ words: String, seconds: Double = 10) -> Bool {
        Clock.poll(seconds: seconds, every: 50_000) { log(id).contains(words) }
    }
}

/// What runs beside a test until it is told to end.
protocol Ending: AnyObject {
    func end()
}

/// Runs a test with a cluster; if it fails, the nodes' last words are part of the failure.
///
/// `electionTimeout`: for a test in which nobody is to be elected; the usual one if nil.
func withCluster(
    of count: Int = 3, isStarted: Bool = true, hasWeather: Bool = false, electionTimeout: String? = nil,
    _ body: (Cluster) throws -> Void
) throws {
    let cluster = try Cluster(count, hasWeather: hasWeather)
    defer { for load in cluster.loads { load.end() } }
    do {
        if let electionTimeout {
            try cluster.start(electionTimeout: electionTimeout)
        } else if isStarted {
            try cluster.start()
            try cluster.ready()
        }
        try body(cluster)
    } catch {
        for id in cluster.ids {
            // Snapshots are so frequent here that they would be all there is to see.
            let lines = cluster.log(id).split(separator: "\n").filter { !$0.contains(" snapshot at entry ") }
                .suffix(60)
            print("--- node \(id) ---\n" + lines.joined(separator: "\n"))
        }
        throw error
    }
}

/// Ports of 127.0.0.1 that nobody listens at.
enum Ports {
    /// From below the range that the kernel gives to clients, so that no connection takes a port while its
    /// node is down.
    static func free(_ count: Int, except taken: [UInt16] = []) throws -> [UInt16] {
        var ports: [UInt16] = []
        for _ in 0..<1_000 where ports.count < count {
            let port = UInt16.random(in: 10_000..<32_000)
            if !ports.contains(port) && !taken.contains(port) && isFree(port) { ports.append(port) }
        }
        if ports.count < count { throw Unexpected("no \(count) free ports") }
        return ports
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        return Sockets.bind(socket, "127.0.0.1", port)
    }
}
