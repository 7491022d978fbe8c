// Clients under failure: several threads that write and read, and remember how each call ended.
import Foundation

/// What is known of one call afterwards.
struct Record: Sendable {
    enum Kind: Sendable {
        /// A key that nobody else writes, once.
        case unique
        /// A key of one thread, overwritten with rising numbers.
        case register
        /// A key that several threads try to create.
        case create
        case read
    }
    enum Outcome: Sendable, Equatable {
        /// 200 or 201, with the revision that the write got, or that a read saw.
        case acknowledged(UInt64)
        /// Certainly not applied; the store's revision where it was decided there (404, 412).
        case refused(UInt64?)
        case unknown
    }
    let thread: Int
    let kind: Kind
    let key: String
    /// What was written, or what a read answered; nil where that was "absent".
    let value: String?
    /// The revision of the key that a read answered.
    var keyRevision: UInt64?
    /// A register held at least this when the read began.
    var floor = 0
    let start: Double
    let end: Double
    let outcome: Outcome

    var isAcknowledged: Bool { if case .acknowledged = outcome { true } else { false } }
}

/// Threads that call the nodes until they are stopped.
final class Load: Ending, @unchecked Sendable {
    /// A thread's register. A write whose outcome is unknown may take effect at any later time, so the thread
    /// goes on with another key after it.
    private struct Register {
        var generation = 0
        /// The highest number that was acknowledged.
        var acknowledged = 0
    }
    private let urls: [String]
    private let threads: Int
    private let prefix: String
    private let milliseconds: Int
    // All below are touched under `lock` alone.
    private let lock = NSCondition()
    private var records: [Record] = []
    private var problems: [String] = []
    private var registers: [Register]
    private var isStopping = false
    private var running = 0

    /// `milliseconds`: after which a client gives up. `ids`: whom it calls, if not everybody.
    init(
        _ cluster: Cluster, threads: Int = 8, prefix: String = "load", milliseconds: Int = 2_000,
        ids: [Int]? = nil
    ) {
        urls = (ids ?? cluster.ids).map { cluster[$0].url }
        self.threads = threads
        self.prefix = prefix
        self.milliseconds = milliseconds
        registers = Array(repeating: Register(), count: threads)
        cluster.loads.append(self)
    }

    func start() {
        lock.withLock { running = threads }
        for thread in 0..<threads {
            Thread.detachNewThread { [self] in
                var worker = Worker(load: self, thread: thread)
                worker.run()
                lock.withLock {
                    running -= 1
                    lock.broadcast()
                }
            }
        }
    }

    /// Ends the threads, and tells what they saw.
    func stop() -> History {
        lock.withLock {
            isStopping = true
            while running > 0 { lock.wait() }
            return History(records: records, problems: problems)
        }
    }

    func end() { _ = stop() }

    var count: Int { lock.withLock { records.count } }

    /// How many writes were acknowledged that began after `time`.
    func acknowledged(after time: Double) -> Int {
        lock.withLock { records.count { $0.start >= time && $0.kind != .read && $0.isAcknowledged } }
    }

    /// Waits for the first write that begins after `time` and is acknowledged: how long after `time`
    /// that was.
    func untilAcknowledged(after time: Double, seconds: Double = 15) -> Double? {
        var first: Double?
        _ = Clock.poll(seconds: seconds, every: 2_000) {
            lock.withLock {
                // Those of the last moments are at the end.
                let last = records.suffix(2_000)
                let done = last.filter { $0.start >= time && $0.kind != .read && $0.isAcknowledged }
                first = done.map(\.end).min()
                return first != nil
            }
        }
        return first.map { $0 - time }
    }

    /// Waits until so many more writes are acknowledged.
    func waitFor(writes: Int, seconds: Double = 20) -> Bool {
        let start = Clock.now
        return Clock.poll(seconds: seconds, every: 20_000) { acknowledged(after: start) >= writes }
    }

    // The workers' side -----------------------------------------------------------------------------------

    fileprivate var mustStop: Bool { lock.withLock { isStopping } }

    fileprivate func add(_ record: Record) {
        lock.withLock {
            records.append(record)
            guard record.kind == .register else { return }
            if record.outcome == .unknown { registers[record.thread] = next(registers[record.thread]) }
            if record.isAcknowledged { registers[record.thread].acknowledged = Int(record.value ?? "") ?? 0 }
        }
    }

    private func next(_ register: Register) -> Register { Register(generation: register.generation + 1) }

    fileprivate func add(problem: String) { lock.withLock { problems.append(problem) } }

    /// The key of a thread's register, and what it holds at least from now on.
    fileprivate func register(of thread: Int) -> (key: String, floor: Int) {
        let register = lock.withLock { registers[thread] }
        return ("\(prefix)/r/\(thread)/\(register.generation)", register.acknowledged)
    }

    /// One thread's loop.
    private struct Worker {
        let load: Load
        let thread: Int
        let client = Client()
        var random: SplitMix64
        var count = 0
        var mine: [(key: String, value: String)] = []

        init(load: Load, thread: Int) {
            self.load = load
            self.thread = thread
            random = SplitMix64(state: UInt64(thread) + 1)
        }

        func url(_ key: String) -> String {
            var random = random
            return load.urls[Int(random.next() % UInt64(load.urls.count))] + "/kv/" + key
        }

        mutating func run() {
            while !load.mustStop {
                count += 1
                let isServed = step()
                _ = random.next()
                usleep(isServed ? 3_000 : 15_000)
            }
        }

        private mutating func step() -> Bool {
            switch random.next() % 8 {
            case 0...2:
                let key = "\(load.prefix)/u/\(thread)/\(count)"
                let value = "\(thread)-\(count)-\(String(repeating: "x", count: Int(random.next() % 80)))"
                let isDone = write(.unique, key, value)
                if isDone { mine.append((key, value)) }
                return isDone
            case 3:
                return write(.register, load.register(of: thread).key, "\(count)")
            case 4:
                return write(
                    .create, "\(load.prefix)/c/\(count / 4)", "\(thread)-\(count)", ["If-None-Match: *"])
            case 5, 6:
                return readRegister(of: Int(random.next() % UInt64(load.threads)))
            default:
                guard let own = mine.randomElement(using: &random) else { return true }
                return readOwn(own.key, own.value)
            }
        }

        private func call(_ call: Call) -> (Answer, Double, Double) {
            var call = call
            call.milliseconds = load.milliseconds
            let start = Clock.now
            let answer = client.follow(call)
            return (answer, start, Clock.now)
        }

        private func write(
            _ kind: Record.Kind, _ key: String, _ value: String, _ fields: [String] = []
        ) -> Bool {
            let (answer, start, end) = call(.put(url(key), value, fields))
            let outcome = Self.outcome(of: answer)
            if outcome == nil { load.add(problem: "PUT \(key): unexpected \(answer)") }
            let record = Record(
                thread: thread, kind: kind, key: key, value: value, start: start, end: end,
                outcome: outcome ?? .unknown)
            load.add(record)
            return record.isAcknowledged || answer.status == 412
        }

        private func readRegister(of other: Int) -> Bool {
            let register = load.register(of: other)
            return read(register.key, floor: register.floor) { _ in nil }
        }

        private func readOwn(_ key: String, _ value: String) -> Bool {
            read(key, floor: 0) {
                $0 == value ? nil : "GET \(key): \($0 ?? "absent"), though it was acknowledged"
            }
        }

        private func read(_ key: String, floor: Int, _ check: (String?) -> String?) -> Bool {
            let (answer, start, end) = call(.get(url(key)))
            guard case .response(let response) = answer, [200, 404].contains(response.status) else {
                return false
            }
            guard let revision = response.revision else {
                load.add(problem: "GET \(key): no revision in \(response)")
                return false
            }
            let value = response.status == 200 ? response.text : nil
            if let problem = check(value) { load.add(problem: problem) }
            let etag = response.fields["etag"].flatMap { UInt64($0.trimmingCharacters(in: ["\""])) }
            load.add(
                Record(
                    thread: thread, kind: .read, key: key, value: value, keyRevision: etag, floor: floor,
                    start: start, end: end, outcome: .acknowledged(revision)))
            return true
        }

        /// What a write's answer means (Interface §5); nil if it is none that may come.
        private static func outcome(of answer: Answer) -> Record.Outcome? {
            guard case .response(let response) = answer else {
                if case .notSent = answer { return .refused(nil) }
                return .unknown
            }
            switch response.status {
            case 200, 201: return response.revision.map { .acknowledged($0) }
            case 412: return .refused(response.revision)
            case 307, 429, 503, 507: return .refused(nil)
            case 504: return response.member("outcome") == "not_applied" ? .refused(nil) : .unknown
            default: return nil
            }
        }
    }
}

/// A small generator, the same for the same seed.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
