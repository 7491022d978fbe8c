// Lists: a page at once, or a stream of lines from a frozen copy of the store (Interface §2, GET /kv).
internal import API
internal import HTTP
internal import KeyValue
internal import Network
internal import Replica

/// A list that is being sent: the store as it was, and how far it has got.
final class ListStream {
    private var walk: ListWalk
    private let store: Store
    /// Cluster time when it began.
    private let now: ClusterTime
    static let chunkBytes = 48 << 10

    init(_ walk: ListWalk, of store: Store, now: ClusterTime) {
        self.now = now
        self.walk = walk
        self.store = store
    }

    var isOver: Bool { walk.isOver }

    func appendChunk(lines: inout [UInt8], to out: inout [UInt8]) {
        walk.appendChunk(from: store, now: now, bytesMax: Self.chunkBytes, lines: &lines, to: &out)
    }
}

extension Node {
    /// Answers a list from the store as it is now.
    mutating func list(_ slot: Int, _ listing: Listing, isLocal: Bool) {
        let age = isLocal ? age : nil
        guard listing.isStream else {
            let room = room(slot)
            answer(slot) { [store = replica.store] in
                $0.appendPage(listing, of: store, age: age, bytesMax: room, to: &$1)
            }
            return
        }
        if clients[slot].head?.method != .head, !hasRoom(slot, for: ListStream.chunkBytes) {
            refuse(slot, .crowded)
            return
        }
        let start = clients[slot].outbound.bytes.count
        answerer(slot).appendStreamHead(
            storeRevision: replica.store.revision, age: age, to: &clients[slot].outbound.bytes)
        count(slot, from: start)
        touch(slot)
        if clients[slot].head?.method == .head {
            finish(slot)
            return
        }
        clients[slot].stream = ListStream(
            ListWalk(listing), of: replica.store, now: replica.clusterTime)
        clients[slot].stage = .streaming
        streams += 1
    }

    /// What was written is with the kernel: the next lines follow.
    mutating func streamOn(_ slot: Int) -> Next {
        if clients[slot].backup != nil { return backUpOn(slot) }
        if clients[slot].watcher != nil { return watchOn(slot) }
        guard clients[slot].outbound.isEmpty, let stream = clients[slot].stream else { return .rest }
        guard hasRoom(slot, for: ListStream.chunkBytes) else {
            starve(slot)
            return .rest
        }
        stream.appendChunk(lines: &scratch, to: &clients[slot].outbound.bytes)
        setDeadline(slot, after: configuration.idleTime)
        touch(slot)
        sendIfLarge(slot)
        guard stream.isOver else { return .rest }
        clients[slot].stream = nil
        streams -= 1
        finish(slot)
        return .again
    }
}
