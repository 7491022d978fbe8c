// The processes of `rast dev`: started, watched until they are ready, and ended, all of them.
internal import Glibc
internal import Network
internal import Server

/// Nodes on this machine's loopback, each a process of this very program.
struct LocalCluster {
    private struct Member {
        let id: Int
        let port: UInt16
        /// 0 once it has ended.
        var process: pid_t = 0
    }
    private var members: [Member]
    private let folder: String
    private let logLevel: String

    init(ports: [UInt16], folder: String, logLevel: String) {
        members = ports.enumerated().map { Member(id: $0.offset + 1, port: $0.element) }
        self.folder = folder
        self.logLevel = logLevel
    }

    mutating func start() throws {
        let peers = members.map { "\($0.id)=http://127.0.0.1:\($0.port)" }.joined(separator: ",")
        for place in members.indices {
            let member = members[place]
            do {
                members[place].process = try Self.start([
                    "rast", "serve", "--id", "\(member.id)", "--listen", "127.0.0.1:\(member.port)",
                    "--peers", peers, "--data", "\(folder)/\(member.id)", "--log-level", logLevel,
                    "--parent", "\(getpid())",
                ])
            } catch {
                stop()
                throw error
            }
        }
    }

    /// Starts this program once more: in a process group of its own, so that Ctrl-C reaches it through us.
    private static func start(_ arguments: [String]) throws -> pid_t {
        do throws(SpawnFailure) {
            return try spawn("/proc/self/exe", arguments, asGroup: true)
        } catch {
            throw StartFailure("Cannot start a node: \(error.reason).")
        }
    }

    /// Calls `announce` once every node is ready; answers when a signal came (true), or a node died before
    /// that or all have (false).
    mutating func supervise(until signals: borrowing SignalInbox, announce: () -> Void) -> Bool {
        var isAnnounced = false
        let began = monotonicNanoseconds()
        var hasComplained = false
        while true {
            if signals.next() != nil { return true }
            for (id, end) in ended() {
                complain("node \(id) has ended \(end).")
                if !isAnnounced { return false }
            }
            if members.allSatisfy({ $0.process == 0 }) { return false }
            if !isAnnounced {
                isAnnounced = members.allSatisfy { Probe.isReady(port: $0.port) }
                if isAnnounced { announce() }
                if !hasComplained && monotonicNanoseconds() - began > 15_000_000_000 {
                    hasComplained = true
                    complain(
                        "not ready after 15 s; ask http://127.0.0.1:\(members[0].port)/readyz?verbose why."
                    )
                }
            }
            usleep(isAnnounced ? 100_000 : 20_000)
        }
    }

    /// The nodes that have ended since the last call, and how.
    private mutating func ended() -> [(id: Int, end: String)] {
        var found: [(id: Int, end: String)] = []
        for place in members.indices where members[place].process > 0 {
            var status: Int32 = 0
            if waitpid(members[place].process, &status, WNOHANG) == members[place].process {
                members[place].process = 0
                found.append((members[place].id, Self.end(status)))
            }
        }
        return found
    }

    /// What `waitpid` says of an end, in words: a signal's number is in the low seven bits.
    private static func end(_ status: Int32) -> String {
        if status & 0x7F != 0 { return "by signal \(status & 0x7F)" }
        let code = status >> 8 & 0xFF
        if code == 0 { return "as it was asked to (status 0)" }
        return "with status \(code): its log lines above say why"
    }

    /// Ends every node: asked first, killed after 7 s.
    mutating func stop() {
        for member in members where member.process > 0 { kill(member.process, SIGTERM) }
        let deadline = monotonicNanoseconds() + 7_000_000_000
        while members.contains(where: { $0.process > 0 }) && monotonicNanoseconds() < deadline {
            _ = ended()
            usleep(10_000)
        }
        for place in members.indices where members[place].process > 0 {
            kill(members[place].process, SIGKILL)
            waitpid(members[place].process, nil, 0)
            members[place].process = 0
        }
    }
}

/// Asking a node on this machine whether it is ready, and waiting for the answer.
enum Probe {
    static func isReady(port: UInt16) -> Bool {
        guard let address = Address(ip: "127.0.0.1", port: port) else { return false }
        do throws(SystemError) {
            let socket = try Descriptor.dial(address, from: nil)
            var poller = try Poller()
            try poller.add(socket, as: Token(slot: 0, generation: 1), for: .changes)
            let deadline = monotonicNanoseconds() + 1_000_000_000
            guard try poller.wait(until: deadline) > 0, socket.connectFailure() == nil else { return false }
            var out = Outbound()
            out.bytes.append(
                contentsOf: "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n"
                    .utf8)
            guard out.flush(to: socket) == .sent else { return false }
            var pool = BufferPool()
            var inbound = Inbound()
            while monotonicNanoseconds() < deadline {
                switch inbound.receive(from: socket, pool: &pool) {
                case .received: continue
                case .nothing: _ = try poller.wait(until: deadline)
                case .ended, .full: return inbound.bytes[inbound.unread].starts(with: "HTTP/1.1 200".utf8)
                case .broken: return false
                }
            }
        } catch {
            return false
        }
        return false
    }
}
