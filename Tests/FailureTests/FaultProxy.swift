// Between the peers stands a proxy for each way, one thread for all: it holds back, delays, slows and resets.
import Foundation

/// A proxy of TCP connections between nodes on one machine.
///
/// Each node is told of every other one by a port of this proxy, so what one node dials to another is one
/// way's connection, with the bytes of both directions in it. Bytes of a cut direction are not read: they
/// stay with their sender as if nobody acknowledged them, and come when the cut ends, if the connection does
/// not end before.
final class FaultProxy: Weather, @unchecked Sendable {
    private let lock = NSLock()
    /// Under `lock`.
    private var passages: [Way: Passage] = [:]
    private var isOver = false
    private var mustBreak = false
    private var hitCount = 0
    /// How often it was set, and what of that the thread has taken over.
    private var edition = 0
    private var editionTaken = 0

    private var listeners: [(way: Way, socket: Int32, target: (host: String, port: UInt16))] = []
    /// Where what a node dials to another arrives here.
    let ports: [Way: UInt16]
    private let finished = DispatchSemaphore(value: 0)
    private var isRunning = false

    // Of the thread alone.
    private var streams: [Stream] = []
    private var random = SplitMix64(state: 99)

    /// One connection: the side that dialed, and the side that it is for.
    private final class Stream {
        let way: Way
        let target: (host: String, port: UInt16)
        var dialer: Int32
        /// −1 until the way is open both ways, as a handshake needs.
        var called: Int32 = -1
        var up = Half()
        var down = Half()
        var isBroken = false

        init(_ way: Way, _ dialer: Int32, _ target: (host: String, port: UInt16)) {
            self.way = way
            self.dialer = dialer
            self.target = target
        }
    }

    /// The bytes of one direction that wait here.
    private struct Half {
        var pieces: [(due: Double, bytes: [UInt8])] = []
        var count = 0
        var isBlocked = false
        /// The source has ended; said on to the other side once all is delivered.
        var hasEnded = false
        var isEndTold = false
        var lastDue = 0.0
    }

    init(_ nodes: [(id: Int, host: String, port: UInt16)]) throws {
        var ports: [Way: UInt16] = [:]
        let free = try Ports.free(nodes.count * (nodes.count - 1), except: nodes.map(\.port))
        for from in nodes {
            for to in nodes where to.id != from.id {
                let way = Way(from: from.id, to: to.id)
                let port = free[ports.count]
                ports[way] = port
                listeners.append((way, try Sockets.listen(port), (to.host, to.port)))
            }
        }
        self.ports = ports
        isRunning = true
        Thread.detachNewThread { [self] in
            run()
            finished.signal()
        }
    }

    func url(_ way: Way, of port: UInt16, at host: String) -> String {
        "http://127.0.0.1:\(ports[way] ?? port)"
    }

    func source(_ id: Int) -> String? { nil }

    /// Comes back when nothing passes any more as it did before.
    func set(_ passages: [Way: Passage]) {
        let wanted = lock.withLock {
            self.passages = passages
            hitCount = 0
            edition += 1
            return edition
        }
        _ = Clock.poll(seconds: 5, every: 1_000) { lock.withLock { editionTaken >= wanted } }
    }

    var hits: Int { lock.withLock { hitCount } }

    /// Breaks every connection that passes here, and comes back when that is done.
    func breakAll() {
        lock.withLock { mustBreak = true }
        _ = Clock.poll(seconds: 5, every: 1_000) { lock.withLock { !mustBreak } }
    }

    func end() {
        lock.withLock { isOver = true }
        if isRunning { finished.wait() }
        isRunning = false
    }

    // The thread -------------------------------------------------------------------------------------------

    private func run() {
        while true {
            let (weather, mustEnd, isToBreak) = lock.withLock {
                editionTaken = edition
                return (passages, isOver, mustBreak)
            }
            if mustEnd { break }
            turn(weather)
            guard isToBreak else { continue }
            for stream in streams {
                stream.isBroken = true
                close(stream)
            }
            streams = []
            lock.withLock { mustBreak = false }
        }
        for stream in streams { close(stream) }
        for listener in listeners { Glibc.close(listener.socket) }
    }

    private func turn(_ weather: [Way: Passage]) {
        var polled: [pollfd] = listeners.map { pollfd(fd: $0.socket, events: Int16(POLLIN), revents: 0) }
        for stream in streams {
            let (up, down) = passages(of: stream, weather)
            polled.append(
                pollfd(fd: stream.dialer, events: wishes(stream.up, up, stream.down, down), revents: 0))
            polled.append(
                pollfd(fd: stream.called, events: wishes(stream.down, down, stream.up, up), revents: 0))
        }
        // Who is asked for nothing is not looked at: a cut hides even that the other side is gone.
        for place in polled.indices where polled[place].events == 0 { polled[place].fd = -1 }
        _ = poll(&polled, nfds_t(polled.count), patience())
        for (place, listener) in listeners.enumerated() where polled[place].revents != 0 {
            let socket = accept(listener.socket, nil, nil)
            if socket >= 0 {
                Sockets.setNonblocking(socket)
                streams.append(Stream(listener.way, socket, listener.target))
            }
        }
        let now = Clock.now
        for stream in streams {
            let (up, down) = passages(of: stream, weather)
            if stream.called < 0 && !up.isCut && !down.isCut { dial(stream) }
            guard stream.called >= 0, !stream.isBroken else { continue }
            if !up.isCut { pass(stream, \.up, stream.dialer, stream.called, up, now) }
            if !down.isCut { pass(stream, \.down, stream.called, stream.dialer, down, now) }
        }
        streams.removeAll { stream in
            let isOver = stream.isBroken || stream.up.isEndTold && stream.down.isEndTold
            if isOver { close(stream) }
            return isOver
        }
    }

    private func passages(of stream: Stream, _ weather: [Way: Passage]) -> (up: Passage, down: Passage) {
        let back = Way(from: stream.way.to, to: stream.way.from)
        return (weather[stream.way] ?? Passage(), weather[back] ?? Passage())
    }

    private static let heldBytesMax = 1 << 20

    /// What is waited for at one end: more of what comes from it, and room for what goes to it.
    private func wishes(_ from: Half, _ fromPassage: Passage, _ to: Half, _ toPassage: Passage) -> Int16 {
        var events: Int32 = 0
        if !fromPassage.isCut, !from.hasEnded, from.count < Self.heldBytesMax { events |= POLLIN }
        if !toPassage.isCut, to.isBlocked { events |= POLLOUT }
        return Int16(events)
    }

    /// Until the next delayed piece is due, in milliseconds; soon enough to see a change of weather.
    private func patience() -> Int32 {
        let next = streams.flatMap { [$0.up.pieces.first?.due, $0.down.pieces.first?.due] }.compactMap { $0 }
            .min()
        guard let next else { return 10 }
        return Int32(max(1, min(10, (next - Clock.now) * 1_000)))
    }

    private func dial(_ stream: Stream) {
        guard let socket = Sockets.connect(stream.target.host, stream.target.port) else {
            stream.isBroken = true
            return
        }
        Sockets.setNonblocking(socket)
        stream.called = socket
    }

    private func pass(
        _ stream: Stream, _ half: ReferenceWritableKeyPath<Stream, Half>, _ source: Int32, _ sink: Int32,
        _ passage: Passage, _ now: Double
    ) {
        // What is held is let go when the weather clears: a thin way would go on for as long as that lasts.
        let isClear = passage == Passage()
        if isClear { stream[keyPath: half].lastDue = 0 }
        read(stream, half, source, passage, now)
        while let piece = stream[keyPath: half].pieces.first, isClear || piece.due <= now {
            let sent = send(sink, piece.bytes, piece.bytes.count, Int32(MSG_NOSIGNAL))
            if sent < 0 {
                stream[keyPath: half].isBlocked = errno == EAGAIN
                if errno != EAGAIN { stream.isBroken = true }
                return
            }
            stream[keyPath: half].isBlocked = false
            stream[keyPath: half].count -= sent
            if sent == piece.bytes.count {
                stream[keyPath: half].pieces.removeFirst()
            } else {
                stream[keyPath: half].pieces[0].bytes.removeFirst(sent)
            }
        }
        if stream[keyPath: half].hasEnded, stream[keyPath: half].pieces.isEmpty,
            !stream[keyPath: half].isEndTold
        {
            stream[keyPath: half].isEndTold = true
            shutdown(sink, Int32(SHUT_WR))
        }
    }

    private func read(
        _ stream: Stream, _ half: ReferenceWritableKeyPath<Stream, Half>, _ source: Int32, _ passage: Passage,
        _ now: Double
    ) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while !stream[keyPath: half].hasEnded, stream[keyPath: half].count < Self.heldBytesMax {
            let count = recv(source, &buffer, buffer.count, 0)
            if count < 0 {
                if errno != EAGAIN { stream.isBroken = true }
                return
            }
            if count == 0 {
                stream[keyPath: half].hasEnded = true
                return
            }
            var due = now + passage.delay + passage.jitter * chance()
            var isHit = passage.delay > 0 || passage.bytesPerSecond != nil
            if passage.lostPercent > 0, Int(random.next() % 100) < passage.lostPercent {
                isHit = true
                // It is sent again after a while; and some connections do not survive that.
                due += 0.2 + 0.4 * chance()
                if random.next() % 20 == 0 { stream.isBroken = true }
            }
            if isHit { lock.withLock { hitCount += 1 } }
            due = max(due, stream[keyPath: half].lastDue)
            if let rate = passage.bytesPerSecond { due += Double(count) / Double(rate) }
            stream[keyPath: half].lastDue = due
            stream[keyPath: half].count += count
            stream[keyPath: half].pieces.append((due, Array(buffer[..<count])))
        }
    }

    private func chance() -> Double { Double(random.next() >> 11) / Double(1 << 53) }

    /// Ends both sides; one that broke without a word to either.
    private func close(_ stream: Stream) {
        for socket in [stream.dialer, stream.called] where socket >= 0 {
            if stream.isBroken { Sockets.setReset(socket) }
            Glibc.close(socket)
        }
    }
}

/// Sockets of the kind that is needed here.
enum Sockets {
    static func address(_ host: String, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        return address
    }

    private static func with<R>(
        _ address: sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
    ) -> R {
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    static func bind(_ socket: Int32, _ host: String, _ port: UInt16) -> Bool {
        with(address(host, port)) { Glibc.bind(socket, $0, $1) == 0 }
    }

    static func listen(_ port: UInt16) throws -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var isOn: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
        guard bind(socket, "127.0.0.1", port), Glibc.listen(socket, 256) == 0 else {
            close(socket)
            throw Unexpected("cannot listen at port \(port)")
        }
        setNonblocking(socket)
        return socket
    }

    static func connect(_ host: String, _ port: UInt16) -> Int32? {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var isOn: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
        guard with(address(host, port), { Glibc.connect(socket, $0, $1) }) == 0 else {
            close(socket)
            return nil
        }
        return socket
    }

    static func setNonblocking(_ socket: Int32) {
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
    }

    /// Closing it says nothing but that it is gone.
    static func setReset(_ socket: Int32) {
        var value = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
    }
}
