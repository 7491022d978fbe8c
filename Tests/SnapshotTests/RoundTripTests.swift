// Stores of many shapes through their snapshots: the same keys, numbers and hash come back, and go on alike.
import Consensus
import KeyValue
import Snapshot
import Testing
import Wire

@Suite("Snapshots, there and back")
struct RoundTripTests {
    private func expectSame(_ store: Store, _ membership: Membership = Membership(voters: [NodeID(1)])) throws
    {
        let head = store.head(membership)
        let file = encoded(store, head)
        let decoded = try decoded(file)
        #expect(decoded.head == head)
        #expect(decoded.bytes == UInt64(file.count))
        #expect(decoded.sum == checksum(file.span, in: 0..<file.count))
        #expect(decoded.store.rows() == store.rows())
        #expect(decoded.store.hash == store.hash)
        #expect(decoded.store.revision == store.revision)
        #expect(decoded.store.clusterTime == store.clusterTime)
        #expect(decoded.store.bytes == store.bytes)
        #expect(decoded.store.count == store.count)
    }

    @Test("an empty store, and one that became empty again")
    func empty() throws {
        var store = Store()
        try expectSame(store)
        store.put("a", "x")
        store.delete("a")
        try expectSame(store)
    }

    @Test("a joint membership")
    func joint() throws {
        var store = Store()
        store.put("a", "x")
        try expectSame(store, jointMembership)
    }

    @Test("every byte, alone and among others, in values; and all that needs an escape, in keys")
    func everyByte() throws {
        var store = Store()
        for byte in 0...255 as ClosedRange<UInt8> {
            store.put("one/\(byte)", "")
            store.put(Array("alone/\(byte)".utf8), [byte])
            store.put(Array("among/\(byte)".utf8), Array("a long text before ".utf8) + [byte, 0x61])
        }
        for scalar in [
            "\0", "\n", "\t", "\u{1F}", "\"", "\\", "/", "\u{7F}", "é", "\u{2028}", "😀", "\u{FFFF}",
        ] {
            store.put("key \(scalar)", "value \(scalar)\(scalar)", type: "text/plain; charset=\"utf-8\"")
            store.put(scalar, String(repeating: scalar, count: 100))
        }
        try expectSame(store)
    }

    @Test("the longest key and type, and values from nothing to more than a piece")
    func sizes() throws {
        var chance = Chance(seed: 1)
        var store = Store()
        store.put(
            [UInt8](repeating: 0x01, count: 1_024), [],
            type: [UInt8](repeating: UInt8(ascii: "\""), count: 255))
        for size in [0, 1, 100, (128 << 10) - 100, 128 << 10, 1 << 20, 3 << 20] {
            store.put(Array("plain \(size)".utf8), chance.bytes(size, in: 0x23...0x5B))
            store.put(Array("bytes \(size)".utf8), chance.bytes(size))
            store.put(Array("escapes \(size)".utf8), chance.bytes(size, in: 0x20...0x22))
        }
        try expectSame(store)
    }

    @Test("keys that were written often, with and without a lease")
    func numbers() throws {
        var restoration = Restoration(
            revision: .largest, clusterTime: ClusterTime(milliseconds: largestNumber), appliedIndex: 7,
            hash: .max)
        let rows: [(key: [UInt8], revision: UInt64, created: UInt64, version: UInt64, lease: UInt64)] = [
            ([0x61], 2, 2, 1, 0), ([0x62], largestNumber, largestNumber, largestNumber, (1 << 63) - 1),
            ([0x63], 1_000_000, 999, 77, 1),
        ]
        for id: UInt64 in [1, (1 << 63) - 1] {
            let isAdded = restoration.add(lease: id, ttlMilliseconds: 1_000)
            #expect(isAdded)
        }
        for row in rows {
            let isAdded = restoration.add(
                key: row.key.span, value: row.key.span, contentType: [UInt8]().span,
                revision: Revision(row.revision), createdRevision: Revision(row.created),
                version: row.version, hold: row.lease == 0 ? .none : Hold(lease: row.lease))
            #expect(isAdded)
        }
        let store = restoration.finish()
        #expect(store.rows().map { $0.numbers[3] } == [0, (1 << 63) - 1, 1])
        try expectSame(store)
    }

    @Test("leases, keys that end, and kept answers")
    func leases() throws {
        var store = Store()
        func apply(_ append: (inout [UInt8]) -> Void) -> Reply {
            var command: [UInt8] = []
            append(&command)
            return store.apply(command.span, index: store.appliedIndex + 1)
        }
        func once(_ key: String) -> Once {
            Once(key: Array(key.utf8), request: .init(high: .max, low: 7))
        }
        let at = ClusterTime(milliseconds: 5)
        for id: UInt64 in [9, 3, (1 << 63) - 1] {
            _ = apply {
                Command.appendGrant(id, ttlMilliseconds: 30_000, once: once("g\(id)"), at: at, to: &$0)
            }
        }
        for number in 0..<200 {
            let lifetime: [Lifetime] = [.unbounded, .lease(9), .lease(3), .ttl(milliseconds: 60_000)]
            let key = Array("key \(number)".utf8)
            _ = apply {
                Command.appendPut(
                    key: key.span, value: key.span, contentType: Span(), precondition: .none,
                    lifetime: lifetime[number % 4], once: number % 3 == 0 ? once("p\"\(number)") : nil,
                    at: at,
                    to: &$0)
            }
        }
        _ = apply { Command.appendRevoke(4, once: once("r"), at: at, to: &$0) }
        // Answers of transactions: one with times, and one that names the put whose lease is not there.
        let read = Transaction(then: [.list(prefix: Array("key 1".utf8), limit: 100)])
        let put = Transaction.Step.put(key: [0x61], value: [], contentType: [], lifetime: .lease(77))
        let leaseless = Transaction(
            comparisons: [Comparison(key: [0x61], .exists(true))], otherwise: [.get(key: [0x61]), put])
        var kept: [(command: [UInt8], reply: Reply)] = []
        for (name, transaction) in [("t", read), ("l", leaseless)] {
            var command: [UInt8] = []
            Command.append(transaction, once: once(name), at: at, to: &command)
            kept.append((command, apply { $0 = command }))
        }
        #expect(kept[1].reply == .leaseNotFound(at: Transaction.Place(isThen: false, number: 1, .put)))
        #expect(store.leaseCount == 3 && store.answerCount == 3 + 67 + 1 + 2)
        try expectSame(store)
        // What was asked before is answered the same after it, and what ends, ends.
        var restored = try decoded(encoded(store)).store
        #expect(restored.keys(of: 9) == store.keys(of: 9) && restored.keys(of: 9).count == 50)
        #expect(restored.lease(3) == store.lease(3) && restored.firstEnd == store.firstEnd)
        var command: [UInt8] = []
        Command.appendGrant(9, ttlMilliseconds: 30_000, once: once("g9"), at: at, to: &command)
        let replayed = Reply.replayed(
            .granted(lease: 9, ttlMilliseconds: 30_000), revision: Revision(1))
        #expect(store.apply(command.span, index: 1_000) == replayed)
        #expect(restored.apply(command.span, index: 1_000) == replayed)
        for (place, (command, reply)) in kept.enumerated() {
            let replayed = Reply.replayed(reply, revision: store.revision)
            #expect(store.apply(command.span, index: 1_001 + UInt64(place)) == replayed)
            #expect(restored.apply(command.span, index: 1_001 + UInt64(place)) == replayed)
        }
        command.removeAll()
        Command.appendExpire([9], at: ClusterTime(milliseconds: 60_006), to: &command)
        #expect(store.apply(command.span, index: 1_003) == restored.apply(command.span, index: 1_003))
        #expect(store.count == 100 && restored.rows() == store.rows() && restored.hash == store.hash)
        #expect(encoded(restored) == encoded(store))
    }

    @Test("a restored store goes on exactly as the original: same replies, same hash at every entry")
    func goesOn() throws {
        var chance = Chance(seed: 3)
        var store = Store()
        func step(_ store: inout Store, _ chance: inout Chance) {
            let key = "key/\(chance.below(300))"
            switch chance.below(4) {
            case 0: store.delete(key)
            case 1: store.put(Array(key.utf8), chance.bytes(chance.below(60)))
            default: store.put(key, "value \(chance.below(1_000))", type: "text/plain")
            }
        }
        for _ in 0..<3_000 { step(&store, &chance) }
        var restored = try decoded(encoded(store)).store
        #expect(restored.appliedIndex == store.appliedIndex)
        var again = chance
        for _ in 0..<3_000 {
            step(&store, &chance)
            step(&restored, &again)
            #expect(restored.hash == store.hash)
        }
        #expect(restored.rows() == store.rows())
        #expect(encoded(restored) == encoded(store))
    }

    @Test("pieces of every size come to the same")
    func pieces() throws {
        var chance = Chance(seed: 5)
        var store = Store()
        for number in 0..<30 { store.put(Array("key \(number)".utf8), chance.bytes(number)) }
        let file = encoded(store, store.head(jointMembership))
        for size in 1...file.count {
            let decoded = try decoded(file, pieceBytes: size)
            #expect(decoded.store.hash == store.hash)
            #expect(decoded.store.rows() == store.rows(), "pieces of \(size)")
        }
        // Over many blocks, with pieces that never end where these do.
        for number in 0..<600 { store.put(Array("more \(number)".utf8), chance.bytes(1_000)) }
        let longer = encoded(store)
        for size in [1, 79, 80, 81, 1_000, 4_096, 65_536, 131_072, 131_073, 400_000] {
            #expect(try decoded(longer, pieceBytes: size).store.rows() == store.rows())
        }
    }

    @Test("pieces are about 1 MiB, whatever the store holds, and blocks about 128 KiB")
    func bounded() throws {
        var store = Store()
        for number in 0..<20_000 { store.put("key \(number)", String(repeating: "v", count: 300)) }
        var encoder = SnapshotEncoder(head: store.head(), store: store)
        var count = 0
        while let piece = encoder.next() {
            count += 1
            #expect(piece.count < (1 << 20) + (200 << 10))
        }
        #expect(count > 5)
    }

    @Test("the snapshot is of the moment when it was frozen, whatever is written while it is encoded")
    func frozen() throws {
        var store = Store()
        for number in 0..<10_000 { store.put("key \(number)", String(repeating: "v", count: 300)) }
        let rows = store.rows()
        var encoder = SnapshotEncoder(head: store.head(), store: store)
        var decoder = SnapshotDecoder()
        while let piece = encoder.next() {
            try decoder.feed(piece.span)
            for number in 0..<10_000 where number % 7 == 0 { store.put("key \(number)", "new") }
            store.delete("key 1")
        }
        let decoded = try decoder.finish()
        #expect(decoded.store.rows() == rows)
    }
}
