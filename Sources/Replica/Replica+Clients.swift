// Requests of clients: writes are proposed, reads wait for a round; or why not.
public import Consensus
public import KeyValue
internal import Wire

extension Replica {
    /// A write of one key; answered by `.replied`, or by `.failed`.
    public mutating func put(
        key: Span<UInt8>, value: Span<UInt8>, contentType: Span<UInt8>,
        precondition: borrowing Precondition, lifetime: Lifetime = .unbounded, once: Once? = nil,
        for ticket: Ticket, until deadline: Instant
    ) {
        guard let place = propose(for: ticket, until: deadline) else { return }
        let time = clusterTime
        #if PlantedFaults
            if Planted.is(.proposeTwice) {
                proposeTwice(key, value, at: place)
                return
            }
        #endif
        let before = cache.bytes
        cache.append(index: place.index, term: place.term) {
            Command.appendPut(
                key: key, value: value, contentType: contentType, precondition: precondition,
                lifetime: lifetime, once: once, at: time, to: &$0)
        }
        proposalBytes += cache.bytes - before
    }

    public mutating func delete(
        key: Span<UInt8>, precondition: borrowing Precondition, once: Once? = nil, for ticket: Ticket,
        until deadline: Instant
    ) {
        guard let place = propose(for: ticket, until: deadline) else { return }
        let time = clusterTime
        let before = cache.bytes
        cache.append(index: place.index, term: place.term) {
            Command.appendDelete(key: key, precondition: precondition, once: once, at: time, to: &$0)
        }
        proposalBytes += cache.bytes - before
    }

    /// A write of many keys at one revision; answered by `.replied`, or by `.failed`.
    public mutating func transact(
        _ transaction: Transaction, once: Once? = nil, for ticket: Ticket, until deadline: Instant
    ) {
        propose(for: ticket, until: deadline) { Command.append(transaction, once: once, at: $0, to: &$1) }
    }

    /// A range of keys is to be deleted at one revision; answered by `.replied`, or by `.failed`.
    public mutating func delete(
        _ range: KeyRange, once: Once? = nil, for ticket: Ticket, until deadline: Instant
    ) {
        propose(for: ticket, until: deadline) {
            Command.appendDelete(range: range, once: once, at: $0, to: &$1)
        }
    }

    /// A lease is to be granted, under this id or, without one, under any; answered by `.replied`, or by
    /// `.failed`.
    public mutating func grant(
        _ lease: UInt64?, ttlMilliseconds: UInt64, once: Once? = nil, for ticket: Ticket,
        until deadline: Instant
    ) {
        propose(for: ticket, until: deadline) {
            Command.appendGrant(lease, ttlMilliseconds: ttlMilliseconds, once: once, at: $0, to: &$1)
        }
    }

    /// A lease and its keys are to end at one revision; answered by `.replied`, or by `.failed`.
    public mutating func revoke(
        _ lease: UInt64, once: Once? = nil, for ticket: Ticket, until deadline: Instant
    ) {
        propose(for: ticket, until: deadline) { Command.appendRevoke(lease, once: once, at: $0, to: &$1) }
    }

    /// A linearizable read: `.readable` once the store may be read for it.
    ///
    /// A follower fails it with the leader's name, or, with `byAsking`, asks the leader for a read index and
    /// serves it from its own store once that is applied (thesis §6.4).
    public mutating func read(for ticket: Ticket, until deadline: Instant, byAsking: Bool = false) {
        guard isServing, raft.leadership != nil || byAsking && knownLeader != nil else {
            effects.append(.failed(ticket, absence))
            return
        }
        guard waiting.readsCount < settings.readsMax else {
            effects.append(.failed(ticket, .overloaded))
            return
        }
        let read = waiting.addRead(for: ticket, until: deadline)
        step(raft.leadership != nil ? .read(read) : .ask(read))
    }

    /// A local read of a state that has `revision` at least: `.readable` once that is applied here.
    public mutating func read(atLeast revision: Revision, for ticket: Ticket, until deadline: Instant) {
        if trust != .trusted {
            effects.append(.failed(ticket, absence))
        } else if store.revision >= revision {
            effects.append(.readable(ticket))
        } else if waiting.readsCount < settings.readsMax {
            waiting.add(Waiting.Local(ticket: ticket, deadline: deadline, aim: .revision(revision)))
        } else {
            effects.append(.failed(ticket, .overloaded))
        }
    }

    /// Proposes what `append` makes of a stamp, if this node leads and has room; otherwise the client is
    /// told.
    private mutating func propose(
        for ticket: Ticket, until deadline: Instant, _ append: (ClusterTime, inout [UInt8]) -> Void
    ) {
        guard let place = propose(for: ticket, until: deadline) else { return }
        self.append(at: place, append)
    }

    /// Gives a proposed entry its command.
    mutating func append(at place: EntryID, _ append: (ClusterTime, inout [UInt8]) -> Void) {
        let time = clusterTime
        let before = cache.bytes
        cache.append(index: place.index, term: place.term) { append(time, &$0) }
        proposalBytes += cache.bytes - before
    }

    /// The next entry's name, if this node leads and has room; otherwise the client is told.
    private mutating func propose(for ticket: Ticket, until deadline: Instant) -> EntryID? {
        guard isServing, raft.leadership != nil else {
            effects.append(.failed(ticket, absence))
            return nil
        }
        guard waiting.writesCount < settings.proposalsMax, proposalBytes < settings.proposalBytesMax else {
            effects.append(.failed(ticket, .overloaded))
            return nil
        }
        guard !raft.lacksRoom else {
            effects.append(.failed(ticket, .diskFull))
            return nil
        }
        guard !areStatesSplit else {
            effects.append(.failed(ticket, .noLeader(.statesSplit)))
            return nil
        }
        guard let place = proposeEntry() else {
            effects.append(.failed(ticket, .noLeader(.election)))
            return nil
        }
        waiting.add(
            Waiting.Write(index: place.index, term: place.term, ticket: ticket, deadline: deadline))
        return place
    }

    /// The next entry's name, if this node may propose one now.
    mutating func proposeEntry() -> EntryID? {
        raft.step(.propose(count: 1), into: &outputs)
        guard case .appended(let index, _, let term) = outputs.removeLast() else { return nil }
        return EntryID(term: term, index: index)
    }

    var isServing: Bool { isRunning && !isClosing && !hasDiskFailed && trust == .trusted }

    /// The leader, if it is this node or was heard within the election timeout.
    var knownLeader: NodeID? {
        guard isRunning, let leader = raft.leader else { return nil }
        if leader == settings.node { return leader }
        guard let heard = raft.lastLeaderContact, now - heard <= settings.electionTimeout else { return nil }
        return leader
    }

    /// Why this node does not serve a request that needs the leader.
    var absence: Failure {
        if let leader = knownLeader, leader != settings.node { return .notLeader(leader) }
        return .noLeader(absenceReason)
    }

    var absenceReason: Absence {
        if hasDiskFailed { return .diskFailed }
        if start.isWiped, !start.isOver { return .wiped }
        if isClosing { return .closing }
        guard isRunning else { return .starting(waitingFor: start.missing) }
        if raft.standing == .damaged { return .damaged }
        if trust != .trusted { return .wrongState }
        guard let since = leaderlessSince else { return .election }
        let isLong = (now - since).nanoseconds > 2 * settings.electionTimeout.nanoseconds
        return isLong ? .noQuorum : .election
    }
}
