// The loop's side of the disk: outcomes to the journal, its words to the replica, entries read for peers.
internal import API
internal import Consensus
internal import Journal
internal import KeyValue
internal import Logging
internal import Network
internal import Replica
internal import Wire

extension Node {
    mutating func takeOutcomes() {
        disk.takeOutcomes(into: &outcomes)
        for outcome in outcomes {
            if outcome.syncNanoseconds > 0 { meters.diskSyncs.observe(nanoseconds: outcome.syncNanoseconds) }
            journal.completed(
                outcome.id, failure: outcome.failure, into: &completions, operations: &operations)
        }
        outcomes.removeAll(keepingCapacity: true)
        takeCompletions()
    }

    /// What the journal has said: it is carried to the replica.
    mutating func takeCompletions() {
        for completion in completions { take(completion) }
        completions.removeAll(keepingCapacity: true)
    }

    private mutating func take(_ completion: Completion) {
        switch completion {
        case .started:
            replica.started()
            reader.measure()
        case .persisted(let write): replica.persisted(write)
        case .stored(let hard): replica.stored(hard)
        case .storedIdentity: replica.storedIdentity()
        case .storedDamage: log.warning("it is recorded that this node's log is damaged")
        case .clearedDamage: replica.clearedDamage()
        case .received(let next): replica.received(upTo: next)
        case .notReceived(let failure):
            log.error("there is no room for the leader's snapshot (\(failure.message)); free some space")
            replica.notReceived()
        case .compacted(let index):
            replica.compacted(through: index)
            reader.measure()
        case .notRemoved(let file, let failure):
            log.warning("\(file) is not needed any more and stays (\(failure.message)): remove it")
        case .stopped: isOver = true
        case .failed(let failure):
            log.critical(
                """
                the disk failed (\(failure.message)): this node writes nothing more, leads and votes no \
                more, and acknowledges nothing. It answers local reads until it is ended; look at the disk, \
                then start it again
                """)
            replica.diskFailed()
        }
    }

    /// Has entries read for a peer that is far behind.
    mutating func load(after: LogIndex, through: LogIndex, for peer: NodeID) {
        let extents = journal.extents(after: after, through: through, bytesMax: Self.loadBytesMax)
        reader.read(extents, after: after, for: peer)
    }
    private static let loadBytesMax = 1 << 20

    mutating func takeArrivals() {
        arrivals.takeNow(into: &arrived)
        for arrival in arrived { take(arrival) }
        arrived.removeAll(keepingCapacity: true)
    }

    private mutating func take(_ arrival: Arrival) {
        switch arrival {
        case .addresses(let link, let addresses): dial(Token(rawValue: link), addresses)
        case .usage(let usage): take(usage)
        case .compressed(let piece, let client): compressed(piece, client: client)
        case .entries(let blocks, let peer): replica.loaded(blocks, for: peer)
        case .unreadable(.damaged(let damage), _, let peer) where damage.index <= journal.base:
            // Its file was removed while it was to be read, for a snapshot covers it.
            replica.loaded([], for: peer)
        case .unreadable(.damaged(let damage), let after, _):
            log.critical("\(damage)")
            journal.store(damage: damage, into: &operations)
            replica.damaged(at: max(damage.index, after.next))
        case .unreadable(.disk(let failure), _, let peer):
            log.error("entries for node \(peer) could not be read (\(failure.message)); trying again")
            replica.notLoaded(for: peer)
        case .piece(let bytes, let id, let offset, let peer):
            replica.loadedPiece(bytes, of: id, offset: offset, for: peer)
        case .snapshotTaken(let id, let sum, let bytes): replica.snapshotTaken(id, sum: sum, bytes: bytes)
        case .snapshotFailed(let id, let why):
            log.error("the snapshot at \(id) could not be written (\(why)); the log grows until one can be")
            replica.snapshotFailed(id)
        case .opened(let opened, let why):
            if opened == nil { log.error("the snapshot that was received is none (\(why))") }
            replica.opened(opened)
        }
    }
}

/// Reads entries back from disk, so that neither the loop nor a write waits for it.
final class ReaderThread: Sendable {
    private enum Question: Sendable {
        case entries([Extent], after: LogIndex, for: NodeID)
        case piece(of: EntryID, offset: UInt64, count: Int, for: NodeID)
        case usage
    }
    private let questions = Mailbox<Question>(capacity: 256)

    init(
        of directory: DataDirectory, answers: Mailbox<Arrival>, wake: Wake
    ) throws(SystemError) {
        let questions = questions
        try Thread(named: "reader") {
            var taken: [Question] = []
            while questions.take(into: &taken) {
                for question in taken {
                    answers.put(Self.answer(question, from: directory))
                    wake.ring()
                }
                taken.removeAll(keepingCapacity: true)
            }
        }.detach()
    }

    deinit { questions.close() }

    func read(_ extents: [Extent], after: LogIndex, for peer: NodeID) {
        questions.put(.entries(extents, after: after, for: peer))
    }

    func readPiece(of snapshot: EntryID, offset: UInt64, count: Int, for peer: NodeID) {
        questions.put(.piece(of: snapshot, offset: offset, count: count, for: peer))
    }

    /// Asks for what the directory takes.
    func measure() { questions.put(.usage) }

    private static func answer(_ question: Question, from directory: DataDirectory) -> Arrival {
        switch question {
        case .usage:
            var usage = directory.usage()
            usage.openDescriptors = ProcessNumbers.openDescriptors()
            return .usage(usage)
        case .piece(let id, let offset, let count, let peer):
            let bytes = try? directory.read(.snapshot(id), offset: offset, count: count)
            return .piece(bytes ?? nil, of: id, offset: offset, for: peer)
        case .entries(let extents, let after, let peer):
            do throws(LoadError) {
                var blocks: [Block] = []
                for extent in extents { blocks.append(try Journal.load(extent, from: directory)) }
                return .entries(blocks, for: peer)
            } catch {
                return .unreadable(error, after: after, for: peer)
            }
        }
    }
}
