// Clients that do everything to few keys, and a history that a checker decides on (rules 27 and 28).
import Foundation
import KeyValue
import Simulation

/// Threads of clients; what each was told becomes a call of the history that ``RevisionChecker`` takes.
///
/// Some keys are fought over by all; others are written once and must be there at the end. All writes of the
/// cluster come from here, or the history would lack their revisions.
final class Traffic: Ending, @unchecked Sendable {
    typealias Call = Simulation.Call
    private let urls: [String]
    private let threads: Int
    let milliseconds: Int
    let seed: UInt64
    // All below under `lock` alone.
    private let lock = NSCondition()
    private var calls: [Call] = []
    private var keys: [String] = []
    private var moment: UInt64 = 0
    private var lastValue: UInt64 = 0
    private var problems: [String] = []
    private var writes: [(start: Double, end: Double, isServed: Bool)] = []
    private var isStopping = false
    private var running = 0

    static let hotKeys = 12
    /// A key that is written once, before all others, and that no client asks for until the end: what a
    /// test does to it on one node shows nowhere else.
    static let witness = "witness"
    var witnessText = ""
    private var retries = (answered: 0, replayed: 0, repeated: 0)

    init(
        _ cluster: Cluster, threads: Int = 6, milliseconds: Int = 2_000, ids: [Int]? = nil, seed: UInt64 = 1
    ) {
        urls = (ids ?? cluster.ids).map { cluster[$0].url }
        self.threads = threads
        self.milliseconds = milliseconds
        self.seed = seed
        keys = (0..<Self.hotKeys).map { "hot/\($0)" } + [Self.witness]
        cluster.loads.append(self)
    }

    func start() {
        var first = Worker(self, threads + 1)
        _ = Clock.poll(seconds: 20) { first.putWitness(at: Self.hotKeys) }
        lock.withLock { running = threads }
        for thread in 0..<threads {
            Thread.detachNewThread { [self] in
                var worker = Worker(self, thread)
                while !lock.withLock({ isStopping }) { usleep(worker.step() ? 2_000 : 20_000) }
                lock.withLock {
                    running -= 1
                    lock.broadcast()
                }
            }
        }
    }

    /// Ends the threads.
    func end() {
        lock.withLock {
            isStopping = true
            while running > 0 { lock.wait() }
        }
    }

    // What it has come to ----------------------------------------------------------------------------------

    var summary: String {
        lock.withLock {
            let served = writes.count(where: \.isServed)
            let unknown = calls.count { $0.outcome == .unknown }
            let refused = calls.count { $0.outcome == .refused }
            let reads = calls.count { $0.action == .read }
            return "\(served) writes answered, \(refused) refused, \(unknown) unknown, \(reads) reads; "
                + "\(retries.answered) answered at a retry under their key, \(retries.replayed) of them done "
                + "before; \(retries.repeated) repeated, and answered alike"
        }
    }

    /// How many writes were answered that began after `time`.
    func served(after time: Double) -> Int {
        lock.withLock {
            writes.reversed().prefix { $0.end >= time }.count { $0.isServed && $0.start >= time }
        }
    }

    func waitFor(writes: Int, seconds: Double = 20) -> Bool {
        let start = Clock.now
        return Clock.poll(seconds: seconds, every: 20_000) { served(after: start) >= writes }
    }

    /// Of the writes that began from `start` on and ended, the part that was served.
    func servedPart(from start: Double) -> Double {
        lock.withLock {
            let tried = writes.filter { $0.start >= start }
            return tried.isEmpty ? 0 : Double(tried.count(where: \.isServed)) / Double(tried.count)
        }
    }

    /// The longest time without a write that ended well, between two moments.
    func longestPause(from start: Double, to end: Double) -> Double {
        lock.withLock {
            var last = start
            var longest = 0.0
            for write in writes.filter(\.isServed).sorted(by: { $0.end < $1.end }) {
                guard write.end >= start, write.end <= end else { continue }
                longest = max(longest, write.end - last)
                last = write.end
            }
            return max(longest, end - last)
        }
    }

    /// Ends the clients, reads every key once more, and checks the whole history, and that the nodes hold the
    /// same. Answers what was found.
    func verify(_ cluster: Cluster) throws {
        end()
        var reader = Worker(self, threads)
        let count = lock.withLock { keys.count }
        for key in 0..<count {
            let isRead = Clock.poll(seconds: 20) { reader.read(key) }
            if !isRead { throw Unexpected("\(lock.withLock { keys[key] }) cannot be read") }
        }
        let (calls, problems) = lock.withLock { (self.calls, self.problems) }
        if !problems.isEmpty {
            throw Unexpected(
                "\(problems.count) answers that may not be:\n" + problems.prefix(20).joined(separator: "\n"))
        }
        if let problem = RevisionChecker.problem(
            in: Simulation.History(calls.sorted { $0.invoked < $1.invoked }))
        {
            throw Unexpected("\(problem)\n(\(summary))")
        }
        try compare(cluster)
    }

    /// Nodes that have applied the same entries hold the same.
    private func compare(_ cluster: Cluster) throws {
        let ids = cluster.nodes.filter { $0.process != nil }.map(\.id)
        let areLevel = Clock.poll(seconds: 20) {
            Set(ids.map { cluster.status($0, "raft", "appliedIndex") as? Int ?? -$0 }).count == 1
        }
        if !areLevel { throw Unexpected("the nodes do not come to the same index") }
        let keys = lock.withLock { self.keys }
        for key in keys.prefix(200) + keys.suffix(200) {
            let held = ids.map { id in
                let answer = cluster.get(id, "/kv/\(key)?consistency=local")
                return
                    "\(answer?.status ?? 0) \(answer?.fields["etag"] ?? "") \(answer?.text.prefix(20) ?? "")"
            }
            if Set(held.map { $0.hasPrefix("404") ? "404" : $0 }).count > 1 {
                throw Unexpected("\(key) differs between nodes: \(held)")
            }
        }
    }

    // The workers' side ------------------------------------------------------------------------------------

    /// Any node's URL.
    func node(_ random: inout SplitMix64) -> String { urls[Int(random.next() % UInt64(urls.count))] }
    func name(_ key: Int) -> String { lock.withLock { keys[key] } }

    func noteRetry(isReplay: Bool) {
        lock.withLock {
            retries.answered += 1
            if isReplay { retries.replayed += 1 }
        }
    }
    func noteRepeated() { lock.withLock { retries.repeated += 1 } }

    func newKey(_ name: String) -> Int {
        lock.withLock {
            keys.append(name)
            return keys.count - 1
        }
    }

    func newValue() -> UInt64 {
        lock.withLock {
            lastValue += 1
            return lastValue
        }
    }

    func now() -> UInt64 {
        lock.withLock {
            moment += 1
            return moment
        }
    }

    func add(_ call: Call, from start: Double) {
        lock.withLock {
            var call = call
            moment += 1
            if call.outcome != .unknown { call.returned = moment }
            calls.append(call)
            guard call.action != .read else { return }
            let isServed = call.outcome != .unknown && call.outcome != .refused
            writes.append((start, Clock.now, isServed))
        }
    }

    func add(problem: String) { lock.withLock { problems.append(problem) } }
}
