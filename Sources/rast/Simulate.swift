// `rast simulate`: whole clusters in one thread, each from one seed, under every fault there is a table for.
internal import ArgumentParser
internal import Glibc
internal import Simulation
internal import Synchronization

#if PlantedFaults
    internal import Consensus
#endif

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run simulated clusters under faults and check every promise.",
        discussion: """
            A whole cluster runs in one thread with the real members, logs and messages, for 60 simulated \
            seconds, with 20 calls of clients a second. Messages are lost, doubled, delayed and damaged, \
            disks fail and forget what was not synced, nodes crash, stop and lose their clocks; everything \
            follows from the seed. A seed that breaks a promise is printed with the last events and with \
            the command that runs it again.

            EXAMPLES:
              rast simulate --seeds 1000                 seeds 1 to 1000, with one to five nodes
              rast simulate --seed 42 --nodes 3 --trace  one of them, every event on a line
              rast simulate --seed 42 --shrink           a shorter run that fails in the same way
              rast simulate --seeds 100 --fault syncFailed --fault powerLost
            """)

    @Option(help: "The seed, or the first of several.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds to run.")
    var seeds: UInt64 = 1

    @Option(help: "Nodes in the cluster, 1 to 9 (default: drawn from the seed, mostly 3 and 5).")
    var nodes: Int?

    @Option(help: "How long each run is, in simulated minutes.")
    var minutes = 1.0

    @Option(
        help: ArgumentHelp(
            "Inject only this kind of fault; may be repeated. Or 'none': \(Self.faults).", valueName: "name"))
    var fault: [String] = []

    @Flag(help: "Look for a shorter run that fails in the same way.")
    var shrink = false

    @Flag(help: "Stop at the first seed that fails.")
    var untilFailure = false

    @Option(help: "Break something on purpose, to see that it is noticed: \(Self.sabotages).")
    var sabotage: String?

    #if PlantedFaults
        @Option(
            help: "Break the product itself: \(Planted.allCases.map(\.rawValue).joined(separator: ", ")).")
        var planted: String?
    #endif

    @Flag(help: "Print every event on a line.")
    var trace = false

    @Flag(help: "Print the hash of each seed's trace: equal in every process.")
    var traceHash = false

    private static let sabotages = Sabotage.allCases.map(\.rawValue).joined(separator: ", ")
    private static let faults = Fault.injected.map { "\($0)" }.joined(separator: ", ")

    func validate() throws {
        if let nodes, !(1...9).contains(nodes) {
            throw ValidationError("--nodes is 1 to 9, and not \(nodes)")
        }
        if let sabotage, Sabotage(rawValue: sabotage) == nil {
            throw ValidationError("--sabotage \(sabotage) is not known: it is one of \(Self.sabotages)")
        }
        for name in fault where name != "none" && Fault(named: name) == nil {
            throw ValidationError("--fault \(name) is not known: it is 'none' or one of \(Self.faults)")
        }
        guard minutes >= 0.01, minutes <= 1_440 else {
            throw ValidationError("--minutes is 0.01 to 1440, and not \(minutes)")
        }
        #if PlantedFaults
            if let planted, Planted(rawValue: planted) == nil {
                throw ValidationError("--planted \(planted) is not known")
            }
        #endif
        if seeds == 0 || seed > UInt64.max - seeds { throw ValidationError("--seeds is at least 1") }
    }

    func run() throws {
        sayTheSeedWhenTrapped()
        let isTerminal = isatty(STDERR_FILENO) == 1
        var summary = Summary()
        for seed in seed..<seed + seeds {
            let plan = plan(seed)
            seedUnderWay.store(seed, ordering: .relaxed)
            if isTerminal, !trace { say("\r\u{1B}[K\(summary.progress(of: seeds))") }
            let report = Cluster(plan, onLine: trace ? { say($0 + "\n", on: STDOUT_FILENO) } : nil).run()
            summary.add(report)
            if traceHash { print("seed \(seed) nodes \(plan.nodes) trace \(hexadecimal(report.traceHash))") }
            guard let violation = report.violation else { continue }
            if isTerminal { say("\r\u{1B}[K") }
            say(Self.complaint(of: violation, in: report))
            if shrink { shrink(report, isTerminal) }
            if untilFailure { break }
        }
        if isTerminal { say("\r\u{1B}[K") }
        print(summary.text)
        if !summary.failed.isEmpty { throw ExitCode.failure }
    }

    private func plan(_ seed: UInt64) -> Plan {
        var plan = Plan.mixed(seed: seed)
        if let nodes { plan.nodes = nodes }
        plan.milliseconds = UInt64((minutes * 60_000).rounded())
        plan.sabotage = sabotage.flatMap { Sabotage(rawValue: $0) }
        if !fault.isEmpty {
            plan.faults = .none
            for name in fault { if let fault = Fault(named: name) { plan.faults.insert(fault) } }
        }
        #if PlantedFaults
            plan.planted = planted.flatMap { Planted(rawValue: $0) }
        #endif
        return plan
    }

    private static func complaint(of violation: Violation, in report: Report) -> String {
        """
        seed \(report.plan.seed), \(report.plan.nodes) nodes, \
        at \(violation.time / 1_000_000) ms: \(violation)
        the last events:
        \(report.lastLines.suffix(40).map { "  \($0)\n" }.joined())run it again: \(report.plan.command)

        """
    }

    private func shrink(_ report: Report, _ isTerminal: Bool) {
        let shorter = Shrinking.shortest(from: report) { plan, tried in
            if isTerminal {
                say("\r\u{1B}[K\(tried) tried; \(plan.milliseconds) ms, \(plan.faults.count) kinds of faults")
            }
        }
        if isTerminal { say("\r\u{1B}[K") }
        guard let shorter, let violation = shorter.violation else {
            return say("no shorter run fails in the same way\n")
        }
        say("shorter:\n" + Self.complaint(of: violation, in: shorter))
    }

    private func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// What all runs together were.
private struct Summary {
    var runs = 0
    var failed: [UInt64] = []
    var milliseconds: UInt64 = 0
    var events = 0
    var committed = 0
    var terms: UInt64 = 0
    var calls = 0
    var answered = 0
    var kept = 0
    var watched = 0
    var searches = 0
    var undecided = 0
    var failovers: [UInt64] = []
    var faults = Array(repeating: 0, count: Fault.allCases.count)
    let start = ContinuousClock.now

    mutating func add(_ report: Report) {
        runs += 1
        if report.violation != nil { failed.append(report.plan.seed) }
        milliseconds += report.milliseconds
        events += report.events
        committed += report.committed
        terms += report.terms
        calls += report.calls
        answered += report.answered
        kept += report.kept
        watched += report.watched
        searches += report.searches
        undecided += report.undecided
        failovers += report.failovers
        for at in faults.indices { faults[at] += report.faults[at] }
    }

    /// How many simulated seconds a real one holds.
    var speed: UInt64 {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        let real = Double(seconds) + Double(attoseconds) / 1e18
        return real > 0 ? UInt64(Double(milliseconds) / 1_000 / real) : 0
    }

    /// For a terminal: `412 of 1000 seeds, 0 failed; 24720 simulated seconds, 1210 a second; 88012 faults`
    func progress(of seeds: UInt64) -> String {
        "\(runs) of \(seeds) seeds, \(failed.count) failed; \(milliseconds / 1_000) simulated seconds, "
            + "\(speed) a second; \(faults.reduce(0, +)) faults"
    }

    var text: String {
        var lines = [
            "\(runs) runs, \(failed.count) failed; \(milliseconds / 1_000) simulated s, \(speed) a second",
            "\(events) events, \(committed) entries committed in \(terms) terms",
            "\(calls) calls, \(answered) with a certain answer; \(kept) wishes of keepers; "
                + "\(watched) events watched",
        ]
        if undecided > 0 {
            lines.append("\(undecided) of \(searches) searches for an order without revisions were given up")
        }
        if !failovers.isEmpty {
            let sorted = failovers.sorted()
            lines.append(
                "\(sorted.count) leaders killed in quiet: a write of the next was acknowledged after "
                    + "\(sorted[sorted.count / 2]) ms (median), \(sorted[sorted.count * 99 / 100]) ms (p99), "
                    + "\(sorted[sorted.count - 1]) ms at most")
        }
        lines.append("faults:")
        for fault in Fault.allCases { lines.append("  \(fault): \(faults[fault.rawValue])") }
        if !failed.isEmpty { lines.append("failed seeds: \(failed.map { "\($0)" }.joined(separator: " "))") }
        return lines.joined(separator: "\n")
    }
}

/// Writes as it is and at once, so that nothing is lost when a run traps.
private func say(_ text: String, on descriptor: Int32 = STDERR_FILENO) {
    var text = text
    text.withUTF8 { bytes in _ = write(descriptor, bytes.baseAddress, bytes.count) }
}

/// The seed that is running, for whoever is told of a trap.
private let seedUnderWay = Atomic<UInt64>(0)

/// An invariant inside the members ends the process: before that, the seed is written, so that it can be run
/// again. Only what may be done in a signal's midst is done.
private func sayTheSeedWhenTrapped() {
    for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] {
        signal(number) { number in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 48) { line in
                var at = 47
                line[at] = 0x0A
                var rest = seedUnderWay.load(ordering: .relaxed)
                repeat {
                    at -= 1
                    line[at] = UInt8(0x30 + rest % 10)
                    rest /= 10
                } while rest > 0
                for byte in StaticString("\ntrapped: --seed ").utf8Bytes.reversed() {
                    at -= 1
                    line[at] = byte
                }
                _ = write(STDERR_FILENO, line.baseAddress.map { $0 + at }, 48 - at)
            }
            signal(number, SIG_DFL)
            raise(number)
        }
    }
}

extension StaticString {
    fileprivate var utf8Bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
