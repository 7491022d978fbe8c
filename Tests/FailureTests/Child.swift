// Processes that tests start: their output goes to a file, and none outlives the test.
import Foundation

/// A process that was started here.
struct Child {
    let id: pid_t
    /// How it ended: its exit status, or the negated signal; nil while it runs.
    private(set) var end: Int32?

    /// Starts `path`; its input is empty, and its output and errors are appended to `log`.
    init(_ path: String, _ arguments: [String], environment: [String] = [], log: String) throws {
        id = try Spawner.shared.spawn(path, arguments, environment, log)
    }

    func send(_ signal: Int32) { if end == nil { kill(id, signal) } }

    /// Whether it has ended by now.
    mutating func hasEnded() -> Bool {
        if end != nil { return true }
        var status: Int32 = 0
        guard waitpid(id, &status, WNOHANG) == id else { return false }
        let signal = status & 0x7F
        end = signal == 0 ? (status >> 8) & 0xFF : -signal
        return true
    }

    /// Waits for its end, at most so long.
    mutating func wait(seconds: Double) -> Int32? {
        let deadline = Clock.now + seconds
        while !hasEnded() && Clock.now < deadline { usleep(2_000) }
        return end
    }

    /// Ends it at once, and what it started in its group.
    mutating func killNow() {
        if end == nil { kill(-id, SIGKILL) }
        _ = wait(seconds: 10)
    }
}

/// The monotonic clock, in seconds.
enum Clock {
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Asks again and again until `isTrue` says so; answers whether it did within `seconds`.
    static func poll(seconds: Double, every microseconds: UInt32 = 10_000, until isTrue: () -> Bool) -> Bool {
        let deadline = now + seconds
        while true {
            if isTrue() { return true }
            if now >= deadline { return false }
            usleep(microseconds)
        }
    }
}

/// The one thread that starts processes.
///
/// A child's parent-death signal comes when the *thread* that started it ends, and tests run on threads that
/// the runtime may end at any time. This one ends with the process.
final class Spawner: @unchecked Sendable {
    static let shared = Spawner()
    private let queue = NSCondition()
    private var jobs: [() -> Void] = []

    struct Failure: Error, CustomStringConvertible { let description: String }

    private init() {
        Thread.detachNewThread { [self] in
            while true {
                queue.lock()
                while jobs.isEmpty { queue.wait() }
                let job = jobs.removeFirst()
                queue.unlock()
                job()
            }
        }
    }

    private final class Outcome: @unchecked Sendable {
        let isDone = DispatchSemaphore(value: 0)
        var process: pid_t = 0
        var code: Int32 = 0
    }

    func spawn(
        _ path: String, _ arguments: [String], _ environment: [String], _ log: String
    ) throws -> pid_t {
        let outcome = Outcome()
        queue.lock()
        jobs.append {
            outcome.code = Self.spawnHere(path, arguments, environment, log, &outcome.process)
            outcome.isDone.signal()
        }
        queue.signal()
        queue.unlock()
        outcome.isDone.wait()
        if outcome.code != 0 {
            throw Failure(description: "cannot start \(path): \(String(cString: strerror(outcome.code)))")
        }
        return outcome.process
    }

    private static func spawnHere(
        _ path: String, _ arguments: [String], _ environment: [String], _ log: String, _ process: inout pid_t
    ) -> Int32 {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The runner may have blocked signals; a group of its own lets a whole tree be ended.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = (inherited + environment).map { strdup($0) } + [nil]
        defer { for word in words + settings { free(word) } }
        return posix_spawnp(&process, path, &actions, &attributes, &words, &settings)
    }

    /// The environment without options for `rast`: tests choose their own.
    private static var inherited: [String] {
        ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("RAST_") }.map {
            "\($0.key)=\($0.value)"
        }
    }
}

/// A program that was run to its end.
struct Run {
    /// Its exit status, or the negated signal; nil if it had to be killed.
    let end: Int32?
    let output: String

    /// Runs `path` with `arguments` for at most so long; it is looked for in `PATH`.
    init(_ path: String, _ arguments: [String], environment: [String] = [], seconds: Double = 20) throws {
        let folder = try Folder()
        defer { folder.remove() }
        let log = folder.path + "/output"
        var child = try Child(path, arguments, environment: environment, log: log)
        end = child.wait(seconds: seconds)
        if end == nil { child.killNow() }
        output = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    }
}

/// A folder for one test.
struct Folder {
    let path: String

    init() throws {
        let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(parent)/rast-failure-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw Spawner.Failure(description: "cannot make a folder in \(parent)")
        }
        path = String(cString: made)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
