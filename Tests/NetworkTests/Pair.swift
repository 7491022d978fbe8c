// Two ends of one TCP connection over loopback, for the tests of this room.
import Network
import Testing

/// A dialed end and the accepted one.
struct Pair: ~Copyable {
    var near: Descriptor
    var far: Descriptor

    static func make() throws -> Pair {
        let loopback = try #require(Address(ip: "127.0.0.1", port: 0))
        var listener = try Listener(at: loopback)
        var poller = try Poller()
        try poller.add(listener.descriptor, as: Token(slot: 0, generation: 1), for: .reading)
        let near = try Descriptor.dial(listener.address, from: nil)
        _ = try poller.wait(until: monotonicNanoseconds() + 5_000_000_000)
        switch listener.accept() {
        case .connection(let accepted): return Pair(near: near, far: accepted)
        case .none: throw SystemError("accept", code: 11)
        case .shed: throw SystemError("accept", code: 24)
        case .stuck: throw SystemError("accept", code: 24)
        }
    }
}

/// Waits for the next event, five seconds at most.
func nextEvent(_ poller: inout Poller) throws -> Readiness? {
    let count = try poller.wait(until: monotonicNanoseconds() + 5_000_000_000)
    return count > 0 ? poller[0] : nil
}
