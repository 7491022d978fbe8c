// Idempotency keys: one effect, the same answer, for ten minutes of cluster time at least (Interface §6).
import KeyValue
import Testing

private func once(_ key: String, _ request: UInt64 = 0) -> Once {
    Once(key: Array(key.utf8), request: .init(high: request, low: ~request))
}

extension Store {
    fileprivate mutating func put(
        _ key: String, _ value: String, _ once: Once?, if precondition: Precondition = .none, at: UInt64 = 0
    ) -> Reply {
        var out: [UInt8] = []
        Command.appendPut(
            key: Array(key.utf8).span, value: Array(value.utf8).span, contentType: Span(),
            precondition: precondition, once: once, at: ClusterTime(milliseconds: at), to: &out)
        return apply(out)
    }

    fileprivate mutating func transact(_ transaction: Transaction, _ once: Once) -> Reply {
        var out: [UInt8] = []
        Command.append(transaction, once: once, at: .zero, to: &out)
        return apply(out)
    }
}

@Suite("Idempotency keys")
struct OnceTests {
    @Test("a write that is sent again changes nothing and gets the first answer")
    func replayed() {
        var store = Store()
        let first = store.put("a", "1", once("K"))
        #expect(
            first == .written(created: true, revision: Revision(2), createdRevision: Revision(2), version: 1))
        _ = store.put("a", "2", nil)
        let hash = store.hash
        #expect(store.put("a", "1", once("K")) == .replayed(first, revision: Revision(2)))
        #expect(store.revision == Revision(3) && store.row("a")?.value == [UInt8]("2"))
        #expect(store.hash != hash, "a node that has forgotten the key would differ")
        #expect(store.put("a", "1", once("L")) != .replayed(first, revision: Revision(2)))
    }

    @Test("another request under the same key is refused")
    func reused() {
        var store = Store()
        _ = store.put("a", "1", once("K", 1))
        #expect(store.put("a", "2", once("K", 2)) == .keyReused)
        #expect(store.revision == Revision(2))
    }

    @Test("every answer that the store's content decides is kept as it was")
    func replies() {
        var store = Store()
        let at = ClusterTime.zero
        var commands: [(String, (Once, inout [UInt8]) -> Void)] = []
        commands.append(
            (
                "condition",
                {
                    Command.appendPut(
                        key: [UInt8]("a").span, value: Span(), contentType: Span(),
                        precondition: Precondition(ifMatch: .any), once: $0, at: at, to: &$1)
                }
            ))
        commands.append(
            (
                "put",
                {
                    Command.appendPut(
                        key: [UInt8]("a\"").span, value: [0xFF, 0].span,
                        contentType: [UInt8]("text/plain").span,
                        precondition: .none, once: $0, at: at, to: &$1)
                }
            ))
        commands.append(
            (
                "condition on what is there",
                {
                    Command.appendDelete(
                        key: [UInt8]("a\"").span, precondition: Precondition(ifMatch: .one(Revision(99))),
                        once: $0, at: at, to: &$1)
                }
            ))
        commands.append(
            ("grant", { Command.appendGrant(7, ttlMilliseconds: 5_000, once: $0, at: at, to: &$1) }))
        commands.append(
            ("taken", { Command.appendGrant(7, ttlMilliseconds: 5_000, once: $0, at: at, to: &$1) }))
        let everything = Transaction(then: [
            .get(key: [UInt8]("nothing")), .get(key: [UInt8]("a\"")), .list(prefix: [], limit: 1),
            .put(key: [UInt8]("b"), value: [UInt8]("\n"), contentType: [], lifetime: .lease(7)),
            .put(key: [UInt8]("c"), value: [], contentType: [], lifetime: .ttl(milliseconds: 5_000)),
            .list(prefix: [], limit: 2), .delete(key: [UInt8]("a\"")), .deleteAll(prefix: [UInt8]("zz")),
            .get(key: [UInt8]("b")), .get(key: [UInt8]("c")),
        ])
        commands.append(("transaction", { Command.append(everything, once: $0, at: at, to: &$1) }))
        commands.append(
            (
                "range",
                { Command.appendDelete(range: KeyRange(prefix: [UInt8]("c")), once: $0, at: at, to: &$1) }
            ))
        commands.append(("revoke", { Command.appendRevoke(7, once: $0, at: at, to: &$1) }))
        commands.append(("revoked", { Command.appendRevoke(7, once: $0, at: at, to: &$1) }))
        let leaseless = Transaction.Step.put(
            key: [UInt8]("b"), value: [], contentType: [], lifetime: .lease(7))
        for steps in [[leaseless], [.get(key: [UInt8]("b")), leaseless]] {
            commands.append(
                (
                    "put \(steps.count) without its lease",
                    { Command.append(Transaction(then: steps), once: $0, at: at, to: &$1) }
                ))
            let otherwise = Transaction(
                comparisons: [Comparison(key: [UInt8]("b"), .exists(true))], otherwise: steps)
            commands.append(
                ("put \(steps.count) otherwise", { Command.append(otherwise, once: $0, at: at, to: &$1) }))
        }
        for (name, append) in commands {
            var command: [UInt8] = []
            append(once(name), &command)
            let reply = store.apply(command)
            #expect(reply != .malformed && reply != .none, "\(name)")
            let revision = store.revision
            guard case .replayed(let again, let then) = store.apply(command) else {
                Issue.record("\(name) is not kept")
                continue
            }
            #expect(then == revision, "\(name)")
            #expect(store.revision == revision, "\(name)")
            if case .transacted(let one) = reply, case .transacted(let other) = again {
                // The value of what was put is no part of the answer.
                #expect(one.results.count == other.results.count && one.succeeded == other.succeeded)
                for (a, b) in zip(one.results, other.results) {
                    if case .put(let a) = a, case .put(let b) = b {
                        #expect(a.key == b.key && a.revision == b.revision && a.version == b.version)
                    } else {
                        #expect(a == b)
                    }
                }
            } else {
                #expect(again == reply, "\(name)")
            }
        }
        #expect(store.answerCount == commands.count)
    }

    @Test("what is refused for its size is not kept, and may be asked again")
    func refused() {
        var store = Store()
        _ = store.put("large", String(repeating: "x", count: 70_000), nil)
        let read = Transaction(then: [.get(key: [UInt8]("large")), put("a", "1")])
        #expect(store.transact(read, once("K")) == .answerTooLarge(at: .init(isThen: true, number: 0, .get)))
        #expect(store.row("a") == nil && store.answerCount == 0)
        guard case .transacted = store.apply(transactionCommand(read)) else {
            Issue.record("without a key there is room")
            return
        }
        #expect(store.apply("{\"at\":0,\"once\":{\"key\":\"M\"},\"none\":true}") == .malformed)
        #expect(store.answerCount == 0)
    }

    private func put(_ key: String, _ value: String) -> Transaction.Step {
        .put(key: Array(key.utf8), value: Array(value.utf8), contentType: [])
    }

    @Test("an answer is kept for ten minutes of cluster time, and forgotten after them, the oldest first")
    func forgetting() {
        var store = Store()
        let ten = Once.keptMilliseconds
        for number: UInt64 in 0..<10 { _ = store.put("a", "1", once("K\(number)"), at: 1_000 + number) }
        #expect(store.answerCount == 10)
        // A leader whose clock is behind.
        _ = store.put("a", "1", once("late"), at: 5)
        #expect(store.put("a", "1", once("K0"), at: 1_000 + ten) != .keyReused)
        guard case .replayed = store.put("a", "1", once("K0"), at: 1_000 + ten) else {
            Issue.record("forgotten before its time")
            return
        }
        #expect(store.answerCount == 11)
        // Four at a time.
        _ = store.put("a", "1", once("x"), at: 1_005 + ten)
        #expect(store.answerCount == 11 - 4 + 1)
        guard case .written = store.put("a", "1", once("K0"), at: 1_005 + ten) else {
            Issue.record("kept for longer than needed")
            return
        }
    }

    @Test("there is a bound, and behind it a refusal that changes nothing")
    func full() {
        var store = Store()
        var count = 0
        let value = String(repeating: "x", count: 60_000)
        _ = store.put("large", value, nil)
        let read = Transaction(then: [.get(key: [UInt8]("large")), put("a", "1")])
        while case .transacted = store.transact(read, once("\(count)")) { count += 1 }
        #expect(count > 4_000 && count < 4_800, "256 MiB")
        let revision = store.revision
        #expect(store.transact(read, once("more")) == .keysFull)
        #expect(store.put("a", "1", once("more")) == .keysFull)
        #expect(store.revision == revision)
        guard case .replayed = store.transact(read, once("0")) else {
            Issue.record("what is kept is answered though nothing more is")
            return
        }
        // Ten minutes on there is room again.
        guard case .written = store.put("a", "1", once("more"), at: Once.keptMilliseconds + 1) else {
            Issue.record("no room though the answers are old")
            return
        }
    }
}
