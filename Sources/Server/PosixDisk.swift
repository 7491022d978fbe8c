// The real disk: the journal's operations as system calls.
internal import Glibc
internal import Journal
internal import Network
internal import Wire

/// A data directory as the journal's disk. Used by one thread alone.
final class PosixDisk {
    let directory: DataDirectory
    fileprivate struct OpenFile: ~Copyable {
        let file: File
        let descriptor: Descriptor
    }
    /// The few files that are written again and again; at most ``openMax``.
    private var open = Slots<OpenFile>()
    private static let openMax = 8
    /// Pieces are gathered here, so that a batch is one call, and stand where the log's files want them.
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 << 20, alignment: pageBytes)
    /// Whether the log passes the page cache by: until a file system says that it cannot.
    private var passesCache = true

    init(_ directory: DataDirectory) { self.directory = directory }

    deinit { buffer.deallocate() }

    private var path: String { directory.path }

    // Carrying out ----------------------------------------------------------------------------------------

    /// Carries out one operation, whole.
    func carryOut(_ action: Operation.Action) throws(DiskFailure) {
        switch action {
        case .write(let file, let offset, let pieces, let isSynced):
            let raw = try descriptor(of: file)
            try write(pieces, at: offset, to: raw, file)
            if isSynced { try check(fdatasync(raw), "sync", file) }
        case .prepare(let file, let offset, let bytes):
            let raw = try descriptor(of: file)
            try prepare(bytes, at: offset, to: raw, file)
            try check(fdatasync(raw), "sync", file)
        case .rename(let file, let to):
            try rename(file, to: to)
        case .remove(let file):
            forget(file)
            let (folder, name) = file.place
            try check(unlinkat(directory.raw(of: folder), name, 0), "remove", file)
        case .syncFolder(let folder):
            if fsync(directory.raw(of: folder)) != 0 { throw failure("sync the folder \(path)", errno) }
        }
    }

    private func rename(_ file: File, to: File) throws(DiskFailure) {
        forget(to)
        let (folder, name) = file.place
        let (toFolder, toName) = to.place
        try check(
            renameat(directory.raw(of: folder), name, directory.raw(of: toFolder), toName),
            "rename to \(toName)", file)
        for slot in 0..<open.limit where open.isTaken(slot) && open[slot].file == file {
            guard let moved = open.remove(open.token(at: slot)) else { continue }
            remember(to, moved.intoDescriptor())
            return
        }
    }

    private func write(
        _ pieces: [Piece], at offset: UInt64, to raw: Int32, _ file: File
    ) throws(DiskFailure) {
        var place = offset
        var count = 0
        for piece in pieces {
            var range = piece.range
            while !range.isEmpty {
                let part = range.prefix(buffer.count - count)
                piece.bytes.withUnsafeBytes { bytes in
                    UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[part]))
                }
                count += part.count
                range.removeFirst(part.count)
                if count == buffer.count { try writeBuffer(&count, at: &place, to: raw, file) }
            }
        }
        if count > 0 { try writeBuffer(&count, at: &place, to: raw, file) }
    }

    private func writeBuffer(
        _ count: inout Int, at place: inout UInt64, to raw: Int32, _ file: File
    ) throws(DiskFailure) {
        try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: place, to: raw, file)
        place += UInt64(count)
        count = 0
    }

    private func prepare(
        _ bytes: UInt64, at offset: UInt64, to raw: Int32, _ file: File
    ) throws(DiskFailure) {
        if let start = buffer.baseAddress { memset(start, 0, Int(min(bytes, UInt64(buffer.count)))) }
        var place = offset
        while place < offset + bytes {
            var count = Int(min(offset + bytes - place, UInt64(buffer.count)))
            try writeBuffer(&count, at: &place, to: raw, file)
        }
    }

    private func write(
        _ bytes: UnsafeRawBufferPointer, at offset: UInt64, to raw: Int32, _ file: File
    ) throws(DiskFailure) {
        assert(!file.isLog || offset % UInt64(pageBytes) == 0 && bytes.count % pageBytes == 0)
        var done = 0
        while done < bytes.count {
            let count = pwrite(
                raw, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset) + off_t(done))
            let code = count < 0 ? errno : ENOSPC
            if code == EINTR || Self.refusesDirect(code) && goesThroughCache(raw, file) { continue }
            if count <= 0 { throw failure("write \(path)/\(file)", code) }
            done += count
        }
    }

    private static func refusesDirect(_ code: Int32) -> Bool { code == EINVAL || code == EOPNOTSUPP }

    /// Whether writes to this file passed the page cache by; from now on they go through it.
    ///
    /// It is opened anew: a file system that is a process of its own does not hear of a flag that changes.
    private func goesThroughCache(_ raw: Int32, _ file: File) -> Bool {
        let flags = fcntl(raw, F_GETFL)
        guard flags >= 0, flags & Descriptor.direct != 0 else { return false }
        passesCache = false
        let (folder, name) = file.place
        let fresh = Descriptor(owning: openat(directory.raw(of: folder), name, O_WRONLY | O_CLOEXEC))
        return !fresh.isNone && dup2(fresh.raw, raw) == raw && fcntl(raw, F_SETFD, FD_CLOEXEC) == 0
    }

    // Open files ------------------------------------------------------------------------------------------

    private func descriptor(of file: File) throws(DiskFailure) -> Int32 {
        for slot in 0..<open.limit where open.isTaken(slot) && open[slot].file == file {
            return open[slot].descriptor.raw
        }
        let raw = try opened(file)
        remember(file, Descriptor(owning: raw))
        return raw
    }

    /// A shortage of descriptors is no failure of the disk: files that are kept open are let go for it, and
    /// then it is waited for, since connections end at any time.
    private func opened(_ file: File) throws(DiskFailure) -> Int32 {
        let (folder, name) = file.place
        let deadline = monotonicNanoseconds() + Self.shortageNanosecondsMax
        while true {
            let direct = file.isLog && passesCache ? Descriptor.direct : 0
            let raw = openat(directory.raw(of: folder), name, O_WRONLY | O_CREAT | O_CLOEXEC | direct, 0o644)
            if raw >= 0 { return raw }
            let code = errno
            if direct != 0 && Self.refusesDirect(code) {
                passesCache = false
                continue
            }
            guard SystemError("open", code: code).isShortageOfDescriptors,
                monotonicNanoseconds() < deadline
            else { throw failure("open \(path)/\(name)", code) }
            if let slot = (0..<open.limit).first(where: { open.isTaken($0) }) {
                _ = open.remove(open.token(at: slot))
            } else {
                usleep(5_000)
            }
        }
    }
    private static let shortageNanosecondsMax: UInt64 = 30_000_000_000

    private func remember(_ file: File, _ descriptor: consuming Descriptor) {
        if open.count >= Self.openMax {
            for slot in 0..<open.limit where open.isTaken(slot) {
                _ = open.remove(open.token(at: slot))
                break
            }
        }
        _ = open.insert(OpenFile(file: file, descriptor: descriptor))
    }

    private func forget(_ file: File) {
        for slot in 0..<open.limit where open.isTaken(slot) && open[slot].file == file {
            _ = open.remove(open.token(at: slot))
        }
    }

    // Failing ---------------------------------------------------------------------------------------------

    private func check(_ result: Int32, _ verb: String, _ file: File) throws(DiskFailure) {
        if result != 0 { throw failure("\(verb) \(path)/\(file)", errno) }
    }

    private func failure(_ what: String, _ code: Int32) -> DiskFailure {
        DataDirectory.diskFailure(what, code)
    }
}

extension File {
    /// Whether all that is written to it are whole pages that are hardly ever read again. In the page cache
    /// each would cost a copy and a page of memory.
    fileprivate var isLog: Bool {
        switch self {
        case .segment, .spare: true
        case .vote, .identity, .identityDraft, .damage, .damageDraft, .snapshot, .snapshotDraft, .incoming:
            false
        }
    }
}

extension PosixDisk.OpenFile {
    fileprivate consuming func intoDescriptor() -> Descriptor { descriptor }
}
