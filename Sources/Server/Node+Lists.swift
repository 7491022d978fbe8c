// Lists: a page at once, or a stream of lines from a frozen copy of the store (Interface §2, GET /kv).
internal import API
internal import DequeModule
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
        let coding = clients[slot].request?.coding ?? .identity
        guard listing.isStream else {
            if coding != .identity {
                compressPage(slot, listing, age)
                return
            }
            let room = room(slot)
            answer(slot) { [store = replica.store] in
                $0.appendPage(listing, of: store, age: age, bytesMax: room, to: &$1)
            }
            return
        }
        let isGzip = compresses(listing, coding)
        let bytes = isGzip ? Pipe.deflaterBytes : ListStream.chunkBytes
        if !clients[slot].isHead, !hasRoom(slot, for: bytes) {
            refuse(slot, .crowded)
            return
        }
        let start = clients[slot].outbound.bytes.count
        answerer(slot).appendStreamHead(
            storeRevision: replica.store.revision, age: age, isGzip: isGzip,
            to: &clients[slot].outbound.bytes)
        count(slot, from: start)
        touch(slot)
        if clients[slot].isHead {
            finish(slot)
            return
        }
        if isGzip {
            let list = CompressedList(ListWalk(listing), of: replica.store, now: replica.clusterTime)
            begin(slot, Pipe(source: list, kind: .list, bytesHeld: Pipe.deflaterBytes))
            return
        }
        clients[slot].stream = ListStream(
            ListWalk(listing), of: replica.store, now: replica.clusterTime)
        clients[slot].stage = .streaming
        streams += 1
    }

    /// Answers a page to a client that takes gzip.
    private mutating func compressPage(_ slot: Int, _ listing: Listing, _ age: Age?) {
        let room = room(slot)
        guard let content = answerer(slot).pageContent(listing, of: replica.store, bytesMax: room) else {
            refuse(slot, .crowded)
            return
        }
        answer(slot, .page(replica.store.revision, age), content)
    }

    /// Whether a stream is compressed: how long it gets is not known, but that it is short is seen at once.
    private mutating func compresses(_ listing: Listing, _ coding: ContentCoding) -> Bool {
        if coding == .identity { return false }
        scratch.removeAll(keepingCapacity: true)
        var walk = ListWalk(listing)
        walk.appendLines(
            from: replica.store, now: replica.clusterTime, bytesMax: LargeAnswer.compressedBytesMin,
            to: &scratch)
        return coding.compresses(contentBytes: walk.isOver ? scratch.count : .max)
    }

    /// What was written is with the kernel: the next lines follow.
    mutating func streamOn(_ slot: Int) -> Next {
        if clients[slot].pipe != nil { return pipeOn(slot) }
        if clients[slot].watcher != nil { return watchOn(slot) }
        guard clients[slot].outbound.isEmpty, let stream = clients[slot].stream else { return .rest }
        if now < listPace.goesOnAt {
            rest(slot)
            return .rest
        }
        guard hasRoom(slot, for: ListStream.chunkBytes) else {
            starve(slot)
            return .rest
        }
        let began = listPace.givesWay(to: disk.batches, now: now) ? threadNanoseconds() : nil
        stream.appendChunk(lines: &scratch, to: &clients[slot].outbound.bytes)
        setDeadline(slot, after: configuration.idleTime)
        touch(slot)
        sendIfLarge(slot)
        if let began { listPace.rest(threadNanoseconds() - began, now: now) }
        guard stream.isOver else { return .rest }
        clients[slot].stream = nil
        streams -= 1
        finish(slot)
        return .again
    }

    /// A list goes on when it is time; until then nothing else brings it there.
    private mutating func rest(_ slot: Int) {
        if clients[slot].isRunnable { return }
        clients[slot].isRunnable = true
        listPace.resting.append(clients.token(at: slot))
    }

    /// The list that has rested for the longest time goes on.
    mutating func wakeList() {
        guard now >= listPace.goesOnAt, let token = listPace.resting.popFirst() else { return }
        runnable.append(token)
    }
}
