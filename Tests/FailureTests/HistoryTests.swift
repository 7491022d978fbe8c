// Does the checker see? Histories with one planted contradiction each.
import Testing

@Suite struct HistoryTests {
    private func record(
        _ kind: Record.Kind, _ key: String, _ value: String?, _ start: Double, _ end: Double,
        _ outcome: Record.Outcome, keyRevision: UInt64? = nil, floor: Int = 0
    ) -> Record {
        Record(
            thread: 0, kind: kind, key: key, value: value, keyRevision: keyRevision, floor: floor,
            start: start,
            end: end, outcome: outcome)
    }

    private func holds(_ value: String, _ revision: Int) -> Response {
        Response(status: 200, fields: ["etag": "\"\(revision)\""], body: Array(value.utf8))
    }
    private let absent = Response(status: 404, fields: [:], body: [])

    private func contradictions(_ records: [Record], _ held: [String: Response]) -> Int {
        History(records: records, problems: []).contradictions(held).count
    }

    @Test("what is as it must be is not complained of")
    func sound() {
        let records = [
            record(.unique, "u", "1", 0, 1, .acknowledged(2)),
            record(.unique, "refused", "1", 0, 1, .refused(nil)),
            record(.unique, "lost", "1", 0, 1, .unknown), record(.unique, "kept", "1", 0, 1, .unknown),
            record(.create, "c", "1", 0, 1, .acknowledged(3)), record(.create, "c", "2", 0, 1, .refused(3)),
            record(.register, "r", "1", 1, 2, .acknowledged(4)), record(.register, "r", "2", 2, 3, .unknown),
            record(.read, "r", "1", 2, 3, .acknowledged(4), keyRevision: 4, floor: 1),
            record(.read, "r", "2", 2, 3, .acknowledged(5), keyRevision: 5, floor: 1),
        ]
        let held = [
            "u": holds("1", 2), "refused": absent, "lost": absent, "kept": holds("1", 9), "c": holds("1", 3),
            "r": holds("2", 5),
        ]
        #expect(History(records: records, problems: []).contradictions(held) == [])
    }

    @Test("an acknowledged write that is lost, changed, or has another revision")
    func acknowledged() {
        let records = [record(.unique, "u", "1", 0, 1, .acknowledged(2))]
        #expect(contradictions(records, ["u": absent]) == 1)
        #expect(contradictions(records, ["u": holds("2", 2)]) == 1)
        #expect(contradictions(records, ["u": holds("1", 3)]) == 1)
    }

    @Test("a refused write that is there")
    func refused() {
        #expect(contradictions([record(.unique, "u", "1", 0, 1, .refused(nil))], ["u": holds("1", 2)]) == 1)
        let register = [
            record(.register, "r", "1", 0, 1, .acknowledged(2)),
            record(.register, "r", "2", 1, 2, .refused(nil)),
        ]
        #expect(contradictions(register, ["r": holds("2", 3)]) == 1)
    }

    @Test("a key created twice, or by whom it was refused, or lost")
    func creates() {
        let first = record(.create, "c", "1", 0, 1, .acknowledged(2))
        let second = record(.create, "c", "2", 0, 1, .acknowledged(3))
        let refused = record(.create, "c", "2", 0, 1, .refused(nil))
        #expect(contradictions([first, second], ["c": holds("1", 2)]) == 1)
        #expect(contradictions([first, refused], ["c": holds("2", 3)]) == 1)
        #expect(contradictions([first], ["c": absent]) == 1)
        #expect(contradictions([refused], ["c": holds("2", 3)]) == 1)
    }

    @Test("a register that went back, and a read below what was acknowledged before it began")
    func stale() {
        let writes = [
            record(.register, "r", "1", 0, 1, .acknowledged(2)),
            record(.register, "r", "2", 1, 2, .acknowledged(3)),
        ]
        #expect(contradictions(writes, ["r": holds("1", 2)]) == 1)
        #expect(contradictions(writes, ["r": absent]) == 1)
        let read = record(.read, "r", "1", 3, 4, .acknowledged(3), keyRevision: 2, floor: 2)
        #expect(contradictions(writes + [read], ["r": holds("2", 3)]) == 1)
    }

    @Test("revisions whose order is not that of time, or that two writes have")
    func order() {
        let late = record(.unique, "a", "1", 5, 6, .acknowledged(2))
        let early = record(.unique, "b", "1", 0, 1, .acknowledged(3))
        #expect(contradictions([late, early], ["a": holds("1", 2), "b": holds("1", 3)]) == 1)
        let same = record(.unique, "b", "1", 5, 6, .acknowledged(2))
        #expect(contradictions([late, same], ["a": holds("1", 2), "b": holds("1", 2)]) == 1)
        // A read that saw the store as it was before a write that had ended when it began.
        let write = record(.unique, "a", "1", 0, 1, .acknowledged(3))
        let read = record(.read, "x", nil, 2, 3, .acknowledged(2))
        #expect(contradictions([write, read], ["a": holds("1", 3)]) == 1)
        // And one that saw it, before the write began.
        let foresight = record(.read, "x", nil, 0, 1, .acknowledged(3))
        let later = record(.unique, "a", "1", 2, 3, .acknowledged(3))
        #expect(contradictions([foresight, later], ["a": holds("1", 3)]) == 1)
    }

    @Test("a read that names the revision of another write")
    func names() {
        let write = record(.register, "r", "1", 0, 1, .acknowledged(2))
        let read = record(.read, "r", "1", 2, 3, .acknowledged(3), keyRevision: 3, floor: 1)
        let other = record(.unique, "u", "1", 0, 1, .acknowledged(3))
        #expect(contradictions([write, other, read], ["r": holds("1", 2), "u": holds("1", 3)]) == 1)
    }
}
