// The command line: `rast`, its commands, and what they exit with (Interface §12).
internal import ArgumentParser
internal import Glibc
internal import Server

@main
struct Rast: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rast",
        abstract: "A replicated key-value store that speaks plain HTTP.",
        discussion: """
            EXAMPLES:
              rast dev                          a cluster of three on this machine, to try things out
              rast serve --data DIR             one node on 127.0.0.1:8001
              rast put greeting hello           writes a key; `rast get greeting` reads it
              rast log DIR | jq                 the replicated log of a node

            EXIT STATUS: 0 done, 1 the operation failed, 2 usage, 3 no leader or unreachable.
            """,
        version: version,
        subcommands: [
            Dev.self, Serve.self, Get.self, Put.self, Delete.self, List.self, Status.self, Health.self,
            TransferLeader.self, Log.self, Simulate.self,
        ])

    /// Like the parser's own `main`, with our exit status for usage errors, and errors in one line.
    static func main() {
        do {
            var arguments = Array(CommandLine.arguments.dropFirst())
            if arguments.first == "serve" { arguments = try ServeOptions.completed(arguments) }
            var command = try parseAsRoot(arguments)
            try command.run()
        } catch {
            let code = exitCode(for: error)
            switch error {
            case let usage as UsageError:
                complain(usage.description)
                Glibc.exit(2)
            case let failure as StartFailure:
                complain(failure.description)
                Glibc.exit(1)
            case let exit as ExitCode:
                Glibc.exit(exit.rawValue)
            default:
                let message = fullMessage(for: error)
                if code.isSuccess {
                    put(message)
                    Glibc.exit(0)
                }
                complain(message)
                Glibc.exit(code == .validationFailure ? 2 : 1)
            }
        }
    }
}

/// Says on standard error what is wrong, in one line.
func complain(_ text: String) {
    write("rast: \(text.hasPrefix("Error: ") ? String(text.dropFirst(7)) : text)\n", to: 2)
}

/// Writes to standard output, at once.
func put(_ text: String) { write(text + "\n", to: 1) }

private func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if count < 0 && errno != EINTR { return }
            done += max(0, count)
        }
    }
}
