// `rast get`: the value of one key, byte for byte.
internal import ArgumentParser
internal import Client
internal import Consensus
internal import Glibc
internal import Server

struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the value of a key.",
        discussion: """
            The exact bytes are written; a newline is added on a terminal only. A key that is absent exits 1.

            EXAMPLES:
              rast get greeting
              rast get config/app > app.json
              rast get greeting --output json | jq .revision
              rast get greeting --consistency local     answers without a quorum, however old
              rast get greeting --wait 30s              the value, once it has changed, or after 30 s

            EXIT STATUS: 0 done, 1 the key is absent or the node refuses, 2 usage, 3 no leader or unreachable.
            """)

    enum Consistency: String, ExpressibleByArgument, CaseIterable {
        case linearizable, local
    }

    @Argument(help: ArgumentHelp("The key.", valueName: "key"))
    var name: String
    @Option(help: "local: the state of whichever node answers, however old.")
    var consistency = Consistency.linearizable
    @Option(
        help: ArgumentHelp(
            "Wait until the key is put or deleted, at most so long (10m), and print what it is then.",
            valueName: "time"))
    var wait: String?
    @Option(
        help: ArgumentHelp(
            "With --wait: changes after this revision of the store count; after now, if not given.",
            valueName: "revision"))
    var after: UInt64?
    @Option(help: "text: the value; json: with key, revisions and content type.")
    var output = OutputForm.text
    @OptionGroup(title: "Cluster") var options: ClientOptions

    func run() throws {
        let key = try keyBytes(name)
        var call = Call(.get, path: keyPath(key))
        call.tellsTimeout = true
        if output == .json { appendParameter("format", Array("json".utf8), to: &call.query) }
        if consistency == .local { appendParameter("consistency", Array("local".utf8), to: &call.query) }
        var cluster = try options.cluster()
        if let wait {
            guard let time = interval(wait), time.nanoseconds <= Self.waitNanosecondsMax else {
                throw UsageError("--wait expects a time up to 10m, such as 30s, not \"\(wait)\".")
            }
            let after = try after ?? revision(of: call, &cluster)
            appendParameter("after", Array("\(after)".utf8), to: &call.query)
            call.waitNanoseconds = max(1, time.nanoseconds)
        } else if after != nil {
            throw UsageError("--after goes with --wait.")
        }
        let response = try ask(&cluster, call)
        if response.status == 404, response.problem?.code == "key_not_found" {
            throw failed("there is no key \(quoted(key)).")
        }
        guard response.isSuccess else { throw refused(response) }
        try put(response.content)
        if output == .text && isatty(1) == 1 { try put([0x0A]) }
    }

    private static let waitNanosecondsMax: UInt64 = 600_000_000_000

    /// The store's revision of now: whichever node is asked in the end, and however often, no change after it
    /// is missed.
    private func revision(of call: Call, _ cluster: inout Cluster) throws -> UInt64 {
        let response = try ask(&cluster, call)
        guard response.isSuccess || response.status == 404 else { throw refused(response) }
        return response.number("Rast-Revision") ?? 0
    }
}
