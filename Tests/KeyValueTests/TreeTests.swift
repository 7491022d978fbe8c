// The ordered tree against a sorted array: random operations from given seeds, frozen copies, ranges.
import KeyValue
import Testing

/// A record whose value and numbers come from one number.
private func makeRecord(_ key: [UInt8], _ number: UInt64) -> Record {
    let value = Array("value \(number)".utf8)
    let contentType: [UInt8] = []
    return Record(
        key: key.span, value: value.span, contentType: contentType.span, revision: Revision(number),
        createdRevision: Revision(1), version: number)
}

/// A sorted array that does what the tree should do.
private struct Model: Equatable {
    struct Row: Equatable {
        let key: [UInt8]
        let number: UInt64
    }
    var rows: [Row] = []

    func place(of key: [UInt8]) -> (place: Int, found: Bool) {
        var low = 0
        var high = rows.count
        while low < high {
            let middle = (low + high) / 2
            if rows[middle].key.lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
        }
        return (low, low < rows.count && rows[low].key == key)
    }

    mutating func put(_ key: [UInt8], _ number: UInt64) -> UInt64? {
        let (place, found) = place(of: key)
        if found {
            let old = rows[place].number
            rows[place] = Row(key: key, number: number)
            return old
        }
        rows.insert(Row(key: key, number: number), at: place)
        return nil
    }

    mutating func remove(_ key: [UInt8]) -> UInt64? {
        let (place, found) = place(of: key)
        return found ? rows.remove(at: place).number : nil
    }

    func rows(in range: KeyRange, reversed: Bool, limit: Int) -> [Row] {
        let inside = rows.filter { row in
            !row.key.lexicographicallyPrecedes(range.start)
                && (range.end.map { row.key.lexicographicallyPrecedes($0) } ?? true)
        }
        return Array((reversed ? inside.reversed() : inside).prefix(limit))
    }
}

extension Tree {
    fileprivate func rows(in range: KeyRange = .all, reversed: Bool = false, limit: Int = .max) -> [Model.Row]
    {
        var rows: [Model.Row] = []
        forEach(in: range, reversed: reversed, limit: limit) { record in
            rows.append(Model.Row(key: record.key, number: record.revision.rawValue))
            return true
        }
        return rows
    }
}

/// How the keys of a run look; each shape hits other ways through a node's heads and prefix.
enum KeyShape: CaseIterable, Sendable {
    case short, decimal, longPrefix, zeros, mixed

    func key(_ random: inout SplitMix64) -> [UInt8] {
        switch self {
        case .short: return random.bytes(count: 1 + random.below(2))
        case .decimal: return Array("user/\(random.below(3_000))/name".utf8)
        case .longPrefix:
            let prefix = [UInt8](repeating: UInt8(ascii: "p"), count: 40 * random.below(3) + 1)
            return prefix + Array(String(random.below(1_500)).utf8)
        case .zeros:
            return (0..<(1 + random.below(14))).map { _ in random.below(4) == 0 ? 1 : 0 }
        case .mixed:
            let shapes: [KeyShape] = [.short, .decimal, .longPrefix, .zeros]
            return shapes[random.below(4)].key(&random)
        }
    }
}

@Suite("The ordered tree")
struct TreeTests {
    @Test("does what a sorted array does, whatever the keys look like", arguments: KeyShape.allCases)
    func againstModel(shape: KeyShape) {
        for seed: UInt64 in 1...4 {
            var random = SplitMix64(seed: seed)
            var tree = Tree()
            var model = Model()
            var frozen: [(tree: Tree, model: Model)] = []
            // Growing, then shrinking, then growing again: splits, rotations and merges at every level.
            for (operations, removals) in [(4_000, 20), (5_000, 85), (3_000, 30)] {
                for step in 0..<operations {
                    let key = shape.key(&random)
                    if random.below(100) < removals {
                        // Mostly keys that are there.
                        let present =
                            model.rows.isEmpty ? key : model.rows[random.below(model.rows.count)].key
                        let victim = random.below(4) == 0 ? key : present
                        #expect(tree.remove(victim.span)?.revision.rawValue == model.remove(victim))
                    } else {
                        let number = random.next() >> 11
                        #expect(
                            tree.put(makeRecord(key, number))?.revision.rawValue == model.put(key, number))
                    }
                    if step % 257 == 0 { tree.checkInvariants() }
                    if step % 1_001 == 0 { frozen.append((tree, model)) }
                    let probe = shape.key(&random)
                    let (place, found) = model.place(of: probe)
                    #expect(
                        tree.record(probe.span)?.revision.rawValue == (found ? model.rows[place].number : nil)
                    )
                }
                tree.checkInvariants()
                #expect(tree.count == model.rows.count)
                #expect(tree.rows() == model.rows)
            }
            for (tree, model) in frozen {
                tree.checkInvariants()
                #expect(tree.rows() == model.rows)
            }
            for row in model.rows.shuffled(using: &random) { tree.remove(row.key.span) }
            tree.checkInvariants()
            #expect(tree.count == 0)
            #expect(tree.nodeCount == 0)
        }
    }

    @Test("gives ranges forward and backward, from any bound, up to any limit")
    func ranges() {
        var random = SplitMix64(seed: 7)
        for shape in KeyShape.allCases {
            var tree = Tree()
            var model = Model()
            for number: UInt64 in 1...1_200 {
                let key = shape.key(&random)
                tree.put(makeRecord(key, number))
                _ = model.put(key, number)
            }
            for _ in 0..<150 {
                let start = random.below(5) == 0 ? [] : shape.key(&random)
                let end = random.below(5) == 0 ? nil : shape.key(&random)
                let range = random.below(3) == 0 ? KeyRange(prefix: start) : KeyRange(start: start, end: end)
                let limit = random.below(3) == 0 ? Int.max : random.below(200)
                for reversed in [false, true] {
                    #expect(
                        tree.rows(in: range, reversed: reversed, limit: limit)
                            == model.rows(in: range, reversed: reversed, limit: limit))
                }
            }
        }
    }

    @Test("a range that goes on after each page's last key gives every key once")
    func pages() {
        var tree = Tree()
        for number: UInt64 in 0..<1_000 { tree.put(makeRecord(Array("k\(number)".utf8), number)) }
        var paged: [Model.Row] = []
        var range = KeyRange(prefix: Array("k".utf8))
        while let last = tree.rows(in: range, limit: 37).last {
            paged += tree.rows(in: range, limit: 37)
            range = range.after(last.key)
        }
        #expect(paged == tree.rows())
    }

    @Test("stops where the reader stops, and passes on what it throws")
    func stops() {
        struct Enough: Error {}
        var tree = Tree()
        for number: UInt64 in 0..<500 { tree.put(makeRecord(Array("k\(number)".utf8), number)) }
        var seen = 0
        tree.forEach(in: .all) { _ in
            seen += 1
            return seen < 70
        }
        #expect(seen == 70)
        #expect(throws: Enough.self) {
            try tree.forEach(in: .all) { _ throws(Enough) in
                seen += 1
                if seen == 200 { throw Enough() }
                return true
            }
        }
        #expect(seen == 200)
    }

    @Test("a frozen copy shares every node, and a write copies the path to its key and nothing else")
    func freezing() {
        var random = SplitMix64(seed: 3)
        var tree = Tree()
        for number: UInt64 in 0..<20_000 { tree.put(makeRecord(random.bytes(count: 12), number)) }
        let frozen = tree
        #expect(tree.nodeCount(notSharedWith: frozen) == 0)
        let present = tree.rows(limit: 10_000)[9_999].key
        tree.put(makeRecord(present, 1))
        #expect((1...tree.depth).contains(tree.nodeCount(notSharedWith: frozen)))
        // The path belongs to the writer now: writing there again copies nothing.
        let after = tree
        let cost = tree.nodeCount(notSharedWith: frozen)
        tree.put(makeRecord(present, 2))
        #expect(tree.nodeCount(notSharedWith: frozen) == cost)
        #expect(after.record(present.span)?.revision == Revision(1))
        // Removing an absent key copies nothing.
        let before = tree
        #expect(tree.remove([0xFF].span) == nil)
        #expect(tree.nodeCount(notSharedWith: before) == 0)
        // A removal copies its path and at most one sibling a level.
        tree.remove(present.span)
        #expect(tree.nodeCount(notSharedWith: before) <= 2 * tree.depth)
    }

    @Test("keys that come in order fill their leaves")
    func ascending() {
        var tree = Tree()
        for number: UInt64 in 10_000..<40_000 { tree.put(makeRecord(Array("k\(number)".utf8), number)) }
        tree.checkInvariants()
        #expect(tree.nodeCount < 30_000 / 55)
    }

    enum Order: CaseIterable, Sendable {
        case ascending, descending, random
    }

    @Test(
        "removing in any order leaves no slack, the right rest, and frozen copies as they were",
        arguments: Order.allCases)
    func slack(order: Order) {
        var random = SplitMix64(seed: 5)
        var tree = Tree()
        for number: UInt64 in 0..<20_000 { tree.put(makeRecord(random.bytes(count: 10), number)) }
        let full = tree
        let rows = tree.rows()
        let nodes = tree.nodeCount
        let removed: [Model.Row] =
            switch order {
            case .ascending: Array(rows.prefix(18_000))
            case .descending: rows.suffix(18_000).reversed()
            case .random: Array(rows.shuffled(using: &random).prefix(18_000))
            }
        for (i, row) in removed.enumerated() {
            #expect(tree.remove(row.key.span)?.revision.rawValue == row.number)
            if i % 3_000 == 0 { tree.checkInvariants() }
        }
        tree.checkInvariants()
        #expect(tree.nodeCount < nodes / 4)
        let gone = Set(removed.map(\.number))
        #expect(tree.rows() == rows.filter { !gone.contains($0.number) })
        full.checkInvariants()
        #expect(full.rows() == rows)
    }

    @Test("a frozen copy is read on other threads while writes go on")
    func concurrentReaders() async {
        var tree = Tree()
        for number: UInt64 in 0..<5_000 { tree.put(makeRecord(Array("k\(number)".utf8), number)) }
        await withTaskGroup(of: Bool.self) { group in
            for round: UInt64 in 0..<20 {
                let frozen = tree
                let expected = tree.rows()
                group.addTask { (0..<5).allSatisfy { _ in frozen.rows() == expected } }
                for number: UInt64 in 0..<500 {
                    tree.put(makeRecord(Array("k\(number * 7 % 6_000)".utf8), round * 1_000 + number))
                    tree.remove(Array("k\(number * 13 % 6_000)".utf8).span)
                }
            }
            for await same in group { #expect(same) }
        }
        tree.checkInvariants()
    }

    @Test("the range of a prefix ends before the first key that does not begin with it")
    func prefixRange() {
        #expect(KeyRange(prefix: [1, 2]) == KeyRange(start: [1, 2], end: [1, 3]))
        #expect(KeyRange(prefix: [1, 0xFF, 0xFF]) == KeyRange(start: [1, 0xFF, 0xFF], end: [2]))
        #expect(KeyRange(prefix: [0xFF]) == KeyRange(start: [0xFF], end: nil))
        #expect(KeyRange(prefix: []) == .all)
    }
}
