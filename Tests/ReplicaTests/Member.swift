// A member under test: its disk answers when it is told to, its peers say what the test says.
import Consensus
import KeyValue
import Replica
import Wire

let cluster = ClusterID(high: 7, low: 9)

/// One replica without a shell.
struct Member {
    var replica: Replica
    let id: NodeID
    let peers: [NodeID]
    /// Everything it asked for and that was not taken yet.
    var effects: [Effect] = []
    /// Whether disk operations complete at once.
    var hasQuickDisk = true
    private var milliseconds: UInt64 = 1
    private var exchanges: UInt64 = 1_000

    /// A member; `known`: it belongs to `cluster` already and has voted before.
    init(
        _ id: UInt64, of peers: [UInt64], known: Bool = true, in other: ClusterID? = nil,
        term: Term = Term(1), runs: [Message.Run] = [], store: Store = Store(),
        snapshot: StoredSnapshot? = nil, isDamaged: Bool = false, isWiped: Bool = false, boot: UInt64 = 1,
        change: (inout Replica.Settings) -> Void = { _ in }
    ) {
        self.id = NodeID(id)
        self.peers = peers.map { NodeID($0) }
        var settings = Replica.Settings(node: NodeID(id), peers: self.peers, url: Array("http://\(id)".utf8))
        change(&settings)
        let origin = Replica.Origin(
            boot: Boot(boot), cluster: known ? other ?? cluster : nil,
            hard: known ? HardState(term: term, vote: nil, count: 1) : nil, snapshot: snapshot,
            base: snapshot?.id ?? .zero, runs: runs, commit: LogIndex(store.appliedIndex), tail: [],
            replay: Replay(store, marksEvery: settings.markInterval), isDamaged: isDamaged,
            isWiped: isWiped)
        replica = Replica(settings: settings, origin: origin, seed: id)
        replica.started()
    }

    var now: Instant { Instant(nanoseconds: milliseconds * 1_000_000) }
    func later(_ milliseconds: UInt64) -> Instant { now + .milliseconds(milliseconds) }

    /// Time passes in steps of a tick.
    mutating func pass(_ milliseconds: UInt64) {
        for _ in 0..<milliseconds / 10 {
            self.milliseconds += 10
            replica.tick(now)
            turn()
        }
    }

    /// Ends the turn, and lets the disk do its part if it is quick.
    mutating func turn() {
        replica.turnEnded()
        var taken: [Effect] = []
        replica.takeEffects(into: &taken)
        effects += taken
        guard hasQuickDisk else { return }
        var isMore = false
        for effect in taken {
            switch effect {
            case .persist(let write, _, _, _): replica.persisted(write)
            case .storeVote(let hard): replica.stored(hard)
            case .storeIdentity: replica.storedIdentity()
            case .clearDamage: replica.clearedDamage()
            case .installSnapshot(_, _, let write): replica.persisted(write)
            case .replied, .readable, .failed, .send, .answer, .refuse, .learnURL, .load, .notice,
                .takeSnapshot, .snapshotted, .compact, .loadPiece, .receivePiece, .openSnapshot, .release,
                .rejoined, .storeWiped:
                continue
            }
            isMore = true
        }
        if isMore { turn() }
        replica.checkInvariants()
    }

    mutating func takeEffects() -> [Effect] {
        var taken: [Effect] = []
        swap(&taken, &effects)
        return taken
    }

    // What peers say ---------------------------------------------------------------------------------------

    /// A peer asks; its exchange's number is returned.
    @discardableResult
    mutating func asked(
        by peer: UInt64, term: UInt64, _ body: Message.Body, lines: [UInt8] = []
    ) -> Exchange {
        exchanges += 1
        let envelope = Envelope(
            cluster: cluster,
            message: Message(from: NodeID(peer), to: id, boot: Boot(1), term: Term(term), body: body))
        var bytes: [UInt8] = []
        envelope.encode(into: &bytes)
        bytes += lines
        replica.asked(envelope.route, body: bytes.span, exchange: Exchange(exchanges))
        turn()
        return Exchange(exchanges)
    }

    mutating func answered(by peer: UInt64, term: UInt64, _ body: Message.Body) {
        let envelope = Envelope(
            cluster: cluster,
            message: Message(from: NodeID(peer), to: id, boot: Boot(1), term: Term(term), body: body))
        var bytes: [UInt8] = []
        envelope.encode(into: &bytes)
        replica.answered(by: NodeID(peer), route: envelope.route, body: bytes.span)
        turn()
    }

    mutating func hello(from peer: UInt64, _ hello: Hello) {
        var bytes: [UInt8] = []
        hello.encode(into: &bytes)
        replica.answered(by: NodeID(peer), route: .hello, body: bytes.span)
        turn()
    }

    /// Lets it win an election by the votes of node 2.
    mutating func elect() {
        while replica.raft.role != .leader {
            pass(10)
            let term = replica.raft.term.rawValue
            switch replica.raft.role {
            case .preCandidate: answered(by: 2, term: term + 1, .preVoted(granted: true))
            case .candidate: answered(by: 2, term: term, .voted(granted: true))
            case .follower, .leader: continue
            }
        }
    }

    /// Node 2 acknowledges everything, so that it is committed.
    mutating func acknowledge(by peer: UInt64 = 2) {
        answered(by: peer, term: replica.raft.term.rawValue, .appended(match: replica.raft.log.lastIndex))
    }

    // What clients say -------------------------------------------------------------------------------------

    mutating func put(_ key: String, _ value: String, ticket: UInt64, deadline: UInt64 = 10_000) {
        let key = Array(key.utf8)
        let value = Array(value.utf8)
        let type: [UInt8] = []
        replica.put(
            key: key.span, value: value.span, contentType: type.span, precondition: .none,
            for: Ticket(ticket), until: later(deadline))
        turn()
    }

    mutating func read(ticket: UInt64, deadline: UInt64 = 10_000) {
        replica.read(for: Ticket(ticket), until: later(deadline))
        turn()
    }
}

extension [Effect] {
    /// What this ticket was told, in order.
    func answers(to ticket: UInt64) -> [String] {
        compactMap { effect in
            switch effect {
            case .replied(Ticket(ticket), let reply, _): "\(reply)".prefix { $0 != "(" }.description
            case .readable(Ticket(ticket)): "readable"
            case .failed(Ticket(ticket), let failure): "\(failure)"
            default: nil
            }
        }
    }

    func failure(of ticket: UInt64) -> Failure? {
        for case .failed(Ticket(ticket), let failure) in self { return failure }
        return nil
    }

    /// The parcels to a peer.
    func parcels(to peer: UInt64, _ route: PeerRoute) -> [Parcel] {
        compactMap { effect in
            if case .send(let parcel) = effect, parcel.to == NodeID(peer), parcel.route == route {
                parcel
            } else {
                nil
            }
        }
    }

    /// The appends to a peer, decoded, each with the bytes of its lines.
    func appends(to peer: UInt64) throws -> [(append: Message.Append, lines: [UInt8])] {
        var found: [(append: Message.Append, lines: [UInt8])] = []
        for parcel in parcels(to: peer, .append) {
            let bytes = parcel.head + parcel.body.flatMap { $0.bytes[$0.range] }
            let (envelope, entries) = try Envelope.request(.append, bytes.span)
            guard case .append(let append) = envelope.message.body else { continue }
            found.append((append, [UInt8](bytes[entries])))
        }
        return found
    }

    func answer(to exchange: Exchange, _ route: PeerRoute) throws -> Message.Body? {
        for case .answer(exchange, let bytes) in self {
            return try Envelope.answer(route, bytes.span).message.body
        }
        return nil
    }

    func refusal(of exchange: Exchange) -> PeerRefusal? {
        for case .refuse(exchange, let refusal) in self { return refusal }
        return nil
    }

    var storesVote: Bool { contains { if case .storeVote = $0 { true } else { false } } }
}

/// The lines of entries that put a key each, from `first` on.
func lines(from first: UInt64, count: UInt64, term: UInt64) -> [UInt8] {
    var block = Block(first: LogIndex(first))
    for index in first..<first + count {
        block.begin(index: LogIndex(index), term: Term(term))
        let key = Array("k\(index)".utf8)
        Command.appendPut(
            key: key.span, value: key.span, contentType: [UInt8]().span, precondition: .none, at: .zero,
            to: &block.bytes)
        block.end()
    }
    return block.bytes
}

func append(
    after index: UInt64, of term: UInt64, _ runs: [(term: UInt64, count: UInt64)] = [], commit: UInt64 = 0
) -> Message.Body {
    .append(
        Message.Append(
            after: EntryID(term: Term(term), index: LogIndex(index)),
            runs: runs.map { Message.Run(term: Term($0.term), count: $0.count) }, commit: LogIndex(commit),
            whole: .zero))
}
