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
    fileprivate let milliseconds: Int
    fileprivate let seed: UInt64
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

    init(
        _ cluster: Cluster, threads: Int = 6, milliseconds: Int = 2_000, ids: [Int]? = nil, seed: UInt64 = 1
    ) {
        urls = (ids ?? cluster.ids).map { cluster[$0].url }
        self.threads = threads
        self.milliseconds = milliseconds
        self.seed = seed
        keys = (0..<Self.hotKeys).map { "hot/\($0)" }
        cluster.loads.append(self)
    }

    func start() {
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
            return "\(served) writes answered, \(refused) refused, \(unknown) unknown, \(reads) reads"
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

    fileprivate func url(_ key: Int, _ random: inout SplitMix64) -> String {
        let at = Int(random.next() % UInt64(urls.count))
        return lock.withLock { "\(urls[at])/kv/\(keys[key])" }
    }

    fileprivate func newKey(_ name: String) -> Int {
        lock.withLock {
            keys.append(name)
            return keys.count - 1
        }
    }

    fileprivate func newValue() -> UInt64 {
        lock.withLock {
            lastValue += 1
            return lastValue
        }
    }

    fileprivate func now() -> UInt64 {
        lock.withLock {
            moment += 1
            return moment
        }
    }

    fileprivate func add(_ call: Call, from start: Double) {
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

    fileprivate func add(problem: String) { lock.withLock { problems.append(problem) } }
}

/// One client of a ``Traffic``.
private struct Worker {
    typealias Action = Simulation.Call.Action
    typealias Condition = Simulation.Call.Condition
    typealias Found = Simulation.Call.Found
    private let traffic: Traffic
    private let thread: Int
    private let client = Client()
    private var random: SplitMix64
    private var count = 0
    /// Keys that it alone has written.
    private var mine: [Int] = []
    /// What it has last seen of each hot key.
    private var seen: [Int: (revision: UInt64, value: UInt64)] = [:]

    init(_ traffic: Traffic, _ thread: Int) {
        self.traffic = traffic
        self.thread = thread
        random = SplitMix64(state: traffic.seed &* 1_000 &+ UInt64(thread))
    }

    /// One call. False: it was not served.
    mutating func step() -> Bool {
        count += 1
        let key = Int(random.next() % UInt64(Traffic.hotKeys))
        switch random.next() % 20 {
        case 0..<6: return read(key)
        case 6..<10: return put(key)
        case 10, 11: return put(key, .isAbsent)
        case 12, 13:
            guard let last = seen[key] else { return read(key) }
            return put(key, .isAt(Revision(last.revision), value: last.value))
        case 14, 15: return delete(key)
        case 16..<19:
            let own = traffic.newKey("own/\(thread)/\(count)")
            mine.append(own)
            return put(own)
        default:
            return read(mine.randomElement(using: &random) ?? key)
        }
    }

    private static func fields(_ condition: Condition) -> [String] {
        switch condition {
        case .none: []
        case .isAbsent: ["If-None-Match: *"]
        case .isAt(let revision, _): ["If-Match: \"\(revision.rawValue)\""]
        }
    }

    private mutating func perform(
        _ method: String, _ key: Int, _ fields: [String], _ body: String?
    ) -> (answer: Answer, invoked: UInt64, start: Double) {
        var call = Call(
            method: method, url: traffic.url(key, &random), fields: fields, body: body.map { Array($0.utf8) })
        call.milliseconds = traffic.milliseconds
        let start = Clock.now
        let invoked = traffic.now()
        return (client.follow(call), invoked, start)
    }

    mutating func read(_ key: Int) -> Bool {
        let (answer, invoked, start) = perform("GET", key, [], nil)
        guard case .response(let response) = answer else { return false }
        var found: Found?
        switch response.status {
        case 200:
            guard let value = UInt64(response.text.prefix(while: \.isNumber)),
                let revision = response.number("etag"),
                let created = response.number("rast-created-revision"),
                let version = response.number("rast-version")
            else {
                traffic.add(problem: "GET: \(response.fields) \(response)")
                return false
            }
            seen[key] = (revision, value)
            found = Found(
                value: value, revision: Revision(revision), createdRevision: Revision(created),
                version: version)
        case 404: seen[key] = nil
        case 307, 429, 503, 504: return false
        default:
            traffic.add(problem: "GET: \(response)")
            return false
        }
        guard let revision = response.revision else {
            traffic.add(problem: "GET without a revision: \(response)")
            return false
        }
        traffic.add(
            Simulation.Call(
                key: key, action: .read, invoked: invoked, returned: nil,
                outcome: .read(found, at: Revision(revision))), from: start)
        return true
    }

    private mutating func put(_ key: Int, _ condition: Condition = .none) -> Bool {
        let value = traffic.newValue()
        let text = "\(value) " + String(repeating: "x", count: Int(random.next() % 200))
        let (answer, invoked, start) = perform("PUT", key, Self.fields(condition), text)
        let outcome = outcome(of: answer, "PUT") { response in
            guard let object = response.object, let revision = object["revision"] as? Int,
                let created = object["createdRevision"] as? Int, let version = object["version"] as? Int
            else { return nil }
            return .written(
                created: response.status == 201, revision: Revision(UInt64(revision)),
                createdRevision: Revision(UInt64(created)), version: UInt64(version))
        }
        if case .written(_, let revision, _, _) = outcome { seen[key] = (revision.rawValue, value) }
        return note(key, .put(value: value), condition, invoked, start, outcome)
    }

    private mutating func delete(_ key: Int) -> Bool {
        var condition = Condition.none
        if random.next() % 2 == 0, let last = seen[key] {
            condition = .isAt(Revision(last.revision), value: last.value)
        }
        let (answer, invoked, start) = perform("DELETE", key, Self.fields(condition), nil)
        let outcome = outcome(of: answer, "DELETE") { response in
            guard let object = response.object, let revision = object["revision"] as? Int,
                let count = object["deleted"] as? Int
            else { return nil }
            return .deleted(count: count, revision: Revision(UInt64(revision)))
        }
        return note(key, .delete, condition, invoked, start, outcome)
    }

    private func note(
        _ key: Int, _ action: Action, _ condition: Condition, _ invoked: UInt64, _ start: Double,
        _ outcome: Simulation.Call.Outcome
    ) -> Bool {
        traffic.add(
            Simulation.Call(
                key: key, action: action, condition: condition, invoked: invoked, returned: nil,
                outcome: outcome), from: start)
        return outcome != .unknown && outcome != .refused
    }

    /// What an answer to a write means (Interface §5).
    private func outcome(
        of answer: Answer, _ method: String, _ done: (Response) -> Simulation.Call.Outcome?
    ) -> Simulation.Call.Outcome {
        guard case .response(let response) = answer else {
            if case .notSent = answer { return .refused }
            return .unknown
        }
        var meaning: Simulation.Call.Outcome?
        switch response.status {
        case 200, 201: meaning = done(response)
        case 412:
            meaning = response.revision.map {
                .conditionFailed(current: response.number("etag").map { Revision($0) }, at: Revision($0))
            }
        case 307, 429, 503, 507: meaning = .refused
        case 504: meaning = response.member("outcome") == "not_applied" ? .refused : .unknown
        default: meaning = nil
        }
        if meaning == nil { traffic.add(problem: "\(method): \(response.fields) \(response)") }
        return meaning ?? .unknown
    }
}

extension Response {
    /// A field that is a number, perhaps in quotes.
    fileprivate func number(_ name: String) -> UInt64? {
        fields[name].flatMap { UInt64($0.trimmingCharacters(in: ["\""])) }
    }
}
