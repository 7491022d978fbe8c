// A data directory in memory, without anything that befalls one: CrashTests have a disk for that.
import Journal
import Wire

struct FuzzDisk: Storage {
    var files: [File: [UInt8]] = [:]

    func logFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] { names(in: .log) }

    func snapshotFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] { names(in: .snapshot) }

    private func names(in folder: Folder) -> [(file: File, bytes: UInt64)] {
        files.compactMap { file, bytes in file.folder == folder ? (file, UInt64(bytes.count)) : nil }
    }

    func read(_ file: File, offset: UInt64, count: Int) throws(DiskFailure) -> [UInt8]? {
        guard let bytes = files[file] else { return nil }
        let start = min(Int(offset), bytes.count)
        return Array(bytes[start..<min(start + count, bytes.count)])
    }

    /// Puts bytes somewhere in a file, which grows as need be.
    mutating func put(_ bytes: [UInt8], _ file: File, at offset: Int) {
        let end = offset + bytes.count
        let held = files[file]?.count ?? 0
        if held < end { files[file, default: []] += [UInt8](repeating: 0, count: end - held) }
        files[file, default: []].replaceSubrange(offset..<end, with: bytes)
    }

    mutating func carryOut(_ operation: Operation) {
        switch operation.action {
        case .write(let file, let offset, let pieces, _):
            put(pieces.flatMap { $0.bytes[$0.range] }, file, at: Int(offset))
        case .prepare(let file, let offset, let count):
            put([UInt8](repeating: 0, count: Int(count)), file, at: Int(offset))
        case .rename(let from, let to): files[to] = files.removeValue(forKey: from)
        case .remove(let file): files[file] = nil
        case .syncFolder: return
        }
    }
}
