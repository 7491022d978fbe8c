// `rast delete`: removes one key, with or without a condition.
internal import ArgumentParser
internal import Client

struct Delete: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete a key, and print the revision that did it.",
        discussion: """
            A key that is absent already is as it is wanted: it is said, nothing is printed, and the exit \
            status is 0. With --if-revision, an absent key fails the condition.

            It is sent again, under one Idempotency-Key, for as long as --timeout allows: it takes effect \
            once. "Outcome unknown" (exit 3) means that no answer came in that time: the key may have been \
            deleted, or may yet be.

            EXAMPLES:
              rast delete greeting
              rast delete greeting --if-revision 7      only while nobody changed it since

            EXIT STATUS: 0 done, 1 the condition does not hold or the node refuses, 2 usage, 3 no leader, \
            unreachable or outcome unknown.
            """)

    @Argument(help: ArgumentHelp("The key.", valueName: "key"))
    var name: String
    @Option(help: ArgumentHelp("Only while the key's revision is this.", valueName: "revision"))
    var ifRevision: UInt64?
    @Option(help: "text: the revision; json: the answer as it came.")
    var output = OutputForm.text
    @OptionGroup(title: "Cluster") var options: ClientOptions

    func run() throws {
        let key = try keyBytes(name)
        var call = Call(.delete, path: keyPath(key))
        call.tellsTimeout = true
        call.giveName()
        if let ifRevision { call.fields.append(Call.Field("If-Match", Array("\"\(ifRevision)\"".utf8))) }
        var cluster = try options.cluster()
        let response = try ask(&cluster, call)
        if response.status == 412 { throw failed("nothing was deleted: \(present(key, response)).") }
        guard response.isSuccess else { throw refused(response) }
        let revision = try revision(of: response)
        if output == .json {
            try put(response.content)
        } else if Document(response.content)?["deleted"]?.number == 0 {
            complain("there is no key \(quoted(key)): nothing was deleted.")
        } else {
            try putLine("\(revision)")
        }
    }
}
