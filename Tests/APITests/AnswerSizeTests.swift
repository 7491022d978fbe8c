// The bounds of a transaction's answer are counted in what its JSON takes (Interface §2, §6).
import API
import Foundation
import JSON
import KeyValue
import Testing

private func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

extension Store {
    fileprivate mutating func apply(_ transaction: Transaction, _ once: Once? = nil) -> Reply {
        var command: [UInt8] = []
        Command.append(transaction, once: once, at: ClusterTime(milliseconds: 123_456), to: &command)
        return apply(command.span, index: appliedIndex + 1)
    }

    /// The bytes of the content that the transaction is answered with, and of what is kept of it; nil where
    /// it is refused for its size.
    fileprivate func sizes(_ transaction: Transaction) throws -> (answer: Int, kept: Int)? {
        var store = self
        let reply = store.apply(transaction, Once(key: utf8("K"), request: .init(high: 1, low: 2)))
        if case .answerTooLarge = reply { return nil }
        guard case .transacted = reply else { throw Unfinished() }
        let answer = try response {
            $0.appendReply(reply, key: [UInt8]().span, storeRevision: store.revision, to: &$1)
        }
        var kept = 0
        store.forEachAnswer {
            kept = $1.reply.count
            return false
        }
        return (answer.content.count, kept)
    }
}

@Suite("The size of a transaction's answer")
struct AnswerSizeTests {
    @Test("500 puts under an idempotency key are answered, and what they take is what they are")
    func many() throws {
        var store = Store()
        let puts = (0..<500).map {
            Transaction.Step.put(key: utf8("key/\($0)"), value: utf8("value"), contentType: [])
        }
        let size = try #require(try store.sizes(Transaction(then: puts)))
        #expect(size.answer > 500 * 60 && size.answer < Once.answerBytesMax)
        guard case .transacted = store.apply(Transaction(then: puts)) else { throw Unfinished() }
        // A thousand is the most that a transaction has, and all that it is told of them is kept.
        let gone = (0..<1_000).map { Transaction.Step.delete(key: utf8("key/\($0)")) }
        #expect(try store.sizes(Transaction(then: gone)) != nil)
    }

    /// A value that is read last, of a size that can be chosen: it is counted exactly.
    private func padded(_ steps: [Transaction.Step], _ count: Int) -> Transaction {
        let pad = [UInt8](repeating: 0x61, count: count)
        return Transaction(
            then: steps + [
                .put(key: utf8("~pad"), value: pad, contentType: utf8("text/plain")),
                .get(key: utf8("~pad")),
            ])
    }

    @Test("an answer is refused only where it would be too large, whatever is in it", arguments: 0..<40)
    func bound(seed: UInt64) throws {
        var chance = Chance(seed: seed)
        let store = try filled(&chance)
        let steps = (0..<chance.below(25)).map { chance.step($0) }
        // The largest value with which it is taken.
        var (taken, refused) = (0, Once.answerBytesMax)
        guard try store.sizes(padded(steps, 0)) != nil else { return }
        while refused - taken > 1 {
            let middle = (taken + refused) / 2
            if try store.sizes(padded(steps, middle)) == nil { refused = middle } else { taken = middle }
        }
        let size = try #require(try store.sizes(padded(steps, taken)))
        #expect(size.answer <= Once.answerBytesMax)
        #expect(size.kept <= Once.answerBytesMax + 14)
        // A byte for each record, of which a list has fifty here at most, and four digits a list.
        let slack = Once.answerBytesMax - size.answer
        #expect(slack <= 16 + 64 * steps.count, "of \(steps.count) operations")
    }

    /// A store with a lease, keys of every kind and large numbers.
    private func filled(_ chance: inout Chance) throws -> Store {
        var store = Store()
        for lease in [UInt64(7), Lease.idMax] {
            var command: [UInt8] = []
            Command.appendGrant(lease, ttlMilliseconds: 5_000, at: .zero, to: &command)
            guard case .granted = store.apply(command.span, index: store.appliedIndex + 1) else {
                throw Unfinished()
            }
        }
        for _ in 0..<chance.below(200) {
            guard case .transacted = store.apply(Transaction(then: [chance.put(chance.below(50))])) else {
                throw Unfinished()
            }
        }
        return store
    }
}

/// What a seed decides.
private struct Chance {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func below(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(bound))
    }

    /// Text of every kind that JSON escapes or does not.
    mutating func text(_ countMax: Int) -> [UInt8] {
        let parts = ["a", "\"", "\\", "\n", "\u{1}", "ü", "😀", "\u{7F}", "/", "plain text"]
        var text: [UInt8] = []
        for _ in 0..<below(countMax + 1) { text += utf8(parts[below(parts.count)]) }
        return text
    }

    mutating func value() -> [UInt8] {
        switch below(4) {
        case 0: return []
        case 1: return (0..<below(300)).map { _ in UInt8(below(256)) }
        case 2: return [UInt8](repeating: 0x01, count: below(100))
        default: return text(60)
        }
    }

    mutating func put(_ number: Int) -> Transaction.Step {
        let types = ["", "text/plain", "text/plain; charset=\"utf-8\""]
        let lifetimes: [Lifetime] = [
            .unbounded, .lease(7), .lease(Lease.idMax), .ttl(milliseconds: 1_000),
            .ttl(milliseconds: 315_360_000_000), .ttl(milliseconds: 1_000 + UInt64(below(100_000))),
        ]
        return .put(
            key: utf8("k\(number)/"), value: value(), contentType: utf8(types[below(3)]),
            lifetime: lifetimes[below(6)])
    }

    /// One operation; each writes its own key at most.
    mutating func step(_ number: Int) -> Transaction.Step {
        switch below(5) {
        case 0: return put(number)
        case 1: return .get(key: utf8("k\(below(60))/"))
        case 2: return .list(prefix: utf8("k\(below(9))"), limit: below(4) == 0 ? 10_000 : 1 + below(5))
        case 3: return .delete(key: utf8("k\(number)/"))
        default: return .deleteAll(prefix: utf8("k\(number)/x"))
        }
    }
}
