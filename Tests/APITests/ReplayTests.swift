// What is answered to a write that is sent again: the first answer, byte for byte (Interface §6).
import API
import Foundation
import KeyValue
import Testing

private func once(_ key: String) -> Once {
    Once(key: Array(key.utf8), request: .init(high: 1, low: 2))
}

private func step(_ key: String, _ lifetime: Lifetime = .unbounded) -> Transaction.Step {
    .put(key: Array(key.utf8), value: Array("x".utf8), contentType: [], lifetime: lifetime)
}

extension Store {
    fileprivate mutating func transact(_ transaction: Transaction, _ once: Once?, at: UInt64) -> Reply {
        var command: [UInt8] = []
        Command.append(transaction, once: once, at: ClusterTime(milliseconds: at), to: &command)
        return apply(command.span, index: appliedIndex + 1)
    }

    /// What a transaction is answered with by a node whose clock is at `now`.
    fileprivate func answer(_ reply: Reply, now: UInt64) throws -> Response {
        var out: [UInt8] = []
        Answer(context, Manner(), now: ClusterTime(milliseconds: now)).appendReply(
            reply, key: [UInt8]().span, route: .transaction, storeRevision: revision, isKeyed: true, to: &out)
        return try Response(out)
    }
}

@Suite("Answers that are given again")
struct ReplayTests {
    @Test("what is left of a key's life is told as in the first answer, however late it is asked for again")
    func times() throws {
        var store = Store()
        let transaction = Transaction(then: [
            step("a", .ttl(milliseconds: 60_000)), step("b", .ttl(milliseconds: 5_000)),
            .get(key: Array("a".utf8)), .list(prefix: [], limit: 10), step("c"),
        ])
        let written = store.transact(transaction, once("K"), at: 1_000)
        // The node's clock has gone on while the entry was on its way.
        let first = try store.answer(written, now: 1_900)
        #expect(String(decoding: first.content, as: UTF8.self).contains("\"ttl\":60}"))
        _ = store.transact(Transaction(then: [step("d")]), nil, at: 3_000)
        let again = try store.answer(store.transact(transaction, once("K"), at: 4_000), now: 4_100)
        #expect(again.content == first.content && again.status == first.status)
        #expect(again["Rast-Revision"] == first["Rast-Revision"])
        #expect(again["Idempotency-Replayed"] == "true" && first["Idempotency-Replayed"] == nil)
    }

    @Test("a refusal that is kept names the same operation again")
    func places() throws {
        var store = Store()
        let put = step("b", .lease(99))
        let isThere = Comparison(key: Array("a".utf8), .exists(true))
        for (transaction, place) in [
            (Transaction(then: [step("a"), put]), "/then/1/put/lease"),
            (Transaction(comparisons: [isThere], otherwise: [put]), "/else/0/put/lease"),
        ] {
            let first = try store.answer(store.transact(transaction, once(place), at: 1_000), now: 1_000)
            #expect(first.status == 409)
            #expect(try (first.object["detail"] as? String)?.hasPrefix("At \(place): there is no") == true)
            _ = store.transact(Transaction(then: [step("c")]), nil, at: 1_000)
            let again = try store.answer(store.transact(transaction, once(place), at: 2_000), now: 2_000)
            #expect(again.content == first.content && again.status == 409)
            #expect(again["Idempotency-Replayed"] == "true")
            #expect(again["Rast-Revision"] == first["Rast-Revision"])
        }
        #expect(store.record(Array("a".utf8).span)?.revision == nil)
    }
}
