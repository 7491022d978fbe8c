// A store as a snapshot's bytes, a bounded piece at a time (rule 26).
public import KeyValue
public import Wire

/// Writes a frozen store as NDJSON: the header's line, blocks of rows, those of the keys in their order and
/// then the events', the last line.
///
/// Works on its own copy of the store, so on any thread while writes go on. It holds one piece at a time.
public struct SnapshotEncoder: Sendable {
    let head: SnapshotHead
    private let store: Store
    private let hasBlocks: Bool
    private var stage = Stage.head
    private var blocks: UInt64 = 0
    /// How many bytes were given out, and their checksum: once all were, those of the file.
    public private(set) var bytes: UInt64 = 0
    public private(set) var sum: UInt32 = 0

    private enum Stage: Sendable {
        case head
        /// The leases after this id are next.
        case leases(after: UInt64)
        /// The keys of this range are next.
        case keys(KeyRange)
        /// The answers after that of this entry are next.
        case answers(after: UInt64)
        /// The events after this one are next.
        case events(after: EventID)
        case end, over
    }

    /// A piece ends with the block in which it passes this.
    static let pieceBytes = 1 << 20
    /// A block ends with the row in which it passes this. Small enough to be checked while it is still in the
    /// processor's cache.
    static let blockBytes = 128 << 10

    /// - Precondition: the header is that of the store, as
    ///   `SnapshotHead.init(cluster:last:configuration:of:)` makes it.
    public init(head: SnapshotHead, store: Store) { self.init(head: head, store: store, hasBlocks: true) }

    /// `hasBlocks`: otherwise nothing but rows stands between the first line and the last, as in backups.
    init(head: SnapshotHead, store: Store, hasBlocks: Bool) {
        precondition(
            head.keys == UInt64(store.count) && head.leases == UInt64(store.leaseCount),
            "the header is that of the store")
        let events = UInt64(store.history.count)
        precondition(head.history.events == events || head.history.events == 0, "all events or none")
        self.head = head
        self.store = store
        self.hasBlocks = hasBlocks
    }

    /// The next piece: about 1 MiB, more where a value is larger; nil once the last line was given.
    public mutating func next() -> [UInt8]? {
        if case .over = stage { return nil }
        var piece = Piece(sum: sum, hasBlocks: hasBlocks)
        if case .head = stage {
            piece.append(head)
            stage = .leases(after: 0)
        }
        if case .leases(let id) = stage { appendLeases(after: id, to: &piece) }
        if case .keys(let range) = stage { appendKeys(range, to: &piece) }
        if case .answers(let index) = stage { appendAnswers(after: index, to: &piece) }
        if case .events(let id) = stage { appendEvents(after: id, to: &piece) }
        piece.endBlock()
        blocks += piece.blocks
        if case .end = stage {
            stage = .over
            piece.append(bytes: bytes, blocks: blocks, keys: head.keys)
        }
        bytes += UInt64(piece.out.count)
        sum = piece.sum
        return piece.out
    }

    // Each appends rows until the piece is full or there are no more: then the next stage begins.

    private mutating func appendLeases(after id: UInt64, to piece: inout Piece) {
        var last: UInt64?
        store.forEachLease(after: id) { lease in
            piece.append { Row.append(lease, to: &$0) }
            if piece.isFull { last = lease.id }
            return last == nil
        }
        stage = last.map { .leases(after: $0) } ?? .keys(.all)
    }

    private mutating func appendKeys(_ range: KeyRange, to piece: inout Piece) {
        var last: Record?
        store.forEach(in: range) { record in
            piece.append { Row.append(record, to: &$0) }
            if piece.isFull { last = record }
            return last == nil
        }
        stage = last.map { .keys(KeyRange.all.after($0.key)) } ?? .answers(after: 0)
    }

    private mutating func appendAnswers(after index: UInt64, to piece: inout Piece) {
        var last: UInt64?
        if head.answers > 0 {
            store.forEachAnswer(after: index) { key, answer in
                piece.append { Row.append(answer, key: key, to: &$0) }
                if piece.isFull { last = answer.index }
                return last == nil
            }
        }
        stage = last.map { .answers(after: $0) } ?? .events(after: .end(of: store.history.floor))
    }

    private mutating func appendEvents(after id: EventID, to piece: inout Piece) {
        var last: EventID?
        if head.history.events > 0 {
            store.history.forEach(after: id) { event in
                piece.append { Row.append(event, of: store, to: &$0) }
                if piece.isFull { last = event.id }
                return last == nil
            }
        }
        stage = last.map { .events(after: $0) } ?? .end
    }
}

extension SnapshotEncoder {
    /// A piece that is being made.
    private struct Piece {
        private(set) var out: [UInt8] = []
        private let hasBlocks: Bool
        private(set) var blocks: UInt64 = 0
        /// The checksum up to `summed`.
        private(set) var sum: UInt32
        private var summed = 0
        /// Where the open block's head goes, and how many rows it has so far.
        private var block: Int?
        private var rows: UInt64 = 0

        init(sum: UInt32, hasBlocks: Bool) {
            self.sum = sum
            self.hasBlocks = hasBlocks
            out.reserveCapacity(pieceBytes + 2 * blockBytes)
        }

        /// The last block is whole, and the piece large enough.
        var isFull: Bool { block == nil && out.count >= pieceBytes }

        mutating func append(_ head: SnapshotHead) {
            head.encode(into: &out)
            addUp()
        }

        mutating func append(_ row: (inout [UInt8]) -> Void) {
            if hasBlocks, block == nil {
                block = out.count
                SnapshotBlockHead.reserve(in: &out)
            }
            row(&out)
            rows += 1
            if let block, out.count - block >= blockBytes { endBlock() }
        }

        /// Ends what has no end yet.
        mutating func endBlock() {
            guard let start = block else {
                addUp()
                return
            }
            sum = SnapshotBlockHead.fill(&out, at: start, rows: rows, after: sum)
            summed = out.count
            block = nil
            rows = 0
            blocks += 1
        }

        /// Appends the file's last line; `bytes` were in the pieces before.
        mutating func append(bytes: UInt64, blocks: UInt64, keys: UInt64) {
            let end = SnapshotEnd(
                bytes: bytes + UInt64(out.count), file: sum, blocks: blocks, keys: keys)
            end.encode(into: &out)
            addUp()
        }

        private mutating func addUp() {
            sum = checksum(out.span, in: summed..<out.count, after: sum)
            summed = out.count
        }
    }
}
