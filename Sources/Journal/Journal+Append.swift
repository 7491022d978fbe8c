// Entries on their way to disk: gathered while a batch is under way, then written as the next (rule 5).
public import Consensus
public import Wire

extension Journal {
    /// Takes entries to be written: `pieces` are the lines of those from `first` to `last`. They replace all
    /// from `first` on. Reported as `.persisted(write)` or that of a later write.
    public mutating func append(_ pieces: [Piece], first: LogIndex, last: EntryID, write: WriteID) {
        guard failure == nil, stopping == .no else { return }
        let count = last.index >= first ? Int(last.index - first) + 1 : 0
        var bytes = 0
        for piece in pieces { bytes += piece.count }
        gathered.append(
            Gathered(pieces: pieces, first: first, last: last, count: count, bytes: bytes, write: write))
    }

    /// Writes what was gathered, unless enough is under way; and what is due when the disk is idle.
    ///
    /// - Parameters:
    ///   - now: the moment.
    ///   - commit: the highest index known to be committed; every entry up to it was given to `append`.
    ///   - operations: what the disk is to do.
    public mutating func turnEnded(now: Instant, commit: LogIndex, into operations: inout [Operation]) {
        self.commit = max(self.commit, commit)
        guard isStarted, failure == nil, segment != nil else { return }
        if !gathered.isEmpty {
            if batchesInFlight < settings.batchesInFlightMax { writeGathered(into: &operations) }
        } else if batchesInFlight == 0, isMarkDue {
            let since = idleSince ?? now
            idleSince = since
            if now >= since + settings.idleBeforeMark { writeMark(into: &operations) }
        }
        if stopping == .no { prepareNext(now: now, into: &operations) }
    }

    /// When `turnEnded` should be called at the latest, though nothing else happens.
    public var wakeAt: Instant? {
        guard isStarted, failure == nil, stopping == .no else { return nil }
        if let idleSince { return idleSince + settings.idleBeforeMark }
        if case .at(let moment) = prepareFrom { return moment }
        return nil
    }

    /// Whether entries are durable that no head states to be.
    var isMarkDue: Bool { lastFilled > stated }

    /// One batch of what waits; writes that would make it too large wait on.
    mutating func writeGathered(into operations: inout [Operation]) {
        var pieces: [Piece] = []
        var bytes = 0
        var taken: [Gathered] = []
        for next in gathered {
            guard taken.isEmpty || bytes + next.bytes <= settings.batchBytesMax else { break }
            pieces += next.pieces
            bytes += next.bytes
            taken.append(next)
        }
        gathered.removeFirst(taken.count)
        guard let write = taken.last?.write else { return }
        term = max(term, write.term)
        var offset = writeBatch(pieces, bytes: bytes, write: write, into: &operations)
        for next in taken where next.count > 0 {
            map.append(
                LogMap.Place(
                    first: next.first, count: next.count, segment: segment?.number ?? 0, offset: offset,
                    bytes: next.bytes, sequence: sequence))
            offset += UInt64(next.bytes)
            end = next.last
            rows[rows.count - 1].highest = max(rows[rows.count - 1].highest, end.index)
        }
        lastFilled = sequence
    }

    /// The commit index that a head may state: entries that still wait may replace what is on disk, and what
    /// they replace must not be taken for committed.
    var commitToState: LogIndex {
        #if PlantedFaults
            if Planted.is(.commitStatedAhead) { return commit }
        #endif
        var index = commit
        for next in gathered where next.count > 0 { index = min(index, next.first.previous) }
        return index
    }

    /// A batch without entries, which states what is durable and committed.
    mutating func writeMark(into operations: inout [Operation]) {
        _ = writeBatch([], bytes: 0, write: nil, into: &operations)
    }

    /// Gives the disk the next batch, in a new segment if this one has no room for it.
    ///
    /// - Returns: where in the segment the entries' lines begin.
    private mutating func writeBatch(
        _ entries: [Piece], bytes: Int, write: WriteID?, into operations: inout [Operation]
    ) -> UInt64 {
        let most = BatchHead.bytesMax + bytes
        let room = UInt64(most + paddingBytes(after: most))
        if let segment, segment.end + room > segment.bytes {
            if spare == nil { spare = Spare(number: segment.number + 1) }
            nameSegment(
                after: sequence, durable: sequence, base: end, bytes: 0, mustFit: room, into: &operations)
        }
        guard let segment else { preconditionFailure("a batch needs a segment") }
        sequence += 1
        let pieces = batch(entries, bytes: bytes, segment: segment.number, sequence: sequence)
        give(
            .write(.segment(segment.number), offset: segment.end, pieces, isSynced: true),
            .batch(sequence, write), to: &operations)
        batchesInFlight += 1
        idleSince = nil
        stated = max(stated, durable)
        statedCommit = commitToState
        var total = 0
        for piece in pieces { total += piece.count }
        self.segment?.end = segment.end + UInt64(total)
        rows[rows.count - 1].bytes = segment.end + UInt64(total)
        return segment.end + UInt64(pieces[0].count)
    }

    /// A batch's pieces: head, entries, padding.
    func batch(_ entries: [Piece], bytes: Int, segment: UInt64, sequence: UInt64) -> [Piece] {
        let head = BatchHead(
            segment: segment, sequence: sequence, bytes: UInt64(bytes), term: term,
            commit: commitToState, durable: durable)
        var line: [UInt8] = []
        line.reserveCapacity(BatchHead.bytesMax)
        head.encode(entries, into: &line)
        let padding = paddingBytes(after: line.count + bytes)
        return [Piece(line)] + entries
            + (padding > 0 ? [Piece(Self.padding, pageBytes - padding..<pageBytes)] : [])
    }

    /// Spaces and a newline: the end of it pads a batch.
    private static let padding: [UInt8] = {
        var page: [UInt8] = [0x20]
        page.pad()
        return page
    }()

    /// Prepares a further part of the spare when the disk is idle, or when the spare would be late.
    private mutating func prepareNext(now: Instant, into operations: inout [Operation]) {
        switch prepareFrom {
        case .now: break
        case .aWhileAfterThisTurn:
            prepareFrom = .at(now + settings.fullRetry)
            return
        case .at(let moment):
            guard now >= moment else { return }
            prepareFrom = .now
        }
        guard let segment else { return }
        let spare = spare ?? Spare(number: segment.number + 1)
        self.spare = spare
        guard !isHeldBack, !spare.isUnderWay, spare.prepared < settings.segmentBytes else { return }
        // The shares of the one that is filled and the other that is prepared, compared crosswise.
        let isLate =
            Double(spare.prepared) * Double(segment.bytes)
            < Double(segment.end) * Double(settings.segmentBytes)
        guard batchesInFlight == 0 || isLate else { return }
        let size = min(spare.prepared + settings.prepareBytes, settings.segmentBytes)
        prepareSpare(upTo: size, into: &operations)
    }
}
