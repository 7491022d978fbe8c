// The processes that come from this one: a command, what it has started, and what that has.
//
// A process group would be simpler, and would take the terminal from a command that reads from it. So this
// process adopts what its children leave behind (PR_SET_CHILD_SUBREAPER), and finds all of them by their
// parents.
internal import CLinux
internal import Glibc

/// A command that runs, with all that has come of it. There is one at a time.
struct Descendants {
    private let command: pid_t
    /// The command's status, once it has ended: 128 and the number of the signal, where one ended it.
    private(set) var status: Int32?

    /// Starts the command.
    init(_ command: [String]) throws(SpawnFailure) {
        _ = linux_adopt_orphans()
        self.command = try spawn(command[0], command)
    }

    /// Those that live, parents before their children.
    var living: [pid_t] {
        var processes: [linux_process] = []
        var capacity = 1_024
        while true {
            processes = [linux_process](repeating: linux_process(), count: capacity)
            let count = Int(linux_processes(&processes, Int32(capacity)))
            // Without /proc there is nothing to go by.
            if count < 0 { return status == nil ? [command] : [] }
            if count <= capacity {
                processes.removeLast(capacity - count)
                break
            }
            // And some may be born until then.
            capacity = count * 2
        }
        let children = Dictionary(grouping: processes, by: \.parent)
        var found = (children[getpid()] ?? []).map(\.id)
        var next = 0
        while next < found.count {
            found += (children[found[next]] ?? []).map(\.id)
            next += 1
        }
        return found
    }

    /// Sends a signal to each; answers whether there was one that could be sent to.
    ///
    /// Parents get it first: a shell that saw its command end would begin the next.
    @discardableResult
    func send(_ signal: Int32) -> Bool {
        var isSent = false
        for process in living where kill(process, signal) == 0 { isSent = true }
        return isSent
    }

    /// Buries those of our children that have ended.
    mutating func bury() {
        var end: Int32 = 0
        while true {
            let child = waitpid(-1, &end, WNOHANG)
            guard child > 0 else { return }
            if child == command { status = end & 0x7F == 0 ? end >> 8 & 0xFF : 128 + end & 0x7F }
        }
    }
}
