// `rast backup`: everything in the store at one moment, as a file that is verified before it has its name.
internal import ArgumentParser
internal import Client
internal import Glibc
internal import Server
internal import Snapshot
internal import Wire

struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a consistent backup of the whole store to a file.",
        discussion: """
            The backup is of one moment, and writes go on meanwhile. It is gzip'd NDJSON: a header, a line a \
            key, and a last line that vouches for all of it. It is checked as it arrives, and the file gets \
            its name (in place of an older one) only when it is whole and on disk. `rast restore` makes a \
            cluster of it.

            EXAMPLES:
              rast backup rast-$(date +%F).ndjson.gz
              rast backup backup.gz --endpoints http://10.0.0.1:8001,http://10.0.0.2:8001
              rast backup backup.gz --consistency local     from a node without a quorum, however old
              rast backup - | ssh backups 'cat > rast.gz'   exits 0 only if all that was sent is whole
              zcat backup.gz | jq -r 'select(.key) | .key'

            EXIT STATUS: 0 done, 1 the node refuses or the file is not whole, 2 usage, 3 no leader,
            unreachable or cut short.
            """)

    @Argument(
        help: ArgumentHelp("Where the backup goes; -: standard output.", valueName: "file"),
        completion: .file())
    var file: String
    @Option(help: "local: the state of whichever node answers, however old.")
    var consistency = Get.Consistency.linearizable
    @Option(help: "text: what was written, in a line; json: the same as an object.")
    var output = OutputForm.text
    @OptionGroup(title: "Cluster") var options: ClientOptions

    func run() throws {
        if file.isEmpty { throw UsageError("FILE expects the name of a file.") }
        var cluster = try options.cluster()
        var call = Call(.get, path: "/backup")
        call.tellsTimeout = true
        if consistency == .local { appendParameter("consistency", Array("local".utf8), to: &call.query) }
        if file == "-" && isatty(1) == 1 {
            throw UsageError(
                "A backup is no text for a terminal: name a file, or send it on: rast backup - | …")
        }
        let writing = BackupWriting(to: file == "-" ? nil : try NewFile(file))
        defer { writing.end() }
        let response: Response
        do throws(CallFailure) {
            response = try cluster.call(call, to: writing)
        } catch {
            writing.bar.clear()
            if let trouble = writing.trouble { throw failed("\(file): \(trouble)") }
            complain(error.description)
            throw ExitCode(error.exitStatus)
        }
        guard response.isSuccess else { throw refused(response) }
        let whole = try keep(writing, from: response)
        if file == "-" { return }
        let revision = whole.head.revision
        if output == .json {
            try putLine(
                "{\"keys\":\(whole.head.keys),\"revision\":\(revision),\"bytes\":\(writing.bytes),"
                    + "\"cluster\":\"\(whole.head.cluster)\"}")
        } else {
            try putLine(
                "\(file): \(whole.head.keys) keys at revision \(revision), \(readable(bytes: writing.bytes))")
        }
    }

    private func keep(
        _ writing: BackupWriting, from response: Response
    ) throws -> SnapshotDecoder.Decoded {
        let whole: SnapshotDecoder.Decoded
        do throws(BackupError) {
            whole = try writing.finish()
        } catch {
            throw failed("\(response.endpoint): what it sent is no whole backup: it is \(error).")
        }
        try writing.keep()
        return whole
    }
}

/// Writes a backup's bytes to a file, and checks them as they come.
private final class BackupWriting: ContentSink {
    /// nil: standard output.
    private let file: NewFile?
    private var decoder: BackupDecoder? = BackupDecoder(keepsRecords: false)
    private var isKept = false
    var bar = ProgressBar("backup")
    private(set) var bytes: UInt64 = 0
    /// Why no more is taken.
    private(set) var trouble: String?

    init(to file: NewFile?) { self.file = file }

    func take(_ bytes: ArraySlice<UInt8>) -> Bool {
        do throws(BackupError) {
            try decoder?.feed(Array(bytes).span)
        } catch {
            trouble = "what comes is no backup: it is \(error)."
            return false
        }
        do {
            try write(bytes)
        } catch {
            trouble = "\(error)"
            return false
        }
        self.bytes += UInt64(bytes.count)
        bar.show(share, bytes: self.bytes)
        return true
    }

    private func write(_ bytes: ArraySlice<UInt8>) throws {
        if let file { try file.write(bytes) } else { try put(Array(bytes)) }
    }

    /// How many of the keys have come.
    private var share: Double? {
        guard let keys = decoder?.head?.keys, let count = decoder?.count, keys > 0 else { return nil }
        return Double(count) / Double(keys)
    }

    /// All has come: what it is, if it is whole.
    func finish() throws(BackupError) -> SnapshotDecoder.Decoded {
        bar.clear()
        guard let decoder = decoder.take() else { preconditionFailure("it is finished once") }
        return try decoder.finish()
    }

    /// Gives the file its name.
    func keep() throws(StartFailure) {
        try file?.keep()
        isKept = true
    }

    /// Whatever happened, no part of a file is left.
    func end() { if !isKept { file?.discard() } }
}
