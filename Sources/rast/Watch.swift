// `rast watch`: what happens to keys, a line an event, over every lost connection.
internal import ArgumentParser
internal import Client
internal import KeyValue
internal import Server

struct Watch: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what happens to keys, as it happens.",
        discussion: """
            One event a line: id, tab, put, delete or expire, tab, key, and for a put, tab and the value's \
            beginning. Where the connection is lost it goes on at another node after the last event: none is \
            lost, none comes twice. Ctrl-C ends it.

            EXAMPLES:
              rast watch config/
              rast watch --key config/app --count 1     waits for one change
              rast watch --since 41                     what happened after revision 41, and goes on
              rast watch --output json | jq -r .key

            EXIT STATUS: 0 done (--count), 1 what is asked for is too old, 2 usage, 3 unreachable.
            """)

    @Argument(help: ArgumentHelp("What the keys begin with; all, if not given.", valueName: "prefix"))
    var prefix: String?
    @Option(help: ArgumentHelp("One key, instead of a prefix.", valueName: "key"))
    var key: String?
    @Option(
        help: ArgumentHelp(
            "Begin after this revision, or this id of an event; from now on, if not given.", valueName: "id"))
    var since: String?
    @Option(help: ArgumentHelp("End after so many events.", valueName: "count"))
    var count: Int?
    @Option(help: "text: a line an event; json: an object a line.")
    var output = OutputForm.text
    @OptionGroup(title: "Cluster") var options: ClientOptions

    private static let previewCharacters = 60

    func run() throws {
        if prefix != nil && key != nil { throw UsageError("PREFIX or --key is given, not both.") }
        if let count, count < 1 { throw UsageError("--count expects a number from 1 on, not \(count).") }
        if let since, !isID(since) {
            throw UsageError(
                """
                --since expects a revision (at most \(Revision.largest)) or an event's id, as 11 or 11.0, \
                not "\(since)".
                """)
        }
        var query: [UInt8] = []
        if let key {
            appendParameter("key", try keyBytes(key), to: &query)
        } else {
            appendParameter("prefix", try argumentBytes(prefix ?? "", "PREFIX"), to: &query)
        }
        var watching = Watching(
            try ClientOptions.places(options.endpoints), query: query, after: since.map { Array($0.utf8) },
            timeoutNanoseconds: try ClientOptions.nanoseconds(options.timeout))
        var left = count ?? .max
        var trouble: (any Error)?
        let refusal: Response?
        do throws(CallFailure) {
            refusal = try watching.run { event in
                do {
                    try show(event)
                } catch {
                    trouble = error
                    return false
                }
                left -= 1
                return left > 0
            }
        } catch {
            complain(error.description)
            throw ExitCode(error.exitStatus)
        }
        if let trouble { throw trouble }
        if let refusal { throw refused(refusal) }
    }

    /// `11`, or `11.0`: a revision, and an event's place in it.
    private func isID(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isNumber } }),
            let revision = UInt64(parts[0]), revision <= Revision.largest.rawValue
        else { return false }
        return parts.count == 1 || UInt32(parts[1]).map { $0 < .max } == true
    }

    private func show(_ event: WatchedEvent) throws {
        if output == .json {
            try put(event.text + [0x0A])
            return
        }
        var line = "\(event.document["id"]?.string ?? "")\t\(event.kind)\t\(printable(event.key))"
        if event.kind == "put" { line += "\t\(preview(of: event.document))" }
        try putLine(line)
    }

    private func preview(of entry: Document) -> String {
        if entry["encoding"]?.string == "base64" {
            guard let bytes = entry["value"]?.base64 else { return "" }
            return "<\(bytes.count) bytes, not text>"
        }
        return printable(entry["value"]?.bytes ?? [], charactersMax: Self.previewCharacters)
    }
}
