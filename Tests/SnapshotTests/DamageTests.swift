// Files that were changed, cut, or made by somebody who lies: refused with the place, and never a trap.
import Consensus
import KeyValue
import Snapshot
import Testing
import Wire

@Suite("Snapshots, damaged")
struct DamageTests {
    private var store: Store {
        var store = Store()
        store.put("a", "x", type: "text/plain")
        store.put("b \"quoted\"", "two\nlines")
        store.put(Array("c".utf8), [0xFF, 0x00])
        store.put("d", "")
        return store
    }

    @Test("every bit flipped is refused, at a place at or before which the damage is not past")
    func flipped() {
        let file = encoded(store, store.head(jointMembership))
        for place in file.indices {
            for bit in 0..<8 {
                var changed = file
                changed[place] ^= 1 << bit
                guard let refusal = refusal(changed) else {
                    Issue.record("byte \(place), bit \(bit): taken")
                    continue
                }
                #expect(refusal.offset <= UInt64(file.count))
            }
        }
        print("bytes changed: \(file.count) of a snapshot, each bit of them")
    }

    @Test("the place is that of the damaged block")
    func place() throws {
        var chance = Chance(seed: 9)
        var store = Store()
        for number in 0..<2_000 { store.put(Array("key \(number)".utf8), chance.bytes(400)) }
        let file = encoded(store)
        let heads = places(of: Array("{\"block\":{".utf8), in: file)
        #expect(heads.count > 5)
        for (start, end) in zip(heads, heads.dropFirst()) {
            var changed = file
            changed[chance.below(end - start - 100) + start + 90] ^= 0x10
            #expect(refusal(changed, pieceBytes: 10_000)?.offset == UInt64(start))
        }
    }

    @Test("every shorter file is refused as one that ends too early, and every longer one at its end")
    func truncated() {
        let file = encoded(store)
        for count in 0..<file.count {
            let refused = refusal(Array(file[..<count]), pieceBytes: 1 + count / 3)
            #expect(refused == SnapshotError(offset: UInt64(count), problem: .end))
        }
        #expect(refusal(file + [0x20]) == SnapshotError(offset: UInt64(file.count), problem: .trailing))
        #expect(refusal(file + file)?.offset == UInt64(file.count))
    }

    @Test("a block left out, twice, or in another's place is refused")
    func blocks() {
        var store = Store()
        for number in 0..<1_000 { store.put("key \(1_000 + number)", String(repeating: "v", count: 500)) }
        let file = encoded(store)
        var starts = places(of: Array("{\"block\":{".utf8), in: file)
        starts += places(of: Array("{\"end\":".utf8), in: file)
        let blocks = zip(starts, starts.dropFirst()).map { Array(file[$0..<$1]) }
        #expect(blocks.count > 3)
        let head = Array(file[..<starts[0]])
        let end = Array(file[(starts.last ?? 0)...])
        func joined(_ blocks: [[UInt8]]) -> [UInt8] { head + blocks.flatMap { $0 } + end }
        #expect(refusal(joined(blocks)) == nil)
        #expect(refusal(joined(Array(blocks.dropFirst()))) != nil)
        #expect(refusal(joined(Array(blocks.dropLast()))) != nil)
        #expect(refusal(joined([blocks[0]] + blocks)) != nil)
        #expect(refusal(joined(blocks.reversed())) != nil)
        #expect(refusal(end) != nil)
        #expect(refusal(head + end) != nil)
    }

    @Test("random bytes and random changes never trap, in pieces of any size")
    func random() {
        var chance = Chance(seed: 11)
        let file = encoded(store)
        for _ in 0..<3_000 {
            var changed = file
            for _ in 0...chance.below(4) {
                let place = chance.below(changed.count)
                switch chance.below(4) {
                case 0: changed[place] = UInt8(chance.below(256))
                case 1: changed.remove(at: place)
                case 2: changed.insert(file[chance.below(file.count)], at: place)
                default: changed.replaceSubrange(place..<min(place + 9, changed.count), with: [])
                }
            }
            if changed != file { #expect(refusal(changed, pieceBytes: 1 + chance.below(200)) != nil) }
        }
        for _ in 0..<200 { #expect(refusal(chance.bytes(chance.below(3_000))) != nil) }
    }
}
