// Transactions and range deletes: atomic, at one revision, alike in every store (rules 20, 23).
import KeyValue
import Testing

@Suite("Transactions")
struct TransactionTests {
    private func text(_ transaction: Transaction, at: UInt64 = 5) -> String {
        String(decoding: transactionCommand(transaction, at: at), as: UTF8.self)
    }

    @Test("a transaction is one JSON object, without what is empty")
    func encoding() {
        #expect(text(Transaction()) == #"{"at":5,"txn":{}}"#)
        let transaction = Transaction(
            comparisons: [
                Comparison(key: [UInt8]("a"), .exists(false)),
                Comparison(key: [UInt8]("b"), .number(.version, [.init(.gt, 2), .init(.le, 9)])),
                Comparison(key: [UInt8]("c"), .value([.init(.ne, [0xFF])])),
                Comparison(key: [UInt8]("d"), .number(.lease, [.init(.eq, UInt64(Int64.max))])),
            ],
            then: [
                .put(key: [UInt8]("a"), value: [UInt8]("x"), contentType: [UInt8]("text/plain")),
                .get(key: [UInt8]("a\"")), .list(prefix: [0xFE], limit: 7), .delete(key: [UInt8]("e")),
            ],
            otherwise: [.deleteAll(prefix: [UInt8]("p/"))])
        #expect(
            text(transaction)
                == #"{"at":5,"txn":{"if":[{"key":"a","exists":false},"#
                + #"{"key":"b","version":{"gt":2,"le":9}},{"key":"c","value":{"ne":{"base64":"/w=="}}},"#
                + #"{"key":"d","lease":{"eq":"9223372036854775807"}}],"#
                + #""then":[{"put":{"key":"a","value":"x","type":"text/plain"}},{"get":{"key":"a\""}},"#
                + #"{"list":{"prefix":{"base64":"/g=="},"limit":7}},{"delete":{"key":"e"}}],"#
                + #""else":[{"delete":{"prefix":"p/"}}]}}"#)
        var store = Store()
        #expect(store.apply(transactionCommand(transaction)) != .malformed)
        #expect(
            text(Transaction(otherwise: [.get(key: [UInt8]("a"))]))
                == #"{"at":5,"txn":{"else":[{"get":{"key":"a"}}]}}"#)
    }

    @Test("all of it is one revision, and reads see the writes before them")
    func nested() throws {
        var store = Store()
        _ = store.put("old", "1")
        let reply = store.transact(
            then: [
                .get(key: [UInt8]("a")), put("a", "x"), .get(key: [UInt8]("a")), put("b", "y"),
                .list(prefix: [], limit: 2), .delete(key: [UInt8]("old")), .delete(key: [UInt8]("old")),
                .list(prefix: [], limit: 2),
            ])
        guard case .transacted(let done) = reply else { throw Unexpected() }
        #expect(done.succeeded && done.revision == Revision(3) && store.revision == Revision(3))
        let names = done.results.map { result -> String in
            switch result {
            case .put(let record): "put \(record.revision) \(record.createdRevision) \(record.version)"
            case .got(let record): record.map { "got \($0.revision) \($0.value.count)" } ?? "nothing"
            case .listed(let records, let isMore): "\(records.map(\.revision.rawValue)) \(isMore)"
            case .deleted(let count): "deleted \(count)"
            }
        }
        #expect(
            names == [
                "nothing", "put 3 3 1", "got 3 1", "put 3 3 1", "[3, 3] true", "deleted 1", "deleted 0",
                "[3, 3] false",
            ])
        #expect(store.rows().map(\.key) == [[UInt8]("a"), [UInt8]("b")])
        #expect(store.bytes == 4)
    }

    @Test("a put means the same, whether its texts stand plain, escaped or as base64")
    func forms() {
        let plain = #"{"key":"ab","value":"xyz","type":"t/u","ttl":5000}"#
        let others = [
            #"{"key":"\u0061b","value":"xyz","type":"t/u","ttl":5000}"#,
            #"{"key":"ab","value":"x\u0079z","type":"t/u","ttl":5000}"#,
            #"{"key":"ab","value":"xyz","type":"t\/u","ttl":5000}"#,
            #"{"ttl":5000,"type":"t/u","base64":"eHl6","key":"ab"}"#,
        ]
        func store(_ put: String) -> Store {
            var store = Store()
            _ = store.put("ab", "old")
            let get = #"{"get":{"key":"ab"}}"#
            let reply = store.apply("{\"at\":9,\"txn\":{\"then\":[{\"put\":\(put)},\(get)]}}")
            guard case .transacted(let done) = reply, case .got(let record?) = done.results.last else {
                Issue.record("\(put): \(reply)")
                return store
            }
            #expect(record.version == 2 && record.contentTypeCount == 3)
            return store
        }
        let expected = store(plain)
        for other in others {
            let found = store(other)
            #expect(found.hash == expected.hash && found.rows() == expected.rows(), "\(other)")
        }
    }

    @Test("without a change there is no revision; what is deleted in vain is none")
    func unchanged() throws {
        var store = Store()
        _ = store.put("a", "1")
        for steps: [Transaction.Step] in [
            [], [.get(key: [UInt8]("a"))], [.delete(key: [UInt8]("b"))], [.deleteAll(prefix: [UInt8]("b"))],
        ] {
            guard case .transacted(let done) = store.transact(then: steps) else { throw Unexpected() }
            #expect(done.revision == Revision(2) && store.revision == Revision(2))
        }
    }

    @Test("every comparison, of a key that is there and one that is not")
    func comparisons() throws {
        var store = Store()
        _ = store.put("x", "0")
        _ = store.put("a", "m")
        _ = store.put("a", "m")
        // revision 4, created 3, version 2
        let cases: [(String, Comparison.Subject, Bool)] = [
            ("a", .exists(true), true), ("a", .exists(false), false), ("b", .exists(false), true),
            ("a", .number(.revision, [.init(.eq, 4)]), true),
            ("a", .number(.createdRevision, [.init(.eq, 3)]), true),
            ("a", .number(.version, [.init(.eq, 2)]), true),
            ("a", .number(.version, [.init(.ne, 2)]), false), ("a", .number(.version, [.init(.gt, 1)]), true),
            ("a", .number(.version, [.init(.gt, 2)]), false), ("a", .number(.version, [.init(.ge, 2)]), true),
            ("a", .number(.version, [.init(.lt, 2)]), false), ("a", .number(.version, [.init(.le, 2)]), true),
            ("a", .number(.version, [.init(.gt, 1), .init(.lt, 2)]), false),
            ("a", .number(.lease, [.init(.eq, 0)]), true), ("a", .number(.lease, [.init(.ne, 7)]), true),
            ("b", .number(.revision, [.init(.eq, 0)]), true), ("b", .number(.version, [.init(.lt, 1)]), true),
            ("a", .value([.init(.eq, [UInt8]("m"))]), true), ("a", .value([.init(.eq, [])]), false),
            ("a", .value([.init(.gt, [])]), true), ("a", .value([.init(.lt, [UInt8]("ma"))]), true),
            ("a", .value([.init(.ge, [UInt8]("a")), .init(.le, [UInt8]("m"))]), true),
            ("a", .value([.init(.ne, [UInt8]("m"))]), false),
            ("b", .value([.init(.ne, [UInt8]("m"))]), false),
            ("b", .value([.init(.eq, [])]), false),
        ]
        for (key, subject, holds) in cases {
            let reply = store.apply(
                transactionCommand(Transaction(comparisons: [Comparison(key: Array(key.utf8), subject)])))
            guard case .transacted(let done) = reply else { throw Unexpected() }
            #expect(done.succeeded == holds, "\(key) \(subject)")
        }
    }

    @Test("more than 10,000 keys at one revision are none, and everything is as it was before")
    func tooMany() {
        var store = Store()
        for key in 0..<10_001 { _ = store.put("k/\(key)", "v") }
        _ = store.put("other", "v")
        let before = store
        #expect(
            store.apply(rangeCommand(KeyRange(prefix: [UInt8]("k/")))) == .tooManyKeys(count: 10_001, at: nil)
        )
        func place(_ number: Int, _ kind: Transaction.Place.Kind) -> Transaction.Place {
            Transaction.Place(isThen: true, number: number, kind)
        }
        #expect(
            store.transact(then: [put("new", "1"), put("other", "2"), .deleteAll(prefix: [UInt8]("k/"))])
                == .tooManyKeys(count: 10_003, at: place(2, .deleteAll)))
        #expect(
            store.transact(then: [.deleteAll(prefix: [UInt8]("k/1")), .deleteAll(prefix: [UInt8]("k/"))])
                == .tooManyKeys(count: 10_001, at: place(1, .deleteAll)))
        let nearlyAll = (1...9).map { Transaction.Step.deleteAll(prefix: Array("k/\($0)".utf8)) }
        for (last, kind): (Transaction.Step, Transaction.Place.Kind) in [
            (put("new", "1"), .put), (.delete(key: [UInt8]("other")), .delete),
        ] {
            #expect(
                store.transact(then: nearlyAll + [last]) == .tooManyKeys(count: 10_001, at: place(9, kind)))
        }
        #expect(store.rows() == before.rows() && store.revision == before.revision)
        #expect(store.bytes == before.bytes && store.count == before.count && store.hash != before.hash)
        _ = store.delete("k/5")
        let revision = store.revision
        #expect(
            store.apply(rangeCommand(KeyRange(prefix: [UInt8]("k/"))))
                == .deleted(count: 10_000, revision: revision.next))
        #expect(store.rows().map(\.key) == [[UInt8]("other")] && store.bytes == 6)
        #expect(
            store.apply(rangeCommand(.all)) == .deleted(count: 1, revision: revision.next.next))
        #expect(
            store.apply(rangeCommand(.all)) == .deleted(count: 0, revision: revision.next.next))
    }

    @Test("an answer beyond 16 MiB is none, and nothing was written")
    func tooLarge() throws {
        var store = Store()
        let value = [UInt8](repeating: 0x61, count: 1 << 20)
        for key in 0..<16 { _ = store.apply(putCommand(Array("k\(key)".utf8), value)) }
        let steps: [Transaction.Step] = [put("w", "1"), .list(prefix: [UInt8]("k"), limit: 15)]
        guard case .transacted = store.transact(then: steps) else { throw Unexpected() }
        let rows = store.rows()
        let more: [Transaction.Step] = [put("w", "2"), .list(prefix: [UInt8]("k"), limit: 16)]
        #expect(
            store.transact(then: more)
                == .answerTooLarge(at: Transaction.Place(isThen: true, number: 1, .list)))
        #expect(store.rows() == rows)
        let gets = (0..<16).map { Transaction.Step.get(key: Array("k\($0)".utf8)) }
        #expect(
            store.transact(then: [put("w", "3")] + gets)
                == .answerTooLarge(at: Transaction.Place(isThen: true, number: 16, .get)))
        #expect(store.rows() == rows)
    }

    /// What no client can have asked changes nothing.
    static let unaskable: [String] = [
        #"{"at":9,"txn":[]}"#, #"{"at":9,"txn":{"if":{}}}"#, #"{"at":9,"txn":{"then":[{}]}}"#,
        #"{"at":9,"txn":{"then":[],"then":[]}}"#, #"{"at":9,"txn":{"do":[]}}"#,
        #"{"at":9,"txn":{"then":[{"get":{"key":""}}]}}"#,
        #"{"at":9,"txn":{"then":[{"get":{"prefix":"a"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"put":{"key":"a"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"put":{"key":"","value":"x"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"put":{"key":"\#(String(repeating: "k", count: 1_025))","value":"x"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"put":{"key":"a","value":"x","#
            + #""type":"\#(String(repeating: "t", count: 256))"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"put":{"key":"a","base64":"x"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"put":{"key":"a","value":"","ifMatch":"*"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"get":{"key":"a"},"delete":{"key":"a"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"list":{"prefix":"a"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"list":{"prefix":"a","limit":0}}]}}"#,
        #"{"at":9,"txn":{"then":[{"list":{"prefix":"a","limit":10001}}]}}"#,
        #"{"at":9,"txn":{"then":[{"delete":{"key":"a","prefix":"a"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"delete":{}}]}}"#, #"{"at":9,"txn":{"if":[{"key":"a"}]}}"#,
        #"{"at":9,"txn":{"if":[{"exists":true}]}}"#,
        #"{"at":9,"txn":{"if":[{"key":"a","exists":true,"version":{"eq":1}}]}}"#,
        #"{"at":9,"txn":{"if":[{"key":"a","version":{}}]}}"#,
        #"{"at":9,"txn":{"if":[{"key":"a","version":{"is":1}}]}}"#,
        #"{"at":9,"txn":{"if":[{"key":"a","version":{"eq":1,"eq":1}}]}}"#,
        #"{"at":9,"txn":{"if":[{"key":"a","lease":{"gt":"1"}}]}}"#,
        #"{"at":9,"txn":{"if":[{"key":"a","lease":{"eq":"9223372036854775808"}}]}}"#,
        #"{"at":9,"txn":{"if":[{"key":"a","value":{"eq":{"base64":"!"}}}]}}"#,
        #"{"at":9,"txn":{"then":[{"put":{"key":"a","value":"1"}},{"put":{"key":"a","value":"2"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"put":{"key":"b","value":"1"}},{"put":{"key":"b","value":"2"}}]}}"#,
        #"{"at":9,"txn":{"then":[{"put":{"key":"a","value":"1"}},"#
            + #"{"put":{"key":"a","value":"2","ttl":5000}}]}}"#,
        #"{"at":9,"deleteRange":{}}"#, #"{"at":9,"deleteRange":{"start":"a","start":"b"}}"#,
        #"{"at":9,"deleteRange":{"start":"a","end":null}}"#, #"{"at":9,"deleteRange":{"start":7}}"#,
    ]

    @Test("a malformed command changes no key, no revision and no clock", arguments: unaskable)
    func malformed(command: String) {
        var store = Store()
        _ = store.put("a", "0")
        let before = store
        #expect(store.apply(command) == .malformed)
        #expect(store.rows() == before.rows() && store.revision == before.revision)
        #expect(store.clusterTime == before.clusterTime && store.hash != before.hash)
    }

    @Test("every cut of a command is malformed, and none traps")
    func cuts() {
        let transaction = Transaction(
            comparisons: [Comparison(key: [UInt8]("b"), .value([.init(.ge, [0xFF]), .init(.lt, [1])]))],
            then: [put("a", "\u{1}"), .list(prefix: [0xFE], limit: 7), .deleteAll(prefix: [UInt8]("q"))])
        for command in [transactionCommand(transaction), rangeCommand(KeyRange(start: [0xFF], end: [0xFE]))] {
            for count in command.indices {
                var store = Store()
                #expect(store.apply(Array(command[..<count])) == .malformed)
            }
        }
    }

    @Test("a put of a key that another operation of the branch writes is found, and where")
    func conflicts() {
        let cases: [([Transaction.Step], Int?)] = [
            ([], nil), ([put("a", "1"), put("b", "1")], nil), ([put("a", "1"), put("a", "2")], 1),
            ([put("b", ""), put("a", ""), put("c", ""), put("a", ""), put("b", "")], 3),
            ([.delete(key: [UInt8]("a")), put("b", ""), put("a", "")], 2),
            ([put("a/b", ""), .deleteAll(prefix: [UInt8]("a/"))], 1),
            ([.deleteAll(prefix: [UInt8]("a/")), put("a0", ""), put("a/b", "")], 2),
            (
                [
                    .deleteAll(prefix: [UInt8]("a")), .deleteAll(prefix: [UInt8]("a")),
                    .delete(key: [UInt8]("a")),
                ], nil
            ),
            ([put("a", ""), .get(key: [UInt8]("a")), .list(prefix: [], limit: 1)], nil),
            ([.deleteAll(prefix: []), .get(key: [UInt8]("a")), put("x", "")], 2),
        ]
        for (steps, place) in cases { #expect(Transaction.conflict(in: steps) == place, "\(steps)") }
    }

    @Test("the hash of these commands is the same in every process and release")
    func knownHash() {
        var store = Store()
        _ = store.apply(
            #"{"at":2,"txn":{"then":[{"put":{"key":"a","value":"1"}},{"put":{"key":"b","value":"2"}}]}}"#)
        _ = store.apply(#"{"at":3,"txn":{"if":[{"key":"a","exists":false}],"else":[{"get":{"key":"a"}}]}}"#)
        _ = store.apply(#"{"at":4,"deleteRange":{"start":"a","end":"b"}}"#)
        #expect(store.hash == 10_359_476_689_290_845_446)
    }
}

struct Unexpected: Error {}

func put(_ key: String, _ value: String) -> Transaction.Step {
    .put(key: Array(key.utf8), value: Array(value.utf8), contentType: [])
}

func transactionCommand(_ transaction: Transaction, at: UInt64 = 0) -> [UInt8] {
    var out: [UInt8] = []
    Command.append(transaction, at: ClusterTime(milliseconds: at), to: &out)
    return out
}

func rangeCommand(_ range: KeyRange, at: UInt64 = 0) -> [UInt8] {
    var out: [UInt8] = []
    Command.appendDelete(range: range, at: ClusterTime(milliseconds: at), to: &out)
    return out
}

extension Store {
    mutating func transact(then steps: [Transaction.Step]) -> Reply {
        apply(transactionCommand(Transaction(then: steps)))
    }
}
