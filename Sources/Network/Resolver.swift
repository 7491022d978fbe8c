// Names to addresses, on threads of their own: getaddrinfo(3) may block for many seconds.
internal import Glibc
internal import Synchronization

/// Looks names up, afresh each time: in a cluster of containers an address changes with each restart.
///
/// Each host has a thread of its own: that nobody knows a name can take ten seconds to be told, and the way
/// to the other nodes must not wait for it. What is asked of one host meanwhile shares one look-up.
public final class Resolver: Sendable {
    /// Who asked, and the addresses found: none if there are none, or the name is not known.
    public typealias Answer = @Sendable (_ name: UInt64, _ addresses: [Address]) -> Void
    public typealias LookUp = @Sendable (HostPort) -> [Address]

    private struct Question: Sendable {
        let name: UInt64
        let place: HostPort
    }
    private typealias Questions = Mailbox<Question>

    /// A cluster has nine members at most, and these are replaced now and then.
    private static let hostsMax = 64
    private let hosts = Mutex<[String: Questions]>([:])
    private let lookUp: LookUp
    private let answer: Answer

    /// `answer` is called on a thread of the host that was asked for.
    public init(lookUp: @escaping LookUp = Resolver.lookUp, answer: @escaping Answer) {
        self.lookUp = lookUp
        self.answer = answer
    }

    deinit {
        hosts.withLock { hosts in
            for questions in hosts.values { questions.close() }
        }
    }

    /// Asks for the addresses of `place`; the answer goes to `answer` with `name`. False: too many questions
    /// wait, or there is no thread to be had.
    public func ask(_ place: HostPort, for name: UInt64) -> Bool {
        questions(of: place.host)?.put(Question(name: name, place: place)) ?? false
    }

    private func questions(of host: String) -> Questions? {
        hosts.withLock { hosts in
            if let known = hosts[host] { return known }
            // Hosts that are not asked for any more have threads that sleep; rather these than no bound.
            guard hosts.count < Self.hostsMax else { return nil }
            let questions = Questions(capacity: 1_024)
            let (lookUp, answer) = (lookUp, answer)
            do throws(SystemError) {
                try Thread(named: "names") {
                    var taken: [Question] = []
                    while questions.take(into: &taken) {
                        var found: [HostPort: [Address]] = [:]
                        for question in taken {
                            let addresses = found[question.place] ?? lookUp(question.place)
                            found[question.place] = addresses
                            answer(question.name, addresses)
                        }
                        taken.removeAll(keepingCapacity: true)
                    }
                }.detach()
            } catch {
                return nil
            }
            hosts[host] = questions
            return questions
        }
    }

    /// Blocks until the name is looked up.
    public static func lookUp(_ place: HostPort) -> [Address] {
        if let literal = place.literal { return [literal] }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(place.host, String(place.port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [Address] = []
        var next = list
        while let row = next {
            if let pointer = row.pointee.ai_addr, let address = Address(pointer) {
                addresses.append(address)
            }
            next = row.pointee.ai_next
        }
        return addresses
    }
}
