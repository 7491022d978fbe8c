// Names to addresses, on a thread of their own: getaddrinfo(3) may block for seconds.
internal import Glibc

/// Looks names up, afresh each time: in a cluster of containers an address changes with each restart.
public final class Resolver: Sendable {
    /// Who asked, and the addresses found: none if there are none, or the name is not known.
    public typealias Answer = @Sendable (_ name: UInt64, _ addresses: [Address]) -> Void

    private struct Question: Sendable {
        let name: UInt64
        let place: HostPort
    }
    private let questions = Mailbox<Question>(capacity: 1_024)

    /// Starts the thread. `answer` is called on it.
    public init(answer: @escaping Answer) throws(SystemError) {
        let questions = questions
        try Thread(named: "names") {
            var taken: [Question] = []
            while questions.take(into: &taken) {
                for question in taken { answer(question.name, Self.lookUp(question.place)) }
                taken.removeAll(keepingCapacity: true)
            }
        }.detach()
    }

    deinit { questions.close() }

    /// Asks for the addresses of `place`; the answer goes to `answer` with `name`. False: too many questions
    /// wait.
    public func ask(_ place: HostPort, for name: UInt64) -> Bool {
        questions.put(Question(name: name, place: place))
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
