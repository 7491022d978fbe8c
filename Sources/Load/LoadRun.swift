// A whole run: finds the cluster, has its keys written, and lets the threads loose.
public import Client
internal import Network
internal import Synchronization

/// How far a run is.
public struct LoadProgress: Sendable {
    /// False: connections are being made, or it warms up.
    public internal(set) var isMeasuring = false
    /// How long it is measured by now.
    public internal(set) var nanoseconds: UInt64 = 0
    /// How many were answered as was hoped for.
    public internal(set) var answered: UInt64 = 0
    /// How many came to nothing.
    public internal(set) var failed: UInt64 = 0
    /// Answers a second, of the last moment.
    public internal(set) var rate = 0.0
    /// In nanoseconds, of all answers so far.
    public internal(set) var p50: UInt64 = 0
    /// As ``p50``.
    public internal(set) var p99: UInt64 = 0
    /// How many requests are due by the rate and have not been sent.
    public internal(set) var behind: UInt64 = 0
    /// Who leads, as far as is known.
    public internal(set) var leader = ""

    /// Takes in what another thread has done meanwhile; of percentiles the worse one.
    mutating func merge(_ other: LoadProgress) {
        isMeasuring = isMeasuring || other.isMeasuring
        nanoseconds = max(nanoseconds, other.nanoseconds)
        answered += other.answered
        failed += other.failed
        rate += other.rate
        p50 = max(p50, other.p50)
        p99 = max(p99, other.p99)
        behind += other.behind
        if !other.leader.isEmpty { leader = other.leader }
    }
}

/// What one thread shares with those who watch it.
final class Controls: Sendable {
    let wake: Wake
    let isEnding = Atomic(false)
    let progress = Mutex(LoadProgress())

    init() throws(SystemError) { wake = try Wake() }
}

/// What all threads of a run share.
struct Setting: Sendable {
    let scout: Scout
    let controls: [Controls]
    let readers: [Target]
    let values: Values
}

/// A load that is ready to be put on a cluster.
public struct LoadRun {
    /// Called several times a second with how far it is; false: it is to end early, and need not be said
    /// again.
    public typealias Watcher = (LoadProgress) -> Bool

    private let plan: LoadPlan
    private let leader: Target
    private let readers: [Target]
    private let members: [Endpoint]

    private static let lookNanoseconds: UInt64 = 1_000_000_000
    private static let watchNanoseconds: UInt64 = 100_000_000

    /// Finds out who leads, within the plan's time-out.
    ///
    /// - Throws: `LoadFailure` where no node answers or none leads.
    public init(_ plan: LoadPlan, endpoints: [Endpoint]) throws(LoadFailure) {
        self.plan = plan
        let start = monotonicNanoseconds()
        let pauses = Mailbox<Int>()
        while true {
            let view = ClusterView(of: endpoints, timeoutNanoseconds: Self.lookNanoseconds)
            if let status = view.leader, let leader = Target(of: status) {
                self.leader = leader
                let members = view.members
                self.members = members + endpoints.filter { !members.contains($0) }
                readers = Self.readers(plan, members: members, endpoints: endpoints)
                return
            }
            guard monotonicNanoseconds() - start < plan.timeoutNanoseconds else {
                if view.rows.contains(where: { $0.status != nil }) {
                    throw .noLeader(seconds: Double(plan.timeoutNanoseconds) / 1e9)
                }
                throw .unreachable(view.rows.map { "\($0.url): \($0.trouble ?? "not asked")" })
            }
            var nothing: [Int] = []
            _ = pauses.take(into: &nothing, until: monotonicNanoseconds() + Self.watchNanoseconds)
        }
    }

    /// Who leads, or led when it was looked.
    public var leaderURL: String { leader.endpoint.description }
    /// How many nodes reads go to.
    public var readersCount: Int { max(1, readers.count) }

    private static func readers(
        _ plan: LoadPlan, members: [Endpoint], endpoints: [Endpoint]
    ) -> [Target] {
        switch plan.readers {
        case .leader: []
        case .all: members.compactMap { Target($0) }
        case .endpoints: endpoints.compactMap { Target($0) }
        }
    }

    /// Writes each key once. Without an error all are there, or it was ended early.
    public func preload(watching: Watcher) throws(LoadFailure) -> Tally {
        let tally = try run(plan.preloading(), .eachKey, watching).tally
        waitForReaders()
        return tally
    }

    /// Waits until those who answer by their own state have the keys, but not for ever: a node
    /// that is behind would know none of them, which is no failure of the load.
    private func waitForReaders() {
        guard plan.isLocal, plan.reads > 0, !readers.isEmpty else { return }
        let view = ClusterView(of: members, timeoutNanoseconds: Self.lookNanoseconds)
        guard let revision = view.leader?.revision else { return }
        var call = Call(.get, path: keyPath(plan.name(0)))
        appendParameter("consistency", Array("local".utf8), to: &call.query)
        appendParameter("min-revision", Array("\(revision)".utf8), to: &call.query)
        call.tellsTimeout = true
        _ = Cluster.ask(
            call, each: readers.map(\.endpoint),
            timeoutNanoseconds: min(plan.timeoutNanoseconds, 2 * Self.lookNanoseconds))
    }

    /// Asks until the plan's time is over.
    public func measure(watching: Watcher) throws(LoadFailure) -> Tally {
        try run(plan, .chance, watching).tally
    }

    private struct Outcome {
        var tally = Tally()
        var isEnded = false
    }

    private func run(_ plan: LoadPlan, _ work: Work, _ watching: Watcher) throws(LoadFailure) -> Outcome {
        let results = Mailbox<Result<Tally, LoadFailure>>()
        let controls = try makeControls(plan.threads)
        let scout = try makeScout(controls)
        defer { scout.end() }
        let setting = Setting(
            scout: scout, controls: controls, readers: plan.reads > 0 ? readers : [],
            values: Values(bytes: plan.valueBytes, seed: plan.seed))
        var started = 0
        for share in 0..<plan.threads {
            if Self.start(setting, plan, work, share: share, results) { started += 1 }
        }
        var outcome = Outcome()
        var failure: LoadFailure?
        var left = started
        if started < plan.threads {
            failure = .refusedBySystem("No thread is to be had")
            Self.end(controls)
        }
        var taken: [Result<Tally, LoadFailure>] = []
        while left > 0 {
            _ = results.take(into: &taken, until: monotonicNanoseconds() + Self.watchNanoseconds)
            for result in taken {
                left -= 1
                switch result {
                case .success(let tally): outcome.tally.merge(tally)
                case .failure(let error): failure = error
                }
            }
            if !taken.isEmpty && failure != nil { Self.end(controls) }
            taken.removeAll(keepingCapacity: true)
            let progress = controls.reduce(into: LoadProgress()) { sum, one in
                sum.merge(one.progress.withLock { $0 })
            }
            // It is asked on while a run comes to its end: another signal may end the program.
            if left > 0, !watching(progress), !outcome.isEnded {
                outcome.isEnded = true
                Self.end(controls)
            }
        }
        if let failure { throw failure }
        if work == .eachKey, !outcome.isEnded, outcome.tally.answered < UInt64(plan.keys) {
            throw LoadFailure.notPreloaded(
                written: Int(outcome.tally.answered), of: plan.keys, foremost: outcome.tally.foremost)
        }
        return outcome
    }

    private func makeControls(_ count: Int) throws(LoadFailure) -> [Controls] {
        var controls: [Controls] = []
        do throws(SystemError) {
            for _ in 0..<count { controls.append(try Controls()) }
        } catch {
            throw .system(error)
        }
        return controls
    }

    private func makeScout(_ controls: [Controls]) throws(LoadFailure) -> Scout {
        do throws(SystemError) {
            return try Scout(leader: leader, members: members, bells: controls.map(\.wake))
        } catch {
            throw .system(error)
        }
    }

    private static func end(_ controls: [Controls]) {
        for one in controls {
            one.isEnding.store(true, ordering: .relaxed)
            one.wake.ring()
        }
    }

    /// False: there is no thread to be had.
    private static func start(
        _ setting: Setting, _ plan: LoadPlan, _ work: Work, share: Int,
        _ results: Mailbox<Result<Tally, LoadFailure>>
    ) -> Bool {
        do throws(SystemError) {
            try Thread(named: "load \(share)") {
                Thread.wakePromptly()
                do throws(LoadFailure) {
                    results.put(.success(try generate(setting, plan, work, share)))
                } catch {
                    results.put(.failure(error))
                }
            }.detach()
            return true
        } catch {
            return false
        }
    }

    private static func generate(
        _ setting: Setting, _ plan: LoadPlan, _ work: Work, _ share: Int
    ) throws(LoadFailure) -> Tally {
        var generator: Generator
        do throws(SystemError) {
            generator = try Generator(setting, plan, work, share: share)
        } catch {
            throw .system(error)
        }
        return try generator.run()
    }
}
