// The history in a snapshot: it comes back event by event, and every lie about it is refused (rules 24, 26).
import Consensus
import KeyValue
import Snapshot
import Testing
import Wire

/// An event's fields, comparable.
private struct EventRow: Equatable {
    let kind: Event.Kind
    let id: EventID
    let record: RecordRow

    init(_ event: Event) {
        kind = event.kind
        id = event.id
        record = RecordRow(event.record)
    }
}

extension Store {
    fileprivate func events() -> [EventRow] {
        var rows: [EventRow] = []
        history.forEach(after: .end(of: history.floor)) { event in
            rows.append(EventRow(event))
            return true
        }
        return rows
    }

    fileprivate mutating func apply(_ text: String) {
        #expect(apply(Array(text.utf8).span, index: appliedIndex + 1) != .malformed)
    }
}

@Suite("Events in snapshots")
struct EventTests {
    private func busyStore(_ seed: UInt64, commands: Int, bytes: Int = 64 << 20) -> Store {
        var chance = Chance(seed: seed)
        var store = Store()
        store.apply(#"{"at":1,"settings":{"historyEvents":4000,"historyBytes":\#(bytes)}}"#)
        for _ in 0..<commands {
            let key = "k\(chance.below(200))"
            switch chance.below(10) {
            case 0: store.delete(key)
            case 1:
                store.apply(
                    #"{"at":9,"txn":{"then":[{"put":{"key":"x/\#(key)","value":"1"}},{"delete":{"key":"y"}},"#
                        + #"{"put":{"key":"z\"\n","base64":"/w=="}}]}}"#)
            default:
                let value = chance.bytes(chance.below(50))
                store.put(Array(key.utf8), value, type: chance.below(2) == 0 ? Array("text/plain".utf8) : [])
            }
        }
        return store
    }

    @Test("a history comes back as it was, in pieces of any size, and goes on", arguments: [1, 100, 5_000])
    func roundTrip(commands: Int) throws {
        var store = busyStore(7, commands: commands)
        let file = encoded(store)
        for pieceBytes in [1 << 20, 4_097] {
            var back = try decoded(file, pieceBytes: pieceBytes).store
            back.history.checkInvariants()
            #expect(back.events() == store.events())
            #expect(back.settings == store.settings)
            #expect(back.history.floor == store.history.floor)
            #expect(encoded(back, store.head()) == file)
            back.put("more", "x")
            var copy = store
            copy.put("more", "x")
            #expect(back.events() == copy.events())
            #expect(back.hash == copy.hash)
        }
        store.delete("k1")
    }

    @Test("a put that still stands is written by name alone")
    func shortRows() throws {
        var store = Store()
        store.put("a", "old")
        store.put("a", "new")
        store.put("b", "kept")
        store.put("c", "gone")
        store.delete("c")
        let text = String(decoding: encoded(store), as: UTF8.self)
        for row in [
            #"{"put":"a","value":"old","revision":2,"createdRevision":2,"version":1}"#,
            #"{"put":"a","revision":3}"#, #"{"put":"b","revision":4}"#, #"{"delete":"c","revision":6}"#,
            #"{"put":"c","value":"gone","revision":5,"createdRevision":5,"version":1}"#,
            #""history":{"events":5,"after":1,"eventsMax":100000,"bytesMax":67108864}"#,
        ] {
            #expect(text.contains(row), "\(row)")
        }
    }

    @Test("the usual bounds are the same wherever they stand")
    func usual() {
        let head = SnapshotHead.History(events: 0, after: 1)
        #expect(head.eventsMax == UInt64(Store.Settings.usual.historyEvents))
        #expect(head.bytesMax == UInt64(Store.Settings.usual.historyBytes))
    }

    @Test("large values in the history make many pieces, none of them large")
    func large() throws {
        var store = Store()
        for number in 0..<60 {
            store.put(Array("k\(number % 3)".utf8), [UInt8](repeating: UInt8(number), count: 200_000))
        }
        var encoder = SnapshotEncoder(head: store.head(), store: store)
        var file: [UInt8] = []
        while let piece = encoder.next() {
            #expect(piece.count < 2 << 20)
            file += piece
        }
        #expect(try decoded(file).store.events() == store.events())
    }

    @Test("every byte of the events is vouched for")
    func vouched() {
        var store = Store()
        store.put("a", "1")
        store.put("a", "2")
        store.delete("a")
        let file = encoded(store)
        for place in file.indices {
            var changed = file
            changed[place] ^= 1
            #expect(refusal(changed) != nil, "byte \(place)")
            #expect(refusal(Array(file[..<place])) != nil)
        }
    }

    @Test("a backup has no events, and all before it counts as gone")
    func backups() throws {
        let store = busyStore(3, commands: 500)
        var encoder = BackupEncoder(head: store.head(), store: store)
        var decoder = BackupDecoder()
        while let piece = encoder.next() { try decoder.feed(piece.span) }
        let back = try decoder.finish()
        #expect(back.store.rows() == store.rows())
        #expect(back.store.history.count == 0)
        #expect(back.store.history.floor == store.revision)
        #expect(back.store.settings == store.settings)
        #expect(back.head.history.events == 0)
    }

    @Test("histories that lie are refused")
    func lies() {
        let key = #"{"key":"a","value":"x","revision":4,"createdRevision":4,"version":1}"#
        let events = [
            #"{"delete":"b","revision":3}"#, #"{"put":"a","revision":4}"#, #"{"expire":"c","revision":4}"#,
        ]
        #expect(refusal(forged([key] + events)) == nil, "an honest one")
        let settings = SnapshotHead.History(events: 3, after: 2, eventsMax: 1 << 52, bytesMax: 5)
        #expect(refusal(forged([key] + events, settings))?.problem == .row, "bounds that nobody may set")
        for (history, what) in [
            ((2, 2), "fewer"), ((4, 2), "more"), ((3, 1), "from earlier on"), ((3, 3), "from later on"),
        ] as [((UInt64, UInt64), String)] {
            let head = SnapshotHead.History(events: history.0, after: history.1)
            #expect(refusal(forged([key] + events, head)) != nil, "\(what)")
        }
        let few = SnapshotHead.History(events: 3, after: 2, eventsMax: 2, bytesMax: 100)
        #expect(refusal(forged([key] + events, few))?.problem == .count, "more than may be kept")
        let good = SnapshotHead.History(events: 3, after: 2)
        for bad in [
            #"{"put":"b","revision":4}"#, #"{"put":"a","revision":3}"#, #"{"delete":"a","revision":5}"#,
            #"{"delete":"a","revision":2}"#, #"{"delete":"","revision":4}"#, #"{"delete":"a","revision":04}"#,
            #"{"remove":"a","revision":4}"#, #"{"delete":"a","revision":4} "#, #"{"delete":"a"}"#,
            #"{"delete":"a","value":"x","revision":4,"createdRevision":4,"version":1}"#,
            #"{"put":"a","value":"x","revision":4,"createdRevision":5,"version":1}"#,
            #"{"put":"a","value":"x","revision":4,"createdRevision":4,"version":0}"#, key,
        ] {
            #expect(refusal(forged([key, events[0], bad, events[2]], good)) != nil, "\(bad)")
        }
        #expect(refusal(forged(events + [key], good)) != nil, "events before keys")
    }

    /// A file of these rows, of which the first is a key's.
    private func forged(_ rows: [String], _ history: SnapshotHead.History? = nil) -> [UInt8] {
        let head = SnapshotHead(
            cluster: cluster, last: EntryID(term: Term(1), index: LogIndex(5)),
            configuration: Configuration(index: .zero, membership: Membership(voters: [NodeID(1)])),
            revision: 4, clusterTime: 0, hash: 0, keys: 1, bytes: 2,
            history: history ?? SnapshotHead.History(events: 3, after: 2))
        var file: [UInt8] = []
        head.encode(into: &file)
        var sum = checksum(file.span, in: 0..<file.count)
        let start = file.count
        SnapshotBlockHead.reserve(in: &file)
        for row in rows { file += Array((row + "\n").utf8) }
        sum = SnapshotBlockHead.fill(&file, at: start, rows: UInt64(rows.count), after: sum)
        SnapshotEnd(bytes: UInt64(file.count), file: sum, blocks: 1, keys: 1).encode(into: &file)
        return file
    }
}
