// `rast log`: prints a node's replicated log, one entry a line, and verifies it; a live node's too.
internal import ArgumentParser
internal import Consensus
internal import Glibc
internal import Journal
internal import Server
internal import Wire

struct Log: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print and verify the replicated log in a data directory.",
        discussion: """
            Each entry is printed as it stands on disk: one JSON object a line. Damage is told on standard
            error with its place, and the exit status is 1. Nothing is changed; the node may be running.

            EXAMPLES:
              rast log data/1 | jq -c '.command'
              rast log data/1 | tail -n 1
            """)

    @Argument(help: ArgumentHelp("A node's data directory.", valueName: "data-dir"))
    var folder: String

    func run() throws {
        let directory = try DataDirectory.openToRead(folder)
        var printer = Printer()
        let recovered: Recovered
        do throws(RecoveryError) {
            let node = try Self.owner(of: directory)
            recovered = try Journal.read(node: node, from: directory) {
                bytes, line throws(RecoveryError) in
                printer.put(bytes.extracting(line.line))
            }
        } catch {
            printer.flush()
            throw StartFailure("\(folder): \(error).")
        }
        // What is in the log and not known to be committed.
        for block in recovered.tail { printer.put(block.bytes.span) }
        printer.flush()
        if recovered.tornBytes > 0 {
            complain(
                "\(folder): \(recovered.tornBytes) bytes after the last whole batch never counted: left out."
            )
        }
        if let damage = recovered.damage {
            complain("\(folder): \(damage).")
            throw ExitCode(1)
        }
    }

    /// The node whose directory it is; any, where it has not joined a cluster yet.
    private static func owner(of directory: DataDirectory) throws(RecoveryError) -> NodeID {
        let bytes: [UInt8]?
        do throws(DiskFailure) {
            bytes = try directory.read(.identity, offset: 0, count: 4_096)
        } catch {
            throw .disk(error)
        }
        guard let bytes, let identity = try? Identity(bytes.span) else { return NodeID(1) }
        return identity.node
    }
}

/// Standard output in large pieces.
private struct Printer {
    private var bytes: [UInt8] = []

    mutating func put(_ line: Span<UInt8>) {
        line.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        if bytes.count >= 64 << 10 { flush() }
    }

    mutating func flush() {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { write(1, $0.baseAddress.map { $0 + done }, $0.count - done) }
            if count < 0 && errno == EINTR { continue }
            // Who reads has gone: `rast log | head`.
            if count <= 0 { Glibc.exit(0) }
            done += count
        }
        bytes.removeAll(keepingCapacity: true)
    }
}
