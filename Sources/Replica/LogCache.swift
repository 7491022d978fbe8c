// Who holds the bytes: the entries lately appended, encoded, shared with the journal and the peer links.
internal import Consensus
internal import DequeModule
internal import Wire

/// The end of the log in memory, as blocks in order of index, without a gap.
///
/// A block that has been handed on never changes; only the last one may still be open for a leader's
/// own entries. Bounded, but never less than what is not yet durable or not yet applied.
struct LogCache: Sendable {
    private var blocks: Deque<Block> = []
    /// Whether the last block may still grow.
    private var isOpen = false
    private(set) var bytes = 0
    /// How large a block grew lately: a new one starts with room for as much.
    private var usualBytes = 1024

    init(_ tail: [Block] = []) {
        for block in tail where block.count > 0 { append(block) }
    }

    var isEmpty: Bool { blocks.isEmpty }
    /// The first index it holds, if any.
    var first: LogIndex? { blocks.first?.first }

    /// Takes entries that follow its last.
    mutating func append(_ block: Block) {
        isOpen = false
        blocks.append(block)
        bytes += block.bytes.count
    }

    /// Encodes one more entry at the end: `command` appends its command's bytes.
    @inline(__always)
    mutating func append(index: LogIndex, term: Term, command: (inout [UInt8]) -> Void) {
        if !isOpen {
            var block = Block(first: index)
            block.bytes.reserveCapacity(usualBytes)
            blocks.append(block)
            isOpen = true
        }
        let last = blocks.count - 1
        let before = blocks[last].bytes.count
        blocks[last].begin(index: index, term: term)
        command(&blocks[last].bytes)
        blocks[last].end()
        bytes += blocks[last].bytes.count - before
    }

    /// What has been appended so far is handed on: it changes no more.
    mutating func close() {
        guard isOpen, let last = blocks.last else { return }
        isOpen = false
        usualBytes = max(1024, min(last.bytes.count + last.bytes.count / 4, 1 << 18))
    }

    mutating func truncate(after index: LogIndex) {
        isOpen = false
        while let last = blocks.last, last.last > index {
            blocks.removeLast()
            bytes -= last.bytes.count
            guard last.first <= index else { continue }
            let kept = last.part(from: last.first, through: index)
            blocks.append(kept)
            bytes += kept.bytes.count
        }
    }

    /// Drops the oldest blocks beyond `bytesMax`, but nothing after `needed`.
    mutating func trim(to bytesMax: Int, keepingAfter needed: LogIndex) {
        while bytes > bytesMax, blocks.count > 1, let first = blocks.first, first.last <= needed {
            blocks.removeFirst()
            bytes -= first.bytes.count
        }
    }

    /// Where the block is that holds `index`.
    private func position(of index: LogIndex) -> Int? {
        guard let first = blocks.first, index >= first.first else { return nil }
        var low = 0
        var high = blocks.count
        // What is asked for is nearly always in the last few blocks.
        if high > 4, blocks[high - 4].first <= index { low = high - 4 }
        while low + 1 < high {
            let middle = (low + high) / 2
            if blocks[middle].first <= index { low = middle } else { high = middle }
        }
        return index <= blocks[low].last ? low : nil
    }

    /// The lines after `after` up to `through`, as many as fit in `bytesMax`, but at least one; nil if the
    /// first of them is not here.
    func pieces(after: LogIndex, through: LogIndex, bytesMax: Int) -> (pieces: [Piece], through: LogIndex)? {
        guard var at = position(of: after.next) else { return nil }
        var pieces: [Piece] = []
        var taken = after
        var bytes = 0
        while taken < through, at < blocks.count {
            let block = blocks[at]
            let end = block.fit(from: taken.next, through: min(through, block.last), in: bytesMax - bytes)
            let last = taken == after ? max(end, after.next) : end
            guard last > taken else { break }
            let range = block.range(from: taken.next, through: last)
            pieces.append(Piece(block.bytes, range))
            bytes += range.count
            taken = last
            guard last == block.last else { break }
            at += 1
        }
        return (pieces, taken)
    }

    /// Shows the command of the entry at `index`; false if it is not here.
    @inline(__always)
    func withCommand(at index: LogIndex, _ body: (Span<UInt8>) -> Void) -> Bool {
        guard let at = position(of: index) else { return false }
        blocks[at].withCommand(at: index, body)
        return true
    }

    /// The length of the line at `index`; 0 if it is not here.
    func lineBytes(at index: LogIndex) -> Int {
        guard let at = position(of: index) else { return 0 }
        return blocks[at].range(from: index, through: index).count
    }
}

extension Block {
    /// A copy of a part of it.
    func part(from first: LogIndex, through last: LogIndex) -> Block {
        let range = range(from: first, through: last)
        let lower = Int(first - self.first)
        let upper = Int(last - self.first)
        let starts = self.starts[lower...upper].map { $0 - UInt32(range.lowerBound) }
        return Block(first: first, bytes: Array(bytes[range]), starts: starts)
    }

    /// The last index, from `first` on, whose line still ends within `limit` bytes of where `first` begins;
    /// `first.previous` if not even that one does.
    func fit(from first: LogIndex, through last: LogIndex, in limit: Int) -> LogIndex {
        let start = Int(starts[Int(first - self.first)])
        if range(from: first, through: last).count <= limit { return last }
        var low = first.previous
        var high = last
        // Invariant: everything up to `low` fits, and everything up to `high` does not.
        while low.next < high {
            let middle = LogIndex((low.rawValue + high.rawValue) / 2)
            let end = range(from: middle, through: middle).upperBound
            if end - start <= limit { low = middle } else { high = middle }
        }
        return low
    }

    @inline(__always)
    func withCommand(at index: LogIndex, _ body: (Span<UInt8>) -> Void) {
        let line = range(from: index, through: index)
        body(bytes.span.extracting(EntryLine.commandRange(in: bytes.span, line: line)))
    }
}
