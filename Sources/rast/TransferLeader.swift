// `rast transfer-leader`: hands leadership to another member, before its machine is taken down for instance.
internal import ArgumentParser
internal import Client
internal import Glibc
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
        } else if let leader = Self.leader(seenBy: response.endpoint) ?? id.flatMap({ UInt64($0) }) {
            try putLine("Node \(leader) leads.")
        } else {
            try putLine("Leadership was handed over; `rast status` shows to whom.")
        }
    }

    /// Who leads, by the word of the node that has just handed over: it hears so within a moment.
    private static func leader(seenBy endpoint: Endpoint) -> UInt64? {
        let call = Call(.get, path: "/status")
        for _ in 0..<50 {
            guard
                case .success(let response) = Cluster.ask(
                    call, each: [endpoint], timeoutNanoseconds: 1_000_000_000
                ).first
            else { return nil }
            if let leader = Document(response.content)?["cluster"]?["leader"]?["id"]?.number { return leader }
            usleep(20_000)
        }
        return nil
    }
}
