// The names of a run's keys, and the ranges that are deleted afterwards.
import Load
import Testing

@Suite("Plan")
struct PlanTests {
    private func plan(keys: Int) -> LoadPlan {
        var plan = LoadPlan(prefix: Array("b/".utf8))
        plan.keys = keys
        return plan
    }

    @Test(
        "every key is in one part, and no part has more than a deletion takes", arguments: [1, 9_999, 25_000])
    func parts(keys: Int) {
        let plan = plan(keys: keys)
        var counts = plan.parts.map { _ in 0 }
        for number in 0..<keys {
            let name = plan.name(number)
            let homes = plan.parts.indices.filter {
                !name.lexicographicallyPrecedes(plan.parts[$0].start)
                    && name.lexicographicallyPrecedes(plan.parts[$0].end)
            }
            #expect(homes.count == 1, "\(number)")
            for home in homes { counts[home] += 1 }
        }
        #expect(counts.allSatisfy { $0 <= 10_000 })
    }

    @Test("names have one length and the order of their numbers")
    func names() {
        let plan = plan(keys: 100_000_000)
        #expect(plan.name(0) == Array("b/00000000".utf8))
        #expect(plan.name(99_999_999) == Array("b/99999999".utf8))
    }
}
