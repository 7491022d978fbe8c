// One watcher's way through the history, in pieces of any size: the same events with the same marks.
import KeyValue
import Testing

@Suite("A walk through events")
struct EventWalkTests {
    private func busyStore() -> Store {
        var random = SplitMix64(seed: 5)
        var store = Store()
        for _ in 0..<300 {
            let puts = (0..<1 + random.next() % 6).map { #"{"put":{"key":"k\#($0)","value":"x"}}"# }
            switch random.next() % 3 {
            case 0: _ = store.put("k\(random.next() % 6)", "v")
            case 1: _ = store.delete("k\(random.next() % 6)")
            default:
                _ = store.apply(#"{"at":1,"txn":{"then":[\#(puts.joined(separator: ","))]}}"#)
            }
        }
        return store
    }

    /// What a walk must give: ids, and whether each is the last of its revision.
    private func expected(
        _ keys: WatchedKeys, _ store: Store, after id: EventID, through end: Revision
    ) -> [EventID] {
        var found: [EventID] = []
        store.history.forEach(after: id) { event in
            if event.revision <= end, keys.contains(event.record) { found.append(event.id) }
            return true
        }
        for place in found.indices {
            let isLast = place + 1 == found.count || found[place + 1].revision != found[place].revision
            if isLast { found[place] = .end(of: found[place].revision) }
        }
        return found
    }

    @Test("pieces of any size, stops at any event and any bound give the same as one whole walk")
    func pieces() {
        let store = busyStore()
        let end = Revision(store.revision.rawValue - 3)
        for keys in [WatchedKeys.prefix([]), .key(Array("k1".utf8)), .key(Array("k5".utf8)), .key([0x7A])] {
            let wanted = expected(keys, store, after: .end(of: .empty), through: end)
            for (scansMax, eventsMax) in [(Int.max, Int.max), (1, .max), (7, .max), (.max, 1), (13, 2)] {
                var cursor = EventID.end(of: .empty)
                var got: [EventID] = []
                var isOver = false
                for _ in 0..<100_000 where !isOver {
                    var walk = EventWalk(keys, after: cursor, through: end)
                    var left = eventsMax
                    walk.forEach(in: store.history, scansMax: scansMax) { event, isLast in
                        got.append(isLast ? .end(of: event.revision) : event.id)
                        left -= 1
                        return left > 0
                    }
                    #expect(walk.cursor >= cursor)
                    cursor = walk.cursor
                    isOver = walk.isOver
                }
                #expect(got == wanted, "\(keys), \(scansMax), \(eventsMax)")
                #expect(isOver && cursor == .end(of: end))
            }
        }
    }

    @Test("a walk that begins within a revision goes on in it")
    func within() {
        let store = busyStore()
        let keys = WatchedKeys.prefix(Array("k".utf8))
        store.history.forEach(after: .end(of: .empty)) { event in
            var got: [EventID] = []
            var walk = EventWalk(keys, after: event.id, through: store.revision)
            walk.forEach(in: store.history, scansMax: .max) { event, isLast in
                got.append(isLast ? .end(of: event.revision) : event.id)
                return got.count < 10
            }
            let wanted = expected(keys, store, after: event.id, through: store.revision)
            #expect(got == Array(wanted.prefix(10)))
            return event.revision < Revision(40)
        }
    }

    @Test("a cursor at the end of what was looked at is not lost when that is trimmed")
    func trimmed() {
        var store = Store()
        _ = store.apply(#"{"at":1,"settings":{"historyEvents":3,"historyBytes":1000}}"#)
        _ = store.put("a", "1")
        _ = store.put("b", "1")
        var walk = EventWalk(.key([0x7A]), after: .end(of: .empty), through: store.revision)
        walk.forEach(in: store.history, scansMax: 1) { _, _ in true }
        #expect(!walk.isOver && walk.cursor == .end(of: Revision(2)))
        _ = store.put("c", "1")
        _ = store.put("d", "1")
        #expect(store.history.floor == Revision(2))
        #expect(store.history.holds(after: walk.cursor))
    }

    @Test("which keys are watched")
    func keys() {
        var store = Store()
        for key in ["a", "a/", "a/b", "b/a/", "é"] { _ = store.put(key, "1") }
        func matches(_ keys: WatchedKeys) -> [String] {
            var found: [String] = []
            store.forEach(in: .all) { record in
                if keys.contains(record) { found.append(String(decoding: record.key, as: UTF8.self)) }
                return true
            }
            return found
        }
        #expect(matches(.prefix(Array("a/".utf8))) == ["a/", "a/b"])
        #expect(matches(.key(Array("a".utf8))) == ["a"])
        #expect(matches(.prefix([])).count == 5)
        #expect(matches(.prefix([0xC3])) == ["é"])
        #expect(matches(.prefix([0xFF])).isEmpty)
    }
}
