// One connection to a node, and the requests that were given to it and are not answered yet.
internal import Network

/// A request that is under way, or waits for its connection.
struct Pending {
    /// When it was meant to start, in nanoseconds of the monotonic clock.
    var start: UInt64 = 0
    var key: UInt32 = 0
    var isRead = false
}

/// A connection that is made again when it is lost.
struct Line: ~Copyable {
    enum Stage {
        /// There is no connection; after ``resumeAt`` there will be another try.
        case closed
        case connecting
        case open
    }

    var descriptor = Descriptor.none
    var stage = Stage.closed
    /// Of the connection: an event for one before it is none of this one's.
    var generation: UInt32 = 0
    /// Which of the places it leads to.
    var aim: Int
    /// Of the place: another number is another node.
    var number = 0
    var scanner = ResponseScanner()

    /// The oldest request's place in the ring.
    var head = 0
    /// How many there are.
    var count = 0
    /// How many of these, the oldest ones, were written. Invariant: written ≤ count.
    var written = 0
    /// What of them the kernel has not taken yet.
    var unsent: [UInt8] = []
    var unsentStart = 0
    /// Whether it stands in the list of those to be written to.
    var isDirty = false
    /// Whether a connection was made or has failed once.
    var isSettled = false

    /// Since when it waits: for a connection, or for the oldest answer.
    var since: UInt64 = 0
    /// Nothing is sent and no connection begun before.
    var resumeAt: UInt64 = 0
    var pause = Line.pauseMin

    static let pauseMin: UInt64 = 20_000_000
    static let pauseMax: UInt64 = 500_000_000

    /// How long a leader that said nothing is left alone, unless it is known sooner who leads.
    static let silence: UInt64 = 2_000_000_000

    init(aim: Int) { self.aim = aim }

    /// Keeps it quiet for a while, and for twice as long the next time.
    mutating func rest(from now: UInt64) {
        resumeAt = now + pause
        pause = min(pause * 2, Self.pauseMax)
    }
}

/// A place in the order of who came first, with room for so many.
struct Ring {
    private var elements: [UInt32]
    private var head = 0
    private(set) var count = 0

    init(capacity: Int) { elements = [UInt32](repeating: 0, count: max(1, capacity)) }

    mutating func append(_ element: UInt32) {
        var place = head + count
        if place >= elements.count { place -= elements.count }
        elements[place] = element
        count += 1
    }

    mutating func removeFirst() -> UInt32 {
        let element = elements[head]
        head += 1
        if head == elements.count { head = 0 }
        count -= 1
        return element
    }
}
