// The log gives way to a snapshot that covers it: whole files go, oldest first (rules 7 and 26).
public import Consensus

extension Journal {
    /// What the disk is to tidy up, one thing at a time, so that no batch waits for more than one.
    enum Chore: Sendable {
        case remove(File)
        case sync(Folder)
        /// All before it is done.
        case compacted(LogIndex)
    }

    /// How far a log file is filled, and what it holds.
    struct Row: Sendable {
        let number: UInt64
        /// The entry that its header goes on from: as far as the log went when it was opened.
        let base: LogIndex
        var bytes: UInt64
        /// The highest index in it, also of entries that later ones have replaced; 0 if nothing in it counts.
        var highest = LogIndex.zero
    }

    /// Removes what a snapshot makes needless: older snapshots, and the segments before the first one that
    /// holds an index after it. Reported as `.compacted(through:)`, also if nothing is removed.
    ///
    /// - Parameters:
    ///   - id: the entry up to which the snapshot goes. It is verified, and durable under its name.
    ///   - tail: segments stay if less than this would be left of the log, for peers that are a bit behind.
    ///   - operations: what the disk is to do.
    public mutating func compact(
        to id: EntryID, keepingBytes tail: UInt64, into operations: inout [Operation]
    ) {
        guard failure == nil, stopping == .no else { return }
        if let snapshot, id != snapshot {
            let isOlder = id.index <= snapshot.index
            chores.append(.remove(.snapshot(isOlder ? id : snapshot)))
            chores.append(.sync(.snapshot))
            if !isOlder { self.snapshot = id }
        } else {
            snapshot = id
        }
        removeSegments(keepingBytes: tail)
        chores.append(.compacted(base))
        goOnWithChores(into: &operations)
    }

    /// Forgets the segments that the snapshot covers, and has their files removed.
    mutating func removeSegments(keepingBytes tail: UInt64) {
        guard let snapshot else { return }
        var left = rows.reduce(0) { $0 + $1.bytes }
        var count = 0
        for (place, row) in rows.dropLast().enumerated() {
            // What holds nothing that counts is no tail for anybody.
            let isBeyondTail = row.highest == .zero || left - row.bytes >= tail
            guard row.highest <= snapshot.index, isBeyondTail else { break }
            left -= row.bytes
            // A log may begin with a file whose beginning the snapshot covers, and with no other.
            if rows[place + 1].base <= snapshot.index { count = place + 1 }
        }
        for row in rows.prefix(count) { chores.append(.remove(.segment(row.number))) }
        guard count > 0 else { return }
        rows.removeFirst(count)
        map.removeSegments(before: rows[0].number)
        base = max(base, map.places.first?.first.previous ?? end.index)
        chores.append(.sync(.log))
    }

    /// Gives the disk the next chore, if none is under way.
    mutating func goOnWithChores(into operations: inout [Operation]) {
        guard isStarted, failure == nil, stopping == .no, !isChoreUnderWay, !chores.isEmpty else { return }
        var through: LogIndex?
        switch chores.removeFirst() {
        case .remove(let file): give(.remove(file), .removed(file), to: &operations)
        case .sync(let folder):
            if case .compacted(let index) = chores.first {
                through = index
                chores.removeFirst()
            }
            give(.syncFolder(folder), .tidied(through: through), to: &operations)
        case .compacted(let index):
            // Nothing had to be removed. The folder is synced all the same: one word for one report.
            give(.syncFolder(.log), .tidied(through: index), to: &operations)
        }
        isChoreUnderWay = true
    }
}
