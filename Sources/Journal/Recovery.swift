// The log read back: batches in order, torn told from damaged, committed entries out (rules 6 to 8, 11).
internal import Consensus
internal import JSON
internal import Wire

/// What has been read so far.
struct Recovery {
    /// Up to where the snapshot goes that the state begins with; zero without one.
    let snapshot: EntryID
    /// The entry that the log begins after. Invariant: base ≤ snapshot.
    private(set) var base = EntryID.zero
    /// The terms of the log after it, each with its first index.
    private var terms: [(term: Term, first: LogIndex)] = []
    private(set) var last = EntryID.zero
    private(set) var map = LogMap()
    private(set) var window = Window()
    /// The highest commit index that a head states.
    private(set) var stated = LogIndex.zero
    /// The highest index in the log that a head has stated so far to be committed.
    private var committed = LogIndex.zero
    /// The terms of what was stated so, whatever a later header cuts off: it can only be written again.
    private var settled: [(term: Term, first: LogIndex, last: LogIndex)] = []
    /// Entries up to here have been given out, or are not wanted.
    private(set) var given: LogIndex
    /// The last valid batch, and the last that a valid head or header states to be durable.
    private(set) var sequence: UInt64 = 0
    private(set) var durable: UInt64 = 0
    /// The highest term in which a batch was written.
    private(set) var term = Term.zero
    /// What is missing or not whole, and ends the log.
    private(set) var lost: (reason: Damage.Reason, segment: UInt64, offset: UInt64)?
    /// What there is of the log cannot go on from the snapshot.
    var mustDiscard = false
    /// A log file that is not there, and ends the log.
    var missing: UInt64?
    /// The log files that are read, and those before that are not needed.
    var rows: [Journal.Row] = []
    var leftovers: [UInt64] = []
    private(set) var bytes: UInt64 = 0
    private(set) var tornBytes: UInt64 = 0

    /// Begins, after a snapshot or without one; entries up to `given` are not to be given out.
    init(snapshot: EntryID, given: LogIndex) {
        self.snapshot = snapshot
        self.given = given
    }

    /// Begins with the segment that has this header. What heads have stated stays true.
    mutating func beginAnew(_ head: SegmentHead?, limit: UInt64?) {
        guard let head else { return }
        discard(to: head.base)
        sequence = min(head.after, limit ?? .max)
        durable = sequence
        rows = []
        lost = nil
        mustDiscard = false
        missing = nil
    }

    /// The log is empty from now on, and goes on after `base`.
    private mutating func discard(to base: EntryID) {
        self.base = base
        last = base
        given = max(given, base.index)
        terms = []
        map = LogMap()
        window = Window()
        for place in rows.indices { rows[place].highest = .zero }
    }

    /// A segment's header says what its batches follow.
    ///
    /// - Returns: false if that is neither in the log nor covered by the snapshot.
    mutating func goOn(from base: EntryID) -> Bool {
        if holds(base) {
            cut(from: base.index.next)
            return true
        }
        guard base.index <= snapshot.index else { return false }
        discard(to: base)
        return true
    }

    /// The log is read: it holds the snapshot's entry, or nothing of it counts (rule 26).
    mutating func settle() {
        if mustDiscard || !holds(snapshot) { discard(to: snapshot) }
    }

    /// Reads the batches of one segment up to the sequence `limit`, beyond which they are void.
    ///
    /// A later header tells the limit; the last segment has none, and ends where its batches do. Only if the
    /// very next file is there (`isFollowed`) all batches up to the limit must be in this one.
    mutating func read(
        _ reader: inout LogReader<some Storage>, number: UInt64, head: SegmentHead, limit: UInt64?,
        isFollowed: Bool, onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) {
        durable = max(durable, min(head.durable, limit ?? .max))
        var offset = UInt64(pageBytes)
        while true {
            try readBatches(&reader, number: number, limit: limit, from: &offset, onEntry: onEntry)
            if let limit, isFollowed {
                durable = max(durable, limit)
            } else {
                try findLaterHeads(&reader, number: number, after: offset, limit: limit)
            }
            #if PlantedFaults
                if Planted.is(.damageTakenForTornTail) { break }
            #endif
            guard sequence < min(durable, limit ?? .max) else { break }
            // `rast log` reads while the node writes: a batch that was torn when it was looked at was whole
            // before a later head stated it durable. What is still not whole now is damaged.
            reader.forget()
            guard let batch = try reader.batch(at: offset), isNext(batch, in: number) else {
                return lose(.batch, segment: number, offset: offset)
            }
        }
        if limit == nil { tornBytes = try reader.writtenPages(from: offset) * UInt64(pageBytes) }
    }

    private func isNext(_ batch: Batch, in number: UInt64) -> Bool {
        batch.head.segment == number && batch.head.sequence == sequence + 1
    }

    private mutating func readBatches(
        _ reader: inout LogReader<some Storage>, number: UInt64, limit: UInt64?, from offset: inout UInt64,
        onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) {
        while sequence < limit ?? .max {
            guard let batch = try reader.batch(at: offset), isNext(batch, in: number) else { return }
            try apply(batch, reader.bytes.span, number: number)
            try giveOut(through: min(stated, last.index), onEntry)
            offset += UInt64(batch.total)
        }
    }

    /// What is missing here was durable.
    mutating func lose(_ reason: Damage.Reason, segment: UInt64, offset: UInt64 = 0) {
        #if PlantedFaults
            if Planted.is(.damageTakenForTornTail) { return }
        #endif
        lost = (reason, segment, offset)
    }

    /// What is lost, with the first index that may be.
    var damage: Damage? {
        lost.map {
            Damage(reason: $0.reason, segment: $0.segment, offset: $0.offset, index: last.index.next)
        }
    }

    /// What valid heads after an invalid batch state tells whether that was durable (rule 8).
    private mutating func findLaterHeads(
        _ reader: inout LogReader<some Storage>, number: UInt64, after offset: UInt64, limit: UInt64?
    ) throws(RecoveryError) {
        var place = offset + UInt64(pageBytes)
        while place < reader.end {
            if let batch = try reader.batch(at: place), batch.head.segment == number {
                // What a later header declares void vouches for nothing beyond it.
                durable = max(durable, min(batch.head.durable, limit ?? .max))
                place += UInt64(batch.total)
            } else {
                place += UInt64(pageBytes)
            }
        }
    }

    // MARK: Entries

    private mutating func apply(
        _ batch: Batch, _ bytes: Span<UInt8>, number: UInt64
    ) throws(RecoveryError) {
        sequence = batch.head.sequence
        durable = max(durable, batch.head.durable)
        stated = max(stated, batch.head.commit)
        term = max(term, batch.head.term)
        self.bytes += UInt64(batch.total)
        window.release(given: given, durable: durable)
        if !rows.isEmpty { rows[rows.count - 1].bytes = batch.offset + UInt64(batch.total) }
        // Where the first line is in the file.
        let base = batch.offset + UInt64(batch.headBytes)
        var place = batch.entries.lowerBound
        while place < batch.entries.upperBound {
            let begin = place
            guard let chunk = try? chunk(bytes, &place, upTo: batch.entries.upperBound) else {
                throw .inconsistent(segment: number, offset: batch.offset)
            }
            guard take(chunk) else { throw .inconsistent(segment: number, offset: batch.offset) }
            if let row = rows.indices.last { rows[row].highest = max(rows[row].highest, last.index) }
            map.append(
                LogMap.Place(
                    first: chunk.block.first, count: chunk.block.count, segment: number,
                    offset: base + UInt64(begin - batch.entries.lowerBound),
                    bytes: place - begin, sequence: 0))
        }
        noteCommitted(through: min(stated, last.index))
    }

    private mutating func noteCommitted(through index: LogIndex) {
        var first = max(committed, base.index).next
        committed = max(committed, index)
        for place in (terms.lastIndex { $0.first <= first } ?? 0)..<terms.count where first <= index {
            let isLast = place + 1 == terms.count
            let end = isLast ? index : min(index, terms[place + 1].first.previous)
            if let before = settled.last, before.term == terms[place].term, before.last.next == first {
                settled[settled.count - 1].last = end
            } else {
                settled.append((terms[place].term, first, end))
            }
            first = end.next
        }
    }

    /// Whether the entry is not another than the one that was committed at its index.
    private func mayBeCommitted(_ id: EntryID) -> Bool {
        guard id.index <= committed else { return true }
        for run in settled.reversed() where run.first <= id.index && id.index <= run.last {
            return run.term == id.term
        }
        return true
    }

    /// Consecutive lines from `place` on, which moves behind them.
    private func chunk(
        _ bytes: Span<UInt8>, _ place: inout Int, upTo end: Int
    ) throws(WireError) -> Window.Chunk {
        let begin = place
        var starts: [UInt32] = []
        var lines: [EntryLine] = []
        while place < end {
            let entry = try EntryLine.read(bytes, at: place)
            if let before = lines.last, entry.id.index != before.id.index.next { break }
            guard entry.line.upperBound <= end else { throw WireError(offset: place, problem: .count) }
            starts.append(UInt32(place - begin))
            lines.append(entry.moved(by: -begin))
            place = entry.line.upperBound
        }
        guard let first = lines.first else { throw WireError(offset: place, problem: .count) }
        var block = Block(first: first.id.index, starts: starts)
        block.bytes.append(bytes: bytes.extracting(begin..<place))
        return Window.Chunk(sequence: sequence, block: block, lines: lines)
    }

    /// Makes the chunk the end of the log: it removes what was there from its first index on.
    private mutating func take(_ chunk: Window.Chunk) -> Bool {
        var chunk = chunk
        guard chunk.block.first <= last.index.next else { return false }
        guard chunk.lines.allSatisfy({ mayBeCommitted($0.id) }) else { return false }
        if chunk.block.first <= base.index {
            // Written before the files were removed that held what it replaced, which the snapshot covers.
            // What it follows is not known any more: so the log begins after its first entry.
            discard(to: chunk.lines[0].id)
            chunk = chunk.rest
            if chunk.lines.isEmpty { return true }
        }
        cut(from: chunk.block.first)
        for line in chunk.lines {
            guard line.id.term >= last.term, line.id.term > .zero else { return false }
            if terms.last?.term != line.id.term { terms.append((line.id.term, line.id.index)) }
            last = line.id
        }
        if !chunk.lines.isEmpty { window.append(chunk) }
        return true
    }

    private mutating func cut(from index: LogIndex) {
        guard index <= last.index else { return }
        window.cut(from: index)
        while let end = terms.last, end.first >= index { terms.removeLast() }
        last = EntryID(term: terms.last?.term ?? base.term, index: index.previous)
    }

    private func holds(_ id: EntryID) -> Bool { id == base || term(at: id.index) == id.term }

    private func term(at index: LogIndex) -> Term? {
        guard index > base.index, index <= last.index else { return nil }
        for run in terms.reversed() where run.first <= index { return run.term }
        return nil
    }

    /// The entry before `index`, which is in the log or follows it.
    func name(before index: LogIndex) -> EntryID {
        EntryID(term: term(at: index.previous) ?? base.term, index: index.previous)
    }

    /// The highest index known to be committed, once all is read.
    var commit: LogIndex { max(snapshot.index, min(stated, last.index)) }

    /// Gives out what is committed, but nothing after the snapshot before the log holds its entry.
    mutating func giveOut(
        through commit: LogIndex, _ onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) {
        guard commit > given, commit <= snapshot.index || holds(snapshot) else { return }
        #if PlantedFaults
            if Planted.is(.appliedIndexApart) {
                if given.next < commit {
                    try window.forEach(from: given.next, through: commit.previous, onEntry)
                }
                given = commit
                return
            }
        #endif
        try window.forEach(from: given.next, through: commit, onEntry)
        given = commit
    }

    /// The terms of the log after its base, run-length.
    var runs: [Message.Run] {
        var runs: [Message.Run] = []
        for (place, run) in terms.enumerated() {
            let end = place + 1 < terms.count ? terms[place + 1].first : last.index.next
            runs.append(Message.Run(term: run.term, count: end - run.first))
        }
        return runs
    }
}
