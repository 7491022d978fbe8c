// Reading the data directory in place: at recovery, for lagging peers, and by `rast log`.
internal import Glibc
public import Journal
internal import Network

extension DataDirectory: Storage {
    public func logFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] {
        try files(in: log, "log") { File(logName: $0) }
    }

    public func snapshotFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] {
        try files(in: snapshot, "snapshot") { File(snapshotName: $0) }
    }

    private func files(
        in folder: borrowing Descriptor, _ folderName: String, _ file: (String) -> File?
    ) throws(DiskFailure) -> [(file: File, bytes: UInt64)] {
        // A descriptor of its own: two of one open file would share their place in the list.
        let raw = openat(folder.raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard raw >= 0, let list = fdopendir(raw) else {
            throw Self.diskFailure("list \(path)/\(folderName)", errno)
        }
        defer { closedir(list) }
        var files: [(file: File, bytes: UInt64)] = []
        while let row = readdir(list) {
            let name = withUnsafePointer(to: &row.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let file = file(name) else { continue }
            var status = stat()
            if fstatat(folder.raw, name, &status, 0) != 0 {
                // Removed or renamed since it was listed, by the live node whose directory this is.
                if errno == ENOENT { continue }
                throw Self.diskFailure("look at \(path)/\(folderName)/\(name)", errno)
            }
            files.append((file, UInt64(max(0, status.st_size))))
        }
        return files
    }

    public func read(_ file: File, offset: UInt64, count: Int) throws(DiskFailure) -> [UInt8]? {
        let (folder, name) = file.place
        let raw = openat(self.raw(of: folder), name, O_RDONLY | O_CLOEXEC)
        if raw < 0 {
            if errno == ENOENT { return nil }
            throw Self.diskFailure("open \(path)/\(name)", errno)
        }
        let descriptor = Descriptor(owning: raw)
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = pread(
                    descriptor.raw, buffer.baseAddress.map { $0 + filled }, count - filled,
                    off_t(offset) + off_t(filled))
                if got < 0 && errno == EINTR { continue }
                if got < 0 { code = errno }
                if got <= 0 { return }
                filled += got
            }
        }
        if code != 0 { throw Self.diskFailure("read \(path)/\(name)", code) }
        return bytes
    }

    /// What the directory takes now; 0 where it cannot be told.
    func usage() -> DiskUsage {
        var usage = DiskUsage()
        if let files = try? logFiles() { usage.logBytes = files.reduce(0) { $0 + $1.bytes } }
        if let files = try? snapshotFiles() {
            usage.draftBytes = files.reduce(0) { $0 + ($1.file.isDraft ? $1.bytes : 0) }
        }
        var status = statvfs()
        if fstatvfs(root.raw, &status) == 0 {
            usage.freeBytes = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        }
        return usage
    }

    /// A failed call in the journal's words.
    static func diskFailure(_ what: String, _ code: Int32) -> DiskFailure {
        let reason: DiskFailure.Reason =
            switch code {
            case ENOSPC, EDQUOT: .full
            case EROFS, EACCES, EPERM: .readOnly
            case ENOENT: .absent
            default: .failed
            }
        return DiskFailure(reason: reason, message: "\(what): \(word(code))")
    }
}
