// Names to addresses: one that takes long holds up no other.
import Network
import Testing

@Suite struct ResolverTests {
    private struct Answered: Sendable {
        let name: UInt64
        let addresses: [Address]
    }

    /// What comes within ten seconds, until there are so many.
    private func take<Element>(_ count: Int, from mailbox: Mailbox<Element>) -> [Element] {
        let deadline = monotonicNanoseconds() + 10_000_000_000
        var all: [Element] = []
        while all.count < count && monotonicNanoseconds() < deadline {
            var taken: [Element] = []
            _ = mailbox.take(into: &taken, until: deadline)
            all += taken
        }
        return all
    }

    @Test("a host that takes long holds up no other, and what is asked of it meanwhile shares one look-up")
    func apart() throws {
        let answers = Mailbox<Answered>()
        let gate = Mailbox<Bool>()
        let address = try #require(Address(ip: "127.0.0.1", port: 1))
        let begun = Mailbox<String>()
        let resolver = Resolver { place in
            begun.put(place.host)
            if place.host == "slow" {
                var opened: [Bool] = []
                _ = gate.take(into: &opened)
            }
            return place.host == "nobody" ? [] : [address]
        } answer: { name, addresses in
            answers.put(Answered(name: name, addresses: addresses))
        }
        #expect(resolver.ask(HostPort(host: "slow", port: 1), for: 1))
        // The first is under way before the others are asked.
        #expect(take(1, from: begun) == ["slow"])
        for name: UInt64 in 2...5 { #expect(resolver.ask(HostPort(host: "slow", port: 1), for: name)) }
        #expect(resolver.ask(HostPort(host: "quick", port: 1), for: 6))
        #expect(resolver.ask(HostPort(host: "nobody", port: 1), for: 7))
        let first = take(2, from: answers)
        #expect(Set(first.map(\.name)) == [6, 7])
        for answer in first { #expect(answer.addresses == (answer.name == 7 ? [] : [address])) }
        gate.put(true)
        gate.close()
        #expect(Set(take(5, from: answers).map(\.name)) == [1, 2, 3, 4, 5])
        #expect(take(3, from: begun).sorted() == ["nobody", "quick", "slow"])
    }

    @Test("more hosts than a cluster can have are refused, and known ones are not")
    func bound() {
        let answers = Mailbox<Answered>()
        let resolver = Resolver { _ in
            []
        } answer: { name, addresses in
            answers.put(Answered(name: name, addresses: addresses))
        }
        var refused = 0
        for number: UInt64 in 0..<100
        where !resolver.ask(HostPort(host: "host-\(number)", port: 1), for: number) {
            refused += 1
        }
        #expect(refused == 36)
        #expect(resolver.ask(HostPort(host: "host-0", port: 2), for: 100))
        #expect(take(65, from: answers).count == 65)
    }
}
