// Encodes entries in place: head, then the command's bytes by whoever has them, then the checksum.
public import Consensus
internal import JSON

extension Block {
    /// Begins the line of the next entry. What is now appended to `bytes` is its command: one JSON object,
    /// without a newline. Then comes ``end()``.
    ///
    /// - Precondition: `index` follows the block's last entry, and the block is smaller than 4 GiB.
    public mutating func begin(index: LogIndex, term: Term) {
        precondition(index.rawValue == first.rawValue + UInt64(count), "entries are encoded in order")
        starts.append(UInt32(bytes.count))
        _ = bytes.beginSealed()
        bytes.append(literal: ",\"index\":")
        bytes.append(decimal: index.rawValue)
        bytes.append(literal: ",\"term\":")
        bytes.append(decimal: term.rawValue)
        bytes.append(literal: ",\"command\":")
    }

    /// Ends the line that `begin` began: closes it and fills in its checksum.
    public mutating func end() {
        guard let start = starts.last else { return }
        bytes.append(0x7D)
        bytes.seal(digits: Int(start) + 8)
        bytes.append(0x0A)
    }

    /// A whole line: `begin`, the command, `end`.
    public mutating func append(index: LogIndex, term: Term, command: Span<UInt8>) {
        begin(index: index, term: term)
        bytes.append(bytes: command)
        end()
    }

    /// The bytes of the entries from `first` to `last`.
    ///
    /// - Precondition: both are in the block, and `first ≤ last`.
    public func range(from first: LogIndex, through last: LogIndex) -> Range<Int> {
        let lower = Int(first - self.first)
        let upper = Int(last - self.first) + 1
        return Int(starts[lower])..<(upper < starts.count ? Int(starts[upper]) : bytes.count)
    }
}
