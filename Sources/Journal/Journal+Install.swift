// A snapshot that the leader sends: taken in pieces, then put in the place of the log's beginning (rule 26).
public import Consensus
public import Wire

extension Journal {
    /// The snapshot that is being received.
    struct Incoming: Sendable {
        /// Rises when it begins anew: what the disk says of an earlier one is void.
        var transfer: UInt64 = 0
        /// Where its next bytes go.
        var next: UInt64 = 0
        var unsyncedBytes: UInt64 = 0
        /// The file of an earlier one is still there.
        var isLeft = false
    }

    /// Takes the next bytes of the incoming snapshot; at offset 0 it begins anew. Reported as
    /// `.received(next:)`, or as `.notReceived` if the disk is full.
    ///
    /// - Parameters:
    ///   - pieces: the bytes, 1 MiB or so: batches wait for them.
    ///   - offset: where in the file they stand.
    ///   - isLast: whether the file ends with them. It is durable, if not its name, once they are received.
    ///   - operations: what the disk is to do.
    /// - Returns: false if these bytes do not follow those taken before; nothing is done then.
    public mutating func receive(
        _ pieces: [Piece], offset: UInt64, isLast: Bool, into operations: inout [Operation]
    ) -> Bool {
        guard failure == nil, stopping == .no, isStarted else { return false }
        guard offset == 0 || offset == incoming.next else { return false }
        if offset == 0 { forgetIncoming(into: &operations) }
        let bytes = UInt64(pieces.reduce(0) { $0 + $1.count })
        incoming.next += bytes
        incoming.unsyncedBytes += bytes
        // Synced as it comes, so that no batch ever waits for all of it.
        let isSynced = isLast || incoming.unsyncedBytes >= settings.receivedBytesPerSync
        if isSynced { incoming.unsyncedBytes = 0 }
        give(
            .write(.incoming, offset: offset, pieces, isSynced: isSynced),
            .received(next: incoming.next, transfer: incoming.transfer), to: &operations)
        return true
    }

    /// Gives up the incoming snapshot, if there is one.
    public mutating func forgetIncoming(into operations: inout [Operation]) {
        guard failure == nil, stopping == .no, isStarted else { return }
        if incoming.next > 0 || incoming.isLeft {
            give(.remove(.incoming), .dropped(.incoming), to: &operations)
        }
        incoming = Incoming(transfer: incoming.transfer + 1)
    }

    /// Puts the received snapshot, verified by whoever asks for this, in the place of the log up to it.
    /// Reported as `.persisted(write)`; then the log is compacted.
    ///
    /// - Parameters:
    ///   - id: the entry up to which it goes; after the one that is there.
    ///   - discardsLog: whether the log has no such entry, so that nothing of it counts any more. What was
    ///     appended and not yet written is not written either.
    ///   - write: names this; later ones name what is appended after it.
    ///   - tail: as in ``compact(to:keepingBytes:into:)``.
    ///   - operations: what the disk is to do.
    public mutating func install(
        _ id: EntryID, discardsLog: Bool, write: WriteID, keepingBytes tail: UInt64,
        into operations: inout [Operation]
    ) {
        guard failure == nil, stopping == .no, isStarted, segment != nil else { return }
        // What is appended before is on disk before this is reported: `.persisted` speaks of all before.
        while !discardsLog, !gathered.isEmpty { writeGathered(into: &operations) }
        give(.rename(.incoming, to: .snapshot(id)), to: &operations)
        incoming = Incoming(transfer: incoming.transfer + 1)
        give(.syncFolder(.snapshot), discardsLog ? .none : .persisted(write), to: &operations)
        commit = max(commit, id.index)
        term = max(term, write.term, id.term)
        if discardsLog { discardLog(for: id, write: write, into: &operations) }
        compact(to: id, keepingBytes: tail, into: &operations)
    }

    /// Opens a segment that says that the log begins after `id`.
    private mutating func discardLog(
        for id: EntryID, write: WriteID, into operations: inout [Operation]
    ) {
        gathered.removeAll()
        map = LogMap()
        for place in rows.indices { rows[place].highest = .zero }
        base = id.index
        end = id
        if let segment, spare == nil { spare = Spare(number: segment.number + 1) }
        nameSegment(after: sequence, durable: sequence, base: id, bytes: 0, into: &operations)
        give(.syncFolder(.log), .persisted(write), to: &operations)
    }
}
