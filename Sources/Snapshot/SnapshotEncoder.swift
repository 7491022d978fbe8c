// A store as a snapshot's bytes, a bounded piece at a time (rule 26).
public import KeyValue
public import Wire

/// Writes a frozen store as NDJSON: the header's line, blocks of rows in key order, the last line.
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
        /// The rows after this key are next.
        case rows(after: [UInt8])
        case over
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
        precondition(head.keys == UInt64(store.count), "the header is that of the store")
        self.head = head
        self.store = store
        self.hasBlocks = hasBlocks
    }

    /// The next piece: about 1 MiB, more where a value is larger; nil once the last line was given.
    public mutating func next() -> [UInt8]? {
        var piece = Piece(sum: sum, hasBlocks: hasBlocks)
        let range: KeyRange
        switch stage {
        case .head:
            piece.append(head)
            range = .all
        case .rows(let key): range = KeyRange.all.after(key)
        case .over: return nil
        }
        var last: Record?
        store.forEach(in: range) { record in
            piece.append(record)
            guard piece.isFull else { return true }
            last = record
            return false
        }
        piece.endBlock()
        blocks += piece.blocks
        if let last {
            stage = .rows(after: last.key)
        } else {
            stage = .over
            piece.append(bytes: bytes, blocks: blocks, keys: head.keys)
        }
        bytes += UInt64(piece.out.count)
        sum = piece.sum
        return piece.out
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

        mutating func append(_ record: Record) {
            if hasBlocks, block == nil {
                block = out.count
                SnapshotBlockHead.reserve(in: &out)
            }
            Row.append(record, to: &out)
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
