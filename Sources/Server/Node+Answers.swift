// What the replica decided becomes an answer on the connection that asked (Interface §2, §5).
internal import API
internal import Consensus
internal import HTTP
internal import KeyValue
internal import Network
internal import Replica

extension Node {
    /// The connection whose request the ticket names; nil: it is gone, or nothing of it waits.
    private func waiting(_ ticket: Ticket) -> Int? {
        let token = Token(rawValue: ticket.rawValue)
        guard clients.contains(token), case .waiting = clients[Int(token.slot)].stage else { return nil }
        return Int(token.slot)
    }

    /// How the answer to the request under way goes out.
    private func manner(_ slot: Int) -> Manner {
        guard clients[slot].hasHead else { return Manner(keepAlive: false) }
        let manner = Manner(
            isHead: clients[slot].parser.head.method == .head,
            isVersion10: clients[slot].parser.head.isVersion10,
            keepAlive: clients[slot].parser.head.keepAlive)
        switch stopping {
        case .no: return manner
        case .handingOver, .closingJournal: return manner.closing
        }
    }

    /// What the answer to the request under way says of itself.
    func answerer(_ slot: Int, closing: Bool = false) -> Answer {
        // What this turn has applied may be of a later moment than the turn.
        let time = max(clusterTime, replica.store.clusterTime)
        // The node that was asked says the rest.
        if clients[slot].origin != nil {
            return Answer(.bare, Manner(isHead: clients[slot].isHead), now: time)
        }
        return Answer(context, closing ? manner(slot).closing : manner(slot), now: time)
    }

    /// Writes one whole answer, and ends the request.
    mutating func answer(_ slot: Int, _ write: (Answer, inout [UInt8]) -> Void) {
        let start = clients[slot].outbound.bytes.count
        write(answerer(slot), &clients[slot].outbound.bytes)
        admit(slot, from: start)
        count(slot, from: start)
        touch(slot)
        finish(slot)
        sendIfLarge(slot)
    }

    mutating func replied(_ ticket: Ticket, _ reply: Reply, _ revision: Revision) {
        guard let slot = waiting(ticket), let request = clients[slot].request else { return }
        let answer = answerer(slot)
        let start = clients[slot].outbound.bytes.count
        let bytes = clients[slot].inbound.bytes
        let span = bytes.span.extracting(clients[slot].inbound.unread)
        request.withKey(in: span, scratch: &scratch) { key in
            answer.appendReply(
                reply, key: key, route: request.route, storeRevision: revision,
                isKeyed: request.idempotencyKey != nil, to: &clients[slot].outbound.bytes)
        }
        count(slot, from: start)
        touch(slot)
        finish(slot)
        if case .transacted = reply { sendIfLarge(slot) }
    }

    /// The snapshot that was asked for is durable.
    mutating func snapshotted(_ ticket: Ticket, _ snapshot: StoredSnapshot) {
        guard let slot = waiting(ticket) else { return }
        answer(slot) {
            $0.append(snapshotIndex: snapshot.id.index.rawValue, bytes: snapshot.bytes, to: &$1)
        }
    }

    mutating func readable(_ ticket: Ticket) {
        guard let slot = waiting(ticket), clients[slot].hasRequest else { return }
        if clients[slot].asked.action.isOfLeases {
            answerLeases(slot, ticket)
        } else if let wish = clients[slot].asked.watch {
            beginWatch(slot, wish, after: .end(of: replica.store.revision))
        } else if let wait = clients[slot].asked.wait, !clients[slot].hasWaited {
            beginWait(slot, wait)
        } else if clients[slot].asked.revisionMin > replica.store.revision {
            let least = clients[slot].asked.revisionMin
            replica.read(atLeast: least, for: ticket, until: deadline(clients[slot].asked, of: slot))
        } else {
            readStore(slot, isLocal: clients[slot].asked.consistency == .local)
        }
    }

    /// Answers a read from the store as it is now.
    mutating func readStore(_ slot: Int, isLocal: Bool) {
        guard clients[slot].hasRequest else { return }
        if clients[slot].asked.action == .backup {
            backUp(slot, isLocal: isLocal)
            return
        }
        if let listing = clients[slot].asked.listing {
            if postpones(slot) { return }
            list(slot, listing, isLocal: isLocal)
            pace.look()
            return
        }
        let request = clients[slot].asked
        if isNearlyFull, lacksRoom(slot, for: request) {
            refuse(slot, .crowded)
            return
        }
        if pace.isSpent, valueCount(slot, request) >= Pace.largeBytes, postpones(slot) { return }
        let answer = answerer(slot)
        let start = clients[slot].outbound.bytes.count
        let bytes = clients[slot].inbound.bytes
        let span = bytes.span.extracting(clients[slot].inbound.unread)
        let age = isLocal ? age : nil
        let valueCount = request.withKey(in: span, scratch: &scratch) { key in
            let record = replica.store.record(key)
            answer.appendRead(
                record, for: request, storeRevision: replica.store.revision, age: age,
                to: &clients[slot].outbound.bytes)
            return record?.valueCount ?? 0
        }
        if valueCount >= Pace.largeBytes { pace.look() }
        admit(slot, from: start)
        count(slot, from: start)
        touch(slot)
        finish(slot)
        sendIfLarge(slot)
    }

    var age: Age {
        let isLeader = replica.raft.role == .leader
        let contact = replica.raft.lastLeaderContact.map { (Instant(nanoseconds: now) - $0).milliseconds }
        return Age(
            appliedIndex: replica.applied.rawValue, leaderContactMilliseconds: isLeader ? 0 : contact)
    }

    mutating func failed(_ ticket: Ticket, _ failure: Failure) {
        guard let slot = waiting(ticket) else { return }
        fail(slot, failure)
    }

    /// Answers that the store did not: where else to ask, or what is known of the outcome.
    mutating func fail(_ slot: Int, _ failure: Failure) {
        guard let head = clients[slot].head, let request = clients[slot].request else { return }
        let isCut = remainder(slot, head) == .unreadable
        let answer = answerer(slot, closing: isCut)
        let start = clients[slot].outbound.bytes.count
        switch failure {
        case .notLeader(let leader):
            if request.mayRedirect, clients[slot].origin == nil, let url = url(of: leader) {
                let bytes = clients[slot].inbound.bytes
                answer.appendRedirect(
                    leader: leader.rawValue, url: Array(url.description.utf8).span, head: head,
                    in: bytes.span.extracting(clients[slot].inbound.unread), to: &clients[slot].outbound.bytes
                )
            } else {
                answer.append(noLeader(.notLeading), to: &clients[slot].outbound.bytes)
            }
        case .noLeader(.closing): answer.append(.shuttingDown, to: &clients[slot].outbound.bytes)
        case .noLeader(let absence):
            // A node that was a member before waits for an election, though it has only begun. (In a first
            // start, the cluster's id may be stored before all have answered; a term is not.)
            let wasMember = replica.raft.term > .zero
            let reason = Leaderless(absence)
            answer.append(
                noLeader(reason == .starting && wasMember ? .election : reason),
                to: &clients[slot].outbound.bytes)
        case .timedOut(let outcome):
            let isRead = [.read, .list, .backup, .watch, .leases, .lease, .keepAlive]
                .contains(request.action)
            answer.appendTimeout(isRead ? nil : WriteOutcome(outcome), to: &clients[slot].outbound.bytes)
        case .overloaded: answer.append(.overloaded, to: &clients[slot].outbound.bytes)
        case .diskFull: answer.append(.diskFull, to: &clients[slot].outbound.bytes)
        case .snapshotFailed:
            let detail = "The snapshot could not be written; this node's log says why."
            answer.append(API.Refusal(507, .diskFull, detail), to: &clients[slot].outbound.bytes)
        }
        count(slot, from: start)
        end(slot, isCut: isCut)
    }

    /// Answers that the leader could not be asked: nothing was sent to it, or it took nothing.
    mutating func failUnasked(_ slot: Int) {
        let reason = noLeader(.unreachable)
        answer(slot) { $0.append(reason, to: &$1) }
    }

    /// Answers with a refusal. `closing`: nothing more can be read on the connection.
    mutating func refuse(_ slot: Int, _ refusal: API.Refusal, closing: Bool = false) {
        let isCut = closing || clients[slot].head.map { remainder(slot, $0) == .unreadable } ?? true
        let answer = answerer(slot, closing: isCut)
        let start = clients[slot].outbound.bytes.count
        answer.append(refusal, to: &clients[slot].outbound.bytes)
        count(slot, from: start)
        end(slot, isCut: isCut)
    }

    private mutating func end(_ slot: Int, isCut: Bool) {
        touch(slot)
        if isCut {
            clients[slot].clearRequest()
            clients[slot].inbound.discard(to: &pool)
            weigh(slot)
            clients[slot].closesWhenSent = true
            clients[slot].stage = .head
            return
        }
        guard let head = clients[slot].head, case .missing(let bytes) = remainder(slot, head) else {
            finish(slot)
            return
        }
        finish(slot)
        clients[slot].stage = .skipping(bytes)
        setDeadline(slot, after: configuration.headTime)
    }

    /// What is still to come of a request that is answered already.
    private enum Remainder: Equatable {
        case nothing
        /// So many bytes: few enough to be read and dropped, so that the connection can go on.
        case missing(Int)
        /// The connection ends after the answer.
        case unreadable
    }
    private static let skippedBytesMax = 64 << 10

    private func remainder(_ slot: Int, _ head: borrowing RequestHead) -> Remainder {
        switch head.framing {
        case .none: return .nothing
        case .length(let length):
            let missing = length - (clients[slot].inbound.count - head.count)
            if missing <= 0 { return .nothing }
            // Who expects a 100 and gets another answer sends nothing, or does: the two cannot be told apart.
            if head.expectation != .none || missing > Self.skippedBytesMax { return .unreadable }
            return .missing(missing)
        case .chunked: return clients[slot].decoder?.isComplete ?? false ? .nothing : .unreadable
        }
    }

    private func url(of node: NodeID) -> BaseURL? { peers.first { $0.id == node }?.url }

    private func noLeader(_ reason: Leaderless) -> NoLeader {
        var reachable: [UInt64] = []
        var missing: [UInt64] = []
        for (place, peer) in peers.enumerated() where peer.id != configuration.node {
            if isReachable(place) {
                reachable.append(peer.id.rawValue)
            } else {
                missing.append(peer.id.rawValue)
            }
        }
        return NoLeader(
            reason: reason, reachable: reachable, missing: missing,
            lastLeader: replica.view.lastLeader?.rawValue)
    }
}

extension Leaderless {
    init(_ absence: Absence) {
        switch absence {
        case .election, .closing: self = .election
        case .noQuorum: self = .noQuorum
        case .starting: self = .starting
        case .wiped: self = .wiped
        case .damaged: self = .damaged
        case .wrongState: self = .wrongState
        case .statesSplit: self = .statesDiffer
        case .diskFailed: self = .diskFailed
        }
    }
}

extension WriteOutcome {
    init(_ outcome: Outcome) {
        switch outcome {
        case .unknown: self = .unknown
        case .notApplied: self = .notApplied
        }
    }
}
