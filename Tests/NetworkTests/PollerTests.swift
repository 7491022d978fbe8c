// The poller, the table of places, and the bell.
import Network
import Testing

@Suite struct PollerTests {
    @Test("an event that names a former tenant of a place finds nobody")
    func staleEvents() throws {
        var slots = Slots<Int>()
        let first = slots.insert(1)
        let seen0 = slots.remove(first)
        #expect(seen0 == 1)
        let second = slots.insert(2)
        #expect(second.slot == first.slot)
        #expect(second.generation != first.generation)
        let seen1 = slots.contains(first)
        #expect(!seen1)
        let seen2 = slots.remove(first)
        #expect(seen2 == nil)
        let seen3 = slots[Int(second.slot)]
        #expect(seen3 == 2)
        let seen4 = slots.count
        #expect(seen4 == 1)
        #expect(Token(rawValue: second.rawValue) == second)
    }

    @Test("a wait that could not give all that was ready says so")
    func full() throws {
        var poller = try Poller()
        let bells = try (0..<600).map { _ in try Wake() }
        for (number, bell) in bells.enumerated() {
            try poller.add(bell.descriptor, as: Token(slot: UInt32(number), generation: 1), for: .reading)
            bell.ring()
        }
        let count = try poller.wait(until: 0)
        #expect(count == 512 && poller.isFull)
        for bell in bells[100...] { bell.quieten() }
        let left = try poller.wait(until: 0)
        #expect(left == 100 && !poller.isFull)
        // Who lets go of a bell closes it.
        withExtendedLifetime(bells) {}
    }

    @Test("elements keep their places while the table grows and tenants go")
    func growth() {
        var slots = Slots<[Int]>()
        let tokens = (0..<1_000).map { slots.insert([$0]) }
        for (number, token) in tokens.enumerated() where number % 3 == 0 {
            let seen5 = slots.remove(token)
            #expect(seen5 == [number])
        }
        for (number, token) in tokens.enumerated() where number % 3 != 0 {
            let seen6 = slots[Int(token.slot)]
            #expect(seen6 == [number])
            slots[Int(token.slot)].append(7)
            let seen7 = slots[Int(token.slot)]
            #expect(seen7 == [number, 7])
        }
    }

    @Test("a wait for a moment ends at it, and not a millisecond later or more")
    func precision() throws {
        var poller = try Poller()
        var best = UInt64.max
        let deadline = monotonicNanoseconds() + 10_000_000_000
        // On a busy machine some come late, and not all of them.
        while best >= 600_000, monotonicNanoseconds() < deadline {
            let moment = monotonicNanoseconds() + 300_000
            let count = try poller.wait(preciselyUntil: moment)
            #expect(count == 0)
            let now = monotonicNanoseconds()
            #expect(now >= moment)
            best = min(best, now - min(now, moment))
        }
        #expect(best < 600_000)
        let count = try poller.wait(preciselyUntil: 0)
        #expect(count == 0)
    }

    @Test("a change is reported once, with the token it was registered under")
    func edges() throws {
        let pair = try Pair.make()
        var poller = try Poller()
        let token = Token(slot: 9, generation: 3)
        try poller.add(pair.far, as: token, for: .changes)
        let next8 = try nextEvent(&poller)
        let writable = try #require(next8)
        #expect(writable.token == token)
        #expect(writable.isWritable)
        #expect(!writable.isReadable)
        var out = Outbound()
        out.bytes.append(contentsOf: [1, 2, 3])
        let seen9 = out.flush(to: pair.near)
        #expect(seen9 == .sent)
        let next10 = try nextEvent(&poller)
        let readable = try #require(next10)
        #expect(readable.isReadable)
        let seen11 = try poller.wait(until: 0)
        #expect(seen11 == 0)
    }

    @Test("the end of the other side's writing is an event")
    func ends() throws {
        let pair = try Pair.make()
        var poller = try Poller()
        try poller.add(pair.far, as: Token(slot: 1, generation: 1), for: .changes)
        _ = try nextEvent(&poller)
        pair.near.endWriting()
        let next12 = try nextEvent(&poller)
        let event = try #require(next12)
        #expect(event.isReadable)
        var pool = BufferPool()
        var inbound = Inbound()
        let seen13 = inbound.receive(from: pair.far, pool: &pool)
        #expect(seen13 == .ended)
    }

    @Test("a bell rung twice is one event, and rung again after it was silenced another")
    func bell() throws {
        let wake = try Wake()
        var poller = try Poller()
        try poller.add(wake.descriptor, as: Token(slot: 0, generation: 1), for: .reading)
        let seen14 = try poller.wait(until: 0)
        #expect(seen14 == 0)
        wake.ring()
        wake.ring()
        let seen15 = try nextEvent(&poller)
        #expect(seen15 != nil)
        wake.quieten()
        let seen16 = try poller.wait(until: 0)
        #expect(seen16 == 0)
        wake.ring()
        let seen17 = try nextEvent(&poller)
        #expect(seen17 != nil)
    }

    @Test("a dial to a port where nobody listens tells so")
    func refusedDial() throws {
        let loopback = try #require(Address(ip: "127.0.0.1", port: 0))
        let free: Address
        do {
            let listener = try Listener(at: loopback)
            free = listener.address
        }
        let dialed = try Descriptor.dial(free, from: loopback)
        var poller = try Poller()
        try poller.add(dialed, as: Token(slot: 0, generation: 1), for: .changes)
        let seen18 = try nextEvent(&poller)?.isWritable
        #expect(seen18 == true)
        let seen19 = dialed.connectFailure()
        #expect(seen19 != nil)
    }

    @Test("a port that is taken is told apart from other failures")
    func takenPort() throws {
        let loopback = try #require(Address(ip: "127.0.0.1", port: 0))
        let listener = try Listener(at: loopback)
        #expect(listener.address.port != 0)
        do {
            _ = try Listener(at: listener.address)
            Issue.record("two listeners at one port")
        } catch {
            #expect(error.isAddressInUse)
            #expect(error.description.contains(listener.address.description))
        }
    }
}
