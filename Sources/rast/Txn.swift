// `rast txn`: conditions and operations from a file or standard input, all of it atomic.
internal import ArgumentParser
internal import Client
internal import Glibc
internal import Server

struct Txn: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check conditions and do operations at one revision, and print that.",
        discussion: """
            FILE holds {"if":[...],"then":[...],"else":[...]} as POST /txn takes it; - is standard input. \
            Where the conditions do not all hold, what "else" says is done, and the exit status is 1.

            It is sent again, under one Idempotency-Key, for as long as --timeout allows: it takes effect \
            once. (One whose answer is larger than 64 KiB has no such key, and is sent once.) "Outcome \
            unknown" (exit 3) means that no answer came: it may have been done, or may yet be.

            EXAMPLES:
              rast txn move.json
              rast txn - --output json < move.json      what was read, too

            EXIT STATUS: 0 done, 1 a condition does not hold or the node refuses, 2 usage, 3 no leader, \
            unreachable or outcome unknown.
            """)

    @Argument(help: ArgumentHelp("Where the transaction is; - is standard input.", valueName: "file"))
    var file: String
    @Option(help: "text: the revision; json: the answer as it came, with what was read.")
    var output = OutputForm.text
    @OptionGroup(title: "Cluster") var options: ClientOptions

    func run() throws {
        var call = Call(.post, path: "/txn")
        call.tellsTimeout = true
        call.fields = [Call.Field("Content-Type", Array("application/json".utf8))]
        var cluster = try options.cluster()
        call.content = try file == "-" ? standardInput() : Self.content(of: file)
        var named = call
        named.giveName()
        var response = try ask(&cluster, named)
        // What is answered under a name has to be kept, so it has to be small; nothing was done.
        if response.problem?.code == "answer_too_large" { response = try ask(&cluster, call) }
        guard response.isSuccess else { throw refused(response) }
        let revision = try revision(of: response)
        if output == .json {
            try put(response.content)
        } else {
            try putLine("\(revision)")
        }
        if Document(response.content)?["succeeded"]?.boolean == false {
            throw failed("a condition does not hold: what \"else\" says was done.")
        }
    }

    private static func content(of file: String) throws(StartFailure) -> [UInt8] {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw StartFailure("Cannot read \(file): \(String(cString: strerror(errno))).")
        }
        defer { _ = close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { return content }
            if count > 0 {
                content += buffer[..<count]
            } else if errno != EINTR {
                throw StartFailure("Cannot read \(file): \(String(cString: strerror(errno))).")
            }
        }
    }
}
