// A data directory made from a backup: the first node of a new cluster (OnDisk).
public import Consensus
internal import Glibc
internal import Journal
public import KeyValue
internal import Network
public import Snapshot
public import Wire

/// A directory in which a restored node is being made.
///
/// The snapshot is written under the name `restoring`, which is there from the beginning. As long as it is,
/// no node starts here; the rename that gives the snapshot its own name is the last step. So an interrupted
/// restore leaves a directory that is refused, and that the next restore begins anew.
public final class Restoring {
    private let directory: DataDirectory
    private let disk: PosixDisk
    private let draft: Descriptor
    private let hasMadeFolder: Bool
    private var isKept = false

    /// The state begins with this entry: it stands for everything that the backup's cluster had done.
    private static let id = EntryID(term: Term(1), index: LogIndex(1))

    /// Takes a directory for a restore: one that is absent, empty, or holds a restore that was interrupted.
    ///
    /// - Throws: `StartFailure` if it holds anything else, with nothing changed.
    public init(at path: String) throws(StartFailure) {
        hasMadeFolder = try Self.look(path) == nil
        directory = try DataDirectory.openToRestore(path)
        disk = PosixDisk(directory)
        // Somebody may have been here until the lock was taken.
        let found = try Self.look(path)
        let raw = openat(
            directory.root.raw, DataDirectory.restoringName, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        if raw < 0 { throw StartFailure("Cannot write in \(path): \(DataDirectory.word(errno)).") }
        draft = Descriptor(owning: raw)
        do throws(DiskFailure) {
            // Before anything in here could be taken for a node's.
            try disk.carryOut(.syncFolder(.root))
            if found == .interrupted { clear() }
            try check(ftruncate(draft.raw, 0), "empty")
        } catch {
            throw StartFailure("Cannot restore: \(error.message).")
        }
    }

    deinit { if !isKept { abandon() } }

    /// Writes everything that belongs to the node, the snapshot last.
    ///
    /// - Parameters:
    ///   - whole: the backup.
    ///   - cluster: the new cluster's id.
    ///   - node: the node whose directory this is, the only voter at first.
    ///   - revision: the store's revision from now on, at least the backup's.
    ///   - onPiece: is told of the bytes of each piece.
    /// - Throws: `StartFailure` if the disk fails or is full; what was made is then taken away.
    public func write(
        _ whole: SnapshotDecoder.Decoded, cluster: ClusterID, node: NodeID, revision: Revision,
        onPiece: (Int) -> Void
    ) throws(StartFailure) {
        do throws(DiskFailure) {
            try writeSmallFiles(cluster: cluster, node: node)
            let head = SnapshotHead(
                cluster: cluster, last: Self.id,
                configuration: Consensus.Configuration(
                    index: .zero, membership: Membership(voters: [node])),
                revision: revision.rawValue, clusterTime: whole.head.clusterTime, hash: whole.head.hash,
                keys: whole.head.keys, bytes: whole.head.bytes,
                history: SnapshotHead.History(
                    events: 0, after: revision.rawValue, eventsMax: whole.head.history.eventsMax,
                    bytesMax: whole.head.history.bytesMax))
            var encoder = SnapshotEncoder(head: head, store: whole.store)
            while let piece = encoder.next() {
                try write(piece)
                onPiece(piece.count)
            }
            try check(fdatasync(draft.raw), "sync")
            try finish()
        } catch {
            throw StartFailure("Cannot restore: \(error.message).")
        }
        isKept = true
    }

    // Steps -----------------------------------------------------------------------------------------------

    /// Identity, vote and log as after a first start: in term 1 nobody was voted for, and the log begins
    /// after the snapshot.
    private func writeSmallFiles(cluster: ClusterID, node: NodeID) throws(DiskFailure) {
        // Drawn, so that it is told from those of a life before (rule 2).
        let boot = Boot(.random(in: 1..<1 << 52))
        var identity: [UInt8] = []
        Identity(cluster: cluster, node: node).encode(into: &identity)
        var vote: [UInt8] = []
        for count: UInt64 in 1...2 {
            VoteSlot(count: count, term: Self.id.term, vote: nil, boot: boot, isWiped: false).encode(
                into: &vote)
        }
        var segment: [UInt8] = []
        SegmentHead(
            cluster: cluster, node: node, boot: boot, segment: 1, after: 0, durable: 0, base: Self.id
        ).encode(into: &segment)
        for (file, bytes) in [(File.identity, identity), (.vote, vote), (.segment(1), segment)] {
            try disk.carryOut(.write(file, offset: 0, [Piece(bytes)], isSynced: true))
        }
        try disk.carryOut(.syncFolder(.log))
        try disk.carryOut(.syncFolder(.root))
    }

    private func finish() throws(DiskFailure) {
        let (folder, name) = File.snapshot(Self.id).place
        try check(
            renameat(directory.root.raw, DataDirectory.restoringName, directory.raw(of: folder), name),
            "rename")
        // The new name first: at no moment the disk has neither.
        try disk.carryOut(.syncFolder(folder))
        try disk.carryOut(.syncFolder(.root))
    }

    private func write(_ bytes: [UInt8]) throws(DiskFailure) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(draft.raw, $0.baseAddress.map { $0 + done }, $0.count - done)
            }
            if count < 0 && errno == EINTR { continue }
            if count == 0 { errno = ENOSPC }
            try check(count <= 0 ? -1 : 0, "write")
            done += count
        }
    }

    private func check(_ result: Int32, _ verb: String) throws(DiskFailure) {
        if result != 0 {
            throw DataDirectory.diskFailure("\(verb) \(directory.path)/\(DataDirectory.restoringName)", errno)
        }
    }

    // What is there, and what is left ---------------------------------------------------------------------

    private enum Content { case empty, interrupted }

    /// What a directory holds; nil if it is not there.
    private static func look(_ path: String) throws(StartFailure) -> Content? {
        guard let names = try names(in: path) else { return nil }
        let isInterrupted = names.contains(DataDirectory.restoringName)
        var mayHold: Set = ["lock", "log", "snapshot", "lost+found"]
        if isInterrupted { mayHold.formUnion([DataDirectory.restoringName, "rast.json", "vote"]) }
        var others = names.filter { !mayHold.contains($0) }
        for folder in ["log", "snapshot"] where names.contains(folder) {
            let inside = try Self.names(in: "\(path)/\(folder)") ?? []
            others += inside.filter { !isInterrupted || folder != "log" || $0 != "1.ndjson" }
                .map { "\(folder)/\($0)" }
        }
        guard let first = others.min() else { return isInterrupted ? .interrupted : .empty }
        throw StartFailure(
            "\(path) is not empty (it holds \(first)): give a new directory with --data; nothing was changed."
        )
    }

    private static func names(in path: String) throws(StartFailure) -> [String]? {
        guard let list = opendir(path) else {
            if errno == ENOENT { return nil }
            throw StartFailure("Cannot list \(path): \(DataDirectory.word(errno)).")
        }
        defer { closedir(list) }
        var names: [String] = []
        while let row = readdir(list) {
            let name = withUnsafePointer(to: &row.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Takes away what a restore has made besides the mark.
    private func clear() {
        for file in [File.segment(1), .vote, .identity] { try? disk.carryOut(.remove(file)) }
        try? disk.carryOut(.syncFolder(.log))
        try? disk.carryOut(.syncFolder(.root))
    }

    private func abandon() {
        let (folder, name) = File.snapshot(Self.id).place
        // The rename may be done and its sync have failed.
        renameat(directory.raw(of: folder), name, directory.root.raw, DataDirectory.restoringName)
        clear()
        unlinkat(directory.root.raw, DataDirectory.restoringName, 0)
        for folder in ["log", "snapshot"] { unlinkat(directory.root.raw, folder, AT_REMOVEDIR) }
        unlinkat(directory.root.raw, "lock", 0)
        if hasMadeFolder { rmdir(directory.path) }
    }
}
