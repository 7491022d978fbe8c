// The other end: pieces of a snapshot go to disk, and the whole of it takes the place of what was here (§7).
internal import Consensus
public import KeyValue
public import Wire

/// A snapshot that was read back from the file it was received in, and is what it says.
public struct OpenedSnapshot: Sendable {
    public let head: SnapshotHead
    public let store: Store
    /// The checksum and the length of the file.
    public let sum: UInt32
    public let bytes: UInt64
    public init(head: SnapshotHead, store: Store, sum: UInt32, bytes: UInt64) {
        self.head = head
        self.store = store
        self.sum = sum
        self.bytes = bytes
    }
}

/// A snapshot that is being received: one file, named by its last entry, its checksum and its length.
struct Receiving: Sendable {
    let snapshot: EntryID
    let sum: UInt32
    let bytes: UInt64
    /// What the disk has taken, and what was given to it.
    var next: UInt64 = 0
    var given: UInt64 = 0
    /// The question that the last piece came with, until it is answered.
    var question: (exchange: Exchange, message: Message)?
    var stage = Stage.receiving

    enum Stage: Sendable {
        case receiving
        /// All of it is on disk, and is being read back.
        case opening
        /// It holds here; the journal is giving it its name.
        case installing(WriteID, StoredSnapshot)
        /// What this member has applied after it is applied to it.
        case repairing
    }

    init(_ piece: Message.Piece) {
        snapshot = piece.snapshot
        sum = piece.sum
        bytes = piece.bytes
    }

    func isOf(_ piece: Message.Piece) -> Bool {
        piece.snapshot == snapshot && piece.sum == sum && piece.bytes == bytes
    }
}

extension Replica {
    /// A piece from this term's leader. It is answered once the disk has taken it.
    mutating func take(_ exchange: Exchange, _ message: Message) {
        guard case .piece(let piece) = message.body, let bytes = incomingPiece else { return }
        incomingPiece = nil
        if receiving.map({ !$0.isOf(piece) }) ?? true {
            // Another file begins at its beginning, and not while the last one is still looked at.
            guard piece.offset == 0, mayReceiveAnew else {
                step(.answerPiece(exchange, message, next: 0, isInstalled: false))
                return
            }
            receiving = Receiving(piece)
            effects.append(.notice(.receivesSnapshot(piece.snapshot, from: message.from, bytes: piece.bytes)))
        }
        guard let one = receiving else { return }
        guard case .receiving = one.stage, piece.offset == one.given, one.question == nil else {
            step(.answerPiece(exchange, message, next: one.next, isInstalled: false))
            return
        }
        receiving?.given += UInt64(bytes.count)
        receiving?.question = (exchange, message)
        effects.append(
            .receivePiece(
                bytes, offset: piece.offset, isLast: piece.offset + UInt64(bytes.count) == piece.bytes))
    }

    private var mayReceiveAnew: Bool {
        guard let receiving else { return true }
        guard case .receiving = receiving.stage else { return false }
        return receiving.given == receiving.next
    }

    /// The disk has taken what came up to `next`; the last piece is there only when all of it is synced.
    public mutating func received(upTo next: UInt64) {
        guard let one = receiving, case .receiving = one.stage, next == one.given else { return }
        receiving?.next = next
        if next < one.bytes {
            answerPiece(next: next, isInstalled: false)
        } else {
            receiving?.stage = .opening
            effects.append(.openSnapshot(one.snapshot))
        }
    }

    /// There was no room for what came: it begins anew, and the leader waits before it tries.
    public mutating func notReceived() {
        guard let one = receiving, case .receiving = one.stage else { return }
        answerPiece(next: 0, isInstalled: false)
        receiving = nil
    }

    private mutating func answerPiece(next: UInt64, isInstalled: Bool) {
        guard let question = receiving?.question else { return }
        receiving?.question = nil
        step(.answerPiece(question.exchange, question.message, next: next, isInstalled: isInstalled))
    }

    /// What `.openSnapshot` asked for; nil if the file is not the snapshot that was announced.
    public mutating func opened(_ opened: OpenedSnapshot?) {
        guard let one = receiving, case .opening = one.stage else { return }
        guard let opened, opened.head.last == one.snapshot, opened.head.cluster == start.cluster,
            opened.sum == one.sum, opened.bytes == one.bytes, isRunning, !hasDiskFailed
        else {
            effects.append(.notice(.badSnapshot(one.snapshot)))
            answerPiece(next: 0, isInstalled: false)
            receiving = nil
            return
        }
        if trust != .trusted, opened.head.last.index <= raft.commit {
            guard trust == .wrong, beginRepair(opened) else { return forgetStale(one.snapshot) }
            receiving?.stage = .repairing
            return
        }
        self.opened = opened
        step(.install(one.snapshot, opened.head.configuration))
        self.opened = nil
    }

    /// The log has come so far by itself meanwhile.
    mutating func forgetStale(_ snapshot: EntryID) {
        answerPiece(next: 0, isInstalled: false)
        receiving = nil
    }

    /// Consensus has taken it over: so does everything that follows from the log.
    mutating func install(_ write: WriteID, _ id: EntryID, discardsLog: Bool) {
        guard let opened else { preconditionFailure("what is installed was opened") }
        let stored = StoredSnapshot(
            id: id, configuration: opened.head.configuration, sum: opened.sum, bytes: opened.bytes)
        receiving?.stage = .installing(write, stored)
        if discardsLog {
            cache = LogCache()
            proposalBytes = 0
            handed = id.index
            waiting.cut(after: id.index)
        } else {
            for index in applied.next.rawValue...id.index.rawValue {
                proposalBytes -= cache.lineBytes(at: LogIndex(index))
            }
            proposalBytes = max(0, proposalBytes)
        }
        effects.append(.release(store))
        store = opened.store
        marks.forget()
        repair = nil
        applied = id.index
        bytesSinceSnapshot = 0
        stamp.follow(store.clusterTime, at: now, leads: false)
        waiting.skip(through: id.index) { effects.append(.failed($0, .timedOut(.unknown))) }
        effects.append(.installSnapshot(id, discardsLog: discardsLog, write))
    }

    /// A write is durable: if the installed snapshot is, this node stands on it from now on.
    mutating func finishInstalling(_ write: WriteID) {
        guard let one = receiving, case .installing(let own, let stored) = one.stage,
            own.sequence <= write.sequence
        else { return }
        snapshot = stored
        effects.append(.notice(.installedSnapshot(stored.id, bytes: stored.bytes)))
        answerPiece(next: stored.bytes, isInstalled: true)
        receiving = nil
        mustCompact = true
        becomeTrusted()
    }

    /// The state is right, as the snapshot made it.
    mutating func answerRepaired() {
        guard let one = receiving else { return }
        answerPiece(next: one.bytes, isInstalled: true)
        receiving = nil
    }
}
