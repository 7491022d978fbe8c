// Known good and bad histories: both checkers tell them apart.
import KeyValue
import Simulation
import Testing

/// A history in short: each call with its moments and what it was told.
private struct Script {
    var calls: [Call] = []

    mutating func put(
        _ value: UInt64, _ invoked: UInt64, _ returned: UInt64, at revision: UInt64, created: UInt64? = nil,
        version: UInt64 = 1, key: Int = 0
    ) {
        let created = created ?? revision
        calls.append(
            Call(
                key: key, action: .put(value: value), invoked: invoked, returned: returned,
                outcome: .written(
                    created: version == 1, revision: Revision(revision), createdRevision: Revision(created),
                    version: version)))
    }

    mutating func unknownPut(_ value: UInt64, _ invoked: UInt64, key: Int = 0) {
        calls.append(
            Call(key: key, action: .put(value: value), invoked: invoked, returned: nil, outcome: .unknown))
    }

    mutating func read(
        _ value: UInt64?, _ invoked: UInt64, _ returned: UInt64, at revision: UInt64, made: UInt64 = 0,
        created: UInt64? = nil, version: UInt64 = 1, key: Int = 0
    ) {
        let found = value.map {
            Call.Found(
                value: $0, revision: Revision(made), createdRevision: Revision(created ?? made),
                version: version)
        }
        calls.append(
            Call(
                key: key, action: .read, invoked: invoked, returned: returned,
                outcome: .read(found, at: Revision(revision))))
    }

    mutating func delete(_ invoked: UInt64, _ returned: UInt64, count: Int, at revision: UInt64) {
        calls.append(
            Call(
                key: 0, action: .delete, invoked: invoked, returned: returned,
                outcome: .deleted(count: count, revision: Revision(revision))))
    }

    /// What both say.
    func expect(isLinearizable: Bool, _ place: SourceLocation = #_sourceLocation) {
        let problem = RevisionChecker.problem(in: History(calls))
        #expect((problem == nil) == isLinearizable, "\(problem ?? "nothing found")", sourceLocation: place)
        let verdict = Linearizability.verdict(of: calls)
        #expect(
            verdict == (isLinearizable ? .linearizable : .notLinearizable), "Wing & Gong: \(verdict)",
            sourceLocation: place)
    }
}

@Suite("Checkers of histories")
struct CheckerTests {
    private var script = Script()

    @Test("an empty history, and one call after the other")
    mutating func sequential() {
        script.expect(isLinearizable: true)
        script.read(nil, 1, 2, at: 1)
        script.put(1, 3, 4, at: 2)
        script.read(1, 5, 6, at: 2, made: 2)
        script.put(2, 7, 8, at: 3, created: 2, version: 2)
        script.delete(9, 10, count: 1, at: 4)
        script.read(nil, 11, 12, at: 4)
        script.delete(13, 14, count: 0, at: 4)
        script.expect(isLinearizable: true)
    }

    @Test("calls at the same time may stand in any order")
    mutating func concurrent() {
        script.put(1, 1, 10, at: 3, created: 2, version: 2)
        script.put(2, 2, 9, at: 2)
        script.read(2, 3, 8, at: 2, made: 2)
        script.read(nil, 4, 7, at: 1)
        script.expect(isLinearizable: true)
    }

    @Test("a stale read: it misses a write that had returned before it began")
    mutating func staleRead() {
        script.put(1, 1, 2, at: 2)
        script.put(2, 3, 4, at: 3, created: 2, version: 2)
        script.read(1, 5, 6, at: 2, made: 2)
        script.expect(isLinearizable: false)
    }

    @Test("a read that goes back: the second reader sees less than the first had seen")
    mutating func readGoesBack() {
        script.put(1, 1, 2, at: 2)
        script.put(2, 3, 20, at: 3, created: 2, version: 2)
        script.read(2, 4, 5, at: 3, made: 3, created: 2, version: 2)
        script.read(1, 6, 7, at: 2, made: 2)
        script.expect(isLinearizable: false)
    }

    @Test("a lost update: an acknowledged write is nowhere to be seen")
    mutating func lostUpdate() {
        script.put(1, 1, 2, at: 2)
        script.read(nil, 3, 4, at: 2)
        script.expect(isLinearizable: false)
    }

    @Test("a dirty read: a value that was refused, or that nobody wrote")
    mutating func dirtyRead() {
        script.calls.append(
            Call(key: 0, action: .put(value: 7), invoked: 1, returned: 2, outcome: .refused))
        script.read(7, 3, 4, at: 2, made: 2)
        script.expect(isLinearizable: false)
        script = Script()
        script.read(9, 1, 2, at: 2, made: 2)
        script.expect(isLinearizable: false)
    }

    @Test("two creations of one key, of which neither saw the other")
    mutating func splitBrain() {
        script.put(1, 1, 2, at: 2)
        script.put(2, 3, 4, at: 3)
        script.expect(isLinearizable: false)
        script = Script()
        script.put(1, 1, 5, at: 2)
        script.put(2, 2, 4, at: 2)
        #expect(RevisionChecker.problem(in: History(script.calls)) != nil)
    }

    @Test("an unknown write may have happened late, or never, but only once and not before it was asked for")
    mutating func unknown() {
        script.unknownPut(1, 1)
        script.read(nil, 2, 3, at: 1)
        script.read(1, 4, 5, at: 2, made: 2)
        script.expect(isLinearizable: true)

        script.put(2, 6, 7, at: 3, created: 2, version: 2)
        script.read(1, 8, 9, at: 4, made: 4, created: 2, version: 3)
        script.expect(isLinearizable: false)

        script = Script()
        script.unknownPut(1, 1)
        script.read(nil, 2, 3, at: 1)
        script.expect(isLinearizable: true)

        script = Script()
        script.read(1, 1, 2, at: 2, made: 2)
        script.unknownPut(1, 3)
        script.expect(isLinearizable: false)
    }

    @Test("a revision that no answer claims needs an unknown write that was asked for in time")
    mutating func gaps() {
        script.put(1, 1, 2, at: 2)
        script.put(2, 3, 4, at: 4, created: 2, version: 3)
        #expect(RevisionChecker.problem(in: History(script.calls)) != nil)
        var early = script
        early.unknownPut(3, 3)
        #expect(RevisionChecker.problem(in: History(early.calls)) == nil)
        script.unknownPut(3, 5)
        #expect(RevisionChecker.problem(in: History(script.calls)) != nil)
    }

    @Test("an unknown write that was asked for after an answer is no excuse for it")
    mutating func lateExcuse() {
        script.put(1, 1, 2, at: 2)
        script.unknownPut(2, 3, key: 1)
        script.read(nil, 5, 6, at: 3)
        script.unknownPut(3, 7)
        #expect(RevisionChecker.problem(in: History(script.calls)) != nil)
    }

    @Test("conditions are decided at their place in the order")
    mutating func conditions() {
        script.put(1, 1, 2, at: 2)
        script.calls.append(
            Call(
                key: 0, action: .put(value: 2), condition: .isAbsent, invoked: 3, returned: 4,
                outcome: .conditionFailed(current: Revision(2), at: Revision(2))))
        script.calls.append(
            Call(
                key: 0, action: .put(value: 3), condition: .isAt(Revision(2), value: 1), invoked: 5,
                returned: 6,
                outcome: .written(
                    created: false, revision: Revision(3), createdRevision: Revision(2), version: 2)))
        script.expect(isLinearizable: true)
        // The same once more: the revision it names is gone.
        script.calls.append(
            Call(
                key: 0, action: .put(value: 4), condition: .isAt(Revision(2), value: 1), invoked: 7,
                returned: 8,
                outcome: .written(
                    created: false, revision: Revision(4), createdRevision: Revision(2), version: 3)))
        script.expect(isLinearizable: false)
    }

    @Test("order is kept across keys, which a checker of single keys cannot see")
    mutating func acrossKeys() {
        script.put(1, 1, 2, at: 3, key: 0)
        script.put(2, 3, 4, at: 2, key: 1)
        #expect(RevisionChecker.problem(in: History(script.calls)) != nil)
    }

    @Test("a search that takes too long is given up, and says so")
    func undecided() {
        var script = Script()
        for value in 0..<40 as Range<UInt64> { script.unknownPut(value, value + 1) }
        script.read(99, 50, 51, at: 2, made: 2)
        #expect(Linearizability.verdict(of: script.calls, stepsMax: 1_000) == .undecided)
    }
}
