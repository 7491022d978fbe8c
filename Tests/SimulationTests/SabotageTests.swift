// Does the checker see? What a wrong shell would do is done in the simulator's glue, and must be noticed.
import Simulation
import Testing

@Suite("Sabotage")
struct SabotageTests {
    /// So many seeds at most until it is noticed.
    private static func seedsMax(_ sabotage: Sabotage) -> UInt64 {
        switch sabotage {
        case .acknowledgeBeforeSync, .voteBeforeSync, .skipSync, .skipFolderSync, .writeTwice: 4
        case .readWithoutRound, .claimNotApplied, .claimApplied, .ignoreDamage, .skipEntry: 20
        case .forgetTail: 40
        case .forgetVote, .reviveWiped, .keepBoot: 150
        }
    }

    @Test("it is noticed within the seeds stated for it", arguments: Sabotage.allCases)
    func isNoticed(sabotage: Sabotage) {
        for seed in 1...Self.seedsMax(sabotage) {
            var plan = Plan.mixed(seed: seed)
            plan.milliseconds = 30_000
            plan.sabotage = sabotage
            let report = Cluster(plan).run()
            guard let violation = report.violation else { continue }
            // Not for some other reason: without it, the same seed is well.
            plan.sabotage = nil
            #expect(Cluster(plan).run().violation == nil, "seed \(seed), \(violation)")
            return
        }
        Issue.record("\(sabotage) was not noticed in \(Self.seedsMax(sabotage)) seeds")
    }

    @Test("a shorter run that fails in the same way is found, and its command says all that it takes")
    func shrinking() throws {
        var plan = Plan.mixed(seed: 6)
        plan.sabotage = .acknowledgeBeforeSync
        let report = Cluster(plan).run()
        let violation = try #require(report.violation)
        let shorter = try #require(Shrinking.shortest(from: report))
        #expect(shorter.plan.milliseconds < plan.milliseconds)
        #expect(shorter.plan.faults.count < plan.faults.count)
        #expect(shorter.violation?.text.prefix(10) == violation.text.prefix(10))
        #expect(Cluster(shorter.plan).run() == shorter)
        let start = "rast simulate --seed \(shorter.plan.seed) --nodes 3 --minutes "
        #expect(shorter.plan.command.hasPrefix(start))
        #expect(shorter.plan.command.contains(" --fault "))
        #expect(shorter.plan.command.hasSuffix(" --sabotage acknowledgeBeforeSync"))
    }
}
