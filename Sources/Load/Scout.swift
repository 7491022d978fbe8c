// Who leads: looked for on a thread of its own, so that those who ask go on meanwhile.
internal import Client
internal import Glibc
internal import Network
internal import Synchronization

/// A node that can be asked.
struct Target: Sendable, Equatable {
    let endpoint: Endpoint
    let address: Address

    /// Looks its name up, which may take a while; nil where it has no address.
    init?(_ endpoint: Endpoint) {
        guard let found = Resolver.lookUp(HostPort(host: endpoint.host, port: endpoint.port)).first else {
            return nil
        }
        (self.endpoint, address) = (endpoint, found)
    }

    /// A leader, where it says that it is reached.
    init?(of leader: NodeStatus) {
        guard let endpoint = try? Endpoint(leader.url) else { return nil }
        self.init(endpoint)
    }
}

/// Finds the leader anew whenever somebody has reason to doubt it.
final class Scout: Sendable {
    /// What is known of who leads.
    struct Finding: Sendable {
        let leader: Target
        /// Grows with each look.
        let number: Int
    }

    private let finding: Mutex<Finding>
    private let questions = Mailbox<Int>(capacity: 1_024)
    private let isEnded = Atomic(false)
    private let bells: [Wake]

    private static let lookNanoseconds: UInt64 = 500_000_000
    private static let pauseMicroseconds: UInt32 = 30_000

    /// `members`: whom to ask; `bells` are rung when there is news.
    init(leader: Target, members: [Endpoint], bells: [Wake]) throws(SystemError) {
        finding = Mutex(Finding(leader: leader, number: 0))
        self.bells = bells
        try Thread(named: "scout") { [self] in run(members) }.detach()
    }

    var latest: Finding { finding.withLock { $0 } }

    /// Asks for another look, by somebody who knows the finding of that number.
    func look(beyond number: Int) { questions.put(number) }

    func end() {
        isEnded.store(true, ordering: .relaxed)
        questions.close()
    }

    private func run(_ members: [Endpoint]) {
        var taken: [Int] = []
        while questions.take(into: &taken) {
            let known = latest.number
            // Several ask at once, and some of them late.
            if taken.contains(where: { $0 >= known }) { look(members) }
            taken.removeAll(keepingCapacity: true)
        }
    }

    /// Looks until somebody leads.
    private func look(_ members: [Endpoint]) {
        while !isEnded.load(ordering: .relaxed) {
            // A moment first: who has just lost a leader will not be told of another one at once.
            usleep(Self.pauseMicroseconds)
            let view = ClusterView(of: members, timeoutNanoseconds: Self.lookNanoseconds)
            guard let leader = view.leader, let target = Target(of: leader) else { continue }
            finding.withLock { $0 = Finding(leader: target, number: $0.number + 1) }
            for bell in bells { bell.ring() }
            return
        }
    }
}
