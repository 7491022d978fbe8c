// `rast get`: the value of one key, byte for byte.
internal import ArgumentParser
internal import Client
internal import Glibc

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

            EXIT STATUS: 0 done, 1 the key is absent or the node refuses, 2 usage, 3 no leader or unreachable.
            """)

    enum Consistency: String, ExpressibleByArgument, CaseIterable {
        case linearizable, local
    }

    @Argument(help: ArgumentHelp("The key.", valueName: "key"))
    var name: String
    @Option(help: "local: the state of whichever node answers, however old.")
    var consistency = Consistency.linearizable
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
        let response = try ask(&cluster, call)
        if response.status == 404, response.problem?.code == "key_not_found" {
            throw failed("there is no key \(quoted(key)).")
        }
        guard response.isSuccess else { throw refused(response) }
        try put(response.content)
        if output == .text && isatty(1) == 1 { try put([0x0A]) }
    }
}
