// The history of a store: what is kept, in whole revisions, alike on every node, and cheap to freeze (rule
// 24).
import JSON
import KeyValue
import Testing

/// An event's fields, comparable.
private struct EventRow: Equatable, CustomStringConvertible {
    let kind: Event.Kind
    let id: EventID
    let key: [UInt8]
    let value: [UInt8]

    init(_ event: Event) {
        kind = event.kind
        id = event.id
        key = event.record.key
        value = event.record.value
    }

    init(_ kind: Event.Kind, _ revision: UInt64, _ place: UInt32, _ key: String, _ value: String = "") {
        self.kind = kind
        id = EventID(Revision(revision), place: place)
        self.key = Array(key.utf8)
        self.value = Array(value.utf8)
    }

    var description: String { "\(kind) \(id) \(String(decoding: key, as: UTF8.self))" }
}

extension History {
    fileprivate func rows(after id: EventID? = nil) -> [EventRow] {
        var rows: [EventRow] = []
        forEach(after: id ?? .end(of: floor)) { event in
            rows.append(EventRow(event))
            return true
        }
        return rows
    }
}

@Suite("The history")
struct HistoryTests {
    private func bounded(_ events: Int, bytes: Int = 1 << 20) -> Store {
        var store = Store()
        #expect(store.apply(settingsCommand(events: events, bytes: bytes)) == .none)
        return store
    }

    private func settingsCommand(events: Int, bytes: Int, at: UInt64 = 0) -> [UInt8] {
        var out: [UInt8] = []
        Command.append(
            Store.Settings(historyEvents: events, historyBytes: bytes),
            at: ClusterTime(milliseconds: at), to: &out)
        return out
    }

    @Test("puts, deletes and transactions are told in order, with their places in the revision")
    func order() {
        var store = Store()
        _ = store.put("a", "1")
        _ = store.delete("absent")
        _ = store.put("a", "2")
        _ = store.delete("a")
        _ = store.apply(
            #"{"at":1,"txn":{"then":[{"put":{"key":"x","value":"1"}},{"put":{"key":"y","value":"2"}}]}}"#)
        _ = store.apply(#"{"at":1,"txn":{"then":[{"get":{"key":"x"}}]}}"#)
        _ = store.apply(#"{"at":1,"deleteRange":{"start":"x"}}"#)
        #expect(
            store.history.rows() == [
                EventRow(.put, 2, 0, "a", "1"), EventRow(.put, 3, 0, "a", "2"), EventRow(.delete, 4, 0, "a"),
                EventRow(.put, 5, 0, "x", "1"), EventRow(.put, 5, 1, "y", "2"), EventRow(.delete, 6, 0, "x"),
                EventRow(.delete, 6, 1, "y"),
            ])
        #expect(store.history.bytes == 2 + 2 + 1 + 2 + 2 + 1 + 1)
        #expect(store.history.floor == Revision(1))
        store.history.checkInvariants()
    }

    @Test("what a failed condition or a refused transaction would have done is no event")
    func refused() {
        var store = Store()
        _ = store.put("a", "1")
        _ = store.put("a", "2", if: Precondition(ifNoneMatch: .any))
        _ = store.apply(
            #"{"at":1,"txn":{"then":[{"put":{"key":"x","value":"1"}},{"put":{"key":"x","value":"2"}}]}}"#)
        _ = store.apply("nonsense")
        #expect(store.history.rows() == [EventRow(.put, 2, 0, "a", "1")])
    }

    @Test("events go on exactly after any place, within a revision too")
    func after() {
        var store = Store()
        for number in 0..<1_000 {
            _ = store.put("k\(number)", "v")
            if number % 100 == 0 {
                let puts = #"{"put":{"key":"x","value":"1"}},{"put":{"key":"y","value":"2"}}"#
                _ = store.apply(#"{"at":1,"txn":{"then":[\#(puts)]}}"#)
            }
        }
        let all = store.history.rows()
        #expect(all.count == 1_020)
        for (place, row) in all.enumerated() {
            #expect(store.history.rows(after: row.id) == Array(all[(place + 1)...]))
            #expect(
                store.history.rows(after: .end(of: row.id.revision))
                    == all.filter { $0.id.revision > row.id.revision })
        }
        #expect(store.history.rows(after: .end(of: Revision(99_999))).isEmpty)
        #expect(store.history.rows(after: EventID(Revision(0), place: 0)).count == all.count)
        var first: [EventRow] = []
        store.history.forEach(after: .end(of: .empty)) { event in
            first.append(EventRow(event))
            return first.count < 3
        }
        #expect(first == Array(all[..<3]))
    }

    @Test("no more events are kept than the bound, and the oldest go first")
    func eventsBound() {
        var store = bounded(300)
        for number in 0..<1_000 {
            _ = store.put("k\(number)", "v")
            store.history.checkInvariants()
            #expect(store.history.count == min(300, number + 1))
        }
        #expect(store.history.floor == Revision(701))
        #expect(store.history.rows().first == EventRow(.put, 702, 0, "k700", "v"))
        #expect(store.history.rows().last == EventRow(.put, 1_001, 0, "k999", "v"))
    }

    @Test("a place is held from the floor on, and nothing before it")
    func holds() {
        var store = bounded(10)
        for number in 0..<50 { _ = store.put("k\(number)", "v") }
        let floor = store.history.floor
        #expect(floor == Revision(41))
        #expect(store.history.holds(after: .end(of: floor)))
        #expect(store.history.holds(after: EventID(floor.next, place: 0)))
        #expect(store.history.holds(after: .end(of: Revision(1_000))))
        #expect(!store.history.holds(after: .end(of: Revision(40))))
        #expect(!store.history.holds(after: EventID(floor, place: 0)))
        #expect(!store.history.holds(after: .end(of: Revision(0))))
    }

    @Test("a revision goes whole, and one that is larger than the bound stays while it is the last")
    func wholeRevisions() {
        var store = bounded(5)
        let steps = (0..<8).map { #"{"put":{"key":"t\#($0)","value":"v"}}"# }.joined(separator: ",")
        _ = store.put("a", "v")
        _ = store.apply(#"{"at":1,"txn":{"then":[\#(steps)]}}"#)
        #expect(store.history.count == 8)
        #expect(store.history.floor == Revision(2))
        store.history.checkInvariants()
        _ = store.put("b", "v")
        #expect(store.history.rows() == [EventRow(.put, 4, 0, "b", "v")])
        #expect(store.history.floor == Revision(3))
        let three = (0..<3).map { #"{"put":{"key":"u\#($0)","value":"v"}}"# }.joined(separator: ",")
        for _ in 0..<3 {
            _ = store.apply(#"{"at":1,"txn":{"then":[\#(three)]}}"#)
            store.history.checkInvariants()
        }
        // Two revisions of three would be one too many.
        #expect(store.history.count == 3)
    }

    @Test("the bytes are bounded too, however few the events")
    func bytesBound() {
        var store = bounded(1_000, bytes: 10_000)
        let value = String(repeating: "v", count: 998)
        for number in 10..<60 {
            _ = store.put("\(number)", value)
            store.history.checkInvariants()
            #expect(store.history.count == min(10, number - 9))
        }
        #expect(store.history.bytes == 10_000)
        // One that is larger than all there may be is alone.
        _ = store.put("large", String(repeating: "v", count: 20_000))
        #expect(store.history.count == 1)
        _ = store.delete("large")
        #expect(store.history.rows().map(\.kind) == [.delete])
    }

    @Test("values that are trimmed are let go but for a small part, though their chunk is not full")
    func lettingGo() {
        var store = bounded(10_000, bytes: 1 << 20)
        let value = String(repeating: "v", count: 100_000)
        for number in 0..<100 { _ = store.put("k\(number)", value) }
        store.history.checkInvariants()
        #expect(store.history.count == 10)
        for number in 0..<100 { _ = store.delete("k\(number)") }
        store.history.checkInvariants()
    }

    @Test("new bounds trim at once, are part of the state's hash, and are refused where impossible")
    func settings() {
        var (one, other) = (Store(), Store())
        for number in 0..<100 {
            _ = one.put("k\(number)", "v")
            _ = other.put("k\(number)", "v")
        }
        #expect(one.hash == other.hash)
        let revision = one.revision
        #expect(one.apply(settingsCommand(events: 7, bytes: 1_000, at: 5)) == .none)
        #expect(one.settings == Store.Settings(historyEvents: 7, historyBytes: 1_000))
        #expect(one.history.count == 7)
        #expect(one.revision == revision)
        #expect(one.clusterTime == ClusterTime(milliseconds: 5))
        _ = other.apply(noneCommand(at: 5))
        #expect(one.hash != other.hash)
        for bad in [
            #"{"at":1,"settings":{}}"#, #"{"at":1,"settings":{"historyEvents":5}}"#,
            #"{"at":1,"settings":{"historyEvents":0,"historyBytes":5}}"#,
            #"{"at":1,"settings":{"historyEvents":5,"historyBytes":0}}"#,
            #"{"at":1,"settings":{"historyEvents":5,"historyEvents":5,"historyBytes":5}}"#,
            #"{"at":1,"settings":{"historyEvents":5,"historyBytes":5,"more":1}}"#,
            #"{"at":1,"settings":{"historyEvents":9007199254740991,"historyBytes":5}}"#,
        ] {
            #expect(one.apply(bad) == .malformed, "\(bad)")
        }
        #expect(one.settings.historyEvents == 7)
        // Larger bounds bring nothing back.
        _ = one.apply(settingsCommand(events: 100, bytes: 1_000))
        #expect(one.history.count == 7)
        one.history.checkInvariants()
    }

    @Test("a frozen history stays as it is while the other goes on")
    func frozen() {
        var store = bounded(1_000)
        for number in 0..<3_000 { _ = store.put("k\(number % 50)", "\(number)") }
        let frozen = store
        let rows = frozen.history.rows()
        for number in 3_000..<6_000 {
            _ = store.put("k\(number % 50)", "\(number)")
            if number % 500 == 0 { #expect(frozen.history.rows() == rows) }
        }
        #expect(frozen.history.rows() == rows)
        frozen.history.checkInvariants()
        store.history.checkInvariants()
        #expect(store.history.rows().first?.id.revision == Revision(5_002))
    }

    @Test("what is kept depends on the commands alone")
    func deterministic() {
        var random = SplitMix64(seed: 11)
        var (one, other) = (bounded(50, bytes: 2_000), bounded(50, bytes: 2_000))
        for step in 0..<5_000 {
            let key = "k\(random.next() % 20)"
            let value = String(repeating: "v", count: Int(random.next() % 200))
            let command =
                random.next() % 4 == 0
                ? deleteCommand(Array(key.utf8)) : putCommand(Array(key.utf8), Array(value.utf8))
            _ = one.apply(command)
            // Freezing now and then must change nothing.
            let frozen = step % 7 == 0 ? other : Store()
            _ = other.apply(command)
            #expect(frozen.history.count <= 50)
        }
        #expect(one.history.rows() == other.history.rows())
        #expect(one.hash == other.hash)
        one.history.checkInvariants()
    }
}

@Suite("A restored history")
struct RestoredHistoryTests {
    private func restoration(
        to revision: UInt64, after floor: UInt64, keepsRecords: Bool = true
    ) -> Restoration {
        Restoration(
            revision: Revision(revision), clusterTime: .zero, appliedIndex: 9, hash: 1,
            historyAfter: Revision(floor), keepsRecords: keepsRecords)
    }

    private func key(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("a put that still stands shares its record, and one that does not brings its own")
    func shares() throws {
        for keepsRecords in [true, false] {
            var restoration = restoration(to: 5, after: 2, keepsRecords: keepsRecords)
            let isAdded = restoration.add(
                key: key("a").span, value: key("new").span, contentType: Span(), revision: Revision(4),
                createdRevision: Revision(2), version: 3)
            let old = restoration.addPut(
                key: key("a").span, value: key("old").span, contentType: Span(), revision: Revision(3),
                createdRevision: Revision(2), version: 2)
            let new = restoration.addPut(key: key("a").span, revision: Revision(4))
            let wasWhole = restoration.isHistoryWhole
            let gone = restoration.addGone(.expire, key: key("b").span, revision: Revision(5))
            let tooLate = restoration.add(
                key: key("z").span, value: Span(), contentType: Span(), revision: Revision(4),
                createdRevision: Revision(4), version: 1)
            #expect(isAdded && old && new && gone && !tooLate)
            let (isWhole, count) = (restoration.isHistoryWhole, restoration.eventsCount)
            #expect(!wasWhole && isWhole && count == 3)
            let store = restoration.finish()
            guard keepsRecords else { continue }
            store.history.checkInvariants()
            #expect(
                store.history.rows() == [
                    EventRow(.put, 3, 0, "a", "old"), EventRow(.put, 4, 0, "a", "new"),
                    EventRow(.expire, 5, 0, "b"),
                ])
        }
    }

    @Test("events that no store can have are refused")
    func refuses() {
        var restoration = restoration(to: 5, after: 2)
        let isAdded = restoration.add(
            key: key("a").span, value: key("x").span, contentType: Span(), revision: Revision(3),
            createdRevision: Revision(3), version: 1)
        #expect(isAdded)
        let early = restoration.addGone(.delete, key: key("b").span, revision: Revision(2))
        let gap = restoration.addGone(.delete, key: key("b").span, revision: Revision(4))
        let absent = restoration.addPut(key: key("b").span, revision: Revision(3))
        let unnamed = restoration.addGone(.delete, key: Span(), revision: Revision(3))
        let noDelete = restoration.addGone(.put, key: key("b").span, revision: Revision(3))
        #expect(!early && !gap && !absent && !unnamed && !noDelete)
        let first = restoration.addPut(key: key("a").span, revision: Revision(3))
        let other = restoration.addPut(key: key("a").span, revision: Revision(4))
        let created = restoration.addPut(
            key: key("c").span, value: Span(), contentType: Span(), revision: Revision(4),
            createdRevision: Revision(5), version: 1)
        #expect(first && !other && !created)
        let rest = [4, 4, 5].map { restoration.addGone(.delete, key: key("b").span, revision: Revision($0)) }
        let beyond = restoration.addGone(.delete, key: key("b").span, revision: Revision(6))
        #expect(rest == [true, true, true] && !beyond)
        restoration.finish().history.checkInvariants()
    }
}
