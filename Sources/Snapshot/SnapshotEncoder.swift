// A store as a snapshot's bytes, a bounded piece at a time (rule 26).
public import KeyValue
public import Wire

/// Writes a frozen store as NDJSON: the header's line, blocks of rows in key order, the last line.
///
/// Works on its own copy of the store, so on any thread while writes go on. It holds one piece at a time.
public struct SnapshotEncoder: Sendable {
    private let head: SnapshotHead
    private let store: Store
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
    public init(head: SnapshotHead, store: Store) {
        precondition(head.keys == UInt64(store.count), "the header is that of the store")
        self.head = head
        self.store = store
    }

    /// The next piece: about 1 MiB, more where a value is larger; nil once the last line was given.
    public mutating func next() -> [UInt8]? {
        var piece = Piece(sum: sum)
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
        /// The checksum up to the last whole line.
        private(set) var sum: UInt32
        private(set) var blocks: UInt64 = 0
        /// Where the open block's head goes, and how many rows it has so far.
        private var block: Int?
        private var rows: UInt64 = 0

        init(sum: UInt32) {
            self.sum = sum
            out.reserveCapacity(pieceBytes + 2 * blockBytes)
        }

        /// The last block is whole, and the piece large enough.
        var isFull: Bool { block == nil && out.count >= pieceBytes }

        mutating func append(_ head: SnapshotHead) {
            head.encode(into: &out)
            sum = checksum(out.span, in: 0..<out.count, after: sum)
        }

        mutating func append(_ record: Record) {
            let start: Int
            if let block {
                start = block
            } else {
                start = out.count
                block = start
                SnapshotBlockHead.reserve(in: &out)
            }
            Row.append(record, to: &out)
            rows += 1
            if out.count - start >= blockBytes { endBlock() }
        }

        mutating func endBlock() {
            guard let start = block else { return }
            sum = SnapshotBlockHead.fill(&out, at: start, rows: rows, after: sum)
            block = nil
            rows = 0
            blocks += 1
        }

        /// Appends the file's last line; `bytes` were in the pieces before.
        mutating func append(bytes: UInt64, blocks: UInt64, keys: UInt64) {
            let start = out.count
            SnapshotEnd(bytes: bytes + UInt64(start), file: sum, blocks: blocks, keys: keys).encode(
                into: &out)
            sum = checksum(out.span, in: start..<out.count, after: sum)
        }
    }
}
