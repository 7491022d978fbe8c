// A cluster of one for a test: a real process on a free port, gone with the test.
import Glibc
import Network
import Testing

/// What a test could not do.
struct Trouble: Error, CustomStringConvertible { let description: String }

/// How many descriptors a process may have at most; this one may have them from the first use on.
let descriptorLimit: Int = {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(limit.rlim_max)
}()

/// How many times slower all of it may be than in a release build: the thread sanitizer watches every access.
let slowness = getenv("RAST_SANITIZER").map { strcmp($0, "thread") == 0 } == true ? 10 : 1

/// One `rast serve` with temporary data.
final class OneNode {
    let port: UInt16
    let process: pid_t
    private let folder: String
    private let endings = Mailbox<Int32>()

    /// Starts it, with further flags and an election timeout in milliseconds, and waits until it is ready, or
    /// only until it listens.
    init(
        _ flags: [String] = [], listen: String = "127.0.0.1:0", electionTimeout: Int = 40,
        descriptors: Int? = nil, waitsUntilReady: Bool = true
    ) throws {
        var template = Array("/tmp/rast-server-tests-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Trouble(description: "no temporary folder") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.folder = folder
        let arguments =
            [
                "rast", "serve", "--listen", listen, "--data", "\(folder)/data", "--election-timeout",
                "\(electionTimeout)ms", "--heartbeat", "10ms", "--segment-size", "1048576",
                "--parent", "\(getpid())",
            ] + flags
        let starts = Mailbox<pid_t>()
        // The parent-death signal comes at the end of the thread that starts a child: this one waits.
        try Thread(named: "node") { [endings] in
            let process = Self.spawn(arguments, log: "\(folder)/log", descriptors: descriptors)
            starts.put(process)
            var status: Int32 = 0
            while process > 0 && waitpid(process, &status, 0) < 0 && errno == EINTR {}
            endings.put(status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F))
        }.detach()
        var started: [pid_t] = []
        _ = starts.take(into: &started)
        process = started[0]
        guard process > 0 else { throw Trouble(description: "\(Self.program) cannot be started") }
        port = try Self.port(in: "\(folder)/log")
        if waitsUntilReady { try waitUntilReady() }
    }

    func waitUntilReady() throws {
        let deadline = monotonicNanoseconds() + 20_000_000_000
        while try Caller(port).ask("GET", "/readyz").status != 200 {
            if monotonicNanoseconds() > deadline { throw Trouble(description: "the node is not ready") }
            usleep(5_000)
        }
    }

    /// What it has logged.
    var log: String { Self.text("\(folder)/log") }

    deinit {
        kill(process, SIGKILL)
        var codes: [Int32] = []
        _ = endings.take(into: &codes, until: monotonicNanoseconds() + 5_000_000_000)
        Self.remove(folder)
    }

    /// Sends a signal, and waits for the end: the exit status, or the negated signal; nil if it does not end.
    func end(_ signal: Int32, within seconds: UInt64 = 10) -> Int32? {
        kill(process, signal)
        var codes: [Int32] = []
        _ = endings.take(into: &codes, until: monotonicNanoseconds() + seconds * 1_000_000_000)
        if let code = codes.first { endings.put(code) }
        return codes.first
    }

    /// The resident memory of the process in bytes.
    var residentBytes: Int {
        let fields = Self.text("/proc/\(process)/statm").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4_096 : 0
    }

    /// How much more is resident than `before`; none under a sanitizer, which keeps what was freed and has a
    /// record of all that is not: its runs bound no memory, and `scripts/sanitize` says so.
    func grown(since before: Int) -> Int {
        getenv("RAST_SANITIZER") == nil ? residentBytes - before : 0
    }

    /// Next to the tests: the build puts them in one folder.
    private static let program: String = {
        var path = [CChar](repeating: 0, count: 4_096)
        let count = max(0, readlink("/proc/self/exe", &path, path.count))
        let own = String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return own.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/rast"
    }()

    /// The processor time that the process has used, in hundredths of a second.
    var processorTicks: Int {
        // What follows the name, which may hold anything: utime and stime are the 12th and 13th there.
        let line = Self.text("/proc/\(process)/stat").split(separator: ")").last ?? ""
        let fields = line.split(separator: " ")
        return fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
    }

    /// Whether the log's second file is there, ahead of its use: it stays open.
    var hasSpare: Bool { access("\(folder)/data/log/2.spare", F_OK) == 0 }

    /// How many descriptors the process has open.
    var openDescriptors: Int {
        guard let folder = opendir("/proc/\(process)/fd") else { return 0 }
        defer { closedir(folder) }
        var count = -2
        while readdir(folder) != nil { count += 1 }
        return count
    }

    /// Lets the running process have so many descriptors at most.
    func limitDescriptors(to count: Int) throws {
        // util-linux, which every Debian has; Glibc's module lacks the call.
        let command = ["prlimit", "--pid", "\(process)", "--nofile=\(count):\(descriptorLimit)"]
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child: pid_t = 0
        var status: Int32 = -1
        if posix_spawnp(&child, "prlimit", nil, nil, &words, environ) == 0 {
            while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        }
        if status != 0 { throw Trouble(description: "prlimit cannot set the limit") }
    }

    private static func spawn(_ arguments: [String], log: String, descriptors: Int?) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT, 0o644)
        let limited = descriptors.map { ["/bin/sh", "-c", "ulimit -n \($0) && exec \"$0\" \"$@\"", program] }
        let start = limited ?? [program]
        var words: [UnsafeMutablePointer<CChar>?] =
            (start + arguments.dropFirst()).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        return posix_spawn(&process, start[0], &actions, nil, &words, environ) == 0 ? process : 0
    }

    /// The port that the system chose, as the node's log tells it.
    private static func port(in log: String) throws -> UInt16 {
        let deadline = monotonicNanoseconds() + 20_000_000_000
        while monotonicNanoseconds() < deadline {
            for line in text(log).split(separator: "\n") {
                guard let word = line.split(separator: " ").first(where: { $0.hasPrefix("127.0.0.1:") }),
                    line.contains("listening"), let place = HostPort(String(word))
                else { continue }
                return place.port
            }
            usleep(2_000)
        }
        throw Trouble(description: "the node does not listen: \(text(log))")
    }

    private static func text(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = max(0, read(file, &bytes, bytes.count))
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Removes a folder and all that is in it.
    private static func remove(_ path: String) {
        var names: [String] = []
        if let folder = opendir(path) {
            while let row = readdir(folder) {
                names.append(
                    withUnsafePointer(to: &row.pointee.d_name) {
                        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                    })
            }
            closedir(folder)
        }
        for name in names where name != "." && name != ".." {
            if unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        }
        rmdir(path)
    }
}
