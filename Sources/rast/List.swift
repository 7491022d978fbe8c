// `rast list`: the keys that begin with a prefix, in byte order, page by page.
internal import ArgumentParser
internal import Client
internal import Server

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List keys and values, in byte order.",
        discussion: """
            One key a line: key, tab, revision, tab, and the beginning of its value; controls, backslashes \
            and what is not UTF-8 are escaped as in C, so that a line is a key. Long lists come in pages, \
            each of its own moment; a key that is there throughout is listed once.

            EXAMPLES:
              rast list
              rast list config/ --keys
              rast list --limit 10 --output json | jq -r .key

            EXIT STATUS: 0 done, 1 the node refuses, 2 usage, 3 no leader or unreachable.
            """)

    @Argument(help: ArgumentHelp("What the keys begin with.", valueName: "prefix"))
    var prefix: String?
    @Flag(help: "The keys alone.")
    var keys = false
    @Option(help: ArgumentHelp("How many keys at most.", valueName: "count"))
    var limit: Int?
    @Option(help: "local: the state of whichever node answers, however old.")
    var consistency = Get.Consistency.linearizable
    @Option(help: "text: a line a key; json: an object a line.")
    var output = OutputForm.text
    @OptionGroup(title: "Cluster") var options: ClientOptions

    private static let pageMax = 1_000
    private static let previewCharacters = 60

    func run() throws {
        if let limit, limit < 1 { throw UsageError("--limit expects a number from 1 on, not \(limit).") }
        var cluster = try options.cluster()
        // A cursor is good with the same parameters only, so each page has the same limit.
        var query: [UInt8] = []
        if let prefix {
            appendParameter("prefix", try argumentBytes(prefix, "PREFIX"), to: &query)
        }
        if let limit, limit < Self.pageMax { appendParameter("limit", Array("\(limit)".utf8), to: &query) }
        if keys { appendParameter("keys", to: &query) }
        if consistency == .local { appendParameter("consistency", Array("local".utf8), to: &query) }
        var remaining = limit ?? .max
        var cursor: [UInt8]?
        repeat {
            var call = Call(.get, path: "/kv")
            call.query = query
            call.tellsTimeout = true
            if let cursor { appendParameter("cursor", cursor, to: &call.query) }
            let response = try ask(&cluster, call)
            guard response.isSuccess else { throw refused(response) }
            guard let page = Document(response.content), let entries = page["entries"]?.elements else {
                throw failed("\(response.endpoint): its answer is no list of rast's.")
            }
            try show(entries.prefix(remaining), in: response.content)
            remaining -= min(remaining, entries.count)
            cursor = page["next"]?.bytes
        } while cursor != nil && remaining > 0
    }

    private func show(_ entries: ArraySlice<Document>, in text: [UInt8]) throws {
        var lines: [UInt8] = []
        for entry in entries {
            if output == .json {
                // Line ends can only be whitespace between tokens.
                lines += text[entry.range].map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
            } else {
                lines += printable(entry["key"]?.bytes ?? []).utf8
                if !keys {
                    lines += "\t\(entry["revision"]?.digits ?? "?")\t\(preview(of: entry))".utf8
                }
            }
            lines.append(0x0A)
        }
        try put(lines)
    }

    private func preview(of entry: Document) -> String {
        if entry["encoding"]?.string == "base64" {
            guard let bytes = entry["value"]?.base64 else { return "" }
            return "<\(bytes.count) bytes, not text>"
        }
        return printable(entry["value"]?.bytes ?? [], charactersMax: Self.previewCharacters)
    }
}
