// Takes the entries that a peer or a disk gave, checking that each is whole and the one announced.
public import Consensus
internal import JSON

extension Block {
    /// Copies the lines `bytes[range]`, which must be exactly the valid entries that follow `after` with the
    /// terms of `runs`.
    ///
    /// - Throws: `WireError` with the place of the first line that is not.
    public init(
        _ bytes: Span<UInt8>, in range: Range<Int>, after: EntryID, runs: [Message.Run]
    ) throws(WireError) {
        self.init(first: after.index.next)
        let lines = bytes.extracting(range)
        var place = 0
        for run in runs {
            for _ in 0..<run.count {
                let entry = try Self.entry(lines, at: place, base: range.lowerBound)
                guard entry.id.index.rawValue == first.rawValue + UInt64(starts.count),
                    entry.id.term == run.term
                else { throw WireError(offset: range.lowerBound + place, problem: .entry) }
                starts.append(UInt32(place))
                place = entry.line.upperBound
            }
        }
        guard place == lines.count else {
            throw WireError(offset: range.lowerBound + place, problem: .count)
        }
        self.bytes.append(bytes: lines)
    }

    private static func entry(
        _ lines: Span<UInt8>, at place: Int, base: Int
    ) throws(WireError) -> EntryLine {
        guard place < lines.count else { throw WireError(offset: base + place, problem: .count) }
        guard lines.count <= UInt32.max else { throw WireError(offset: base, problem: .limit) }
        do throws(WireError) {
            return try EntryLine.read(lines, at: place)
        } catch {
            throw WireError(offset: base + error.offset, problem: error.problem)
        }
    }
}
