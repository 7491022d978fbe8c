// Everything that is still to happen, in order of time.
internal import Consensus
internal import Journal
internal import Replica
internal import Wire

/// Something that happens at a moment. Nodes and clients are named by their place, from 0; `life` is the
/// incarnation of a node's process that it belongs to.
enum Event {
    case tick(Int)
    case turn(Int, life: Int)
    case request(Delivery)
    case answer(exchange: Int, body: [UInt8], life: Int)
    /// `from` learns that a request on this lane to `to` was lost.
    case lost(from: Int, life: Int, to: Int, Lane)
    /// The operation under way is done.
    case disk(Int, life: Int)
    case load(Int, life: Int, after: LogIndex, through: LogIndex, peer: NodeID)
    /// The worker's next action is done.
    case work(Int, life: Int)
    case loadPiece(WantedPiece, life: Int)
    /// The snapshot that was received has been read back.
    case open(Int, life: Int)
    case crash(Int, life: Int, isPower: Bool)
    case restart(Int)
    case pause(Int)
    case wake(Int)
    case heal(UInt64)
    case largerFault
    /// The next step of a disturbance.
    case disturb(Int)
    /// Some clients make a call.
    case clientTurn
    /// The client asks once more for the same call.
    case clientAgain(Int)
    case clientRequest(attempt: Int)
    case clientResponse(attempt: Int, Response)
    case clientTimeout(attempt: Int)
    /// A keeper asks for the next thing, or for the same once more.
    case keeperTurn(Int)
    case errandRequest(Int)
    case errandResponse(Int, Response)
    /// A watcher takes what has come, or asks another node.
    case watcherTurn(Int)
    /// More nodes are named, if the first is ready.
    case grow
    /// The next act of a plot may begin.
    case plot
}

/// A peer's request on its way.
struct Delivery {
    let exchange: Int
    let route: PeerRoute
    let body: [UInt8]
    let isCorrupted: Bool
}

/// A heap of events; of two at the same time, the one that was added first comes first.
///
/// The heap holds only moments and places: events are large, and stay where they are until they come.
struct EventQueue {
    private struct Row {
        let time: UInt64
        /// The order in which it was added, and, in the lower bits, where the event is.
        let key: UInt64
        static let placeBits: UInt64 = 24
        var place: Int { Int(key & ((1 << Self.placeBits) - 1)) }
        func isBefore(_ other: Row) -> Bool {
            time < other.time || time == other.time && key < other.key
        }
    }
    private var heap: [Row] = []
    private var events: [Event] = []
    private var free: [Int] = []
    private var count: UInt64 = 0

    mutating func add(_ event: Event, at time: UInt64) {
        let place: Int
        if let last = free.popLast() {
            place = last
            events[place] = event
        } else {
            place = events.count
            events.append(event)
        }
        precondition(place < 1 << Int(Row.placeBits), "so many events are never under way")
        let row = Row(time: time, key: count << Row.placeBits | UInt64(place))
        count += 1
        heap.append(row)
        var at = heap.count - 1
        while at > 0, row.isBefore(heap[(at - 1) / 2]) {
            heap[at] = heap[(at - 1) / 2]
            at = (at - 1) / 2
        }
        heap[at] = row
    }

    mutating func next() -> (time: UInt64, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty { sink(last) }
        // Its place holds nothing large any more.
        var event = Event.clientTurn
        swap(&event, &events[first.place])
        free.append(first.place)
        return (first.time, event)
    }

    /// Puts `row` where the first one was, and from there to where it belongs.
    private mutating func sink(_ row: Row) {
        var at = 0
        while true {
            var least = 2 * at + 1
            guard least < heap.count else { break }
            if least + 1 < heap.count, heap[least + 1].isBefore(heap[least]) { least += 1 }
            guard heap[least].isBefore(row) else { break }
            heap[at] = heap[least]
            at = least
        }
        heap[at] = row
    }
}
