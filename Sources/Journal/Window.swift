// The entries that a recovery still holds: not known to be committed, or not stated to be durable.
internal import Consensus
internal import Wire

/// The end of the log while it is read back, without gaps.
///
/// Most batches are committed and stated to be durable by the next head, so it stays small.
struct Window {
    struct Chunk {
        let sequence: UInt64
        var block: Block
        var lines: [EntryLine]

        /// All but the first entry.
        var rest: Chunk {
            guard block.count > 1 else { return Chunk(sequence: sequence, block: block, lines: []) }
            let start = block.starts[1]
            let rest = Block(
                first: block.first.next, bytes: Array(block.bytes[Int(start)...]),
                starts: block.starts[1...].map { $0 - start })
            return Chunk(
                sequence: sequence, block: rest, lines: lines[1...].map { $0.moved(by: -Int(start)) })
        }
    }
    private var chunks: [Chunk] = []
    /// The chunks before this position are no longer needed.
    private var begin = 0

    mutating func append(_ chunk: Chunk) { chunks.append(chunk) }

    /// Removes the entries from `index` on.
    mutating func cut(from index: LogIndex) {
        while chunks.count > begin, chunks[chunks.count - 1].block.last >= index {
            let place = chunks.count - 1
            guard chunks[place].block.first < index else {
                chunks.removeLast()
                continue
            }
            let count = Int(index - chunks[place].block.first)
            chunks[place].block.bytes.removeSubrange(Int(chunks[place].block.starts[count])...)
            chunks[place].block.starts.removeSubrange(count...)
            chunks[place].lines.removeSubrange(count...)
        }
    }

    /// Lets go of what is both given out up to `given` and durable up to `sequence`.
    mutating func release(given: LogIndex, durable sequence: UInt64) {
        while begin < chunks.count, chunks[begin].sequence <= sequence, chunks[begin].block.last <= given {
            chunks[begin].block = Block(first: .zero)
            chunks[begin].lines = []
            begin += 1
        }
        if begin > 64, begin * 2 > chunks.count {
            chunks.removeFirst(begin)
            begin = 0
        }
    }

    /// Gives out the entries from `first` to `last`, in order.
    func forEach(
        from first: LogIndex, through last: LogIndex,
        _ body: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) {
        var place = position(of: first)
        var index = first
        while index <= last, place < chunks.count {
            let lines = chunks[place].lines
            let bytes = chunks[place].block.bytes
            let skipped = Int(index - chunks[place].block.first)
            for line in lines[skipped...] {
                guard index <= last else { return }
                try body(bytes.span, line)
                index = index.next
            }
            place += 1
        }
    }

    /// The entries after `index`.
    func blocks(after index: LogIndex) -> [Block] {
        var blocks: [Block] = []
        for chunk in chunks[begin...] where chunk.block.last > index {
            if chunk.block.first > index {
                blocks.append(chunk.block)
            } else {
                let skipped = Int(index - chunk.block.first) + 1
                let start = Int(chunk.block.starts[skipped])
                blocks.append(
                    Block(
                        first: index.next, bytes: Array(chunk.block.bytes[start...]),
                        starts: chunk.block.starts[skipped...].map { $0 - UInt32(start) }))
            }
        }
        return blocks
    }

    /// The entries of batches after `sequence`.
    func blocks(afterSequence sequence: UInt64) -> [Block] {
        var blocks: [Block] = []
        for chunk in chunks[begin...] where chunk.sequence > sequence { blocks.append(chunk.block) }
        return blocks
    }

    private func position(of index: LogIndex) -> Int {
        var lower = begin
        var upper = chunks.count
        while lower < upper {
            let middle = (lower + upper) / 2
            if chunks[middle].block.last < index { lower = middle + 1 } else { upper = middle }
        }
        return lower
    }
}
