// Snapshots of the model: taken by a worker beside the journal, received in pieces, installed.
import Consensus
import Journal
import Testing
import Wire

/// What stands for the state after an entry: whole if every byte of it is there.
func snapshotBytes(_ id: EntryID) -> [UInt8] {
    var bytes = Array("snapshot up to \(id.index) of term \(id.term)\n".utf8)
    for count in 0..<300 { bytes += Array("row \(count) of \(id)\n".utf8) }
    return bytes
}

/// The newest whole snapshot, and whether a newer one is not.
func newestSnapshot(_ disk: MemoryDisk) -> (id: EntryID?, isLost: Bool) {
    var isLost = false
    for id in (try? Journal.snapshots(in: disk)) ?? [] {
        if disk.bytes(of: .snapshot(id)) == snapshotBytes(id) { return (id, isLost) }
        isLost = true
    }
    return (nil, isLost)
}

/// Whether a log has the entry up to which a snapshot goes.
func holds(_ log: [[UInt8]], _ snapshot: EntryID?) -> Bool {
    guard let snapshot, snapshot.index > .zero else { return true }
    let place = Int(snapshot.index.rawValue) - 1
    return place < log.count && term(of: log[place]) == snapshot.term.rawValue
}

extension Member {
    var log: [[UInt8]] { states[states.count - 1] }

    /// The name of an entry of the log.
    func name(_ index: UInt64) -> EntryID? {
        guard index > 0, index <= UInt64(log.count) else { return nil }
        return JournalTests.term(of: log[Int(index) - 1]).map {
            EntryID(term: Term($0), index: LogIndex(index))
        }
    }

    // MARK: Taking

    /// The worker begins with a snapshot up to a committed entry.
    mutating func takeSnapshot(_ index: UInt64) {
        guard taking == nil, index <= commit, let id = name(index) else { return }
        taking = id
        snapshots.append(id)
        let bytes = snapshotBytes(id)
        let middle = bytes.count / 2
        work = [
            .write(.snapshotDraft(id), offset: 0, [Piece(bytes, 0..<middle)], isSynced: true),
            .write(
                .snapshotDraft(id), offset: UInt64(middle), [Piece(bytes, middle..<bytes.count)],
                isSynced: true),
            .rename(.snapshotDraft(id), to: .snapshot(id)), .syncFolder(.snapshot),
        ]
    }

    /// The worker does its next operation; the last leads to a compaction.
    mutating func workNext(keepingBytes tail: UInt64 = 0) {
        guard let id = taking, !work.isEmpty else { return }
        disk.carryOut(Operation(id: 0, action: work.removeFirst()))
        guard work.isEmpty else { return }
        taking = nil
        var operations: [Operation] = []
        journal.compact(to: id, keepingBytes: tail, into: &operations)
        give(operations)
    }

    /// What comes next: the journal's operation, or the worker's.
    func next(worksFirst: Bool) -> Operation? {
        let job = taking == nil ? nil : work.first.map { Operation(id: 0, action: $0) }
        return worksFirst ? job ?? queue.first : queue.first ?? job
    }

    /// It is carried out.
    mutating func carryOutNext(worksFirst: Bool) {
        if !work.isEmpty, taking != nil, worksFirst || queue.isEmpty { workNext() } else { carryOutNext() }
    }

    /// Takes a snapshot and compacts, all at once.
    mutating func compact(to index: UInt64, keepingBytes tail: UInt64 = 0) {
        takeSnapshot(index)
        while !work.isEmpty { workNext(keepingBytes: tail) }
        drain()
    }

    // MARK: Receiving

    /// The leader begins to send a snapshot up to that entry.
    mutating func receive(_ id: EntryID) {
        receiving = (id, snapshotBytes(id))
        received(0)
    }

    /// The next piece; after the last, the snapshot is verified and installed.
    mutating func received(_ next: UInt64) {
        guard let (id, bytes) = receiving else { return }
        let start = Int(next)
        if start == bytes.count { return install(id) }
        let end = min(start + 1_700, bytes.count)
        var operations: [Operation] = []
        #expect(
            journal.receive(
                [Piece(bytes, start..<end)], offset: next, isLast: end == bytes.count, into: &operations))
        give(operations)
    }

    private mutating func install(_ id: EntryID) {
        receiving = nil
        #expect(disk.bytes(of: .incoming) == snapshotBytes(id))
        // Consensus installs only what is not committed yet.
        guard id.index.rawValue > commit else { return }
        snapshots.append(id)
        let discards = !holds(log, id)
        var log = log
        if discards {
            log = [[UInt8]](repeating: [], count: Int(id.index.rawValue) - 1) + [mark(id.term.rawValue)]
        }
        var operations: [Operation] = []
        journal.install(
            id, discardsLog: discards, write: WriteID(term: Term(term), sequence: UInt64(states.count)),
            keepingBytes: 0, into: &operations)
        give(operations)
        states.append(log)
        commit = id.index.rawValue
    }
}
