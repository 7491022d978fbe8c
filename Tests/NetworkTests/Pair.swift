// Two ends of one TCP connection over loopback, for the tests of this room.
import Glibc
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

/// Fixes the size of one of a socket's buffers, in bytes.
func hold(_ bytes: Int32, in option: Int32, of socket: Int32) {
    var bytes = bytes
    setsockopt(socket, SOL_SOCKET, option, &bytes, socklen_t(MemoryLayout<Int32>.size))
}

/// Waits for the next event, five seconds at most.
func nextEvent(_ poller: inout Poller) throws -> Readiness? {
    let count = try poller.wait(until: monotonicNanoseconds() + 5_000_000_000)
    return count > 0 ? poller[0] : nil
}
