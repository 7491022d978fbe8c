// The rules of the state machine: revisions, versions, conditions, deletes, cluster time (Interface §1, §2).
import KeyValue
import Testing

@Suite("The store")
struct StoreTests {
    private func written(
        _ revision: UInt64, created: Bool, at createdRevision: UInt64, version: UInt64
    ) -> Reply {
        .written(
            created: created, revision: Revision(revision), createdRevision: Revision(createdRevision),
            version: version)
    }

    @Test("an empty store is at revision 1, and its first write is 2")
    func firstWrite() {
        var store = Store()
        #expect(store.revision == Revision(1))
        #expect(store.count == 0)
        #expect(store.put("a", "x") == written(2, created: true, at: 2, version: 1))
        #expect(store.revision == Revision(2))
    }

    @Test("a write to a key that is there keeps its created revision and counts its version up")
    func overwrite() {
        var store = Store()
        _ = store.put("a", "x")
        _ = store.put("b", "x")
        #expect(store.put("a", "yy") == written(4, created: false, at: 2, version: 2))
        #expect(store.put("a", "yy") == written(5, created: false, at: 2, version: 3))
        #expect(store.row("a")?.value == [UInt8]("yy"))
        #expect(store.row("b")?.revision == Revision(3))
        #expect(store.count == 2)
        #expect(store.bytes == 5)
    }

    @Test("a key that was deleted and written again begins anew")
    func recreate() {
        var store = Store()
        _ = store.put("a", "x")
        _ = store.put("a", "x")
        #expect(store.delete("a") == .deleted(count: 1, revision: Revision(4)))
        #expect(store.row("a") == nil)
        #expect(store.put("a", "x") == written(5, created: true, at: 5, version: 1))
    }

    @Test("a write without a content type takes the old one away")
    func typeIsReplaced() {
        var store = Store()
        _ = store.apply(putCommand([UInt8]("a"), [UInt8]("x"), type: [UInt8]("text/plain")))
        #expect(store.row("a")?.type == [UInt8]("text/plain"))
        _ = store.put("a", "x")
        #expect(store.row("a")?.type == [])
        var served: [UInt8] = []
        store.record([UInt8]("a").span)?.appendContentType(to: &served)
        #expect(served == [UInt8]("application/octet-stream"))
    }

    @Test("deleting an absent key changes no revision")
    func deleteAbsent() {
        var store = Store()
        _ = store.put("a", "x")
        #expect(store.delete("b") == .deleted(count: 0, revision: Revision(2)))
        #expect(store.revision == Revision(2))
    }

    @Test("If-Match writes only while the key is at the revision, and tells the current one")
    func ifMatch() {
        var store = Store()
        let at2 = Precondition(ifMatch: .one(Revision(2)))
        #expect(store.put("a", "x", if: at2) == .conditionFailed(current: nil))
        _ = store.put("a", "x")
        #expect(store.put("a", "y", if: at2) == written(3, created: false, at: 2, version: 2))
        #expect(store.put("a", "z", if: at2) == .conditionFailed(current: Revision(3)))
        #expect(store.row("a")?.value == [UInt8]("y"))
        #expect(store.revision == Revision(3))
        let listed = Precondition(ifMatch: .list([Revision(1), Revision(3)]))
        #expect(store.put("a", "z", if: listed) == written(4, created: false, at: 2, version: 3))
    }

    @Test("If-Match: * writes only a key that exists; If-None-Match: * only one that does not")
    func any() {
        var store = Store()
        let exists = Precondition(ifMatch: .any)
        let absent = Precondition(ifNoneMatch: .any)
        #expect(store.put("a", "x", if: exists) == .conditionFailed(current: nil))
        #expect(store.put("a", "x", if: absent) == written(2, created: true, at: 2, version: 1))
        #expect(store.put("a", "y", if: absent) == .conditionFailed(current: Revision(2)))
        #expect(store.put("a", "y", if: exists) == written(3, created: false, at: 2, version: 2))
    }

    @Test("a delete obeys the same conditions; If-Match on an absent key fails")
    func conditionalDelete() {
        var store = Store()
        let at2 = Precondition(ifMatch: .one(Revision(2)))
        #expect(store.delete("a", if: at2) == .conditionFailed(current: nil))
        #expect(store.delete("a", if: Precondition(ifMatch: .any)) == .conditionFailed(current: nil))
        _ = store.put("a", "x")
        _ = store.put("a", "y")
        #expect(store.delete("a", if: at2) == .conditionFailed(current: Revision(3)))
        #expect(
            store.delete("a", if: Precondition(ifNoneMatch: .one(Revision(3))))
                == .conditionFailed(current: Revision(3)))
        #expect(
            store.delete("a", if: Precondition(ifMatch: .one(Revision(3))))
                == .deleted(count: 1, revision: Revision(4)))
    }

    @Test("cluster time is the latest stamp, and never goes back")
    func clusterTime() {
        var store = Store()
        #expect(store.apply(noneCommand(at: 100)) == .none)
        #expect(store.clusterTime == ClusterTime(milliseconds: 100))
        _ = store.apply(putCommand([UInt8]("a"), [], at: 50))
        #expect(store.clusterTime == ClusterTime(milliseconds: 100))
        _ = store.apply(deleteCommand([UInt8]("a"), at: 150))
        #expect(store.clusterTime == ClusterTime(milliseconds: 150))
    }

    @Test("an empty entry changes no key and no revision")
    func none() {
        var store = Store()
        _ = store.put("a", "x")
        let before = store.rows()
        #expect(store.apply(noneCommand(at: 3)) == .none)
        #expect(store.rows() == before)
        #expect(store.revision == Revision(2))
        #expect(store.appliedIndex == 2)
    }

    @Test("indexes may be left out, as those of the cluster's own entries are")
    func gaps() {
        var store = Store()
        _ = store.apply(noneCommand(at: 0).span, index: 4)
        _ = store.apply(putCommand([UInt8]("a"), []).span, index: 9)
        #expect(store.appliedIndex == 9)
        #expect(store.revision == Revision(2))
    }

    @Test("keys are bytes: two spellings that Unicode calls equal are two keys")
    func keysAreBytes() {
        var store = Store()
        _ = store.put("\u{E4}", "one")
        _ = store.put("a\u{308}", "two")
        #expect(store.count == 2)
        #expect(store.row("\u{E4}")?.value == [UInt8]("one"))
    }

    @Test("a frozen copy keeps everything while the store goes on")
    func frozen() {
        var store = Store()
        for i in 0..<1_000 { _ = store.put("k\(i)", "v\(i)") }
        let frozen = store
        let rows = store.rows()
        for i in 0..<1_000 { _ = i % 2 == 0 ? store.delete("k\(i)") : store.put("k\(i)", "new") }
        #expect(frozen.rows() == rows)
        #expect(frozen.revision == Revision(1_001))
        #expect(frozen.appliedIndex == 1_000)
        #expect(store.count == 500)
        #expect(store.hash != frozen.hash)
    }

    @Test("the last revision there can be is not passed")
    func exhausted() {
        let restoration = Restoration(
            revision: .largest, clusterTime: .zero, appliedIndex: 1, hash: 0)
        var store = restoration.finish()
        #expect(store.put("a", "x") == .malformed)
        #expect(store.revision == .largest)
    }
}
