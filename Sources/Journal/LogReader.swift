// Reads one log file in pieces, so that recovery never holds a whole segment.
internal import Wire

/// A log file under a moving window of bytes.
struct LogReader<Source: Storage> {
    let storage: Source
    let file: File
    /// The file's size.
    let end: UInt64
    /// How much is read at a time.
    private let pieceBytes = 1 << 20
    private(set) var bytes: [UInt8] = []
    /// Where in the file `bytes` begins.
    private var base: UInt64 = 0

    init(_ storage: Source, _ file: File, end: UInt64) {
        self.storage = storage
        self.file = file
        self.end = end
    }

    /// Makes `count` bytes from `offset` on stand in `bytes`, or as many as the file has.
    ///
    /// - Returns: where in `bytes` they begin.
    mutating func load(_ offset: UInt64, count: Int) throws(RecoveryError) -> Int {
        let wanted = min(offset + UInt64(count), max(end, offset))
        if offset >= base, wanted <= base + UInt64(bytes.count) { return Int(offset - base) }
        do throws(DiskFailure) {
            bytes = try storage.read(file, offset: offset, count: max(count, pieceBytes)) ?? []
        } catch {
            throw .disk(error)
        }
        base = offset
        return 0
    }

    /// Lets go of what was read: the file is looked at anew.
    mutating func forget() { bytes.removeAll(keepingCapacity: true) }

    /// The valid batch at `offset`, or nil if there is none. Its entries' lines stand in `bytes`.
    mutating func batch(at offset: UInt64) throws(RecoveryError) -> Batch? {
        guard offset < end else { return nil }
        let start = try load(offset, count: pageBytes)
        guard let found = try? BatchHead.read(bytes.span, at: start), let total = found.total,
            UInt64(total) <= end - offset
        else { return nil }
        // The bytes may have moved: places are counted anew.
        let moved = try load(offset, count: total) - start
        do throws(WireError) {
            let found = moved == 0 ? found : try BatchHead.read(bytes.span, at: start + moved)
            try found.verify(bytes.span)
            return Batch(
                head: found.head, headBytes: found.line.count, entries: found.entries, offset: offset,
                total: total)
        } catch {
            return nil
        }
    }

    /// How many pages from `offset` on hold anything but zeros.
    mutating func writtenPages(from offset: UInt64) throws(RecoveryError) -> UInt64 {
        var pages: UInt64 = 0
        var offset = offset
        while offset < end {
            let start = try load(offset, count: pageBytes)
            let stop = min(start + pageBytes, bytes.count)
            if !Self.isZero(bytes.span, start..<stop) { pages += 1 }
            offset += UInt64(pageBytes)
        }
        return pages
    }

    private static func isZero(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var all: UInt8 = 0
        for place in range { all |= bytes[place] }
        return all == 0
    }
}

/// A batch whose checksum and padding hold.
struct Batch {
    let head: BatchHead
    /// The length of its head's line.
    let headBytes: Int
    /// Where its lines are in the reader's bytes.
    let entries: Range<Int>
    /// Where it begins in the file, and its length with padding.
    let offset: UInt64
    let total: Int
}
