// Leases and keys that end: never before their time by the commands' stamps, and whole (Interface §4, rule
// 22).
import KeyValue
import Testing

private func command(_ append: (inout [UInt8]) -> Void) -> [UInt8] {
    var out: [UInt8] = []
    append(&out)
    return out
}

extension Store {
    fileprivate mutating func grant(_ id: UInt64? = nil, ttl: UInt64 = 30_000, at: UInt64 = 0) -> Reply {
        apply(command { Command.appendGrant(id, ttlMilliseconds: ttl, at: .init(milliseconds: at), to: &$0) })
    }

    fileprivate mutating func revoke(_ id: UInt64, at: UInt64 = 0) -> Reply {
        apply(command { Command.appendRevoke(id, at: .init(milliseconds: at), to: &$0) })
    }

    @discardableResult
    fileprivate mutating func expire(_ ids: [UInt64] = [], at: UInt64) -> Reply {
        apply(command { Command.appendExpire(ids, at: .init(milliseconds: at), to: &$0) })
    }

    @discardableResult
    fileprivate mutating func put(_ key: String, _ lifetime: Lifetime, at: UInt64 = 0) -> Reply {
        apply(
            command {
                Command.appendPut(
                    key: Array(key.utf8).span, value: Array("1".utf8).span, contentType: Span(),
                    precondition: .none,
                    lifetime: lifetime, at: .init(milliseconds: at), to: &$0)
            })
    }

    fileprivate func keys() -> [String] { rows().map { String(decoding: $0.key, as: UTF8.self) } }
}

@Suite("Leases and ends")
struct LeaseTests {
    @Test("commands are JSON, and read back")
    func encoding() {
        let once = Once(key: [UInt8]("K\""), request: .init(high: 0x0123_4567_89AB_CDEF, low: 1))
        let at = ClusterTime(milliseconds: 5)
        let put = command {
            Command.appendPut(
                key: [UInt8]("a").span, value: [UInt8]("x").span, contentType: Span(), precondition: .none,
                lifetime: .ttl(milliseconds: 1_500), once: once, at: at, to: &$0)
        }
        #expect(
            String(decoding: put, as: UTF8.self)
                == #"{"at":5,"once":{"key":"K\"","request":"0123456789abcdef0000000000000001"},"#
                + #""put":{"key":"a","value":"x","ttl":1500}}"#)
        let grant = command { Command.appendGrant(Lease.idMax, ttlMilliseconds: 1_000, at: at, to: &$0) }
        #expect(
            String(decoding: grant, as: UTF8.self)
                == #"{"at":5,"grant":{"id":"9223372036854775807","ttl":1000}}"#)
        let expire = command { Command.appendExpire([1, 2], at: at, to: &$0) }
        #expect(String(decoding: expire, as: UTF8.self) == #"{"at":5,"expire":["1","2"]}"#)
    }

    @Test(
        "what no client could have asked is malformed",
        arguments: [
            #"{"at":1,"grant":{"id":"7"}}"#, #"{"at":1,"grant":{"id":"0","ttl":1000}}"#,
            #"{"at":1,"grant":{"id":"07","ttl":1000}}"#, #"{"at":1,"grant":{"ttl":999}}"#,
            #"{"at":1,"grant":{"ttl":86400001}}"#,
            #"{"at":1,"grant":{"id":"9223372036854775808","ttl":1000}}"#,
            #"{"at":1,"grant":{"id":7,"ttl":1000}}"#, #"{"at":1,"revoke":7}"#, #"{"at":1,"revoke":""}"#,
            #"{"at":1,"expire":"7"}"#, #"{"at":1,"expire":[7]}"#, #"{"at":1,"expire":["a"]}"#,
            #"{"at":1,"put":{"key":"a","value":"","ttl":1000,"lease":"1"}}"#,
            #"{"at":1,"put":{"key":"a","value":"","lease":"1","ttl":1000}}"#,
            #"{"at":1,"put":{"key":"a","value":"","ttl":0}}"#,
            #"{"at":1,"put":{"key":"a","value":"","lease":"0"}}"#,
            #"{"at":1,"once":{"key":"","request":"00000000000000000000000000000000"},"none":true}"#,
            #"{"at":1,"once":{"key":"k","request":"0000000000000000000000000000000"},"none":true}"#,
            #"{"at":1,"once":{"key":"k"},"none":true}"#, #"{"at":1,"once":{},"none":true}"#,
        ])
    func malformed(_ text: String) {
        var store = Store()
        #expect(store.apply(text) == .malformed)
        #expect(store.leaseCount == 0 && store.answerCount == 0 && store.clusterTime == .zero)
    }

    @Test("a lease has the entry's index as its id, the next free one, or the one that is asked for")
    func ids() {
        var store = Store()
        #expect(store.grant() == .granted(lease: 1, ttlMilliseconds: 30_000))
        #expect(store.grant(3) == .granted(lease: 3, ttlMilliseconds: 30_000))
        #expect(store.grant(4, ttl: 1_000) == .granted(lease: 4, ttlMilliseconds: 1_000))
        // Entry 4: 4 is taken.
        #expect(store.grant() == .granted(lease: 5, ttlMilliseconds: 30_000))
        #expect(store.grant(3) == .leaseExists)
        #expect(store.lease(3)?.ttlMilliseconds == 30_000 && store.lease(3)?.keyCount == 0)
        #expect(store.leaseCount == 4 && store.revision == .empty)
    }

    @Test("a key goes with its lease, by the last write's word")
    func revoking() {
        var store = Store()
        _ = store.grant(7)
        _ = store.grant(8)
        #expect(store.put("x", .lease(9)) == .leaseNotFound(at: nil))
        for key in ["a", "b", "c", "d"] { store.put(key, .lease(7)) }
        store.put("b", .unbounded)
        store.put("c", .lease(8))
        store.put("d", .ttl(milliseconds: 1_000))
        #expect(store.keys(of: 7) == [[UInt8]("a")] && store.keys(of: 8) == [[UInt8]("c")])
        #expect(store.record([UInt8]("c").span)?.lease == 8)
        let before = store.revision
        #expect(store.revoke(7) == .revoked(lease: 7, deleted: 1, revision: before.next))
        #expect(store.keys() == ["b", "c", "d"])
        #expect(store.revoke(7) == .leaseNotFound(at: nil))
        #expect(store.delete("c") == .deleted(count: 1, revision: store.revision))
        #expect(store.lease(8)?.keyCount == 0)
        // Without keys there is no revision.
        #expect(store.revoke(8) == .revoked(lease: 8, deleted: 0, revision: store.revision))
        #expect(store.leaseCount == 0)
        store.expire(at: 999)
        #expect(store.keys() == ["b", "d"])
        store.expire(at: 1_000)
        #expect(store.keys() == ["b"] && store.firstEnd == nil && store.bytes == 2)
    }

    @Test("an end is counted from the command that is applied, however late its stamp")
    func ends() {
        var store = Store()
        _ = store.apply(noneCommand(at: 10_000))
        // A new leader's clock may be behind what was applied.
        store.put("a", .ttl(milliseconds: 1_000), at: 4_000)
        #expect(store.record([UInt8]("a").span)?.hold.end == ClusterTime(milliseconds: 11_000))
        store.put("b", .ttl(milliseconds: 5_000), at: 10_500)
        #expect(store.firstEnd == ClusterTime(milliseconds: 11_000))
        store.expire(at: 10_999)
        #expect(store.keys() == ["a", "b"])
        let revision = store.revision
        store.expire(at: 15_499)
        #expect(store.keys() == ["b"] && store.revision == revision.next)
        store.expire(at: 15_500)
        #expect(store.keys().isEmpty)
        let last = store.revision
        store.expire(at: 20_000)
        #expect(store.revision == last, "nothing ended, so there is no revision")
    }

    @Test("one revision changes at most 10,000 keys: what is left stays whole, and is asked for again")
    func bounds() throws {
        var store = Store()
        for id: UInt64 in 1...3 { _ = store.grant(id) }
        for number in 0..<Lease.keysMax {
            store.put("1/\(number)", .lease(1))
            if number < 6_000 { store.put("2/\(number)", .lease(2)) }
            if number < 4_000 { store.put("3/\(number)", .lease(3)) }
        }
        #expect(store.put("1/more", .lease(1)) == .leaseFull(at: nil))
        let more = Transaction.Step.put(
            key: [UInt8]("1/more"), value: [], contentType: [], lifetime: .lease(1))
        #expect(
            store.apply(transactionCommand(Transaction(then: [.get(key: [UInt8]("a")), more])))
                == .leaseFull(at: Transaction.Place(isThen: true, number: 1, .put)))
        guard case .written = store.put("1/0", .lease(1)) else { throw Unexpected() }
        store.put("end", .ttl(milliseconds: 1_000))
        let revision = store.revision
        store.expire([2, 3, 1, 99], at: 5_000)
        // 1 + 6,000, and 4,000 would be one too many; so is 10,000.
        #expect(store.count == 14_000 && store.leaseCount == 2 && store.revision == revision.next)
        store.expire([3, 1], at: 5_000)
        #expect(store.count == 10_000 && store.leaseCount == 1)
        store.expire([1], at: 5_000)
        #expect(store.count == 0 && store.leaseCount == 0 && store.bytes == 0)
        for number in 0..<10_010 { store.put("\(number)", .ttl(milliseconds: 1_000), at: 5_000) }
        store.expire(at: 6_000)
        #expect(store.count == 10)
        store.expire(at: 6_000)
        #expect(store.count == 0)
    }

    @Test("a transaction that fails gives leases their keys back")
    func transactions() {
        var store = Store()
        _ = store.grant(7)
        _ = store.grant(8)
        store.put("a", .lease(7))
        store.put("b", .ttl(milliseconds: 9_000))
        let steps: [Transaction.Step] = [
            .put(key: [UInt8]("a"), value: [], contentType: [], lifetime: .lease(8)),
            .put(key: [UInt8]("n"), value: [], contentType: [], lifetime: .lease(7)),
            .delete(key: [UInt8]("b")),
        ]
        let missing = Transaction.Step.put(
            key: [UInt8]("m"), value: [], contentType: [], lifetime: .lease(9))
        let (before, revision) = (store.rows(), store.revision)
        #expect(
            store.apply(transactionCommand(Transaction(then: steps + [missing])))
                == .leaseNotFound(at: Transaction.Place(isThen: true, number: 3, .put)))
        #expect(store.rows() == before && store.revision == revision)
        #expect(store.keys(of: 7) == [[UInt8]("a")] && store.keys(of: 8).isEmpty)
        #expect(store.lease(7)?.keyCount == 1 && store.lease(8)?.keyCount == 0)
        #expect(store.firstEnd == ClusterTime(milliseconds: 9_000))
        _ = store.apply(transactionCommand(Transaction(then: steps)))
        #expect(store.keys(of: 7) == [[UInt8]("n")] && store.keys(of: 8) == [[UInt8]("a")])
        #expect(store.firstEnd == nil)
        let compared = Transaction(
            comparisons: [Comparison(key: [UInt8]("a"), .number(.lease, [.init(.eq, 8)]))])
        guard case .transacted(let done) = store.apply(transactionCommand(compared)) else {
            Issue.record("a comparison of a lease")
            return
        }
        #expect(done.succeeded)
    }

    @Test("a frozen copy keeps its leases while the store's go")
    func freezing() {
        var store = Store()
        _ = store.grant(7)
        for number in 0..<1_000 { store.put("\(number)", .lease(7)) }
        let frozen = store
        _ = store.revoke(7)
        #expect(store.leaseCount == 0 && store.count == 0)
        #expect(frozen.keys(of: 7).count == 1_000 && frozen.lease(7)?.keyCount == 1_000)
    }
}
