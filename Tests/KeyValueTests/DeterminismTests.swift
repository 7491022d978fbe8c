// Equal logs make equal stores, whatever bytes they hold (rules 20, 25).
import KeyValue
import Testing

/// A command as a busy cluster's log might hold it.
private func randomCommand(_ random: inout SplitMix64, at: UInt64) -> [UInt8] {
    let key = Array("key/\(random.below(200))\(random.below(9) == 0 ? "\"\n" : "")".utf8)
    let conditions: [Precondition] = [
        .none, .none, .none, Precondition(ifMatch: .any), Precondition(ifNoneMatch: .any),
        Precondition(ifMatch: .one(Revision(UInt64(random.below(1_000))))),
        Precondition(ifNoneMatch: .list([Revision(UInt64(random.below(99))), Revision(7)])),
    ]
    let precondition = conditions[random.below(conditions.count)]
    switch random.below(10) {
    case 0: return noneCommand(at: at)
    case 1, 2: return deleteCommand(key, if: precondition, at: at)
    case 3: return putCommand(key, random.bytes(count: random.below(40)), if: precondition, at: at)
    default:
        return putCommand(
            key, Array("value \(random.next())".utf8), type: [UInt8]("text/plain"), if: precondition, at: at)
    }
}

@Suite("Determinism")
struct DeterminismTests {
    @Test("two stores that apply the same commands answer alike and have one hash at every index")
    func equalStores() {
        var random = SplitMix64(seed: 21)
        var a = Store()
        var b = Store()
        for step: UInt64 in 0..<5_000 {
            let command = randomCommand(&random, at: step)
            // One of the two is copied now and then: structure in memory must not show.
            if step % 100 == 0 {
                let frozen = b
                #expect(frozen.hash == a.hash)
            }
            #expect(a.apply(command) == b.apply(command))
            #expect(a.hash == b.hash)
        }
        #expect(a.rows() == b.rows())
        #expect(a.revision == b.revision)
        #expect(a.bytes == b.bytes)
        #expect(a.bytes == a.rows().reduce(0) { $0 + $1.key.count + $1.value.count })
        #expect(a.count == a.rows().count)
    }

    @Test("the hash is the same in every process and release")
    func knownHash() {
        var store = Store()
        #expect(store.hash == 0)
        _ = store.apply(#"{"at":1,"none":true}"#)
        _ = store.apply(#"{"at":2,"put":{"key":"a","value":"hello, world","type":"text/plain"}}"#)
        _ = store.apply(#"{"at":3,"put":{"key":"b","base64":"/w=="}}"#)
        _ = store.apply(#"{"at":4,"delete":{"key":"a"}}"#)
        _ = store.apply(#"{"at":5,"delete":{"key":"a","ifMatch":"*"}}"#)
        _ = store.apply("garbage")
        #expect(store.hash == 16_549_628_528_789_680_783)
    }

    @Test("any difference in key, value, type, numbers, time or index makes another hash")
    func hashSeesAll() {
        func hash(_ commands: [String], first: UInt64 = 1) -> UInt64 {
            var store = Store()
            for (i, command) in commands.enumerated() {
                _ = store.apply(Array(command.utf8).span, index: first + UInt64(i))
            }
            return store.hash
        }
        let hashes = [
            hash([]),
            hash([#"{"at":1,"put":{"key":"a","value":"x"}}"#]),
            hash([#"{"at":1,"put":{"key":"a","value":"x"}}"#], first: 2),
            hash([#"{"at":2,"put":{"key":"a","value":"x"}}"#]),
            hash([#"{"at":1,"put":{"key":"b","value":"x"}}"#]),
            hash([#"{"at":1,"put":{"key":"a","value":"y"}}"#]),
            hash([#"{"at":1,"put":{"key":"a","value":"x\u0000"}}"#]),
            hash([#"{"at":1,"put":{"key":"ax","value":""}}"#]),
            hash([#"{"at":1,"put":{"key":"a","value":"","type":"x"}}"#]),
            hash([#"{"at":1,"put":{"key":"a","value":"x","ifMatch":[1]}}"#]),
            hash([#"{"at":1,"delete":{"key":"a"}}"#]),
            hash([#"{"at":1,"none":false}"#]),
            hash([
                #"{"at":1,"put":{"key":"a","value":"x"}}"#, #"{"at":1,"put":{"key":"b","value":"x"}}"#,
            ]),
            hash([
                #"{"at":1,"put":{"key":"b","value":"x"}}"#, #"{"at":1,"put":{"key":"a","value":"x"}}"#,
            ]),
        ]
        for i in hashes.indices { for j in hashes.indices where i < j { #expect(hashes[i] != hashes[j]) } }
    }

    @Test("stores that differed once keep different hashes through equal entries")
    func differenceLasts() {
        var a = Store()
        var b = Store()
        _ = a.put("a", "x")
        _ = b.put("a", "y")
        for i in 0..<1_000 {
            #expect(a.put("b\(i)", "same") == b.put("b\(i)", "same"))
            #expect(a.hash != b.hash)
        }
    }

    @Test(
        "what is no command is malformed and changes nothing but the index",
        arguments: [
            "", " ", "null", "[]", "{}", "true", #"{"at":1}"#, #"{"none":true}"#, #"{"at":1,"none":false}"#,
            #"{"at":1,"none":null}"#, #"{"at":-1,"none":true}"#, #"{"at":1.0,"none":true}"#,
            #"{"at":9007199254740992,"none":true}"#, #"{"at":"1","none":true}"#,
            #"{"at":1,"at":1,"none":true}"#, #"{"at":1,"none":true,"none":true}"#,
            #"{"at":1,"none":true}x"#, #"{"at":1,"none":true,"more":1}"#, #"{"at":1,"unknown":{}}"#,
            #"{"at":1,"version":2,"none":true}"#, #"{"at":1,"put":{"key":"a","value":"x"},"none":true}"#,
            #"{"at":01,"put":{"key":"a","value":"x"}}"#, #"{"at":1,"put":{"key":"a","value":"x"}}x"#,
            #"{"at":1,"put":{"key":"a","value":"x"}}}"#, #"{"at":1,"put":{"key":"a","value":"x"}"#,
            #"{"at":1,"put":{"key":"a","value":"x","type":1}}"#, #"{"at":,"put":{"key":"a","value":"x"}}"#,
            #"{"at":1,"put":{}}"#, #"{"at":1,"put":{"key":"a"}}"#, #"{"at":1,"put":{"value":"a"}}"#,
            #"{"at":1,"put":{"key":"","value":"x"}}"#, #"{"at":1,"put":{"key":1,"value":"x"}}"#,
            #"{"at":1,"put":{"key":"a","key":"a","value":"x"}}"#,
            #"{"at":1,"put":{"key":"a","value":"x","base64":""}}"#,
            #"{"at":1,"put":{"key":"a","base64":"x"}}"#, #"{"at":1,"put":{"key":"a","base64":"/x=="}}"#,
            #"{"at":1,"put":{"key":"a","value":"\ud800"}}"#, #"{"at":1,"put":{"key":"a","value":null}}"#,
            #"{"at":1,"put":{"key":"a","value":"x","ttl":1}}"#,
            #"{"at":1,"put":{"key":"a","value":"x","ifMatch":"5"}}"#,
            #"{"at":1,"put":{"key":"a","value":"x","ifMatch":5}}"#,
            #"{"at":1,"put":{"key":"a","value":"x","ifMatch":["5"]}}"#,
            #"{"at":1,"put":{"key":"a","value":"x","ifMatch":[[5]]}}"#,
            #"{"at":1,"put":{"key":"a","value":"x","ifMatch":[1],"ifMatch":[1]}}"#,
            #"{"at":1,"delete":{}}"#, #"{"at":1,"delete":{"key":""}}"#, #"{"at":1,"delete":"a"}"#,
            #"{"at":1,"delete":{"key":"a","value":"x"}}"#,
            #"{"at":1,"put":{"key":"\#(String(repeating: "k", count: 1_025))","value":""}}"#,
            #"{"at":1,"put":{"key":"a","value":"","type":"\#(String(repeating: "t", count: 256))"}}"#,
        ])
    func malformed(command: String) {
        var store = Store()
        _ = store.put("a", "before")
        let rows = store.rows()
        #expect(store.apply(command) == .malformed)
        #expect(store.rows() == rows)
        #expect(store.revision == Revision(2))
        #expect(store.clusterTime == .zero)
        #expect(store.bytes == 7)
        #expect(store.appliedIndex == 2)
    }

    @Test("names may come in any order, spaced and escaped as JSON allows")
    func otherSpellings() {
        var store = Store()
        let command =
            #" { "put" : { "ifNoneMatch" : [ 1 , 2 ] , "value" : "\u0078" , "#
            + #""k\u0065y" : "\u0061" } , "at" : 9 } "#
        #expect(
            store.apply(command)
                == .written(created: true, revision: Revision(2), createdRevision: Revision(2), version: 1))
        #expect(store.row("a")?.value == [UInt8]("x"))
        #expect(store.clusterTime == ClusterTime(milliseconds: 9))
    }

    /// The second store gets a space before each command, which keeps it from the short way of usual puts.
    @Test("random and mutated bytes never trap, and mean the same by either way through the reader")
    func fuzz() {
        var random = SplitMix64(seed: 31)
        var a = Store()
        var b = Store()
        var understood = 0
        for step: UInt64 in 0..<20_000 {
            var command: [UInt8]
            if random.below(5) == 0 {
                command = random.bytes(count: random.below(60))
            } else {
                command = randomCommand(&random, at: step)
                for _ in 0..<(1 + random.below(3)) { mutate(&command, &random) }
            }
            let reply = a.apply(command)
            #expect(b.apply([0x20] + command) == reply)
            if reply != .malformed { understood += 1 }
        }
        // The mutations must reach behind the scanner, or they test nothing.
        #expect(understood > 1_000)
        #expect(a.hash == b.hash)
        #expect(a.rows() == b.rows())
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        guard !bytes.isEmpty else { return }
        let place = random.below(bytes.count)
        switch random.below(5) {
        case 0: bytes[place] = UInt8(random.below(256))
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(UInt8(ascii: "0") + UInt8(random.below(10)), at: place)
        case 3: bytes.removeLast(bytes.count - place)
        default: bytes[place] ^= 1 << UInt8(random.below(8))
        }
    }
}

@Suite("Restoring")
struct RestoreTests {
    private func add(_ row: Row, to restoration: inout Restoration) -> Bool {
        restoration.add(
            key: row.key.span, value: row.value.span, contentType: row.type.span, revision: row.revision,
            createdRevision: row.createdRevision, version: row.version)
    }

    @Test("a store made from another's rows goes on exactly as that one")
    func goesOn() {
        var random = SplitMix64(seed: 41)
        var original = Store()
        for step: UInt64 in 0..<3_000 { _ = original.apply(randomCommand(&random, at: step)) }
        var restoration = Restoration(
            revision: original.revision, clusterTime: original.clusterTime,
            appliedIndex: original.appliedIndex, hash: original.hash)
        for row in original.rows() {
            let isAdded = add(row, to: &restoration)
            #expect(isAdded)
        }
        var restored = restoration.finish()
        #expect(restored.rows() == original.rows())
        #expect(restored.bytes == original.bytes)
        for step: UInt64 in 3_000..<6_000 {
            let command = randomCommand(&random, at: step)
            #expect(original.apply(command) == restored.apply(command))
            #expect(original.hash == restored.hash)
        }
    }

    @Test("rows that no store can hold are refused")
    func refuses() {
        var original = Store()
        for key in ["a", "b", "c"] { _ = original.put(key, "x") }
        let rows = original.rows()
        var restoration = Restoration(
            revision: Revision(3), clusterTime: .zero, appliedIndex: 3, hash: 0)
        let first = add(rows[1], to: &restoration)
        let again = add(rows[1], to: &restoration)
        let before = add(rows[0], to: &restoration)
        let later = add(rows[2], to: &restoration)
        #expect(first)
        #expect(!again, "a key twice")
        #expect(!before, "a key that does not rise")
        #expect(!later, "a revision after the store's")
        let store = restoration.finish()
        #expect(store.rows() == [rows[1]])
    }
}
