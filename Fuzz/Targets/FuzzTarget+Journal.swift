// Recovery from any data directory: it starts or says why not, and its next start finds the same.
import Consensus
import Journal
import Wire

extension FuzzTarget {
    /// The input is a program that lays out a directory: checksums hold wherever it does not break them.
    func feedJournal(_ bytes: [UInt8]) throws(Contradiction) {
        var draw = Draw(bytes)
        var layout = Layout()
        for _ in 0..<64 where !draw.isAtEnd { layout.add(&draw) }
        var disk = layout.disk
        guard let first = try Opened.read(disk) else {
            try expect(try Opened.read(disk) == nil, "it starts at a second try, though nothing has changed")
            return
        }
        var journal = first.journal
        var operations: [Operation] = []
        journal.start(into: &operations)
        try Self.carryOut(&journal, operations, on: &disk)
        guard let second = try Opened.read(disk) else {
            throw Contradiction("it does not start a second time")
        }
        try expect(second.snapshot == first.snapshot, "another snapshot after a restart")
        try expect(
            second.lines == first.lines,
            "\(first.lines.count) entries, and after a restart \(second.lines.count)")
        let (one, two) = (first.recovered, second.recovered)
        try expect(two.boot > one.boot, "the boot does not rise: \(one.boot), \(two.boot)")
        try expect(two.hardState.term >= one.hardState.term, "the term falls")
        try expect(
            two.hardState.vote == one.hardState.vote || two.hardState.term > one.hardState.term,
            "another vote in the same term")
        try expect(two.isWiped == one.isWiped, "wiped: \(one.isWiped), then \(two.isWiped)")
        try expect((two.damage != nil) == (one.damage != nil), "damage found once: \(one), \(two)")
        try expect(two.commit >= one.commit, "the commit index falls")
    }

    private static func carryOut(
        _ journal: inout Journal, _ operations: [Operation], on disk: inout FuzzDisk
    ) throws(Contradiction) {
        var queue = operations
        var completions: [Completion] = []
        while !queue.isEmpty {
            let next = queue.removeFirst()
            disk.carryOut(next)
            journal.completed(next.id, failure: nil, into: &completions, operations: &queue)
        }
        try expect(completions.contains(.started), "it does not come to its start")
    }
}

/// What was read back.
private struct Opened {
    let journal: Journal
    let recovered: Recovered
    let snapshot: EntryID
    /// Those after the snapshot.
    let lines: [[UInt8]]

    /// Nil: the journal says why a node must not start from this.
    static func read(_ disk: FuzzDisk) throws(Contradiction) -> Opened? {
        var lines: [[UInt8]] = []
        let snapshot = (try? Journal.snapshots(in: disk))?.first ?? .zero
        guard let (journal, recovered) = recover(disk, snapshot, &lines) else { return nil }
        let begin = snapshot.index.rawValue
        try expect(
            begin + UInt64(lines.count) == recovered.commit.rawValue, "committed entries missing or twice")
        for block in recovered.tail {
            try expect(
                block.first.rawValue == begin + UInt64(lines.count) + 1, "a tail that does not follow")
            for place in 0..<block.count {
                let index = block.first + UInt64(place)
                lines.append(Array(block.bytes[block.range(from: index, through: index)]))
            }
        }
        try expect(
            begin + UInt64(lines.count) == recovered.last.index.rawValue, "the last index is not the last")
        let counted = recovered.runs.reduce(recovered.base.index.rawValue) { $0 + $1.count }
        try expect(counted == recovered.last.index.rawValue, "runs up to \(counted)")
        try expect(
            (recovered.runs.last?.term ?? recovered.base.term) == recovered.last.term,
            "the last run is not the last")
        try expect(recovered.base.index <= snapshot.index, "the log begins after its snapshot")
        for (place, line) in lines.enumerated() {
            let entry = try? EntryLine.read(line.span, at: 0)
            try expect(
                entry?.id.index.rawValue == begin + UInt64(place) + 1, "entry \(place + 1) is another's line")
        }
        return Opened(journal: journal, recovered: recovered, snapshot: snapshot, lines: lines)
    }

    private static func recover(
        _ disk: FuzzDisk, _ snapshot: EntryID, _ lines: inout [[UInt8]]
    ) -> (journal: Journal, recovered: Recovered)? {
        var settings = Journal.Settings()
        settings.firstSegmentBytes = 16 << 10
        settings.segmentBytes = 16 << 10
        return try? Journal.recover(
            node: Layout.node, settings: settings, snapshot: snapshot.index > .zero ? snapshot : nil,
            from: disk
        ) { (bytes, line) throws(RecoveryError) in
            lines.append(line.line.map { bytes[$0] })
        }
    }
}

/// Lays out files piece by piece; numbers mostly follow those before.
private struct Layout {
    static let node = NodeID(1)
    private(set) var disk = FuzzDisk()
    private var segment: UInt64 = 0
    private var sequence: UInt64 = 0
    private var index: UInt64 = 0
    private var term: UInt64 = 1
    private var commit: UInt64 = 0
    /// By term and index: one entry, with one line, however often it is written (Log Matching, §5.3).
    private var written: [EntryID: [UInt8]] = [:]

    /// Numbers far from the limit, beyond which a node would have to live for some thousand years.
    private func number(_ draw: inout Draw) -> UInt64 { min(draw.number(), 1 << 40) }

    private func cluster(_ draw: inout Draw) -> ClusterID {
        ClusterID(high: 7, low: draw.below(32) == 31 ? 8 : 9)
    }

    private func node(_ draw: inout Draw) -> NodeID { draw.below(32) == 31 ? NodeID(2) : Self.node }

    mutating func add(_ draw: inout Draw) {
        switch draw.below(17) {
        case 0: addVote(&draw)
        case 1: addIdentity(&draw)
        case 2, 3: addSegment(&draw)
        case 4...8: addBatch(&draw)
        case 9: append(draw.piece())
        case 10: append([UInt8](repeating: 0, count: draw.below(3) * pageBytes))
        case 11: flip(&draw)
        case 12: shorten(&draw)
        case 13: addDamage(&draw)
        case 14: addSnapshot(&draw)
        case 15: disk.put(draw.piece(), .spare(draw.isTrue() ? segment + 1 : number(&draw)), at: 0)
        default: disk.files[draw.isTrue() ? .segment(number(&draw)) : .vote] = draw.isTrue() ? nil : []
        }
    }

    private mutating func addVote(_ draw: inout Draw) {
        var page: [UInt8] = []
        let vote = draw.isTrue() ? NodeID(UInt64(draw.below(3)) + 1) : nil
        VoteSlot(
            count: number(&draw), term: Term(number(&draw)), vote: vote, boot: Boot(number(&draw)),
            isWiped: draw.below(16) == 15
        ).encode(into: &page)
        disk.put(page, .vote, at: draw.isTrue() ? pageBytes : 0)
    }

    /// Whether one is whole is not the journal's to tell: only its name counts.
    private mutating func addSnapshot(_ draw: inout Draw) {
        let id = EntryID(
            term: Term(max(draw.isTrue() ? term : number(&draw), 1)),
            index: LogIndex(max(draw.isTrue() ? index : number(&draw), 1)))
        disk.files[draw.below(4) == 3 ? .snapshotDraft(id) : .snapshot(id)] = []
        if draw.below(8) == 7 { disk.files[.incoming] = draw.piece() }
    }

    private mutating func addIdentity(_ draw: inout Draw) {
        var page: [UInt8] = []
        Identity(cluster: cluster(&draw), node: node(&draw)).encode(into: &page)
        disk.put(page, .identity, at: 0)
    }

    private mutating func addSegment(_ draw: inout Draw) {
        segment = draw.below(16) == 15 ? number(&draw) : segment + 1
        let after = draw.below(4) == 3 ? number(&draw) : sequence
        let durable = draw.isTrue() ? sequence : number(&draw)
        var page: [UInt8] = []
        SegmentHead(
            cluster: cluster(&draw), node: node(&draw), boot: Boot(number(&draw)),
            segment: draw.below(32) == 31 ? number(&draw) : segment, after: after, durable: durable,
            base: base(&draw)
        ).encode(into: &page)
        disk.files[.segment(segment)] = page
        sequence = after
    }

    private func base(_ draw: inout Draw) -> EntryID {
        if draw.below(4) == 3 { return EntryID(term: Term(number(&draw)), index: LogIndex(number(&draw))) }
        return index == 0 ? .zero : EntryID(term: Term(term), index: LogIndex(index))
    }

    private mutating func addBatch(_ draw: inout Draw) {
        guard disk.files[.segment(segment)] != nil else { return }
        var lines: [UInt8] = []
        for _ in 0..<draw.below(5) {
            let style = draw.byte()
            if style & 0x0F == 0x0F { index = number(&draw) }
            if style & 0x30 == 0x30 { term = number(&draw) }
            index = max(index, style & 0xC0 == 0xC0 ? 1 : index + 1)
            let command = draw.isTrue() ? Array("{\"none\":true}".utf8) : [0x7B] + draw.piece() + [0x7D]
            var block = Block(first: LogIndex(index))
            block.append(index: LogIndex(index), term: Term(term), command: command.span)
            let id = EntryID(term: Term(term), index: LogIndex(index))
            lines += written[id] ?? block.bytes
            written[id] = written[id] ?? block.bytes
        }
        sequence = draw.below(16) == 15 ? number(&draw) : sequence + 1
        commit = draw.below(4) == 3 ? number(&draw) : draw.isTrue() ? index : commit
        var batch: [UInt8] = []
        BatchHead(
            segment: draw.below(32) == 31 ? number(&draw) : segment, sequence: sequence,
            bytes: draw.below(32) == 31 ? number(&draw) : UInt64(lines.count), term: Term(term),
            commit: LogIndex(commit), durable: draw.below(4) == 3 ? number(&draw) : max(sequence, 1) - 1
        ).encode([Piece(lines)], into: &batch)
        batch += lines
        batch.pad()
        append(batch)
    }

    private mutating func append(_ bytes: [UInt8]) {
        disk.put(bytes, .segment(segment), at: disk.files[.segment(segment)]?.count ?? 0)
    }

    private mutating func addDamage(_ draw: inout Draw) {
        var page: [UInt8] = []
        Damage(
            reason: Damage.Reason.allCases[draw.below(Damage.Reason.allCases.count)],
            segment: number(&draw), offset: number(&draw), index: LogIndex(number(&draw))
        ).encode(into: &page)
        if draw.below(8) == 7 { page = draw.piece() }
        disk.files[.damage] = page
    }

    private mutating func flip(_ draw: inout Draw) {
        let file: File =
            draw.below(4) == 3 ? .vote : .segment(draw.isTrue() ? segment : UInt64(draw.below(4)))
        guard let count = disk.files[file]?.count, count > 0 else { return }
        let place = (draw.below(16) * pageBytes + draw.below(256)) % count
        disk.files[file]?[place] ^= 1 << UInt8(draw.below(8))
    }

    private mutating func shorten(_ draw: inout Draw) {
        let file = File.segment(draw.isTrue() ? segment : UInt64(draw.below(4)))
        guard let count = disk.files[file]?.count else { return }
        disk.files[file]?.removeLast(min(count, draw.below(4) * pageBytes + draw.below(256)))
    }
}
