// A snapshot on its way to disk, action by action: for the worker thread and the simulator alike (rule 26).
public import Consensus
public import Journal
public import KeyValue
public import Wire

/// Writes a snapshot of a frozen store beside the others, syncs it, gives it its name, and reads it back.
///
/// Whoever carries out the actions owns the disk; one after the other, and none after one that failed. When
/// there are no more, the snapshot stands under its name; ``verify(_:)`` says whether it is what was meant.
public struct SnapshotTaking: Sendable {
    public let id: EntryID
    private var encoder: SnapshotEncoder
    private var offset: UInt64 = 0
    /// What the encoder made last, and what of it is not given to the disk yet.
    private var made: [UInt8] = []
    private var left = 0..<0
    private var unsynced = 0
    private var stage = Stage.beginning

    private enum Stage: Sendable { case beginning, rows, syncing, naming, done }

    /// So much is given to the disk at once, and may be unsynced: the log's writes wait for what is before
    /// them. More where a sync takes long, for then these are what costs.
    private var partBytes = SnapshotTaking.partBytesMin
    private static let partBytesMin = 128 << 10
    private static let partBytesMax = 1 << 20
    private static let longNanoseconds: UInt64 = 5_000_000

    public init(_ head: SnapshotHead, of store: Store) {
        id = head.last
        encoder = SnapshotEncoder(head: head, store: store)
    }

    /// What the disk is to do next; nil once the snapshot has its name.
    public mutating func next() -> Operation.Action? {
        switch stage {
        case .beginning:
            // What an earlier attempt left may be longer.
            stage = .rows
            return .remove(.snapshotDraft(id))
        case .rows:
            if left.isEmpty {
                // Gone before the next one is made.
                made = []
                made = encoder.next() ?? []
                left = made.indices
            }
            if !left.isEmpty { return write() }
            // Everything is synced, also the last piece, before the file gets its name.
            stage = .syncing
            #if PlantedFaults
                if Planted.is(.noSnapshotSync) {
                    return .write(.snapshotDraft(id), offset: offset, [], isSynced: false)
                }
            #endif
            return .write(.snapshotDraft(id), offset: offset, [], isSynced: true)
        case .syncing:
            stage = .naming
            return .rename(.snapshotDraft(id), to: .snapshot(id))
        case .naming:
            stage = .done
            return .syncFolder(.snapshot)
        case .done: return nil
        }
    }

    /// How long the disk took for the last action; need not be told.
    public mutating func took(nanoseconds: UInt64) {
        guard case .rows = stage, offset > 0, unsynced == 0 else { return }
        let isLong = nanoseconds > Self.longNanoseconds
        partBytes = isLong ? min(2 * partBytes, Self.partBytesMax) : max(partBytes / 2, Self.partBytesMin)
    }

    private mutating func write() -> Operation.Action {
        let part = left.prefix(partBytes - unsynced)
        left = part.endIndex..<left.endIndex
        let start = offset
        offset += UInt64(part.count)
        unsynced += part.count
        let isSynced = unsynced == partBytes
        if isSynced { unsynced = 0 }
        return .write(.snapshotDraft(id), offset: start, [Wire.Piece(made, part)], isSynced: isSynced)
    }

    /// Reads the snapshot back, every byte of it; no log is removed before.
    ///
    /// - Returns: the checksum and the length of its file.
    public func verify(_ storage: some Storage) throws(SnapshotError) -> (sum: UInt32, bytes: UInt64) {
        let reading = SnapshotReading(.snapshot(id), of: storage, keepsRecords: false)
        let found = try reading.all()
        guard found.sum == encoder.sum, found.bytes == encoder.bytes else {
            throw SnapshotError(offset: 0, problem: .line(.checksum))
        }
        return (found.sum, found.bytes)
    }
}
