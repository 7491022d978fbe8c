// One pass over a history whose replies carry the store's revision (rule 27): linearizable, or why not.
internal import KeyValue

/// Checks that a history is that of one store, whose revisions tell the order.
///
/// The order of revisions must agree with real time, and replaying it must give every reply. A revision that
/// no answer claims was made by a write whose outcome is unknown: there must be one that could have.
public struct RevisionChecker {
    private let calls: [Call]
    /// The call that made each revision, from revision 0 on.
    private var makers: [Int?]
    /// Revisions that nobody is known to have made, and unknown writes that could have.
    private var gaps: [Int] = []
    private var unknown: [Int] = []
    private var highest = 1
    /// Revisions that were made by nobody of those whose calls these are.
    private let others: Set<Int>

    /// What is known of a key while the history is replayed.
    private struct State {
        var found: Call.Found?
        /// The revision at which it became so.
        var since = 1
    }

    private init(_ history: History, _ others: Set<Int>) {
        self.others = others
        calls = history.calls
        makers = []
    }

    /// Why the history is not linearizable; nil if it is.
    ///
    /// - Parameters:
    ///   - history: the calls.
    ///   - others: revisions that other clients made, of other keys.
    /// - Returns: what is wrong with it.
    public static func problem(in history: History, others: Set<Int> = []) -> String? {
        var checker = RevisionChecker(history, others)
        do throws(Violation) {
            try checker.check()
            return nil
        } catch {
            return error.text
        }
    }

    private mutating func check() throws(Violation) {
        try findMakers()
        try findUnknownMakers()
        try checkRealTime()
        try checkGaps()
        try replay()
    }

    private func name(_ at: Int) -> String {
        let call = calls[at]
        return "call \(at) (\(call.action) of k\(call.key), \(call.condition), \(call.outcome))"
    }

    // Who made which revision ------------------------------------------------------------------------------

    private mutating func findMakers() throws(Violation) {
        for call in calls {
            if let position = call.position { highest = max(highest, Int(position.revision.rawValue)) }
        }
        makers = Array(repeating: nil, count: highest + 1)
        for (at, call) in calls.enumerated() {
            guard let position = call.position, position.isChange else { continue }
            try claim(Int(position.revision.rawValue), by: at)
        }
    }

    private mutating func claim(_ revision: Int, by at: Int) throws(Violation) {
        guard revision > 1, revision <= highest, !others.contains(revision) else {
            throw Violation("history: \(name(at)) has an impossible revision \(revision)")
        }
        if let other = makers[revision], other != at {
            throw Violation("history: \(name(other)) and \(name(at)) made the same revision")
        }
        makers[revision] = at
    }

    /// A value that was read tells which revision its put made.
    private mutating func findUnknownMakers() throws(Violation) {
        var putters: [Int?] = []
        for (at, call) in calls.enumerated() {
            guard case .put(let value) = call.action else { continue }
            while putters.count <= Int(value) { putters.append(nil) }
            putters[Int(value)] = at
        }
        var isFound = Array(repeating: false, count: calls.count)
        for (at, call) in calls.enumerated() {
            guard case .read(let found?, let revision) = call.outcome else { continue }
            guard found.revision <= revision else { throw Violation("history: \(name(at)) is of the future") }
            guard Int(found.value) < putters.count, let putter = putters[Int(found.value)],
                calls[putter].key == call.key
            else { throw Violation("history: \(name(at)) read what nobody wrote there") }
            guard calls[putter].outcome == .unknown || calls[putter].position?.isChange == true else {
                throw Violation("history: \(name(at)) read what was not applied: \(name(putter))")
            }
            if let position = calls[putter].position, position.revision != found.revision {
                throw Violation("history: \(name(at)) read another revision of \(name(putter))")
            }
            try claim(Int(found.revision.rawValue), by: putter)
            if !isFound[putter], calls[putter].outcome == .unknown {
                for revision in makers.indices where makers[revision] == putter {
                    guard revision == Int(found.revision.rawValue) else {
                        throw Violation("history: \(name(putter)) was applied twice")
                    }
                }
            }
            isFound[putter] = true
        }
        for (at, call) in calls.enumerated() where call.isUnknownWrite && !isFound[at] { unknown.append(at) }
        for revision in 2..<max(2, makers.count)
        where makers[revision] == nil && !others.contains(revision) { gaps.append(revision) }
    }

    // Real time --------------------------------------------------------------------------------------------

    /// The calls in the order of their revisions: first who made it, then who saw it.
    private func ordered() -> [(revision: Int, isChange: Bool, at: Int)] {
        var rows: [(revision: Int, isChange: Bool, at: Int)] = []
        for (at, call) in calls.enumerated() {
            guard let position = call.position, !position.isChange else { continue }
            rows.append((Int(position.revision.rawValue), false, at))
        }
        for (revision, maker) in makers.enumerated() {
            if let maker { rows.append((revision, true, maker)) }
        }
        rows.sort { ($0.revision, $0.isChange ? 0 : 1, $0.at) < ($1.revision, $1.isChange ? 0 : 1, $1.at) }
        return rows
    }

    /// Nothing may have returned before something that the store did earlier was even asked for.
    private func checkRealTime() throws(Violation) {
        var latest: (invoked: UInt64, at: Int) = (0, 0)
        var pending: (invoked: UInt64, at: Int) = (0, 0)
        var group = 0
        for row in ordered() {
            let call = calls[row.at]
            if row.isChange || row.revision != group {
                // Those who saw the same revision may stand in any order among themselves.
                if pending.invoked > latest.invoked { latest = pending }
                group = row.revision
            }
            if let returned = call.returned, returned < latest.invoked {
                throw Violation(
                    "linearizability: \(name(row.at)) returned before \(name(latest.at)) was invoked, and "
                        + "stands after it")
            }
            if row.isChange {
                if call.invoked > latest.invoked { latest = (call.invoked, row.at) }
            } else if call.invoked > pending.invoked {
                pending = (call.invoked, row.at)
            }
        }
    }

    /// Each gap needs an unknown write of its own that was invoked early enough.
    private func checkGaps() throws(Violation) {
        guard gaps.count <= unknown.count else {
            throw Violation("history: revision \(gaps[unknown.count]) was made by nobody")
        }
        // By when each revision was over: the earliest return of anything at it or after it.
        var ends = Array(repeating: UInt64.max, count: makers.count + 1)
        for row in ordered() {
            ends[row.revision] = min(ends[row.revision], calls[row.at].returned ?? .max)
        }
        for revision in ends.indices.dropLast().reversed() {
            ends[revision] = min(ends[revision], ends[revision + 1])
        }
        let starts = unknown.map { calls[$0].invoked }.sorted()
        for (at, gap) in gaps.enumerated() where starts[at] >= ends[gap] {
            throw Violation("history: revision \(gap) was made before anybody asked for it")
        }
    }

    // Replay -----------------------------------------------------------------------------------------------

    private func replay() throws(Violation) {
        let keyCount = (calls.map(\.key).max() ?? 0) + 1
        var states = Array(repeating: State(), count: keyCount)
        for row in ordered() {
            let call = calls[row.at]
            try reply(of: row.at, at: row.revision, isChange: row.isChange, &states[call.key])
        }
    }

    /// Whether an unknown write may have changed the key after `since` and before `revision`, and by `end`.
    private func mayHaveChanged(_ key: Int, since: Int, before revision: Int, by end: UInt64) -> Bool {
        guard gaps.contains(where: { since < $0 && $0 < revision }) else { return false }
        return unknown.contains { calls[$0].key == key && calls[$0].invoked < end }
    }

    private func reply(of at: Int, at revision: Int, isChange: Bool, _ state: inout State) throws(Violation) {
        let call = calls[at]
        let isOpen = mayHaveChanged(
            call.key, since: state.since, before: isChange ? revision : revision + 1,
            by: call.returned ?? .max)
        func wrong() -> Violation {
            Violation(
                "history: \(name(at)) at revision \(revision), where k\(call.key) is "
                    + "\(state.found.map { "\($0)" } ?? "absent") since \(state.since)")
        }
        switch call.outcome {
        case .read(let found, _):
            guard found == state.found || isOpen else { throw wrong() }
            state = State(found: found, since: max(state.since, revision))
        case .conditionFailed(let current, _):
            guard isOpen || current == state.found?.revision else { throw wrong() }
            guard !holds(call.condition, current: current) else { throw wrong() }
        case .written(let created, _, let createdRevision, let version):
            guard isOpen || holds(call.condition, current: state.found?.revision) else { throw wrong() }
            let expected =
                state.found.map { ($0.createdRevision, $0.version + 1) } ?? (Revision(UInt64(revision)), 1)
            guard isOpen || created == (state.found == nil) && (createdRevision, version) == expected else {
                throw wrong()
            }
            guard created == (version == 1), created == (createdRevision.rawValue == UInt64(revision)) else {
                throw wrong()
            }
            state = State(
                found: found(call, revision, createdRevision, version), since: revision)
        case .deleted(let count, _):
            guard isOpen || (count > 0) == (state.found != nil) else { throw wrong() }
            guard isOpen || holds(call.condition, current: state.found?.revision) else { throw wrong() }
            state = State(found: nil, since: count > 0 ? revision : state.since)
        case .unknown:
            // A put whose value was read later: how it counted is known from that read.
            guard isOpen || holds(call.condition, current: state.found?.revision) else { throw wrong() }
            state = State(found: firstReading(of: call, revision), since: revision)
        case .refused:
            throw wrong()
        }
    }

    private func holds(_ condition: Call.Condition, current: Revision?) -> Bool {
        switch condition {
        case .none: true
        case .isAbsent: current == nil
        case .isAt(let revision, _): current == revision
        }
    }

    private func found(_ call: Call, _ revision: Int, _ created: Revision, _ version: UInt64) -> Call.Found? {
        guard case .put(let value) = call.action else { return nil }
        return Call.Found(
            value: value, revision: Revision(UInt64(revision)), createdRevision: created, version: version)
    }

    private func firstReading(of call: Call, _ revision: Int) -> Call.Found? {
        guard case .put(let value) = call.action else { return nil }
        for reader in calls {
            if case .read(let found?, _) = reader.outcome, found.value == value { return found }
        }
        return nil
    }
}
