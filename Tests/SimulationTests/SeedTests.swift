// Whole clusters from seeds: every promise holds under every fault, and the same seed is the same run.
import Simulation
import Testing

@Suite("Simulated clusters")
struct SeedTests {
    /// What a task's share of the seeds came to.
    private struct Share: Sendable {
        var faults = Array(repeating: 0, count: Fault.allCases.count)
        var committed = 0
        var calls = 0
        var kept = 0
        var watched = 0
        var searches = 0
        var undecided = 0
        var milliseconds: UInt64 = 0
        /// What kinds of runs there were: `5 nodes, quiet`.
        var kinds: Set<String> = []
        var problems: [String] = []

        mutating func add(_ report: Report) {
            for at in faults.indices { faults[at] += report.faults[at] }
            committed += report.committed
            calls += report.calls
            kept += report.kept
            watched += report.watched
            searches += report.searches
            undecided += report.undecided
            milliseconds += report.milliseconds
            let kind = report.isQuiet ? "quiet" : report.hasGrown ? "grown" : "under faults"
            kinds.insert("\(report.plan.nodes) nodes, \(kind)")
            guard let violation = report.violation else { return }
            let lines = report.lastLines.joined(separator: "\n")
            problems.append("\(violation)\n\(lines)\n\(report.plan.command)")
        }

        mutating func add(_ other: Share) {
            for at in faults.indices { faults[at] += other.faults[at] }
            committed += other.committed
            calls += other.calls
            kept += other.kept
            watched += other.watched
            searches += other.searches
            undecided += other.undecided
            kinds.formUnion(other.kinds)
            milliseconds += other.milliseconds
            problems += other.problems
        }
    }

    @Test("500 seeds of a minute keep every promise, and every kind of fault is injected among them")
    func seeds() async {
        var all = Share()
        await withTaskGroup(of: Share.self) { group in
            for part in 0..<20 as Range<UInt64> {
                group.addTask {
                    var share = Share()
                    for seed in part * 25 + 1...part * 25 + 25 {
                        share.add(Cluster(.mixed(seed: seed)).run())
                    }
                    return share
                }
            }
            for await share in group { all.add(share) }
        }
        for problem in all.problems { Issue.record("\(problem)") }
        for fault in Fault.allCases {
            #expect(all.faults[fault.rawValue] > 0, "no run had a \(fault)")
        }
        #expect(all.milliseconds >= 500 * 60_000)
        // A cluster that never does anything keeps its promises too.
        #expect(all.committed > 500 * 150, "\(all.committed) entries committed")
        #expect(all.calls > 500 * 60 * 15, "\(all.calls) calls")
        #expect(all.calls + all.kept > 500 * 60 * 20, "\(all.calls) calls, \(all.kept) of keepers")
        #expect(all.watched > 500 * 100, "\(all.watched) events watched")
        // Where the search for an order is given up, only the revisions vouch for it.
        #expect(all.undecided * 50 < all.searches, "\(all.undecided) of \(all.searches) searches given up")
        var kinds: Set<String> = ["1 nodes, under faults"]
        for nodes in 3...5 {
            for kind in ["quiet", "grown", "under faults"] { kinds.insert("\(nodes) nodes, \(kind)") }
        }
        #expect(all.kinds == kinds)
    }

    @Test("one to five and seven nodes serve", arguments: [1, 2, 3, 4, 5, 7])
    func sizes(nodes: Int) {
        var committed = 0
        for seed in 501...504 as ClosedRange<UInt64> {
            var plan = Plan(seed: seed, nodes: nodes)
            plan.milliseconds = 20_000
            let report = Cluster(plan).run()
            #expect(report.violation == nil, "\(report.plan.command)")
            committed += report.committed
        }
        #expect(committed > 100)
    }

    @Test("the same plan gives the same trace, whether anybody listens or not; another seed another one")
    func determinism() {
        for seed in 21...24 as ClosedRange<UInt64> {
            var plan = Plan.mixed(seed: seed)
            plan.milliseconds = 20_000
            var lines = 0
            let first = Cluster(plan).run()
            let second = Cluster(plan, onLine: { _ in lines += 1 }).run()
            #expect(first == second)
            #expect(lines == first.events)
            plan.seed += 20
            #expect(Cluster(plan).run().traceHash != first.traceHash)
        }
    }

    @Test("only the kinds of faults that are named are injected")
    func faults() {
        for fault in [Fault.messageDropped, .powerLost, .paused, .syncFailed] {
            var seen = 0
            for seed in 2...9 as ClosedRange<UInt64> {
                var plan = Plan(seed: seed, nodes: 3)
                plan.milliseconds = 20_000
                plan.faults = .none
                plan.faults.insert(fault)
                let report = Cluster(plan).run()
                #expect(report.violation == nil, "\(report.plan.command)")
                for other in Fault.injected where other != fault && seed % 4 != 1 {
                    // A crash counts as one, whatever brought it about; so do the names that it took away.
                    guard ![.processKilled, .nameLost, .crashedInOperation].contains(other) else { continue }
                    #expect(report.faults[other.rawValue] == 0, "\(report.plan.command): \(other)")
                }
                seen += report.faults[fault.rawValue]
            }
            #expect(seen > 0, "\(fault)")
        }
    }
}
