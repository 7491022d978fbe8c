// The tree built from rows in order: whole at every count, and one that lives on like any other.
import Glibc
import KeyValue
import Testing

@Suite("Building a tree in order")
struct TreeBuilderTests {
    private func record(_ number: Int) -> Record {
        var digits = Array(String(number).utf8)
        digits.insert(contentsOf: repeatElement(UInt8(ascii: "0"), count: 7 - digits.count), at: 0)
        let key = Array("key/".utf8) + digits
        let empty: [UInt8] = []
        return Record(
            key: key.span, value: empty.span, contentType: empty.span, revision: Revision(2),
            createdRevision: Revision(2), version: 1)
    }

    private func tree(_ count: Int) -> Tree {
        var builder = TreeBuilder()
        for number in 0..<count where !builder.append(record(number)) { Issue.record("refused: \(number)") }
        return builder.finish()
    }

    private func expectWhole(_ count: Int) {
        let tree = tree(count)
        tree.checkInvariants()
        #expect(tree.count == count)
        var next = 0
        tree.forEach(in: .all) { found in
            guard found.key == record(next).key else { return false }
            next += 1
            return true
        }
        #expect(next == count)
    }

    @Test("it is whole after any number of records, also right where nodes become full")
    func everyCount() {
        for count in 0...260 { expectWhole(count) }
        // A leaf has 63 records and there is one between two: 64 leaves fill a tree of two levels.
        for count in 64 * 64 - 2...64 * 64 + 66 { expectWhole(count) }
    }

    // (Sanitizers are slow, and other tests run beside this one.)
    @Test(
        "three levels full, and a record more",
        .timeLimit(.minutes(getenv("RAST_SANITIZER") == nil ? 5 : 30)))
    func threeLevels() {
        for count in [64 * 64 * 64 - 1, 64 * 64 * 64] {
            let tree = tree(count)
            tree.checkInvariants()
            #expect(tree.depth == (count < 64 * 64 * 64 ? 3 : 4))
            // Full but for the right edge.
            #expect(tree.nodeCount <= 64 * 64 + 64 + 1 + 4)
        }
    }

    @Test("it takes writes and removals like any other, and its frozen copy stays as it was")
    func livesOn() {
        var random = SplitMix64(seed: 7)
        var tree = tree(5_000)
        let frozen = tree
        for _ in 0..<4_000 {
            tree.remove(record(random.below(5_000)).key.span)
            tree.put(record(random.below(10_000)))
        }
        tree.checkInvariants()
        frozen.checkInvariants()
        #expect(frozen.count == 5_000)
    }

    @Test("keys that do not rise are refused, and change nothing")
    func refuses() {
        var builder = TreeBuilder()
        let outcomes = [
            builder.append(record(5)), builder.append(record(5)), builder.append(record(4)),
            builder.append(record(6)),
        ]
        #expect(outcomes == [true, false, false, true])
        let tree = builder.finish()
        tree.checkInvariants()
        #expect(tree.count == 2)
    }
}
