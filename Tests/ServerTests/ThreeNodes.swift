// A cluster of three for a test: real processes on free ports, gone with the test.
import Glibc
import Network
import Synchronization
import Testing

final class ThreeNodes {
    let nodes: [OneNode]

    /// Starts them, with further flags and an election timeout in milliseconds (longer where all is
    /// slow), and waits until all of them know a leader. A leader that gets no processor for so long is none
    /// any more.
    init(_ flags: [String] = [], electionTimeout: Int = 1_000) throws {
        let ports = try Self.freePorts(3)
        let peers = ports.enumerated().map { "\($0 + 1)=http://127.0.0.1:\($1)" }.joined(separator: ",")
        nodes = try ports.enumerated().map { place, port in
            try OneNode(
                ["--id", "\(place + 1)", "--peers", peers] + flags, listen: "127.0.0.1:\(port)",
                electionTimeout: max(electionTimeout, slowness > 1 ? 2_000 : 0), waitsUntilReady: false)
        }
        for node in nodes { try node.waitUntilReady() }
    }

    /// The place of the leader that all agree on.
    func leader() throws -> Int {
        let deadline = monotonicNanoseconds() + 20_000_000_000
        while monotonicNanoseconds() < deadline {
            var leaders: Set<String> = []
            for node in nodes {
                let text = try Caller(node.port).ask("GET", "/status").text
                leaders.insert(
                    text.split(separator: "\"leader\":{\"id\":").dropFirst().first.map(String.init) ?? "")
            }
            if let first = leaders.first?.first?.wholeNumberValue,
                leaders.count == 1 || Set(leaders.map(\.first)).count == 1
            {
                return first - 1
            }
            usleep(5_000)
        }
        throw Trouble(description: "no leader is agreed on")
    }

    /// Who leads, and one who does not.
    func leaderAndFollower() throws -> (OneNode, OneNode) {
        let place = try leader()
        return (nodes[place], nodes[(place + 1) % 3])
    }

    /// Those that a cluster has or had.
    private static let given = Mutex<Set<UInt16>>([])

    /// Ports that were free a moment ago, none twice. From below the range that the kernel gives to clients,
    /// of which other tests have hundreds at this time.
    private static func freePorts(_ count: Int) throws -> [UInt16] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        var ports: [UInt16] = []
        for _ in 0..<1_000 where ports.count < count {
            let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            sockets.append(socket)
            // A process that is just being started holds a copy of it, which must not be in the node's way.
            var isReused: Int32 = 1
            setsockopt(
                socket, SOL_SOCKET, SO_REUSEADDR, &isReused, socklen_t(MemoryLayout.size(ofValue: isReused)))
            var address = sockaddr_in()
            let port = UInt16.random(in: 10_000..<32_000)
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if result == 0, given.withLock({ $0.insert(port).inserted }) { ports.append(port) }
        }
        if ports.count < count { throw Trouble(description: "no \(count) free ports") }
        return ports
    }
}
