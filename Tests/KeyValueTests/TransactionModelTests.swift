// Random transactions and range deletes beside a naive model: a dictionary that is copied and thrown away.
import KeyValue
import Testing

/// What the store should be: no tree, no drafts, nothing taken back.
private struct Model {
    struct Entry: Equatable {
        var value: [UInt8]
        var revision: UInt64
        var created: UInt64
        var version: UInt64
    }

    var entries: [[UInt8]: Entry] = [:]
    var revision: UInt64 = 1

    var sorted: [([UInt8], Entry)] {
        entries.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { ($0.key, $0.value) }
    }

    /// What it answers, as text.
    mutating func run(_ transaction: Transaction) -> String {
        let holds = transaction.comparisons.allSatisfy(holds)
        var next = self
        var isChanged = false
        var words = ["\(holds)"]
        for step in holds ? transaction.then : transaction.otherwise {
            switch step {
            case .put(let key, let value, _, _):
                let old = next.entries[key]
                next.entries[key] = Entry(
                    value: value, revision: revision + 1, created: old?.created ?? revision + 1,
                    version: (old?.version ?? 0) + 1)
                isChanged = true
                words.append(next.word(key))
            case .get(let key): words.append(next.word(key))
            case .list(let prefix, let limit):
                let found = next.sorted.filter { $0.0.starts(with: prefix) }
                words.append(contentsOf: found.prefix(limit).map { next.word($0.0) })
                words.append("\(found.count > limit)")
            case .delete(let key):
                let count = next.entries.removeValue(forKey: key) == nil ? 0 : 1
                isChanged = isChanged || count > 0
                words.append("-\(count)")
            case .deleteAll(let prefix):
                let doomed = next.entries.keys.filter { $0.starts(with: prefix) }
                for key in doomed { next.entries[key] = nil }
                isChanged = isChanged || !doomed.isEmpty
                words.append("-\(doomed.count)")
            }
        }
        if isChanged { next.revision += 1 }
        self = next
        return words.joined(separator: " ") + " @\(revision)"
    }

    func word(_ key: [UInt8]) -> String {
        guard let entry = entries[key] else { return "nil" }
        return "\(key)=\(entry.value) \(entry.revision) \(entry.created) \(entry.version)"
    }

    private func holds(_ comparison: Comparison) -> Bool {
        let entry = entries[comparison.key]
        switch comparison.subject {
        case .exists(let exists): return exists == (entry != nil)
        case .value(let bounds):
            guard let entry else { return false }
            return bounds.allSatisfy { bound in
                let isLess = entry.value.lexicographicallyPrecedes(bound.operand)
                return fits(bound.relation, isLess ? -1 : entry.value == bound.operand ? 0 : 1)
            }
        case .number(let number, let bounds):
            let own: UInt64 =
                switch number {
                case .revision: entry?.revision ?? 0
                case .createdRevision: entry?.created ?? 0
                case .version: entry?.version ?? 0
                case .lease: 0
                }
            return bounds.allSatisfy { fits($0.relation, own < $0.operand ? -1 : own == $0.operand ? 0 : 1) }
        }
    }

    private func fits(_ relation: Comparison.Relation, _ order: Int) -> Bool {
        switch relation {
        case .eq: order == 0
        case .ne: order != 0
        case .gt: order > 0
        case .ge: order >= 0
        case .lt: order < 0
        case .le: order <= 0
        }
    }
}

private func word(_ record: Record) -> String {
    "\(record.key)=\(record.value) \(record.revision) \(record.createdRevision) \(record.version)"
}

private func words(_ reply: Reply) -> String {
    guard case .transacted(let done) = reply else { return "\(reply)" }
    var words = ["\(done.succeeded)"]
    for result in done.results {
        switch result {
        case .put(let record): words.append(word(record))
        case .got(let record): words.append(record.map(word) ?? "nil")
        case .listed(let records, let isMore): words += records.map(word) + ["\(isMore)"]
        case .deleted(let count): words.append("-\(count)")
        }
    }
    return words.joined(separator: " ") + " @\(done.revision)"
}

private func key(_ random: inout SplitMix64) -> [UInt8] {
    var key = ["abc".utf8.randomByte(&random)]
    for _ in 0..<random.below(3) { key.append("abc".utf8.randomByte(&random)) }
    return key
}

extension String.UTF8View {
    fileprivate func randomByte(_ random: inout SplitMix64) -> UInt8 { Array(self)[random.below(count)] }
}

private func comparison(_ random: inout SplitMix64, _ revision: UInt64) -> Comparison {
    func bounds<T>(_ random: inout SplitMix64, _ make: (inout SplitMix64) -> T) -> [Comparison.Bound<T>] {
        Comparison.Relation.allCases.shuffledPrefix(1 + random.below(2), &random).map { relation in
            Comparison.Bound(relation, make(&random))
        }
    }
    let subject: Comparison.Subject =
        switch random.below(5) {
        case 0: .exists(random.below(2) == 0)
        case 1: .value(bounds(&random) { [UInt8($0.below(4))] })
        case 2: .number(.version, bounds(&random) { UInt64($0.below(4)) })
        case 3: .number(.revision, bounds(&random) { UInt64($0.below(Int(revision) + 1)) })
        default: .number(.createdRevision, bounds(&random) { UInt64($0.below(Int(revision) + 1)) })
        }
    return Comparison(key: key(&random), subject)
}

extension [Comparison.Relation] {
    fileprivate func shuffledPrefix(_ count: Int, _ random: inout SplitMix64) -> [Comparison.Relation] {
        let start = random.below(self.count)
        return (0..<count).map { self[(start + $0) % self.count] }
    }
}

private func steps(_ random: inout SplitMix64) -> [Transaction.Step] {
    var steps: [Transaction.Step] = []
    for _ in 0..<random.below(6) {
        let step: Transaction.Step =
            switch random.below(8) {
            case 0, 1, 2: .put(key: key(&random), value: [UInt8(random.below(4))], contentType: [])
            case 3: .get(key: key(&random))
            case 4: .list(prefix: Array(key(&random).prefix(random.below(2))), limit: 1 + random.below(4))
            case 5, 6: .delete(key: key(&random))
            default: .deleteAll(prefix: key(&random))
            }
        if Transaction.conflict(in: steps + [step]) == nil { steps.append(step) }
    }
    return steps
}

@Test("random transactions do what a naive model does, and what they refuse leaves nothing behind")
func model() {
    var random = SplitMix64(seed: 5)
    var store = Store()
    var twin = Store()
    var model = Model()
    var counts = (succeeded: 0, failed: 0, refused: 0)
    for step in 0..<5_000 {
        let transaction = Transaction(
            comparisons: (0..<random.below(3)).map { _ in comparison(&random, model.revision) },
            then: steps(&random), otherwise: steps(&random))
        var command = transactionCommand(transaction, at: UInt64(step))
        // Now and then it fails at its end, by a second put that no node would propose.
        let breaks = random.below(10) == 0
        if breaks {
            var doomed = transaction
            doomed.comparisons = []
            doomed.then += [put("zz", "1"), put("zz", "2")]
            command = transactionCommand(doomed, at: UInt64(step))
        }
        let reply = store.apply(command)
        #expect(reply == twin.apply(command) && store.hash == twin.hash)
        if breaks {
            #expect(reply == .malformed)
            counts.refused += 1
        } else {
            #expect(words(reply) == model.run(transaction))
            if case .transacted(let done) = reply, done.succeeded {
                counts.succeeded += 1
            } else {
                counts.failed += 1
            }
        }
        #expect(store.revision.rawValue == model.revision && store.count == model.entries.count)
        guard step % 50 == 0 else { continue }
        let rows = store.rows()
        #expect(rows.map(\.key) == model.sorted.map { $0.0 })
        #expect(rows.map(\.value) == model.sorted.map { $0.1.value })
        #expect(store.bytes == rows.reduce(0) { $0 + $1.key.count + $1.value.count })
        // A range goes now and then, so that keys come anew.
        let range = KeyRange(start: key(&random), end: random.below(2) == 0 ? key(&random) : nil)
        let doomed = rows.filter { row in
            if row.key.lexicographicallyPrecedes(range.start) { return false }
            return range.end.map { row.key.lexicographicallyPrecedes($0) } ?? true
        }
        let deletion = rangeCommand(range, at: UInt64(step))
        let answer = store.apply(deletion)
        #expect(answer == twin.apply(deletion))
        #expect(answer == .deleted(count: doomed.count, revision: store.revision))
        for row in doomed { model.entries[row.key] = nil }
        if !doomed.isEmpty { model.revision += 1 }
        #expect(store.revision.rawValue == model.revision)
    }
    #expect(counts.succeeded > 500 && counts.failed > 500 && counts.refused > 100)
}
