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
              rast dev                          a cluster of three on this machine
              rast serve --data DIR             one node on 127.0.0.1:8001
              rast put greeting hello           writes a key; `rast get greeting` reads it
              rast lock nightly -- ./job        one job at a time, wherever it runs
              rast status --watch               who leads, and how far each member is
              rast backup FILE                  all of one moment; `rast restore` makes a cluster of it
              rast bench                        how fast it is, and how long answers take
              rast log DIR | jq                 the replicated log of a node

            COMPLETIONS for your shell come from the program itself:
              rast --generate-completion-script bash > ~/.local/share/bash-completion/completions/rast
              rast --generate-completion-script zsh > ~/.zfunc/_rast
              rast --generate-completion-script fish > ~/.config/fish/completions/rast.fish

            EXIT STATUS: 0 done, 1 the operation failed, 2 usage, 3 no leader or unreachable.
            """,
        version: version,
        subcommands: [
            Dev.self, Serve.self, Get.self, Put.self, Delete.self, List.self, Watch.self, Txn.self,
            Lock.self, Status.self, Health.self, TransferLeader.self, Backup.self, Restore.self, Log.self,
            Bench.self, Simulate.self,
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
                if code.isSuccess {
                    put(fullMessage(for: error))
                    Glibc.exit(0)
                }
                complain(oneLine(error))
                Glibc.exit(code == .validationFailure ? 2 : 1)
            }
        }
    }

    /// What the parser has against the arguments, and which help to read, without the usage of the whole
    /// command between them.
    private static func oneLine(_ error: any Error) -> String {
        let lines = message(for: error).split(separator: "\n").map { String($0) }
        let text = lines.joined(separator: " ")
        let hint = fullMessage(for: error).split(separator: "'").last { $0.hasSuffix(" --help") }
        guard let hint else { return text }
        return "\(text.hasSuffix(".") ? String(text.dropLast()) : text); see `\(hint)`."
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
