// How a snapshot goes to the disk: every byte once, in parts, all synced when it gets its name.
import Journal
import KeyValue
import Snapshot
import Testing
import Wire

@Suite struct TakingTests {
    private static let part = 128 << 10

    private func store() -> Store {
        var store = Store()
        for size in [1, Self.part - 1, Self.part, 300_000, 3 << 20, 7] {
            store.put("key-\(size)", String(repeating: "v", count: size))
        }
        return store
    }

    /// What the disk has when the snapshot gets its name, and the length of each synced stretch.
    private func written(took nanoseconds: UInt64?) -> (bytes: [UInt8], stretches: [Int]) {
        let store = store()
        var taking = SnapshotTaking(store.head(), of: store)
        var bytes: [UInt8] = []
        var stretches: [Int] = []
        var unsynced = 0
        var isNamed = false
        while let action = taking.next() {
            switch action {
            case .write(.snapshotDraft(taking.id), let offset, let pieces, let isSynced):
                #expect(offset == UInt64(bytes.count) && !isNamed)
                for piece in pieces {
                    bytes += piece.bytes[piece.range]
                    unsynced += piece.count
                }
                if isSynced {
                    stretches.append(unsynced)
                    unsynced = 0
                }
            case .rename(.snapshotDraft(taking.id), .snapshot(taking.id)):
                #expect(unsynced == 0)
                isNamed = true
            case .remove(.snapshotDraft(taking.id)): #expect(bytes.isEmpty)
            case .syncFolder(.snapshot): #expect(isNamed)
            default: Issue.record("\(action)")
            }
            if let nanoseconds { taking.took(nanoseconds: nanoseconds) }
        }
        #expect(isNamed)
        return (bytes, stretches)
    }

    @Test("every byte once and in order, at most 128 KiB unsynced; in larger parts where a sync takes long")
    func parts() throws {
        let store = store()
        var encoder = SnapshotEncoder(head: store.head(), store: store)
        var whole: [UInt8] = []
        while let piece = encoder.next() { whole += piece }
        for nanoseconds in [nil, 1_000] as [UInt64?] {
            let (bytes, stretches) = written(took: nanoseconds)
            #expect(bytes == whole)
            #expect(stretches.dropLast().allSatisfy { $0 == Self.part })
            #expect(try #require(stretches.last) < Self.part)
        }
        let (bytes, stretches) = written(took: 20_000_000)
        #expect(bytes == whole)
        #expect(stretches.starts(with: [1, 2, 4, 8, 8].map { $0 * Self.part }))
    }
}
