// A disk in memory that forgets what was not synced: bytes by sector, names by folder.
internal import Consensus
internal import Journal
internal import Wire

/// The data directory of one node: what a running process sees, and what would survive.
struct SimulatedDisk {
    static let sectorBytes = 512
    /// What a segment grows to, most often.
    private static let segmentBytes = 64 << 10

    /// A file's bytes, and how to undo what was not synced.
    fileprivate struct Inode {
        var bytes: [UInt8] = []
        var unsynced: [Overwritten] = []
    }
    fileprivate struct Overwritten {
        let offset: Int
        let count: Int
        /// What stood there; shorter where the file ended.
        let old: [UInt8]
        /// A sync failed: later ones say yes, and the bytes still are not there.
        var isStuck = false
    }
    fileprivate struct Name {
        let file: File
        let inode: Int
    }
    fileprivate enum NameChange {
        case create(File, Int)
        case rename(File, to: File, Int)
        case remove(File)
    }

    private var inodes: [Inode] = []
    private var names: [Name] = []
    /// The names that survive, and what has changed since, in order.
    private var syncedNames: [Name] = []
    private var changes: [NameChange] = []

    var isEmpty: Bool { names.isEmpty }

    private func inode(of file: File) -> Int? {
        for name in names where name.file == file { return name.inode }
        return nil
    }

    /// Whether the file's name would survive.
    func isNameSynced(_ file: File) -> Bool {
        guard let inode = inode(of: file) else { return false }
        return syncedNames.contains { $0.file == file && $0.inode == inode }
    }

    // What an operation does -------------------------------------------------------------------------------

    /// Writes at most `limit` bytes of `pieces`; they are not synced yet.
    mutating func write(_ file: File, at offset: Int, _ pieces: [Piece], limit: Int = .max) {
        let inode = open(file)
        var place = offset
        for piece in pieces {
            let count = min(piece.count, limit - (place - offset))
            guard count > 0 else { continue }
            let range = piece.range.lowerBound..<piece.range.lowerBound + count
            overwrite(inode, at: place, piece.bytes[range])
            place += count
        }
    }

    mutating func writeZeros(_ file: File, at offset: Int, count: Int) {
        let inode = open(file)
        let size = inodes[inode].bytes.count
        guard offset == size else {
            return overwrite(inode, at: offset, Array(repeating: 0, count: count)[...])
        }
        inodes[inode].unsynced.append(Overwritten(offset: offset, count: count, old: []))
        inodes[inode].bytes.append(contentsOf: repeatElement(0, count: count))
    }

    private mutating func open(_ file: File) -> Int {
        if let inode = inode(of: file) { return inode }
        inodes.append(Inode())
        if case .spare = file { inodes[inodes.count - 1].bytes.reserveCapacity(Self.segmentBytes) }
        names.append(Name(file: file, inode: inodes.count - 1))
        changes.append(.create(file, inodes.count - 1))
        return inodes.count - 1
    }

    private mutating func overwrite(_ inode: Int, at offset: Int, _ bytes: ArraySlice<UInt8>) {
        let size = inodes[inode].bytes.count
        let old = offset < size ? Array(inodes[inode].bytes[offset..<min(size, offset + bytes.count)]) : []
        inodes[inode].unsynced.append(Overwritten(offset: offset, count: bytes.count, old: old))
        if offset == size {
            inodes[inode].bytes += bytes
            return
        }
        if offset + bytes.count > size {
            inodes[inode].bytes += repeatElement(0, count: offset + bytes.count - size)
        }
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe inodes[inode].bytes.withUnsafeMutableBytes {
                unsafe UnsafeMutableRawBufferPointer(rebasing: $0[offset...]).copyMemory(from: bytes)
            }
        }
    }

    mutating func sync(_ file: File) {
        guard let inode = inode(of: file) else { return }
        guard inodes[inode].unsynced.contains(where: \.isStuck) else {
            return inodes[inode].unsynced.removeAll(keepingCapacity: true)
        }
        let fresh = inodes[inode].unsynced.filter { !$0.isStuck }
        inodes[inode].unsynced.removeAll { old in
            !old.isStuck
                || fresh.contains {
                    $0.offset <= old.offset && old.offset + old.count <= $0.offset + $0.count
                }
        }
    }

    /// The sync fails: what was written stays readable and is never written out.
    mutating func failSync(_ file: File) {
        guard let inode = inode(of: file) else { return }
        for at in inodes[inode].unsynced.indices { inodes[inode].unsynced[at].isStuck = true }
    }

    mutating func rename(_ file: File, to other: File) -> Bool {
        guard let inode = inode(of: file) else { return false }
        names.removeAll { $0.file == file || $0.file == other }
        names.append(Name(file: other, inode: inode))
        changes.append(.rename(file, to: other, inode))
        return true
    }

    mutating func remove(_ file: File) {
        guard inode(of: file) != nil else { return }
        names.removeAll { $0.file == file }
        changes.append(.remove(file))
    }

    mutating func sync(_ folder: Folder) {
        var kept: [NameChange] = []
        for change in changes {
            if change.folder == folder {
                change.apply(to: &syncedNames)
            } else {
                kept.append(change)
            }
        }
        changes = kept
    }

    mutating func wipe() { self = SimulatedDisk() }

    /// A folder's files are gone.
    mutating func removeAll(in folder: Folder) {
        names.removeAll { $0.file.folder == folder }
        syncedNames.removeAll { $0.file.folder == folder }
        changes.removeAll { $0.folder == folder }
    }
}

extension SimulatedDisk.NameChange {
    fileprivate var folder: Folder {
        switch self {
        case .create(let file, _), .rename(let file, _, _), .remove(let file): file.folder
        }
    }

    fileprivate func apply(to names: inout [SimulatedDisk.Name]) {
        switch self {
        case .create(let file, let inode):
            names.removeAll { $0.file == file }
            names.append(SimulatedDisk.Name(file: file, inode: inode))
        case .rename(let file, let other, let inode):
            names.removeAll { $0.file == file || $0.file == other }
            names.append(SimulatedDisk.Name(file: other, inode: inode))
        case .remove(let file):
            names.removeAll { $0.file == file }
        }
    }
}

extension SimulatedDisk: Storage {
    func logFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] { files(in: .log) }

    func snapshotFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] { files(in: .snapshot) }

    private func files(in folder: Folder) -> [(file: File, bytes: UInt64)] {
        names.filter { $0.file.folder == folder }
            .map { ($0.file, UInt64(inodes[$0.inode].bytes.count)) }
    }

    func bytes(of file: File) -> [UInt8] { inode(of: file).map { inodes[$0].bytes } ?? [] }

    func read(_ file: File, offset: UInt64, count: Int) throws(DiskFailure) -> [UInt8]? {
        guard let inode = inode(of: file) else { return nil }
        let size = inodes[inode].bytes.count
        guard offset < UInt64(size) else { return [] }
        let start = Int(offset)
        return Array(inodes[inode].bytes[start..<min(size, start + count)])
    }
}

// What goes wrong ------------------------------------------------------------------------------------------

extension SimulatedDisk {
    /// How a power loss treats what was not synced.
    enum Loss { case everything, nothing, bySector }

    /// The power goes: what was not synced is lost, kept or torn; then only what is left is there.
    mutating func losePower(_ loss: Loss, _ random: inout Random, _ counts: inout FaultCounts) {
        for inode in inodes.indices {
            for old in inodes[inode].unsynced.reversed() {
                undo(old, in: inode, loss, &random, &counts)
            }
            inodes[inode].unsynced = []
        }
        // A journalling file system keeps the order of changes; others may keep any of them.
        let isOrdered = random.happens(700_000)
        let kept = loss == .everything ? 0 : random.index(changes.count + 1)
        for (at, change) in changes.enumerated() {
            let isKept =
                loss == .nothing || (isOrdered || loss == .everything ? at < kept : random.happens(500_000))
            if isKept {
                change.apply(to: &syncedNames)
            } else {
                counts.count(.nameLost)
            }
        }
        changes = []
        names = syncedNames
    }

    private mutating func undo(
        _ old: Overwritten, in inode: Int, _ loss: Loss, _ random: inout Random, _ counts: inout FaultCounts
    ) {
        guard loss != .nothing else { return }
        var keptEnd = old.offset + old.old.count
        var place = old.offset
        let end = min(old.offset + old.count, inodes[inode].bytes.count)
        while place < end {
            let next = min(end, (place / Self.sectorBytes + 1) * Self.sectorBytes)
            var from = place
            if loss == .bySector {
                let fate = random.index(5)
                if fate < 2 { from = next }
                if fate == 2 {
                    from = place + random.index(next - place + 1)
                    counts.count(.sectorTorn)
                }
            }
            if from < next {
                counts.count(.sectorLost)
                for at in from..<next {
                    let there = at - old.offset
                    inodes[inode].bytes[at] = there < old.old.count ? old.old[there] : 0
                }
            }
            if from > place { keptEnd = max(keptEnd, next) }
            place = next
        }
        // Nothing of the file's new end was kept: it is as short as it was.
        if keptEnd < end, end == inodes[inode].bytes.count {
            inodes[inode].bytes.removeSubrange(keptEnd...)
        }
    }

    /// What would be left if the power went now and nothing unsynced were kept.
    var afterWorstLoss: SimulatedDisk {
        var copy = self
        var random = Random(seed: 0)
        var counts = FaultCounts()
        copy.losePower(.everything, &random, &counts)
        return copy
    }

    /// Changes one bit.
    mutating func flip(_ file: File, at offset: Int, bit: UInt8) {
        guard let inode = inode(of: file), offset < inodes[inode].bytes.count else { return }
        inodes[inode].bytes[offset] ^= 1 << (bit % 8)
    }
}
