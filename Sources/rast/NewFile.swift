// A file that is there whole or not at all: written beside, synced, renamed.
internal import Glibc
internal import Server

/// A file under a name of its own until all of it is on disk.
final class NewFile {
    let path: String
    private let draft: String
    private let descriptor: Int32

    /// - Throws: `StartFailure` if it cannot be made; what has its name stays as it is.
    init(_ path: String) throws(StartFailure) {
        self.path = try Self.target(path)
        draft = self.path + ".part"
        descriptor = try Self.open(draft)
    }

    deinit { _ = close(descriptor) }

    func write(_ bytes: ArraySlice<UInt8>) throws(StartFailure) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count == 0 || errno != EINTR {
                throw Self.failure("Cannot write \(draft)", count == 0 ? ENOSPC : errno)
            }
        }
    }

    /// Gives the file its name, durably; it takes the place of one that has it.
    func keep() throws(StartFailure) {
        if fsync(descriptor) != 0 { throw Self.failure("Cannot sync \(draft)", errno) }
        if rename(draft, path) != 0 { throw Self.failure("Cannot rename \(draft) to \(path)", errno) }
        let place = path.lastIndex(of: "/")
        let folder = place.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let raw = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if raw < 0 { throw Self.failure("Cannot sync \(folder)", errno) }
        defer { _ = close(raw) }
        if fsync(raw) != 0 { throw Self.failure("Cannot sync \(folder)", errno) }
    }

    /// Takes what was written away.
    func discard() { _ = unlink(draft) }

    /// What is to be replaced: not a link to it, and nothing but a file (root would put one in place of a
    /// device).
    private static func target(_ path: String) throws(StartFailure) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { return path }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw StartFailure("\(path) is there and is no file: name one, or - for standard output.")
        }
        guard let resolved = realpath(path, nil) else { throw failure("Cannot resolve \(path)", errno) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The draft, empty, and no other process's: two that write one file would spoil it.
    private static func open(_ draft: String) throws(StartFailure) -> Int32 {
        while true {
            let raw = Glibc.open(draft, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            if raw < 0 { throw failure("Cannot write \(draft)", errno) }
            if flock(raw, LOCK_EX | LOCK_NB) != 0 {
                let code = errno
                _ = close(raw)
                if code == EWOULDBLOCK { throw StartFailure("\(draft) is being written by another process.") }
                throw failure("Cannot lock \(draft)", code)
            }
            // It may have been given its name, or taken away, between the two.
            var opened = stat()
            var named = stat()
            if fstat(raw, &opened) == 0, stat(draft, &named) == 0, opened.st_ino == named.st_ino,
                opened.st_dev == named.st_dev
            {
                if ftruncate(raw, 0) == 0 { return raw }
                let code = errno
                _ = close(raw)
                throw failure("Cannot write \(draft)", code)
            }
            _ = close(raw)
        }
    }

    private static func failure(_ what: String, _ code: Int32) -> StartFailure {
        StartFailure("\(what): \(String(cString: strerror(code))).")
    }
}
