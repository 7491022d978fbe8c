// Which log files count, from which on, and what is made of those that are missing or not whole.
internal import Consensus
internal import Wire

extension Recovery {
    /// Reads the log files in order, and discards what the snapshot does not go on with.
    ///
    /// It begins with the first file whose beginning the snapshot covers. Where something later is damaged or
    /// missing, it begins anew after that, if what is lost is covered too: so an interrupted removal of old
    /// files does no harm, whichever of them are still there.
    mutating func read(
        _ folder: Folders, from storage: some Storage, isSnapshotLost: Bool,
        onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) {
        let numbers = folder.segments.map(\.number)
        var place = folder.start(from: 0, coveredTo: snapshot.index)
        // A term is only given where there is a log: without one, all of it is lost.
        let hadTerm = folder.slot.map { $0.term > .zero && !$0.isWiped } ?? false
        #if PlantedFaults
            if Planted.is(.lostLogBelieved), numbers.isEmpty, snapshot == .zero, !isSnapshotLost {
                return settle()
            }
        #endif
        if place == nil, snapshot != .zero || isSnapshotLost || !numbers.isEmpty || hadTerm {
            lose(isSnapshotLost ? .snapshot : .segment, segment: numbers.first ?? 1)
            mustDiscard = true
        }
        while let begin = place {
            leftovers = Array(numbers[..<begin])
            beginAnew(folder.segments[begin].head, limit: folder.limit(at: begin))
            guard let next = try read(folder, at: begin, from: storage, onEntry: onEntry) else { break }
            place = folder.start(from: next, coveredTo: snapshot.index)
        }
        if let missing, folder.snapshots.isEmpty {
            // Without a snapshot none is removed, so it may be somewhere, to be put back.
            throw .missing(segment: missing)
        }
        settle()
        // What was given out as committed can only be discarded by files that belong to no one history.
        guard given <= commit else { throw .inconsistent(segment: numbers.last ?? 1, offset: 0) }
        try giveOut(through: commit, onEntry)
    }

    /// Reads from the segment at `begin` on.
    ///
    /// - Returns: where the log might begin instead if something is lost; nil if nothing is.
    private mutating func read(
        _ folder: Folders, at begin: Int, from storage: some Storage,
        onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) -> Int? {
        for place in begin..<folder.segments.count {
            let (number, bytes, head) = folder.segments[place]
            // Nothing begins with one whose header is not whole.
            rows.append(
                Journal.Row(number: number, base: head?.base.index ?? LogIndex(largestNumber), bytes: 0))
            // What later headers declare void is not read.
            let limit = folder.limit(at: place)
            if let limit, limit <= sequence { continue }
            guard let head else {
                lose(.header, segment: number)
                return place + 1
            }
            guard sequence >= head.after else {
                // A number that is not there is only missed where it held what this one goes on from.
                let before = place > begin ? folder.segments[place - 1].number + 1 : number
                if before != number { missing = before }
                lose(.segment, segment: before)
                return place
            }
            guard goOn(from: head.base) else {
                lose(.snapshot, segment: number)
                mustDiscard = true
                return place + 1
            }
            var reader = LogReader(storage, .segment(number), end: bytes)
            let isFollowed =
                place + 1 < folder.segments.count && folder.segments[place + 1].number == number + 1
            try read(
                &reader, number: number, head: head, limit: limit, isFollowed: isFollowed, onEntry: onEntry)
            if lost != nil { return place + 1 }
        }
        return nil
    }
}
