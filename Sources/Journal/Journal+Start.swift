// The beginning: what must be on disk before the first message to a peer (rules 1, 2, 10).
internal import Consensus
internal import Wire

extension Journal {
    /// Writes what must be on disk before the first message to a peer; reported as `.started`.
    ///
    /// Names and slots that were read may stand in the page cache only, so folders are synced first, and what
    /// no batch states to be durable is written again: into the new segment before that has its name, so that
    /// at every moment either the old batches or the new ones are the log.
    public mutating func start(into operations: inout [Operation]) {
        guard let plan else { return }
        self.plan = nil
        give(.syncFolder(.root), to: &operations)
        give(.syncFolder(.log), to: &operations)
        // Before anybody may write another of the same name.
        for file in plan.leftovers where file.isDraft {
            give(.remove(file), .dropped(file), to: &operations)
        }
        give(.syncFolder(.snapshot), to: &operations)
        writeVote(.none, into: &operations)
        if let damage = plan.damage { writeDamage(damage, .none, into: &operations) }
        if plan.mustStoreIdentity, let cluster { writeIdentity(cluster, .none, into: &operations) }
        for number in plan.stale { give(.remove(.spare(number)), to: &operations) }
        spare = Spare(number: plan.segment)
        if cluster == nil {
            prepareSpare(upTo: settings.firstSegmentBytes, into: &operations)
        } else {
            openSegment(rewriting: plan.rewritten, after: plan.base, into: &operations)
        }
        tidy(plan.leftovers.filter { !$0.isDraft })
        removeSegments(keepingBytes: .max)
        give(.syncFolder(.log), .started, to: &operations)
    }

    /// Opens a segment whose first batches hold these blocks (or none, to carry on the commit index).
    private mutating func openSegment(
        rewriting blocks: [Block], after base: EntryID, into operations: inout [Operation]
    ) {
        guard let number = spare?.number else { return }
        #if PlantedFaults
            let blocks = Planted.is(.noRewriteAtStart) ? [] : blocks
        #endif
        let before = sequence
        var pieces: [Piece] = []
        var bytes = 0
        for block in blocks.isEmpty ? [Block(first: .zero)] : blocks {
            sequence += 1
            let batch = self.batch(
                [Piece(block.bytes)], bytes: block.bytes.count, segment: number, sequence: sequence)
            if block.count > 0 {
                map.append(
                    LogMap.Place(
                        first: block.first, count: block.count, segment: number,
                        offset: UInt64(pageBytes + bytes + batch[0].count), bytes: block.bytes.count,
                        sequence: sequence))
            }
            for piece in batch { bytes += piece.count }
            pieces += batch
        }
        nameSegment(
            after: before, durable: sequence, base: base, pieces, bytes: UInt64(bytes), into: &operations)
        rows[rows.count - 1].highest = blocks.last?.last ?? .zero
        lastFilled = sequence
        statedCommit = commit
    }

    /// Makes the spare the segment that is written to: its header, and batches that must be there before it
    /// has its name; its name; and the name synced (rule 6).
    mutating func nameSegment(
        after: UInt64, durable: UInt64, base: EntryID, _ batches: [Piece] = [], bytes: UInt64,
        mustFit: UInt64 = 0, into operations: inout [Operation]
    ) {
        guard let cluster, let number = spare?.number else { return }
        let end = UInt64(pageBytes) + bytes
        let size = max(settings.firstSegmentBytes, end + mustFit, spare?.prepared ?? 0)
        prepareSpare(upTo: size, into: &operations)
        let head = SegmentHead(
            cluster: cluster, node: node, boot: boot, segment: number, after: after, durable: durable,
            base: base)
        var page: [UInt8] = []
        page.reserveCapacity(pageBytes)
        head.encode(into: &page)
        give(
            .write(.spare(number), offset: 0, [Piece(page)] + batches, isSynced: true), to: &operations)
        give(.rename(.spare(number), to: .segment(number)), to: &operations)
        give(.syncFolder(.log), to: &operations)
        segment = Segment(number: number, bytes: size, end: end)
        rows.append(Row(number: number, base: base.index, bytes: end))
        spare = nil
        stated = max(stated, durable)
    }

    /// What an earlier life left is removed once this one has started.
    private mutating func tidy(_ leftovers: [File]) {
        var folders: [Folder] = []
        for file in leftovers {
            chores.append(.remove(file))
            if !folders.contains(file.folder) { folders.append(file.folder) }
        }
        for folder in folders { chores.append(.sync(folder)) }
    }

    /// Prepares the spare up to `size`, whatever is there already.
    mutating func prepareSpare(upTo size: UInt64, into operations: inout [Operation]) {
        guard let spare, size > spare.prepared else { return }
        let file = File.spare(spare.number)
        give(
            .prepare(file, offset: spare.prepared, bytes: size - spare.prepared),
            .prepared(spare.number, from: spare.prepared), to: &operations)
        self.spare?.prepared = size
        self.spare?.isUnderWay = true
    }
}
