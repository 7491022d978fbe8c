// `rast restore`: the first node of a new cluster, made from a backup that is whole.
internal import ArgumentParser
internal import Consensus
internal import Glibc
internal import KeyValue
internal import Server
internal import Snapshot
internal import Wire

struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a new cluster's first node from a backup.",
        discussion: """
            The backup is read and checked to its end before anything is written, so a damaged or shortened \
            one is refused with the place. DIR must be absent or empty. It is whole when this ends; if it is \
            interrupted, no node starts there, and the same command begins anew.

            The cluster is a new one with an id of its own, and its revision is the backup's plus --bump, so \
            that no client takes an older state for a newer one. Start this node, and the others with empty \
            directories and the same --peers: they join it by themselves.

            EXAMPLES:
              rast restore backup.gz --data data/1
              rast serve --id 1 --data data/1 --peers 1=URL,2=URL,3=URL
              ssh backups cat rast.gz | rast restore - --data data/1

            EXIT STATUS: 0 done, 1 the backup or the directory is refused, 2 usage.
            """)

    @Argument(help: ArgumentHelp("The backup; -: standard input.", valueName: "file"), completion: .file())
    var file: String
    @Option(
        help: ArgumentHelp("The new data directory.", valueName: "dir"), completion: .directory)
    var data: String
    @Option(help: ArgumentHelp("The id of the node whose directory it is.", valueName: "id"))
    var id = "1"
    @Option(
        help: ArgumentHelp("How far after the backup's revision the store goes on.", valueName: "count"))
    var bump: UInt64 = 1_000_000_000
    @Option(help: "text: what was restored, in a line; json: the same as an object.")
    var output = OutputForm.text

    func run() throws {
        let node = try Server.Configuration.nodeID(id, for: "--id")
        if file.isEmpty { throw UsageError("FILE expects the name of a file.") }
        // Before a long read, and held until the end.
        let restoring = try Restoring(at: data)
        let whole = try read()
        let (sum, isOver) = whole.head.revision.addingReportingOverflow(bump)
        guard !isOver, sum <= Revision.largest.rawValue else {
            throw UsageError(
                "--bump expects less: revision \(whole.head.revision) plus \(bump) passes 2^53-1.")
        }
        let cluster = ClusterID(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))
        var bar = ProgressBar("writing")
        var done: UInt64 = 0
        defer { bar.clear() }
        try restoring.write(whole, cluster: cluster, node: node, revision: Revision(sum)) { count in
            done += UInt64(count)
            bar.show(min(1, Double(done) / Double(whole.bytes)), bytes: done)
        }
        bar.clear()
        let keys = whole.head.keys
        if output == .json {
            try putLine(
                "{\"cluster\":\"\(cluster)\",\"node\":\(node),\"keys\":\(keys),\"revision\":\(sum)}")
        } else {
            try putLine(
                "\(data): node \(node) of the new cluster \(cluster), \(keys) keys at revision \(sum)")
        }
    }

    /// The backup, checked to its end.
    private func read() throws -> SnapshotDecoder.Decoded {
        let raw = file == "-" ? 0 : open(file, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { throw failed("\(file): \(String(cString: strerror(errno))).") }
        defer { if raw > 0 { close(raw) } }
        var status = stat()
        let isSized = fstat(raw, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size > 0
        var bar = ProgressBar("reading")
        defer { bar.clear() }
        var decoder = BackupDecoder()
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        do throws(BackupError) {
            while true {
                let count = Glibc.read(raw, &piece, piece.count)
                if count == 0 { return try decoder.finish() }
                if count < 0 {
                    if errno == EINTR { continue }
                    break
                }
                try decoder.feed(piece.span.extracting(0..<count))
                bar.show(isSized ? Double(decoder.bytes) / Double(status.st_size) : nil, bytes: decoder.bytes)
            }
        } catch {
            bar.clear()
            throw failed("\(file) is no whole backup: it is \(error). Nothing was restored.")
        }
        throw failed("\(file): \(String(cString: strerror(errno))).")
    }
}
