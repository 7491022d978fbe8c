// This member's snapshots: when one is due, what it is of, and what it lets the log forget (§7, rule 26).
public import Consensus
internal import KeyValue
internal import Wire

/// A snapshot that is whole and durable on this node's disk.
public struct StoredSnapshot: Hashable, Sendable {
    /// The last entry that it covers.
    public let id: EntryID
    /// Who belonged to the cluster there.
    public let configuration: Configuration
    /// The checksum and the length of its file.
    public let sum: UInt32
    public let bytes: UInt64
    public init(id: EntryID, configuration: Configuration, sum: UInt32, bytes: UInt64) {
        self.id = id
        self.configuration = configuration
        self.sum = sum
        self.bytes = bytes
    }
}

/// A snapshot that is being written.
struct Taking: Sendable {
    let id: EntryID
    let configuration: Configuration
    /// What of the log it covers that the last one does not.
    let bytes: Int
    /// It takes the place of a wrong one.
    let isRight: Bool
    /// Those who asked for it.
    var askers: [Ticket] = []
}

extension Replica {
    /// Takes a snapshot if the log has grown enough since the last one. One at a time.
    mutating func takeSnapshotIfDue() {
        guard taking == nil, now >= nextSnapshotAt, let index = snapshotDue else { return }
        let isLarge = bytesSinceSnapshot >= settings.snapshotBytes
        guard isLarge || applied - index >= settings.snapshotEntries || mustTakeSnapshot else { return }
        takeSnapshot()
    }

    /// Where the last snapshot ends, if there is anything after it and this node may write.
    private var snapshotDue: LogIndex? {
        let index = snapshot?.id.index ?? .zero
        // A wrong state is not written down; a repaired one takes the place of a wrong one, if need be there.
        guard isRunning, !hasDiskFailed, trust != .wrong else { return nil }
        return applied > index || trust == .repaired && applied > .zero ? index : nil
    }

    /// Somebody wants a snapshot of what is applied now; answered by `.snapshotted`, or by `.failed`.
    public mutating func takeSnapshot(for ticket: Ticket) {
        if taking != nil {
            taking?.askers.append(ticket)
        } else if snapshotDue != nil {
            takeSnapshot()
            taking?.askers.append(ticket)
        } else if let snapshot, !hasDiskFailed, trust == .trusted {
            effects.append(.snapshotted(ticket, snapshot))
        } else {
            effects.append(.failed(ticket, .noLeader(absenceReason)))
        }
    }

    private mutating func takeSnapshot() {
        guard let (head, store) = frozen else { return }
        taking = Taking(
            id: head.last, configuration: head.configuration, bytes: bytesSinceSnapshot,
            isRight: trust == .repaired)
        mustTakeSnapshot = false
        #if PlantedFaults
            if Planted.is(.compactBeforeSnapshot) { effects.append(.compact(head.last)) }
        #endif
        effects.append(.takeSnapshot(head, store))
    }

    /// The snapshot is written, synced, read back and verified.
    public mutating func snapshotTaken(_ id: EntryID, sum: UInt32, bytes: UInt64) {
        guard let taken = taking, taken.id == id else { return }
        taking = nil
        // One that was installed meanwhile may be newer.
        if snapshot.map({ $0.id.index < id.index }) ?? true || trust == .repaired && snapshot?.id == id {
            snapshot = StoredSnapshot(id: id, configuration: taken.configuration, sum: sum, bytes: bytes)
            bytesSinceSnapshot = max(0, bytesSinceSnapshot - taken.bytes)
            effects.append(.notice(.snapshotTaken(id, bytes: bytes)))
        }
        if let snapshot { for asker in taken.askers { effects.append(.snapshotted(asker, snapshot)) } }
        mustCompact = true
        if trust == .repaired, taken.isRight { becomeTrusted() }
    }

    /// The snapshot could not be written: the log grows on, and it is tried again later.
    public mutating func snapshotFailed(_ id: EntryID) {
        guard let taken = taking, taken.id == id else { return }
        taking = nil
        // A node that was repaired serves nobody until its state is on disk: it tries again soon.
        let isRepaired = trust == .repaired
        nextSnapshotAt = now + (isRepaired ? settings.repairRetry : settings.snapshotRetry)
        if isRepaired { mustTakeSnapshot = true }
        for asker in taken.askers { effects.append(.failed(asker, .snapshotFailed)) }
    }

    /// Whether snapshots or segments are still to be removed: not while a peer is being sent what would go.
    mutating func compactIfDue() {
        guard mustCompact, let snapshot, !hasDiskFailed, trust != .wrong else { return }
        guard sending.allSatisfy({ $0.snapshot == snapshot || !$0.isLively(at: now) }) else { return }
        mustCompact = false
        effects.append(.compact(snapshot.id))
    }

    /// The disk holds no entry up to `index` any more.
    public mutating func compacted(through index: LogIndex) {
        guard isRunning, index > raft.log.base.index else { return }
        step(.compacted(through: index))
    }
}
