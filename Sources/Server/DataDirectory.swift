// The data directory: made, locked against a second process, and its files' names (OnDisk).
internal import Consensus
internal import Glibc
internal import Journal
internal import Network

/// Why a node does not start; for people: what is wrong, where, and what to do.
public struct StartFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// An open data directory. Its descriptors never change, so any thread may read through it.
public final class DataDirectory: Sendable {
    public let path: String
    let root: Descriptor
    let log: Descriptor
    let snapshot: Descriptor
    /// Held locked as long as the directory is in use; absent where it is only read.
    private let lock: Lock?

    private struct Lock: ~Copyable, Sendable {
        let file: Descriptor
        /// Closing lets go of it too, but not while a process that is just being started has a copy.
        deinit { _ = flock(file.raw, LOCK_UN) }
    }

    private init(
        path: String, root: consuming Descriptor, log: consuming Descriptor,
        snapshot: consuming Descriptor, lock: consuming Lock?
    ) {
        self.path = path
        self.root = root
        self.log = log
        self.snapshot = snapshot
        self.lock = lock
    }

    /// The descriptor of one of its folders.
    func raw(of folder: Folder) -> Int32 {
        switch folder {
        case .root: root.raw
        case .log: log.raw
        case .snapshot: snapshot.raw
        }
    }

    /// Here as long as a restore is under way, or was interrupted.
    static let restoringName = "restoring"

    /// Opens a directory to run a node in it: creates what is missing, and locks it.
    public static func open(_ path: String) throws(StartFailure) -> DataDirectory {
        let directory = try openToRestore(path)
        if faccessat(directory.root.raw, restoringName, F_OK, 0) == 0 {
            throw StartFailure(
                """
                \(path) holds a restore that was interrupted: run `rast restore` with it again, or empty it.
                """)
        }
        return directory
    }

    /// Opens a directory whatever became of a restore in it.
    static func openToRestore(_ path: String) throws(StartFailure) -> DataDirectory {
        try make(path)
        let root = try openFolder(path)
        let lock = try takeLock(path, in: root)
        for folder in ["log", "snapshot"]
        where mkdirat(root.raw, folder, 0o755) != 0 && errno != EEXIST {
            throw failure("create \(path)/\(folder)", errno)
        }
        // The names just made must survive a power cut before anything in them counts.
        if fsync(root.raw) != 0 { throw failure("sync \(path)", errno) }
        return DataDirectory(
            path: path, root: root, log: try openFolder("\(path)/log"),
            snapshot: try openFolder("\(path)/snapshot"), lock: lock)
    }

    /// Opens a directory to read it, a live node's too. Changes nothing.
    public static func openToRead(_ path: String) throws(StartFailure) -> DataDirectory {
        let root = try openFolder(path)
        let log = try openFolder("log", in: root, path)
        let snapshot = try openFolder("snapshot", in: root, path)
        return DataDirectory(path: path, root: root, log: log, snapshot: snapshot, lock: nil)
    }

    private static func openFolder(
        _ name: String, in root: borrowing Descriptor, _ path: String
    ) throws(StartFailure) -> Descriptor {
        let raw = Glibc.openat(root.raw, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if raw < 0 {
            throw StartFailure(
                "\(path) is no data directory of rast: it has no folder \(name) (\(word(errno))).")
        }
        return Descriptor(owning: raw)
    }

    /// mkdir -p, syncing each folder that got a new name.
    private static func make(_ path: String) throws(StartFailure) {
        if path.isEmpty {
            throw StartFailure("The data directory's name is empty: give one with --data DIR.")
        }
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            let parent = made.isEmpty ? "/" : made
            made += "/\(part)"
            if mkdir(made, 0o755) != 0 {
                if errno == EEXIST { continue }
                throw failure("create the data directory \(path)", errno)
            }
            let folder = try openFolder(parent)
            if fsync(folder.raw) != 0 { throw failure("sync \(parent)", errno) }
        }
    }

    private static func openFolder(_ path: String) throws(StartFailure) -> Descriptor {
        let raw = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if raw < 0 { throw failure("open the data directory \(path)", errno) }
        return Descriptor(owning: raw)
    }

    private static func takeLock(
        _ path: String, in root: borrowing Descriptor
    ) throws(StartFailure) -> Lock {
        let raw = Glibc.openat(root.raw, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        if raw < 0 { throw failure("write in the data directory \(path)", errno) }
        let lock = Descriptor(owning: raw)
        if flock(lock.raw, LOCK_EX | LOCK_NB) != 0 {
            if errno != EWOULDBLOCK { throw failure("lock \(path)/lock", errno) }
            var bytes = [UInt8](repeating: 0, count: 32)
            let count = max(0, pread(lock.raw, &bytes, bytes.count, 0))
            let holder = String(decoding: bytes[..<count].prefix { $0 != 0x0A }, as: UTF8.self)
            throw StartFailure(
                "The data directory \(path) is in use by process \(holder.isEmpty ? "(unknown)" : holder): "
                    + "stop that one first, or give this node a directory of its own with --data.")
        }
        let line = Array("\(getpid())\n".utf8)
        if ftruncate(lock.raw, 0) != 0 || pwrite(lock.raw, line, line.count, 0) != line.count {
            throw failure("write \(path)/lock", errno)
        }
        return Lock(file: lock)
    }

    private static func failure(_ what: String, _ code: Int32) -> StartFailure {
        let advice =
            switch code {
            case EROFS: ": the file system is read-only"
            case EACCES, EPERM: ": this user may not; change the directory's owner, or --data"
            case ENOSPC, EDQUOT: ": free some space"
            case ENOTDIR: ": a part of the path is a file"
            default: ""
            }
        return StartFailure("Cannot \(what): \(word(code))\(advice).")
    }

    static func word(_ code: Int32) -> String { SystemError("", code: code).reason }
}

extension File {
    /// The file's name in its folder, and which folder that is.
    var place: (folder: Folder, name: String) {
        switch self {
        case .segment(let number): (.log, "\(number).ndjson")
        case .spare(let number): (.log, "\(number).spare")
        case .vote: (.root, "vote")
        case .identity: (.root, "rast.json")
        case .identityDraft: (.root, "rast.json.new")
        case .damage: (.root, "damaged")
        case .damageDraft: (.root, "damaged.new")
        case .snapshot(let id): (.snapshot, "\(id.index)-\(id.term).ndjson")
        case .snapshotDraft(let id): (.snapshot, "\(id.index)-\(id.term).new")
        case .incoming: (.snapshot, "incoming.new")
        }
    }

    /// The log file of that name; nil if it is not one of ours.
    init?(logName name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Self.number(parts[0]) else { return nil }
        switch parts[1] {
        case "ndjson": self = .segment(number)
        case "spare": self = .spare(number)
        default: return nil
        }
    }

    /// The snapshot, or part of one, of that name; nil if it is not one of ours.
    init?(snapshotName name: String) {
        if name == "incoming.new" {
            self = .incoming
            return
        }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let numbers = parts.first?.split(separator: "-", omittingEmptySubsequences: false),
            parts.count == 2, numbers.count == 2, let index = Self.number(numbers[0]),
            let term = Self.number(numbers[1])
        else { return nil }
        let id = EntryID(term: Term(term), index: LogIndex(index))
        switch parts[1] {
        case "ndjson": self = .snapshot(id)
        case "new": self = .snapshotDraft(id)
        default: return nil
        }
    }

    private static func number(_ digits: Substring) -> UInt64? {
        guard let number = UInt64(digits), String(number) == digits else { return nil }
        return number
    }
}
