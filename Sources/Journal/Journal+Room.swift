// A full disk (rule 13): what is prepared is all that there is, and what may still be written to it.
internal import Wire

extension Journal {
    /// Whether the disk has no room for the next segment: new writes are to be refused.
    public var isFull: Bool { isRefused || isHeldBack }

    /// What is left on the disk is kept for a snapshot, or not any more: no spare is prepared meanwhile.
    public mutating func hold(back isHeldBack: Bool) { self.isHeldBack = isHeldBack }

    /// How many bytes of entries have room in what is prepared, less a margin; nil while it is not full.
    public var room: UInt64? {
        guard isFull else { return nil }
        guard let segment else { return 0 }
        var bytes = segment.bytes - min(segment.bytes, segment.end) + (spare?.prepared ?? 0)
        for next in gathered { bytes -= min(bytes, UInt64(next.bytes) + 2 * UInt64(pageBytes)) }
        return bytes - min(bytes, margin)
    }

    /// Kept for what must be written whatever comes: the first entries of new terms, and marks.
    private var margin: UInt64 { min(2 << 20, settings.segmentBytes / 4) }
}
