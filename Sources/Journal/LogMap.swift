// Where the entries of the log stand on disk, a row for each run of them.
internal import Consensus

/// The places of the log's entries, sorted, without gaps: an entry with index i removes all from i on
/// (rule 7).
struct LogMap: Sendable {
    /// Some consecutive entries in one batch.
    struct Place: Sendable {
        let first: LogIndex
        var count: Int
        let segment: UInt64
        /// Where the first one's line begins in the file.
        let offset: UInt64
        /// The length of their lines; more than theirs if some were removed.
        var bytes: Int
        /// The batch.
        let sequence: UInt64
        /// Whether some of its entries were removed.
        var isCut = false
        /// The bytes of all rows that there ever were up to this one.
        var total: UInt64 = 0

        var last: LogIndex { LogIndex(first.rawValue + UInt64(count) - 1) }
    }
    private(set) var places: [Place] = []
    /// The total before the first row.
    private var removed: UInt64 = 0

    mutating func append(_ place: Place) {
        cut(from: place.first)
        // The next lines of the same batch lengthen the row.
        if let last = places.last, !last.isCut, last.sequence == place.sequence,
            last.segment == place.segment, last.offset + UInt64(last.bytes) == place.offset,
            last.last.next == place.first
        {
            places[places.count - 1].count += place.count
            places[places.count - 1].bytes += place.bytes
            places[places.count - 1].total += UInt64(place.bytes)
        } else {
            var place = place
            place.total = (places.last?.total ?? removed) + UInt64(place.bytes)
            places.append(place)
        }
    }

    mutating func cut(from index: LogIndex) {
        while let last = places.last, last.last >= index {
            if last.first >= index {
                places.removeLast()
            } else {
                places[places.count - 1].count = Int(index - last.first)
                places[places.count - 1].isCut = true
            }
        }
    }

    /// Forgets what stands in segments before this one.
    mutating func removeSegments(before number: UInt64) {
        let kept = places.firstIndex { $0.segment >= number } ?? places.count
        guard kept > 0 else { return }
        removed = places[kept - 1].total
        places.removeFirst(kept)
    }

    /// How many bytes the entries after `index` take, to a row.
    func bytes(after index: LogIndex) -> UInt64 {
        let before = position(of: index.next)
        return (places.last?.total ?? removed) - (before > 0 ? places[before - 1].total : removed)
    }

    /// The number of rows that lie wholly before `index`: the one at this position holds it, if any does.
    func position(of index: LogIndex) -> Int {
        var lower = 0
        var upper = places.count
        while lower < upper {
            let middle = (lower + upper) / 2
            if places[middle].last < index { lower = middle + 1 } else { upper = middle }
        }
        return lower
    }
}
