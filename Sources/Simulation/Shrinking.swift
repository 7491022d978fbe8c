// A shorter run that fails in the same way: fewer kinds of faults, less time, another seed if that helps.

/// Looks for the shortest run that breaks the same promise.
public struct Shrinking {
    private var best: Report
    private let promise: Substring
    private var tried = 0
    private let onTry: (Plan, Int) -> Void

    /// - Parameters:
    ///   - report: a run that failed.
    ///   - onTry: is told the shortest plan so far, and how many were tried.
    /// - Returns: the shortest run found, or nil if none is shorter.
    public static func shortest(from report: Report, onTry: (Plan, Int) -> Void = { _, _ in }) -> Report? {
        guard let violation = report.violation else { return nil }
        return withoutActuallyEscaping(onTry) { onTry in
            var shrinking = Shrinking(
                best: report, promise: Self.promise(of: violation), onTry: onTry)
            shrinking.shrink()
            return shrinking.best.plan == report.plan ? nil : shrinking.best
        }
    }

    /// `commit` of `commit: node 2 applied …`
    private static func promise(of violation: Violation) -> Substring {
        violation.text.prefix { $0 != ":" }
    }

    private mutating func shrink() {
        shorten()
        dropFaults()
        // What is left may show earlier elsewhere: with few kinds of faults a seed takes little time.
        for seed in best.plan.seed..<best.plan.seed + 40 {
            var plan = best.plan
            plan.seed = seed
            tryOut(plan)
        }
        shorten()
        dropFaults()
    }

    /// Less time, as long as it still fails.
    private mutating func shorten() {
        while best.plan.milliseconds > 1_000 {
            var plan = best.plan
            // Nothing after the failure was needed. Faults end before the run does.
            let needed = (best.violation?.time ?? 0) / 1_000_000 * 4 / 3 + 100
            plan.milliseconds = min(needed, plan.milliseconds * 3 / 4)
            if tryOut(plan) { continue }
            plan.milliseconds = best.plan.milliseconds * 9 / 10
            guard tryOut(plan) else { return }
        }
    }

    private mutating func dropFaults() {
        for fault in Fault.injected where best.plan.faults.contains(fault) {
            var plan = best.plan
            plan.faults.remove(fault)
            tryOut(plan, evenIfLater: true)
        }
    }

    /// Runs the plan; it is the best from now on if it fails in the same way, and not later.
    @discardableResult
    private mutating func tryOut(_ plan: Plan, evenIfLater: Bool = false) -> Bool {
        tried += 1
        onTry(best.plan, tried)
        let report = Cluster(plan).run()
        guard let violation = report.violation, let before = best.violation,
            Self.promise(of: violation) == promise, evenIfLater || violation.time <= before.time
        else { return false }
        best = report
        return true
    }
}
