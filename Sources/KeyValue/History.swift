// The last events, bounded, a whole revision at a time: state like any other (rule 24).

/// What happened to keys lately, in order, from the revision after ``floor`` to the last.
///
/// A value that is frozen by copying. Events lie in chunks that are never written again once they are full:
/// a write after a freeze copies the open one at most. Trimming moves a number; a chunk goes when all its
/// events have gone, and it is small, so what is held beyond the bounds is little.
public struct History: Sendable {
    /// What is kept at most. A revision that is larger is kept while it is the last.
    var limits: Store.Settings
    /// Every event after this revision is here, and none of it or before it.
    public private(set) var floor: Revision
    /// The revision of the last event; before the first, ``floor``. Revisions have no gaps.
    public private(set) var last: Revision
    /// How many events there are.
    public private(set) var count = 0
    /// The bytes of their keys, content types and values.
    public private(set) var bytes = 0

    private var full: [[Event]] = []
    private var open: [Event] = []
    private var openBytes = 0
    /// So many events at the beginning of the oldest chunk are gone.
    private var gone = 0
    /// How many events the last revision has.
    private var placesInLast: UInt32 = 0

    /// A chunk is full with so many events, or with so many bytes.
    static let chunkEvents = 256
    static let chunkBytes = 256 << 10

    /// No events, and none to be had up to `floor`.
    init(after floor: Revision, limits: Store.Settings = .usual) {
        self.floor = floor
        self.limits = limits
        last = floor
    }

    /// Whether every event after this place is here, or still to come.
    public func holds(after id: EventID) -> Bool { id >= EventID.end(of: floor) }

    private var oldest: [Event] { full.first ?? open }
}

// MARK: - Writing

extension History {
    /// A key was put, at the revision that its record has.
    @inline(__always)
    mutating func append(_ record: Record) { append(.put, record, at: record.revision) }

    /// A key went.
    mutating func append(_ kind: Event.Kind, key: Span<UInt8>, at revision: Revision) {
        let name = Record(
            key: key, value: Span(), contentType: Span(), revision: revision, createdRevision: revision,
            version: 0)
        append(kind, name, at: revision)
    }

    mutating func append(_ kind: Event.Kind, _ record: Record, at revision: Revision) {
        if revision != last {
            last = revision
            placesInLast = 0
        }
        let event = Event(kind, record, at: revision, place: placesInLast)
        placesInLast &+= 1
        if open.isEmpty { open.reserveCapacity(Self.chunkEvents) }
        open.append(event)
        count &+= 1
        bytes &+= Int(event.bytes)
        openBytes &+= Int(event.bytes)
        if open.count >= Self.chunkEvents || openBytes >= Self.chunkBytes { closeChunk() }
        if count > limits.historyEvents || bytes > limits.historyBytes { trim() }
    }

    private mutating func closeChunk() {
        full.append(open)
        open = []
        openBytes = 0
    }

    /// Drops the oldest revisions, each whole, until the bounds hold or one is left.
    ///
    /// The outcome is the same after each event of a revision or once after the last.
    mutating func trim() {
        while count > limits.historyEvents || bytes > limits.historyBytes {
            let revision = oldest[gone].revision
            guard revision < last else { return }
            while count > 0, oldest[gone].revision == revision { dropFirst() }
            floor = revision
        }
    }

    private mutating func dropFirst() {
        count &-= 1
        bytes &-= Int(oldest[gone].bytes)
        gone += 1
        guard gone == oldest.count else { return }
        gone = 0
        if full.isEmpty {
            open = []
            openBytes = 0
        } else {
            full.removeFirst()
        }
    }
}

// MARK: - Reading

extension History {
    /// Hands the events after a place to `body`, in order, until it answers false. O(log n) and what is
    /// handed over. Where ``holds(after:)`` is false, that is from the first one kept on.
    public func forEach<E: Error>(after id: EventID, _ body: (Event) throws(E) -> Bool) throws(E) {
        // The first chunk whose last event lies behind the place.
        var (low, high) = (0, full.count)
        while low < high {
            let middle = (low + high) / 2
            if let end = full[middle].last, end.id > id { high = middle } else { low = middle + 1 }
        }
        for at in low...full.count {
            let chunk = at < full.count ? full[at] : open
            var place = at == 0 ? gone : 0
            if at == low { place = max(place, Self.place(after: id, in: chunk)) }
            while place < chunk.count {
                guard try body(chunk[place]) else { return }
                place += 1
            }
        }
    }

    private static func place(after id: EventID, in chunk: [Event]) -> Int {
        var (low, high) = (0, chunk.count)
        while low < high {
            let middle = (low + high) / 2
            if chunk[middle].id > id { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// What holds after every entry.
    public func checkInvariants() {
        var expected = EventID(floor.next, place: 0)
        var (count, bytes) = (0, 0)
        forEach(after: .end(of: Revision(0))) { event in
            let isNext = event.id == expected || event.id == EventID(expected.revision.next, place: 0)
            precondition(isNext, "revisions and places have no gaps")
            precondition(count == 0 ? event.id == expected : true, "the first kept follows the floor")
            precondition(event.kind != .put || event.record.revision == event.revision)
            expected = EventID(event.revision, place: event.place + 1)
            count += 1
            bytes += Int(event.bytes)
            return true
        }
        precondition(count == self.count && bytes == self.bytes, "what is counted is there")
        precondition(count > 0 ? expected.revision == last : last == floor, "the last is the last")
        let isOne = last.rawValue == floor.rawValue + 1
        precondition(isOne || count <= limits.historyEvents && bytes <= limits.historyBytes)
    }
}

#if PlantedFaults
    extension Store {
        /// The events are gone, and nothing says so.
        public mutating func forgetEvents() { history.forget() }
    }

    extension History {
        fileprivate mutating func forget() {
            (full, open, openBytes, gone, count, bytes) = ([], [], 0, 0, 0, 0)
        }
    }
#endif
