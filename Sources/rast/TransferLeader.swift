// `rast transfer-leader`: hands leadership to another member, before its machine is taken down for instance.
internal import ArgumentParser
internal import Client
internal import Server

struct TransferLeader: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer-leader",
        abstract: "Hand leadership to another member.",
        discussion: """
            Without ID, any voter that has caught up takes over. "Outcome unknown" (exit 3) means that the \
            request was sent and no answer came: `rast status` shows who leads.

            EXAMPLES:
              rast transfer-leader
              rast transfer-leader 2

            EXIT STATUS: 0 done, 1 refused, 2 usage, 3 no leader, unreachable or outcome unknown.
            """)

    @Argument(help: ArgumentHelp("The member that is to lead.", valueName: "id"))
    var id: String?
    @Option(help: "text: who leads now; json: the answer as it came.")
    var output = OutputForm.text
    @OptionGroup(title: "Cluster") var options: ClientOptions

    func run() throws {
        var call = Call(.post, path: "/cluster/leader")
        call.tellsTimeout = true
        call.fields = [Call.Field("Content-Type", Array("application/json".utf8))]
        if let id {
            guard let number = UInt64(id), number > 0, number < 1 << 53 else {
                throw UsageError("ID expects a member's id, an integer from 1 on, not \"\(id)\".")
            }
            call.content = Array("{\"id\":\(number)}".utf8)
        } else {
            call.content = Array("{}".utf8)
        }
        var cluster = try options.cluster()
        let response = try ask(&cluster, call)
        guard response.isSuccess else { throw refused(response) }
        if output == .json {
            try put(response.content)
        } else if let leader = Document(response.content)?["leader"]?["id"]?.number
            ?? id.flatMap({ UInt64($0) })
        {
            try putLine("Node \(leader) leads.")
        } else {
            try putLine("Leadership was handed over; `rast status` shows to whom.")
        }
    }
}
