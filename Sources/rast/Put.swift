// `rast put`: stores a value, from the command line or standard input, with or without a condition.
internal import ArgumentParser
internal import Client
internal import Consensus
internal import KeyValue
internal import Server

struct Put: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Store a value under a key, and print its revision.",
        discussion: """
            Without VALUE, or with -, the value is read from standard input, byte for byte. A condition that \
            does not hold changes nothing and exits 1.

            It is sent again, under one Idempotency-Key, for as long as --timeout allows: it takes effect \
            once. "Outcome unknown" (exit 3) means that no answer came in that time: the value may have been \
            stored, or may yet be.

            EXAMPLES:
              rast put greeting hello
              rast put config/app --content-type application/json < app.json
              rast put owner/reports "$(hostname)" --if-absent
              rast put session/7 alice --ttl 30m        gone half an hour later
              rast put greeting hi --if-revision 7      only while nobody changed it since
              rast put -- -dashed -value                what begins with a dash

            EXIT STATUS: 0 done, 1 the condition does not hold or the node refuses, 2 usage, 3 no leader, \
            unreachable or outcome unknown.
            """)

    @Argument(help: ArgumentHelp("The key.", valueName: "key"))
    var name: String
    @Argument(help: ArgumentHelp("The value; - or none: standard input.", valueName: "value"))
    var value: String?
    @Option(help: ArgumentHelp("What the value is; kept with it.", valueName: "type"))
    var contentType: String?
    @Flag(help: "Only if there is no such key.")
    var ifAbsent = false
    @Option(help: ArgumentHelp("Only while the key's revision is this.", valueName: "revision"))
    var ifRevision: UInt64?
    @Option(help: ArgumentHelp("How long the key lives, 1s to ten years; else for ever.", valueName: "time"))
    var ttl: String?
    @Option(help: ArgumentHelp("The key lives as long as this lease.", valueName: "id"))
    var lease: UInt64?
    @Option(help: "text: the revision; json: the answer as it came.")
    var output = OutputForm.text
    @OptionGroup(title: "Cluster") var options: ClientOptions

    func run() throws {
        let key = try keyBytes(name)
        if ttl != nil && lease != nil {
            throw UsageError("--ttl and --lease exclude each other: give one of them.")
        }
        if ifAbsent && ifRevision != nil {
            throw UsageError("--if-absent and --if-revision exclude each other: give one of them.")
        }
        var call = Call(.put, path: keyPath(key))
        call.tellsTimeout = true
        call.giveName()
        if let ttl {
            // Rounded up: a key is never gone too early.
            let milliseconds = interval(ttl).map { ($0.nanoseconds + 999_999) / 1_000_000 }
            guard let milliseconds, Lifetime.ttlMilliseconds.contains(milliseconds) else {
                throw UsageError("--ttl expects a time from 1s to ten years, such as 30m, not \"\(ttl)\".")
            }
            appendParameter("ttl", Array("\(milliseconds)ms".utf8), to: &call.query)
        }
        if let lease { appendParameter("lease", Array("\(lease)".utf8), to: &call.query) }
        if let contentType {
            let bytes = Array(contentType.utf8)
            guard !bytes.isEmpty, bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else {
                throw UsageError("--content-type expects a media type such as application/json.")
            }
            call.fields.append(Call.Field("Content-Type", bytes))
        }
        if ifAbsent { call.fields.append(Call.Field("If-None-Match", [UInt8(ascii: "*")])) }
        if let ifRevision { call.fields.append(Call.Field("If-Match", Array("\"\(ifRevision)\"".utf8))) }
        var cluster = try options.cluster()
        if let value, value != "-" {
            call.content = try argumentBytes(value, "VALUE")
        } else {
            call.content = try standardInput()
        }
        let response = try ask(&cluster, call)
        if response.status == 412 {
            throw failed("nothing was stored: \(present(key, response)).")
        }
        guard response.isSuccess else { throw refused(response) }
        if output == .json {
            try put(response.content)
        } else {
            try putLine("\(try revision(of: response))")
        }
    }
}

extension ParsableCommand {
    /// Why a condition did not hold, by what a 412 says of the key.
    func present(_ key: [UInt8], _ response: Response) -> String {
        response.keyRevision.map { "the key \(quoted(key)) is at revision \($0)" }
            ?? "there is no key \(quoted(key))"
    }

    /// The store's revision after a write.
    func revision(of response: Response) throws -> UInt64 {
        guard let revision = Document(response.content)?["revision"]?.number else {
            throw failed("\(response.endpoint) did it, but its answer is not one of rast's.")
        }
        return revision
    }
}
