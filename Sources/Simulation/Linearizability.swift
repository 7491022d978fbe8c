// Wing and Gong's search for a linearization (1993), with Lowe's memo (2017): where no revisions are told.

/// Checks the calls on one key against a register with conditions.
///
/// It looks for an order that agrees with real time and gives every reply. Calls without an answer may stand
/// anywhere after their invocation, or nowhere.
public struct Linearizability {
    public enum Verdict: Hashable, Sendable {
        case linearizable, notLinearizable
        /// The search was given up: too many calls at once.
        case undecided
    }

    /// The key's value; nil while it is absent.
    private typealias State = UInt64?

    private struct After {
        let state: State
    }

    private struct Memo: Hashable {
        let done: [UInt64]
        let state: UInt64?
    }

    private let calls: [Call]
    /// Invocations and returns in order of time, as a list that calls are taken out of and put back into.
    private var next: [Int]
    private var previous: [Int]
    /// For each place in the list, its call, and whether it is the invocation.
    private var rows: [(call: Int, isInvocation: Bool)] = []
    private var invocation: [Int]
    private var end: [Int]

    private init(_ calls: [Call]) {
        self.calls = calls
        var moments: [(time: UInt64, call: Int, isInvocation: Bool)] = []
        for (at, call) in calls.enumerated() {
            moments.append((call.invoked, at, true))
            if call.outcome != .unknown { moments.append((call.returned ?? .max, at, false)) }
        }
        moments.sort {
            ($0.time, $0.isInvocation ? 1 : 0, $0.call) < ($1.time, $1.isInvocation ? 1 : 0, $1.call)
        }
        invocation = Array(repeating: 0, count: calls.count)
        end = Array(repeating: 0, count: calls.count)
        // Place 0 is the head.
        rows = [(0, true)] + moments.map { ($0.call, $0.isInvocation) }
        next = Array(1...rows.count)
        previous = Array(-1..<rows.count - 1)
        for place in 1..<max(1, rows.count) {
            if rows[place].isInvocation {
                invocation[rows[place].call] = place
            } else {
                end[rows[place].call] = place
            }
        }
    }

    /// - Parameters:
    ///   - calls: of one key.
    ///   - stepsMax: after so many steps the search is given up.
    /// - Returns: whether there is such an order.
    public static func verdict(of calls: [Call], stepsMax: Int = 500_000) -> Verdict {
        let relevant = calls.filter { call in
            call.outcome != .refused && !(call.outcome == .unknown && call.action == .read)
        }
        var search = Linearizability(relevant)
        return search.search(stepsMax: stepsMax)
    }

    private mutating func search(stepsMax: Int) -> Verdict {
        var state: State = nil
        var done = Array(repeating: UInt64(0), count: calls.count / 64 + 1)
        var seen: Set<Memo> = []
        var taken: [(call: Int, before: State)] = []
        var waiting = calls.reduce(0) { $0 + ($1.outcome == .unknown ? 0 : 1) }
        var place = next[0]
        var steps = 0
        while waiting > 0 {
            steps += 1
            guard steps < stepsMax else { return .undecided }
            if place < rows.count, rows[place].isInvocation {
                let at = rows[place].call
                if let after = Self.apply(calls[at], to: state) {
                    done[at / 64] |= 1 << UInt64(at % 64)
                    if seen.insert(Memo(done: done, state: after.state)).inserted {
                        taken.append((at, state))
                        state = after.state
                        if calls[at].outcome != .unknown { waiting -= 1 }
                        lift(at)
                        place = next[0]
                        continue
                    }
                    done[at / 64] &= ~(1 << UInt64(at % 64))
                }
                place = next[place]
                continue
            }
            // A return before which its call must have taken effect, or the end: the last choice was wrong.
            guard let last = taken.popLast() else { return .notLinearizable }
            state = last.before
            done[last.call / 64] &= ~(1 << UInt64(last.call % 64))
            if calls[last.call].outcome != .unknown { waiting += 1 }
            unlift(last.call)
            place = next[invocation[last.call]]
        }
        return .linearizable
    }

    private mutating func lift(_ call: Int) {
        remove(invocation[call])
        if end[call] > 0 { remove(end[call]) }
    }

    private mutating func unlift(_ call: Int) {
        if end[call] > 0 { restore(end[call]) }
        restore(invocation[call])
    }

    private mutating func remove(_ place: Int) {
        next[previous[place]] = next[place]
        if next[place] < rows.count { previous[next[place]] = previous[place] }
    }

    private mutating func restore(_ place: Int) {
        next[previous[place]] = place
        if next[place] < rows.count { previous[next[place]] = place }
    }

    /// The state after the call, if its reply fits the state before; nil if it does not.
    private static func apply(_ call: Call, to state: State) -> After? {
        let holds =
            switch call.condition {
            case .none: true
            case .isAbsent: state == nil
            case .isAt(_, let value): state == value
            }
        switch call.outcome {
        case .refused: return nil
        case .read(let found, _): return found?.value == state ? After(state: state) : nil
        case .conditionFailed: return holds ? nil : After(state: state)
        case .written(let created, _, _, _):
            guard holds, created == (state == nil), case .put(let value) = call.action else { return nil }
            return After(state: value)
        case .deleted(let count, _): return holds && (count > 0) == (state != nil) ? After(state: nil) : nil
        case .unknown:
            guard holds else { return After(state: state) }
            if case .put(let value) = call.action { return After(state: value) }
            return After(state: nil)
        }
    }
}
