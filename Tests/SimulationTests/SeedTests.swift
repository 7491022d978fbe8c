// Whole clusters from seeds: every promise holds under every fault, and the same seed is the same run.
import Simulation
import Testing

@Suite("Simulated clusters")
struct SeedTests {
    @Test("200 seeds keep every promise, and every kind of fault is injected among them")
    func seeds() {
        var faults = Array(repeating: 0, count: Fault.allCases.count)
        var committed = 0
        for seed in 1...200 as ClosedRange<UInt64> {
            let report = Cluster(.mixed(seed: seed)).run()
            if let violation = report.violation {
                Issue.record(
                    "\(violation)\n\(report.lastLines.joined(separator: "\n"))\n\(report.plan.command)")
            }
            for at in faults.indices { faults[at] += report.faults[at] }
            committed += report.committed
        }
        for fault in Fault.allCases {
            #expect(faults[fault.rawValue] > 0, "no run had a \(fault)")
        }
        // A cluster that never does anything keeps its promises too.
        #expect(committed > 200 * 50)
    }

    @Test("one, two, three, four, five and seven nodes serve", arguments: [1, 2, 3, 4, 5, 7])
    func sizes(nodes: Int) {
        var committed = 0
        for seed in 501...505 as ClosedRange<UInt64> {
            let report = Cluster(Plan(seed: seed, nodes: nodes)).run()
            #expect(report.violation == nil, "\(report.plan.command)")
            committed += report.committed
        }
        #expect(committed > 50)
    }

    @Test("the same plan gives the same trace, whether anybody listens or not; another seed another one")
    func determinism() {
        for seed in 21...25 as ClosedRange<UInt64> {
            let plan = Plan.mixed(seed: seed)
            var lines = 0
            let first = Cluster(plan).run()
            let second = Cluster(plan, onLine: { _ in lines += 1 }).run()
            #expect(first == second)
            #expect(lines == first.events)
            #expect(Cluster(.mixed(seed: seed + 20)).run().traceHash != first.traceHash)
        }
    }
}
