// The log read back: batches in order, torn told from damaged, committed entries out (rules 6 to 8, 11).
internal import Consensus
internal import JSON
internal import Wire

/// What has been read so far.
struct Recovery {
    /// The terms of the log, each with its first index.
    private var terms: [(term: Term, first: LogIndex)] = []
    private(set) var last = EntryID.zero
    private(set) var map = LogMap()
    private(set) var window = Window()
    /// The highest commit index that a head states.
    private(set) var stated = LogIndex.zero
    /// Entries up to here have been given out.
    private(set) var given = LogIndex.zero
    /// The last valid batch, and the last that a valid head or header states to be durable.
    private(set) var sequence: UInt64 = 0
    private(set) var durable: UInt64 = 0
    /// The highest term in which a batch was written.
    private(set) var term = Term.zero
    private(set) var damage: Damage?
    private(set) var bytes: UInt64 = 0
    private(set) var tornBytes: UInt64 = 0

    /// Reads the batches of one segment up to the sequence `limit`, beyond which they are void.
    ///
    /// A later header tells the limit; the last segment has none, and ends where its batches do.
    mutating func read(
        _ reader: inout LogReader<some Storage>, number: UInt64, head: SegmentHead, limit: UInt64?,
        onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) {
        durable = max(durable, min(head.durable, limit ?? .max))
        var offset = UInt64(pageBytes)
        while true {
            try readBatches(&reader, number: number, limit: limit, from: &offset, onEntry: onEntry)
            if let limit {
                durable = max(durable, limit)
            } else {
                try findLaterHeads(&reader, number: number, after: offset)
            }
            #if PlantedFaults
                if Planted.is(.damageTakenForTornTail) { break }
            #endif
            guard sequence < min(durable, limit ?? .max) else { break }
            // `rast log` reads while the node writes: a batch that was torn when it was looked at was whole
            // before a later head stated it durable. What is still not whole now is damaged.
            reader.forget()
            guard let batch = try reader.batch(at: offset), isNext(batch, in: number) else {
                damage = damage(.batch, number, offset)
                return
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
            try giveOut(onEntry)
            offset += UInt64(batch.total)
        }
    }

    /// The header of this segment is not whole. What it held was durable.
    mutating func lose(_ reason: Damage.Reason, segment number: UInt64) {
        #if PlantedFaults
            if Planted.is(.damageTakenForTornTail) { return }
        #endif
        damage = damage(reason, number, 0)
    }

    private func damage(_ reason: Damage.Reason, _ number: UInt64, _ offset: UInt64) -> Damage {
        Damage(reason: reason, segment: number, offset: offset, index: last.index.next)
    }

    /// What valid heads after an invalid batch state tells whether that was durable (rule 8).
    private mutating func findLaterHeads(
        _ reader: inout LogReader<some Storage>, number: UInt64, after offset: UInt64
    ) throws(RecoveryError) {
        var place = offset + UInt64(pageBytes)
        while place < reader.end {
            if let batch = try reader.batch(at: place), batch.head.segment == number {
                durable = max(durable, batch.head.durable)
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
        // Where the first line is in the file.
        let base = batch.offset + UInt64(batch.headBytes)
        var place = batch.entries.lowerBound
        while place < batch.entries.upperBound {
            let begin = place
            guard let chunk = try? chunk(bytes, &place, upTo: batch.entries.upperBound) else {
                throw .inconsistent(segment: number, offset: batch.offset)
            }
            guard take(chunk) else { throw .inconsistent(segment: number, offset: batch.offset) }
            map.append(
                LogMap.Place(
                    first: chunk.block.first, count: chunk.block.count, segment: number,
                    offset: base + UInt64(begin - batch.entries.lowerBound),
                    bytes: place - begin, sequence: 0))
        }
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
        guard chunk.block.first <= last.index.next else { return false }
        for line in chunk.lines where line.id.index <= given {
            // What is committed can only be written again, never replaced.
            guard term(at: line.id.index) == line.id.term else { return false }
        }
        cut(from: chunk.block.first)
        for line in chunk.lines {
            guard line.id.term >= last.term, line.id.term > .zero else { return false }
            if line.id.term > last.term { terms.append((line.id.term, line.id.index)) }
            last = line.id
        }
        window.append(chunk)
        return true
    }

    private mutating func cut(from index: LogIndex) {
        guard index <= last.index else { return }
        window.cut(from: index)
        while let end = terms.last, end.first >= index { terms.removeLast() }
        last = EntryID(term: terms.last?.term ?? .zero, index: index.previous)
    }

    private func term(at index: LogIndex) -> Term? {
        guard index <= last.index else { return nil }
        for run in terms.reversed() where run.first <= index { return run.term }
        return nil
    }

    private mutating func giveOut(
        _ onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) {
        let commit = min(stated, last.index)
        guard commit > given else { return }
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

    /// The terms of the log from index 1 on, run-length.
    var runs: [Message.Run] {
        var runs: [Message.Run] = []
        for (place, run) in terms.enumerated() {
            let end = place + 1 < terms.count ? terms[place + 1].first : last.index.next
            runs.append(Message.Run(term: run.term, count: end - run.first))
        }
        return runs
    }
}
