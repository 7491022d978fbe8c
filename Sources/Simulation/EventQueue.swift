// Everything that is still to happen, in order of time.
internal import Consensus
internal import Journal
internal import Replica
internal import Wire

/// Something that happens at a moment. Nodes and clients are named by their place, from 0; `life` is the
/// incarnation of a node's process that it belongs to.
enum Event {
    case tick(Int, life: Int)
    case turn(Int, life: Int)
    case request(Delivery)
    case answer(exchange: Int, body: [UInt8], life: Int)
    /// `from` learns that a request on this lane to `to` was lost.
    case lost(from: Int, life: Int, to: Int, Lane)
    /// The operation under way is done.
    case disk(Int, life: Int)
    case load(Int, life: Int, after: LogIndex, through: LogIndex, peer: NodeID)
    case crash(Int, life: Int, isPower: Bool)
    case restart(Int)
    case wake(Int)
    case heal(UInt64)
    case largerFault
    case clientTurn(Int)
    /// The client asks once more for the same call.
    case clientAgain(Int)
    case clientRequest(attempt: Int)
    case clientResponse(attempt: Int, Response)
    case clientTimeout(attempt: Int)
}

/// A peer's request on its way.
struct Delivery {
    let exchange: Int
    let route: PeerRoute
    let body: [UInt8]
    let isCorrupted: Bool
}

/// A heap of events; of two at the same time, the one that was added first comes first.
struct EventQueue {
    private struct Row {
        let time: UInt64
        let number: UInt64
        let event: Event
        func isBefore(_ other: Row) -> Bool { (time, number) < (other.time, other.number) }
    }
    private var heap: [Row] = []
    private var count: UInt64 = 0

    mutating func add(_ event: Event, at time: UInt64) {
        heap.append(Row(time: time, number: count, event: event))
        count += 1
        var at = heap.count - 1
        while at > 0, heap[at].isBefore(heap[(at - 1) / 2]) {
            heap.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    mutating func next() -> (time: UInt64, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return (first.time, first.event)
    }

    private mutating func sink() {
        var at = 0
        while true {
            var least = at
            let left = 2 * at + 1
            if left < heap.count, heap[left].isBefore(heap[least]) { least = left }
            if left + 1 < heap.count, heap[left + 1].isBefore(heap[least]) { least = left + 1 }
            guard least != at else { return }
            heap.swapAt(at, least)
            at = least
        }
    }
}
