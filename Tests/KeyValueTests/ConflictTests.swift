// Two operations of a branch that write the same key: found, the first of them, and soon (Interface §2).
import KeyValue
import Testing

/// As it is defined: every operation beside every one before it.
private func firstConflict(_ steps: [Transaction.Step]) -> Int? {
    func puts(_ step: Transaction.Step) -> [UInt8]? {
        if case .put(let key, _, _, _) = step { key } else { nil }
    }
    func covers(_ step: Transaction.Step, _ key: [UInt8]) -> Bool {
        switch step {
        case .put(let own, _, _, _), .delete(let own): own == key
        case .deleteAll(let prefix): key.starts(with: prefix)
        case .get, .list: false
        }
    }
    for (place, step) in steps.enumerated() {
        for other in steps[..<place] {
            if let key = puts(step), covers(other, key) { return place }
            if let key = puts(other), covers(step, key) { return place }
        }
    }
    return nil
}

@Test(
    "the first operation that writes what one before it writes is found, whatever the branch",
    arguments: 0..<8)
func conflictsBesideTheirDefinition(seed: UInt64) {
    var chance = SplitMix64(seed: seed)
    for _ in 0..<2_000 {
        let letters = 1 + chance.below(3)
        func text(_ least: Int) -> [UInt8] {
            (0..<least + chance.below(4)).map { _ in [0x61, 0xFF, 0x00][chance.below(letters)] }
        }
        var steps: [Transaction.Step] = []
        for _ in 0..<chance.below(9) {
            switch chance.below(5) {
            case 0: steps.append(.get(key: text(1)))
            case 1: steps.append(.delete(key: text(1)))
            case 2: steps.append(.deleteAll(prefix: text(0)))
            default: steps.append(.put(key: text(1), value: [], contentType: []))
            }
        }
        #expect(Transaction.conflict(in: steps) == firstConflict(steps), "\(steps)")
    }
}

@Test("that many deletes cover many puts of long keys costs no more than that none does")
func costlyConflicts() {
    let name = [UInt8](repeating: 0x61, count: 1_000)
    let puts = (0..<500).map {
        Transaction.Step.put(key: name + Array("\($0)".utf8), value: [], contentType: [])
    }
    let prefix = [UInt8](repeating: 0x61, count: 500)
    func time(_ prefix: [UInt8]) -> Duration {
        let steps = puts + Array(repeating: Transaction.Step.deleteAll(prefix: prefix), count: 500)
        return (0..<3).map { _ in ContinuousClock().measure { _ = Transaction.conflict(in: steps) } }.min()
            ?? .zero
    }
    // It was a hundred times as much.
    let (covering, other) = (time(prefix), time(prefix + [0x62]))
    #expect(covering < other * 6, "\(covering) and \(other)")
}
