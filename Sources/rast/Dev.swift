// `rast dev`: a whole cluster on this machine, one process a node, gone with Ctrl-C.
internal import ArgumentParser
internal import Glibc
internal import Network
internal import Server

struct Dev: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a whole cluster on this machine.",
        discussion: """
            Starts one `rast serve` a node, waits until it is ready, and says how to try it. Ctrl-C ends it;
            its data goes with it unless --data says where to keep it.

            EXAMPLES:
              rast dev
              rast dev --nodes 5 --port 9001 --data ./data
            """)

    @Option(help: ArgumentHelp("How many nodes, 1 to 9.", valueName: "count"))
    var nodes = 3
    @Option(help: ArgumentHelp("The first node's port; the others follow it.", valueName: "port"))
    var port: UInt16 = 8001
    @Option(help: ArgumentHelp("Where to keep the data; otherwise it is temporary.", valueName: "dir"))
    var data: String?
    @Option(help: ArgumentHelp("What the nodes log.", valueName: "level"))
    var logLevel = "warning"

    func run() throws {
        guard (1...9).contains(nodes) else { throw UsageError("--nodes expects 1 to 9, not \(nodes).") }
        guard port > 0 else { throw UsageError("--port expects 1 to 65535.") }
        let signals = try SignalInbox(withHangUp: true)
        let ports = try freePorts()
        let folder = try TemporaryFolder(keptAt: data)
        var cluster = LocalCluster(ports: ports, folder: folder.path, logLevel: logLevel)
        try cluster.start()
        let isWhole = cluster.supervise(until: signals) { introduce(ports, folder) }
        cluster.stop()
        folder.remove()
        if !isWhole { throw ExitCode(1) }
    }

    /// As many ports as nodes, from the given one upward; taken ones are left out, and it is said.
    private func freePorts() throws(UsageError) -> [UInt16] {
        var ports: [UInt16] = []
        var candidate = Int(port)
        while ports.count < nodes && candidate <= 65_535 && candidate < Int(port) + 100 {
            if isFree(UInt16(candidate)) {
                ports.append(UInt16(candidate))
            } else {
                complain("port \(candidate) is taken by another program; going on with the next one.")
            }
            candidate += 1
        }
        if ports.count < nodes {
            throw UsageError("There are no \(nodes) free ports from \(port) on: give another --port.")
        }
        return ports
    }

    private func isFree(_ port: UInt16) -> Bool {
        guard let address = Address(ip: "127.0.0.1", port: port) else { return false }
        do throws(SystemError) {
            _ = try Listener(at: address)
            return true
        } catch {
            return false
        }
    }

    private func introduce(_ ports: [UInt16], _ folder: borrowing TemporaryFolder) {
        let urls = ports.map { "http://127.0.0.1:\($0)" }
        let last = urls[urls.count - 1]
        let place =
            folder.isKept ? "Its data is in \(folder.path)" : "Its data is temporary, in \(folder.path)"
        put(
            """
            A cluster of \(nodes) is ready: \(urls.joined(separator: "  "))
            \(place). Ctrl-C ends it.
            See it in a browser at \(urls[0])/ or try:

              curl -L -X PUT --data-binary 'hello' \(urls[0])/kv/greeting
              curl -L \(last)/kv/greeting
              curl -L -X PUT --data-binary 'once' -H 'If-None-Match: *' \(urls[0])/kv/greeting
              curl -L -X DELETE \(last)/kv/greeting
              curl \(urls[0])/status

            """)
    }
}

/// The folder that the nodes' data directories are in: temporary, or one to be kept.
struct TemporaryFolder {
    let path: String
    let isKept: Bool

    init(keptAt path: String?) throws {
        if let path {
            self.path = path
            isKept = true
            return
        }
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/rast-dev-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw StartFailure("Cannot create a folder in \(parent): \(String(cString: strerror(errno))).")
        }
        self.path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        isKept = false
    }

    /// Removes it with all in it, unless it is to be kept.
    func remove() {
        if isKept { return }
        Self.removeAll(path)
    }

    private static func removeAll(_ path: String) {
        if let folder = opendir(path) {
            var names: [String] = []
            while let row = readdir(folder) {
                let name = withUnsafePointer(to: &row.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != "." && name != ".." { names.append(name) }
            }
            closedir(folder)
            for name in names {
                // Not a folder: removed as a file.
                if unlink("\(path)/\(name)") != 0 { removeAll("\(path)/\(name)") }
            }
        }
        if rmdir(path) != 0 && errno != ENOENT {
            complain("\(path) could not be removed: \(String(cString: strerror(errno))).")
        }
    }
}
