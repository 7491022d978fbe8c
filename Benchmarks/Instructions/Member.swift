// One member as the server drives it, without sockets and threads: a disk that is done at once.
import API
import Consensus
import HTTP
import Journal
import KeyValue
import Replica
import Wire

/// A disk that keeps nothing, and so is empty at the start.
struct Nowhere: Storage {
    func logFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] { [] }
    func snapshotFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] { [] }
    func read(_ file: File, offset: UInt64, count: Int) throws(DiskFailure) -> [UInt8]? { nil }
}

/// A replica, its journal, and one connection for all clients. Each function is a part of a turn of the loop.
struct Member {
    let id: NodeID
    var replica: Replica
    private var journal: Journal
    private var parser = RequestParser()
    private let limits = Limits()
    private let requestLimits = RequestLimits()
    private let context: Context
    private let isSlowed = Instructions.isSlowed
    private var scratch: [UInt8] = []
    private var effects: [Effect] = []
    private var operations: [Operation] = []
    private var completions: [Completion] = []
    /// What a client asked, until it is answered; by ticket.
    private var requests: [(head: RequestHead, request: Request)] = []
    private var now = Instant(nanoseconds: 0)
    /// Requests to peers, and answers to theirs, until they are taken.
    var parcels: [Parcel] = []
    var answers: [(exchange: Exchange, body: [UInt8])] = []
    /// What the clients were sent.
    var output: [UInt8] = []
    var answered = 0

    init(_ id: UInt64, of count: UInt64) throws {
        self.id = NodeID(id)
        let peers = (1...count).map { NodeID($0) }
        let (journal, recovered) = try Journal.recover(node: self.id, from: Nowhere()) { _, _ in }
        self.journal = journal
        let origin = Replica.Origin(
            boot: recovered.boot, cluster: recovered.cluster, hard: recovered.hardState, runs: recovered.runs,
            commit: recovered.commit, tail: recovered.tail, replay: Replay(), isDamaged: false, isWiped: false
        )
        let url = Array("http://127.0.0.1:800\(id)".utf8)
        replica = Replica(
            settings: Replica.Settings(node: self.id, peers: peers, url: url), origin: origin, seed: id)
        context = Context(node: id)
        self.journal.start(into: &operations)
        finishWrites()
    }

    mutating func tick(_ now: Instant) {
        self.now = now
        replica.tick(now)
    }

    // Clients ---------------------------------------------------------------------------------------------

    /// A request's bytes: head, query, key, conditions.
    @inline(never)
    mutating func parse(_ bytes: [UInt8]) throws -> (head: RequestHead, request: Request) {
        if isSlowed { _ = try parser.parse(bytes.span, limits: limits) }
        guard case .head(let head) = try parser.parse(bytes.span, limits: limits) else {
            throw Unexpected.head
        }
        return (head, try Request(head, in: bytes.span, limits: requestLimits, scratch: &scratch))
    }

    /// A whole request: to the replica, or answered at once.
    mutating func take(_ bytes: [UInt8]) throws {
        let (head, request) = try parse(bytes)
        let ticket = Ticket(UInt64(requests.count))
        let deadline = now + .milliseconds(request.timeoutMilliseconds)
        let key = bytes.span.extracting(request.rawKey)
        switch request.action {
        case .put:
            guard let content = head.wholeContent(in: bytes.span) else { throw Unexpected.head }
            let type = bytes.span.extracting(request.contentType ?? 0..<0)
            replica.put(
                key: key, value: bytes.span.extracting(content), contentType: type,
                precondition: request.precondition, for: ticket, until: deadline)
            requests.append((head, request))
        case .read where request.consistency == .linearizable:
            replica.read(for: ticket, until: deadline)
            requests.append((head, request))
        case .read:
            let age = Age(appliedIndex: replica.applied.rawValue, leaderContactMilliseconds: 0)
            Answer(context, Manner(head)).appendRead(
                replica.store.record(key), for: request, storeRevision: replica.store.revision, age: age,
                to: &output)
            answered += 1
        default: throw Unexpected.head
        }
    }

    // The end of a turn -----------------------------------------------------------------------------------

    /// Has the replica decide, and carries out what it asks for. `sent`: the requests' bytes, by ticket.
    mutating func endTurn(_ sent: [[UInt8]] = []) throws {
        replica.turnEnded()
        replica.takeEffects(into: &effects)
        for effect in effects { try carryOut(effect, sent) }
        effects.removeAll(keepingCapacity: true)
        journal.turnEnded(now: now, commit: replica.raft.commit, into: &operations)
        if answered >= requests.count { requests.removeAll(keepingCapacity: true) }
    }

    private mutating func carryOut(_ effect: Effect, _ sent: [[UInt8]]) throws {
        switch effect {
        case .replied(let ticket, let reply, let revision):
            let bytes = sent[Int(ticket.rawValue)]
            let (head, request) = requests[Int(ticket.rawValue)]
            Answer(context, Manner(head)).appendReply(
                reply, key: bytes.span.extracting(request.rawKey), storeRevision: revision, to: &output)
            answered += 1
        case .readable(let ticket):
            let bytes = sent[Int(ticket.rawValue)]
            let (head, request) = requests[Int(ticket.rawValue)]
            Answer(context, Manner(head)).appendRead(
                replica.store.record(bytes.span.extracting(request.rawKey)), for: request,
                storeRevision: replica.store.revision, to: &output)
            answered += 1
        case .send(let parcel): parcels.append(parcel)
        case .answer(let exchange, let body): answers.append((exchange, body))
        case .persist(let write, let pieces, let first, let last):
            journal.append(pieces, first: first, last: last, write: write)
        case .storeVote(let hard): journal.store(hard, into: &operations)
        case .storeIdentity(let cluster): journal.store(identity: cluster, into: &operations)
        case .clearDamage: journal.clearDamage(into: &operations)
        case .learnURL, .notice: break
        case .failed, .refuse, .load, .takeSnapshot, .snapshotted, .compact, .loadPiece, .receivePiece,
            .openSnapshot, .installSnapshot, .release, .rejoined, .storeWiped:
            throw Unexpected.effect("\(effect)")
        }
    }

    /// The disk has done all that it was given; answers whether that was anything.
    @discardableResult
    mutating func finishWrites() -> Bool {
        let wasBusy = !operations.isEmpty
        while !operations.isEmpty {
            let done = operations
            operations.removeAll(keepingCapacity: true)
            for operation in done {
                journal.completed(
                    operation.id, failure: nil, into: &completions, operations: &operations)
            }
            for completion in completions {
                switch completion {
                case .started: replica.started()
                case .persisted(let write): replica.persisted(write)
                case .stored(let hard): replica.stored(hard)
                case .storedIdentity: replica.storedIdentity()
                case .clearedDamage: replica.clearedDamage()
                case .storedDamage, .compacted, .received, .notReceived, .notRemoved, .stopped, .failed:
                    break
                }
            }
            completions.removeAll(keepingCapacity: true)
        }
        return wasBusy
    }

    /// Begins a new batch of requests: what clients were sent is gone.
    mutating func beginBatch() {
        output.removeAll(keepingCapacity: true)
        requests.removeAll(keepingCapacity: true)
        answered = 0
    }
}

enum Unexpected: Error {
    case head
    case effect(String)
    case noLeader
    case answers(Int)
    case notUnderValgrind
}
