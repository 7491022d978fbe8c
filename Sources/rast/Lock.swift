// `rast lock`: runs a command while a lock is held, on a lease and conditions alone (Interface §4, §12).
internal import ArgumentParser
internal import Client
internal import Consensus
internal import Glibc
internal import Network
internal import Server

struct Lock: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a command while holding a lock.",
        discussion: """
            Takes the key lock/NAME under a lease that is kept alive, and runs COMMAND; first come, first \
            served. When the command ends, so does the lock, and its status is ours. The command finds in \
            RAST_LOCK_REVISION a number that is larger for each holder: what the lock protects should be \
            given it, and refuse a smaller one than it has seen, for a paused holder does not know that it \
            was overtaken. If the lease is lost, or the key is deleted by somebody, the command and all that \
            it has started get SIGTERM, and after 10 s SIGKILL; a SIGTERM or SIGHUP of ours goes to all of \
            them, too.

            EXAMPLES:
              rast lock nightly -- ./report.sh --all
              rast lock leader --ttl 5s -- ./serve       the next one takes over within about 5 s
              rast lock deploy --wait 0s -- make deploy  not at all if somebody holds it

            EXIT STATUS: the command's (128 and its number if a signal ended it), 1 the lock is held for \
            longer than --wait, 2 usage, 3 unreachable or the lock was lost, 126 or 127 the command cannot \
            be run.
            """)

    @Argument(help: ArgumentHelp("The lock's name.", valueName: "name"))
    var name: String
    @Argument(parsing: .postTerminator, help: ArgumentHelp("The command, after --.", valueName: "command"))
    var command: [String] = []
    @Option(
        help: ArgumentHelp("How long the lock outlives a holder that is gone, 2s to 1h.", valueName: "time"))
    var ttl = "10s"
    @Option(help: ArgumentHelp("How long to wait for it; for ever, if not given.", valueName: "time"))
    var wait: String?
    @OptionGroup(title: "Cluster") var options: ClientOptions

    func run() throws {
        guard !name.isEmpty else { throw UsageError("NAME is empty.") }
        let key = try keyBytes("lock/\(name)")
        guard !command.isEmpty else { throw UsageError("A COMMAND is expected after --.") }
        guard let time = interval(ttl), (2_000...3_600_000).contains(time.milliseconds) else {
            throw UsageError("--ttl expects a time from 2s to 1h, not \"\(ttl)\".")
        }
        var patience: UInt64?
        if let wait {
            guard let time = interval(wait) else {
                throw UsageError("--wait expects a time such as 0s or 10m, not \"\(wait)\".")
            }
            patience = time.nanoseconds
        }
        let signals = try SignalInbox(withHangUp: true, withChildren: true)
        var holder = LockHolder(
            try options.cluster(), key: key, queue: Array("lock-queue/\(name)/".utf8),
            ttlMilliseconds: time.milliseconds, signals: signals)
        do {
            guard let revision = try holder.take(within: patience) else {
                holder.leave()
                throw failed("the lock \(quoted(key)) is held by somebody else.")
            }
            let status = try holder.run(command, revision: revision)
            holder.leave()
            throw ExitCode(status)
        } catch let failure as CallFailure {
            holder.leave()
            complain(failure.description)
            throw ExitCode(failure.exitStatus)
        } catch let lost as LockLost {
            holder.leave()
            complain(lost.reason)
            throw ExitCode(lost.status)
        }
    }
}

/// The lock is not, or no longer, ours.
struct LockLost: Error {
    let reason: String
    var status: Int32 = 3
}
