// The two byte ends of a connection: order, bounds, and what is held when nothing is under way.
import Glibc
import Network
import Testing

@Suite struct ConnectionTests {
    /// Reads everything that comes until `count` bytes are there.
    func receive(_ count: Int, from end: borrowing Descriptor, while flush: () -> Void) -> [UInt8] {
        var pool = BufferPool()
        var inbound = Inbound()
        var all: [UInt8] = []
        let deadline = monotonicNanoseconds() + 10_000_000_000
        while all.count < count && monotonicNanoseconds() < deadline {
            flush()
            if case .received = inbound.receive(from: end, pool: &pool) {
                all.append(contentsOf: inbound.bytes[inbound.unread])
                inbound.consume(inbound.count)
            }
        }
        return all
    }

    @Test(
        "small and large parts arrive in the order of appending, however little the kernel takes"
    )
    func order() throws {
        let pair = try Pair.make()
        // Whatever the machine would let it grow to.
        hold(64 << 10, in: SO_SNDBUF, of: pair.near.raw)
        hold(64 << 10, in: SO_RCVBUF, of: pair.far.raw)
        var out = Outbound()
        var expected: [UInt8] = []
        for round in 0..<40 {
            let small = [UInt8](repeating: UInt8(round), count: round * 37)
            let large = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &+ round) }
            out.bytes.append(contentsOf: small)
            out.append(large, 5..<large.count - 9)
            out.append(small, 0..<small.count)
            expected += small + large[5..<large.count - 9] + small
        }
        #expect(out.count == expected.count)
        // More than the kernel holds: the sender is told to wait, and what it holds is bounded by what it was
        // given.
        let seen0 = out.flush(to: pair.near)
        #expect(seen0 == .blocked)
        #expect(out.count > 0 && out.count < expected.count)
        var isDone = false
        let received = receive(expected.count, from: pair.far) {
            if !isDone { isDone = out.flush(to: pair.near) == .sent }
        }
        #expect(received == expected)
        #expect(out.isEmpty)
    }

    @Test("a buffer that several are sent stays theirs, whether it goes at once or in parts")
    func whole() throws {
        let shared = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let kept = shared
        let small: [UInt8] = [1, 2, 3]
        var out = Outbound()
        // At once, twice: what was sent is let go of, and nothing of it is sent again.
        let quick = try Pair.make()
        for _ in 0..<2 {
            out.append(whole: small)
            let flushed = out.flush(to: quick.near)
            #expect(flushed == .sent && out.isEmpty && out.bytesHeld == 0)
        }
        #expect(receive(6, from: quick.far) {} == small + small)
        // In parts, with bytes, a part and a whole one after it.
        let slow = try Pair.make()
        hold(64 << 10, in: SO_SNDBUF, of: slow.near.raw)
        hold(64 << 10, in: SO_RCVBUF, of: slow.far.raw)
        out.append(whole: shared)
        let first = out.flush(to: slow.near)
        #expect(first == .blocked)
        out.append(small, 0..<small.count)
        // What follows has not made it a copy.
        #expect(out.bytes == small)
        out.append(shared, 10..<20_000)
        out.append(whole: small)
        let expected = shared + small + shared[10..<20_000] + small
        var isDone = false
        let received = receive(expected.count, from: slow.far) {
            if !isDone { isDone = out.flush(to: slow.near) == .sent }
        }
        #expect(received == expected)
        #expect(out.isEmpty && shared == kept)
    }

    @Test("much of what others hold is not copied, though it comes in small pieces")
    func pieces() throws {
        let pair = try Pair.make()
        var out = Outbound()
        let piece = (0..<1_500).map { UInt8(truncatingIfNeeded: $0) }
        let rounds = 1_000
        for _ in 0..<rounds {
            out.append(piece, 0..<piece.count)
            #expect(out.bytes.capacity < 64 << 10)
        }
        var isDone = false
        let received = receive(rounds * piece.count, from: pair.far) {
            if !isDone { isDone = out.flush(to: pair.near) == .sent }
        }
        #expect(received == (0..<rounds).flatMap { _ in piece })
    }

    @Test("a buffer that is full of unread bytes takes no more until it is read or made larger")
    func bounds() throws {
        let pair = try Pair.make()
        var out = Outbound()
        let sent = (0..<BufferPool.bufferBytes + 1_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
        out.bytes = sent
        let seen1 = out.flush(to: pair.near)
        #expect(seen1 == .sent)
        var pool = BufferPool()
        var inbound = Inbound()
        let deadline = monotonicNanoseconds() + 5_000_000_000
        var receipt = Receipt.nothing
        while receipt != .full && monotonicNanoseconds() < deadline {
            receipt = inbound.receive(from: pair.far, pool: &pool)
        }
        #expect(receipt == .full)
        #expect(inbound.count == BufferPool.bufferBytes)
        inbound.consume(10)
        inbound.reserve(sent.count, pool: &pool)
        while inbound.count < sent.count - 10 && monotonicNanoseconds() < deadline {
            _ = inbound.receive(from: pair.far, pool: &pool)
        }
        #expect(Array(inbound.bytes[inbound.unread]) == Array(sent[10...]))
        inbound.consume(inbound.count)
        inbound.release(to: &pool)
        #expect(inbound.bytes.isEmpty)
    }

    @Test("a beginning that rests takes only its own room, and goes on where it was")
    func settled() throws {
        let pair = try Pair.make()
        var pool = BufferPool()
        var inbound = Inbound()
        let sent = (0..<BufferPool.bufferBytes + 500).map { UInt8(truncatingIfNeeded: $0 / 3) }
        let deadline = monotonicNanoseconds() + 5_000_000_000
        var start = 0
        for end in [10, 700, 4_000, sent.count] {
            var out = Outbound()
            out.bytes = Array(sent[start..<end])
            let seen = out.flush(to: pair.near)
            #expect(seen == .sent)
            while inbound.count < min(end, BufferPool.bufferBytes) && monotonicNanoseconds() < deadline {
                _ = inbound.receive(from: pair.far, pool: &pool)
            }
            inbound.settle(to: &pool)
            #expect(Array(inbound.bytes[inbound.unread]) == Array(sent[..<min(end, BufferPool.bufferBytes)]))
            // Little is cut to size; what is longer keeps its buffer.
            #expect(inbound.bytes.count == (end <= 700 ? end : BufferPool.bufferBytes))
            #expect(inbound.bytesHeld == 0)
            start = end
        }
        inbound.reserve(sent.count, pool: &pool)
        #expect(inbound.bytesHeld == sent.count)
        while inbound.count < sent.count && monotonicNanoseconds() < deadline {
            _ = inbound.receive(from: pair.far, pool: &pool)
        }
        #expect(Array(inbound.bytes[inbound.unread]) == sent)
        inbound.consume(inbound.count)
        inbound.settle(to: &pool)
        #expect(inbound.bytes.isEmpty && inbound.bytesHeld == 0)
    }

    @Test("the kernel takes little for a client that does not read; the rest is here, counted")
    func unread() throws {
        let pair = try Pair.make()
        var out = Outbound()
        out.bytes = [UInt8](repeating: 1, count: 16 << 20)
        let seen = out.flush(to: pair.far)
        #expect(seen == .blocked)
        // What is on its way is the receiver's window.
        #expect(out.count > 8 << 20 && out.bytesHeld >= 16 << 20)
        var small = Outbound()
        small.bytes = [1, 2, 3]
        small.bytes.append(contentsOf: [UInt8](repeating: 9, count: 1 << 20))
        small.takeBack(from: 3)
        #expect(small.bytes == [1, 2, 3] && small.bytesHeld < 4_096)
        small.clear()
        #expect(small.bytesHeld == 0)
    }

    @Test("a write to a connection that the other end has reset says so and raises no signal")
    func broken() throws {
        var pair = try Pair.make()
        pair.far = Descriptor(owning: -1)
        var out = Outbound()
        var flush = Flush.sent
        let deadline = monotonicNanoseconds() + 5_000_000_000
        while flush == .sent && monotonicNanoseconds() < deadline {
            out.bytes.append(1)
            flush = out.flush(to: pair.near)
        }
        #expect(flush == .broken)
    }
}

@Suite struct TimersTests {
    @Test("names come back in the order of their moments, and none before its moment")
    func order() {
        var timers = Timers()
        var seed: UInt64 = 42
        var moments: [UInt64] = []
        for _ in 0..<500 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            moments.append(seed >> 44)
            timers.set(seed >> 44, for: seed >> 44)
        }
        moments.sort()
        #expect(timers.next == moments.first)
        #expect(timers.due(at: moments[0] - 1) == nil)
        var returned: [UInt64] = []
        while let name = timers.due(at: moments[250]) { returned.append(name) }
        #expect(returned == moments.filter { $0 <= moments[250] })
        while let name = timers.due(at: .max) { returned.append(name) }
        #expect(returned == moments)
        #expect(timers.next == nil)
    }
}

@Suite struct MailboxTests {
    @Test("what several threads put in comes out whole, and each thread's in its order")
    func threads() throws {
        let mailbox = Mailbox<Int>()
        func start(_ thread: Int) throws -> Thread {
            try Thread(named: "put \(thread)") {
                var batch: [Int] = []
                for number in 0..<1_000 {
                    batch.append(thread * 1_000 + number)
                    if number % 7 == 0 { mailbox.put(all: &batch) }
                }
                mailbox.put(all: &batch)
            }
        }
        let first = try start(0)
        let second = try start(1)
        let third = try start(2)
        first.join()
        second.join()
        third.join()
        mailbox.close()
        var all: [Int] = []
        var taken: [Int] = []
        while mailbox.take(into: &taken) {
            all += taken
            taken.removeAll()
        }
        for thread in 0..<3 {
            #expect(all.filter { $0 / 1_000 == thread } == (0..<1_000).map { thread * 1_000 + $0 })
        }
    }

    @Test("a full mailbox refuses, and a take with a deadline ends without anything")
    func limits() {
        let mailbox = Mailbox<Int>(capacity: 1)
        #expect(mailbox.put(1))
        #expect(!mailbox.put(2))
        var taken: [Int] = []
        #expect(mailbox.take(into: &taken))
        #expect(taken == [1])
        taken.removeAll()
        #expect(mailbox.take(into: &taken, until: monotonicNanoseconds() + 1_000_000))
        #expect(taken.isEmpty)
        mailbox.close()
        #expect(!mailbox.put(3))
        #expect(!mailbox.take(into: &taken))
    }
}

@Suite struct AddressTests {
    @Test(
        "host and port are read as people write them",
        arguments: [
            ("127.0.0.1:8001", "127.0.0.1:8001"), ("[::1]:80", "[::1]:80"),
            ("rast-0.rast:9", "rast-0.rast:9"),
        ])
    func reading(text: String, expected: String) { #expect(HostPort(text)?.description == expected) }

    @Test(
        "what is no host and port is refused",
        arguments: ["", ":80", "a", "a:", "a:x", "a:65536", "::1:80", "[::1]", "a/b:1"])
    func refusing(text: String) { #expect(HostPort(text) == nil) }

    @Test("loopback and unspecified addresses are known")
    func kinds() throws {
        for (ip, isLoopback, isUnspecified) in [
            ("127.0.0.1", true, false), ("127.3.2.1", true, false), ("::1", true, false),
            ("0.0.0.0", false, true),
            ("::", false, true), ("10.0.0.1", false, false), ("fe80::1", false, false),
        ] {
            let address = try #require(Address(ip: ip, port: 7))
            #expect(address.isLoopback == isLoopback)
            #expect(address.isUnspecified == isUnspecified)
        }
        #expect(Address(ip: "localhost", port: 1) == nil)
    }

    @Test(
        "a name is looked up on a thread of the resolver, and one that does not exist has no addresses")
    func resolving() throws {
        let answers = Mailbox<(UInt64, [Address])>()
        let resolver = Resolver { name, addresses in answers.put((name, addresses)) }
        #expect(resolver.ask(HostPort(host: "localhost", port: 81), for: 5))
        #expect(resolver.ask(HostPort(host: "127.0.0.1", port: 82), for: 6))
        var all: [(UInt64, [Address])] = []
        let deadline = monotonicNanoseconds() + 20_000_000_000
        while all.count < 2 && monotonicNanoseconds() < deadline {
            var taken: [(UInt64, [Address])] = []
            _ = answers.take(into: &taken, until: deadline)
            all += taken
        }
        try #require(all.count == 2)
        // Each host is looked up on a thread of its own, so either may be first.
        all.sort { $0.0 < $1.0 }
        #expect(all[0].0 == 5 && all[0].1.contains { $0.isLoopback && $0.port == 81 })
        #expect(all[1].0 == 6 && all[1].1.map(\.description) == ["127.0.0.1:82"])
    }
}
