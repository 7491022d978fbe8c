// What consensus decided becomes effects: names become bytes here, and nowhere else.
internal import Consensus
internal import KeyValue
internal import Wire

extension Replica {
    /// One input to consensus, and everything that follows from it.
    mutating func step(_ input: Input) {
        raft.step(input, into: &outputs)
        // What an output leads to may append further ones, which follow it.
        guard !outputs.isEmpty, !isCarryingOut else { return }
        isCarryingOut = true
        defer { isCarryingOut = false }
        var at = 0
        while at < outputs.count {
            carryOut(outputs[at])
            at += 1
        }
        outputs.removeAll(keepingCapacity: true)
    }

    private mutating func carryOut(_ output: Output) {
        switch output {
        case .appended(let first, _, let term): appendNone(at: first, in: term)
        case .refused: return
        case .truncated(let after): truncate(after: after)
        case .accepted(let first, let last): accept(first, last)
        case .persist(let write, let through): persist(write, through: through)
        case .persistVote(let hard): effects.append(.storeVote(hard))
        case .replicate(let peer, let after, let through): replicate(to: peer, after: after, through: through)
        case .send(let message): send(message)
        case .answer(let exchange, let message): answer(exchange, message)
        case .commit(let index): apply(through: index)
        case .readable(let id, let index): allow(id, at: index)
        case .unreadable(let id): refuseRead(id)
        case .became(let role, let term, let leader): became(role, term, leader)
        case .transferred(let isDone):
            effects.append(.notice(.transferred(isDone)))
            stepDownIfWrong()
        case .whole: effects.append(.clearDamage)
        case .configured(let configuration, let term): appendMembership(configuration, in: term)
        case .unchanged: proposing = nil
        case .reconfigured(let configuration, let isCommitted): reconfigured(configuration, isCommitted)
        case .admitted:
            start.isWiped = false
            effects.append(.rejoined(raft.hard))
            effects.append(.notice(.rejoined))
        case .needsSnapshot(let peer): beginSending(to: peer)
        case .piece(let exchange, let message): take(exchange, message)
        case .pieced(let peer, let id, let next, let isInstalled):
            pieced(peer, id, next: next, isInstalled: isInstalled)
        case .installed(let write, let id, let discardsLog): install(write, id, discardsLog: discardsLog)
        case .stale(let id): forgetStale(id)
        }
    }

    /// A new leader's first entry, which changes no key (§8).
    private mutating func appendNone(at index: LogIndex, in term: Term) {
        let time = stamp.time(at: now)
        cache.append(index: index, term: term) { Command.appendNone(at: time, to: &$0) }
        proposalBytes += cache.lineBytes(at: index)
    }

    /// A new leader's first entry where the log names nobody yet, or a change of membership.
    private mutating func appendMembership(_ configuration: Configuration, in term: Term) {
        if let proposing { noteChange(proposing, at: configuration.index) }
        proposing = nil
        let time = stamp.time(at: now).milliseconds
        cache.append(index: configuration.index, term: term) {
            MembershipCommand.append(configuration.membership, atMilliseconds: time, to: &$0)
        }
        proposalBytes += cache.lineBytes(at: configuration.index)
    }

    private mutating func reconfigured(_ configuration: Configuration, _ isCommitted: Bool) {
        if isCommitted { admit(under: configuration) }
        // What a majority is has changed: the members are asked for their states anew.
        asking = nil
        effects.append(.notice(.membership(configuration.membership, isCommitted: isCommitted)))
    }

    private mutating func truncate(after index: LogIndex) {
        let before = cache.bytes
        cache.truncate(after: index)
        proposalBytes = max(0, proposalBytes - (before - cache.bytes))
        handed = min(handed, index)
        #if PlantedFaults
            if Planted.is(.cutMeansNotApplied) { refuseWrites(after: index) }
        #endif
        waiting.cut(after: index)
    }

    private mutating func accept(_ first: LogIndex, _ last: LogIndex) {
        guard let block = incoming else { preconditionFailure("only an append's entries are accepted") }
        incoming = nil
        let kept = first == block.first ? block : block.part(from: first, through: last)
        proposalBytes += kept.bytes.count
        noteTaken(kept.bytes.count)
        cache.append(kept)
    }

    private mutating func persist(_ write: WriteID, through: EntryID) {
        cache.close()
        guard let lines = cache.pieces(after: handed, through: through.index, bytesMax: .max) else {
            preconditionFailure("what is not durable is in the cache")
        }
        effects.append(.persist(write, lines.pieces, first: handed.next, last: through))
        handed = through.index
    }

    private mutating func replicate(to peer: NodeID, after: EntryID, through: LogIndex) {
        // So many entries cannot be of more terms than one message may name.
        let through = min(through, after.index + UInt64(Envelope.runsMax))
        if let lines = lines(for: peer, after: after.index, through: through) {
            raft.step(.sent(to: peer, through: lines.through), into: &outputs)
        } else {
            effects.append(.load(after: after.index, through: through, for: peer))
            raft.step(.fetching(for: peer), into: &outputs)
        }
    }

    /// The lines that a peer needs next, from the cache or from what was read for it.
    private func lines(
        for peer: NodeID, after: LogIndex, through: LogIndex
    ) -> (pieces: [Piece], through: LogIndex)? {
        let limit = settings.appendBytesMax
        if let lines = cache.pieces(after: after, through: through, bytesMax: limit) { return lines }
        for one in fetched where one.peer == peer {
            let block = one.block
            guard block.first <= after.next, after.next <= block.last else { continue }
            let last = min(block.last, through)
            let end = max(block.fit(from: after.next, through: last, in: limit), after.next)
            return ([Piece(block.bytes, block.range(from: after.next, through: end))], end)
        }
        return nil
    }

    /// A request to a peer; an append's entries are looked up here, a piece's bytes are given.
    mutating func send(_ message: Message, _ given: [Piece] = []) {
        guard let cluster = start.cluster else { return }
        var head: [UInt8] = []
        head.reserveCapacity(192)
        var accord: Accord?
        if case .heartbeat = message.body { accord = question(for: message.to) }
        let envelope = Envelope(cluster: cluster, message: message, accord: accord)
        envelope.encode(into: &head)
        var body = given
        if case .append(let append) = message.body, append.count > 0 {
            let through = append.after.index + append.count
            guard let lines = lines(for: message.to, after: append.after.index, through: through),
                lines.through == through
            else { preconditionFailure("what is sent was offered in this turn") }
            body = lines.pieces
            fetched.removeAll { $0.peer == message.to && $0.block.last <= through }
        }
        effects.append(
            .send(
                Parcel(
                    to: message.to, lane: Lane(of: message.body), route: envelope.route, head: head,
                    body: body)))
    }

    private mutating func answer(_ exchange: Exchange, _ message: Message) {
        guard let cluster = start.cluster else { return }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(160)
        var accord: Accord?
        if case .heard = message.body { accord = accordAnswer }
        Envelope(cluster: cluster, message: message, accord: accord).encode(into: &bytes)
        effects.append(.answer(exchange, bytes))
    }

    private mutating func allow(_ id: ReadID, at index: LogIndex) {
        guard let ticket = waiting.allow(id, at: index, applied: applied) else { return }
        effects.append(.readable(ticket))
    }

    private mutating func refuseRead(_ id: ReadID) {
        guard let ticket = waiting.finish(id) else { return }
        effects.append(.failed(ticket, absence))
    }

    private mutating func became(_ role: Role, _ term: Term, _ leader: NodeID?) {
        leaderlessSince = leader == nil ? leaderlessSince ?? now : nil
        lastLeader = leader ?? lastLeader
        if role == .leader {
            stamp.begin(at: now, from: store.clusterTime)
        } else {
            leaseClock = nil
            expiring = nil
            fetched.removeAll()
            sending.removeAll()
            admissions.removeAll()
            wrongPeers.removeAll()
            asking = nil
            areStatesSplit = false
            stepDownIfWrong()
        }
        effects.append(.notice(.became(role, term, leader: leader)))
    }
}

extension Lane {
    /// Nothing that a disk or a long append can hold up stands before a heartbeat or a round (rule 16).
    init(of body: Message.Body) {
        switch body {
        case .append, .appended, .full, .rejected: self = .appends
        case .vote, .voted: self = .votes
        case .piece, .pieced: self = .snapshots
        case .heartbeat, .heard, .preVote, .preVoted, .timeoutNow, .noted, .readIndex, .readIndexed:
            self = .quick
        }
    }
}
