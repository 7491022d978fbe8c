// Reading entries back while the node runs: where they are, and their bytes checked (rule 4).
public import Consensus
public import Wire

extension Journal {
    /// Where the entries after `after` up to `through` are on disk, at most about `bytesMax` (but one batch's
    /// at least). Stops before what is not on disk yet, and has nothing where the first of them is compacted.
    public func extents(after: LogIndex, through: LogIndex, bytesMax: Int) -> [Extent] {
        var extents: [Extent] = []
        var bytes = 0
        guard after >= base else { return [] }
        var position = map.position(of: after.next)
        while position < map.places.count {
            let place = map.places[position]
            guard place.first <= through, place.sequence <= durable else { break }
            guard extents.isEmpty || bytes + place.bytes <= bytesMax else { break }
            extents.append(
                Extent(
                    file: .segment(place.segment), offset: place.offset, bytes: place.bytes,
                    stored: place.first, first: max(after.next, place.first),
                    last: min(through, place.last)))
            bytes += place.bytes
            position += 1
        }
        return extents
    }

    /// How many bytes the entries after `index` take in the log: what a snapshot up to it would spare.
    public func bytes(after index: LogIndex) -> UInt64 { map.bytes(after: index) }

    /// Reads and verifies the wanted entries of an extent: for the reader thread.
    ///
    /// - Parameters:
    ///   - extent: what ``extents(after:through:bytesMax:)`` answered.
    ///   - storage: where the log files are.
    /// - Returns: the entries from `extent.first` to `extent.last`.
    /// - Throws: `LoadError`; damage with the index and place of the entry that is not whole.
    public static func load(_ extent: Extent, from storage: some Storage) throws(LoadError) -> Block {
        let bytes: [UInt8]?
        do throws(DiskFailure) {
            bytes = try storage.read(extent.file, offset: extent.offset, count: extent.bytes)
        } catch {
            throw .disk(error)
        }
        guard let bytes else { throw damaged(extent, at: 0, index: extent.stored, .segment) }
        let span = bytes.span
        var block = Block(first: extent.first)
        var place = 0
        var begin = 0
        var index = extent.stored
        while index <= extent.last {
            let entry: EntryLine
            do throws(WireError) {
                entry = try EntryLine.read(span, at: place)
            } catch {
                throw damaged(extent, at: place, index: index, .entry)
            }
            guard entry.id.index == index else { throw damaged(extent, at: place, index: index, .entry) }
            if index == extent.first { begin = place }
            if index >= extent.first { block.starts.append(UInt32(place - begin)) }
            place = entry.line.upperBound
            index = index.next
        }
        if begin == 0, place == bytes.count {
            block.bytes = bytes
        } else {
            block.bytes = Array(bytes[begin..<place])
        }
        return block
    }

    private static func damaged(
        _ extent: Extent, at place: Int, index: LogIndex, _ reason: Damage.Reason
    ) -> LoadError {
        var segment: UInt64 = 0
        if case .segment(let number) = extent.file { segment = number }
        return .damaged(
            Damage(
                reason: reason, segment: segment, offset: extent.offset + UInt64(place), index: index))
    }
}
