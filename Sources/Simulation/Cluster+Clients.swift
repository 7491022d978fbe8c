// Clients: one call at a time each, followed to the leader, and noted with what they were told.
internal import Consensus
internal import KeyValue
internal import Replica

/// A client, and what it knows.
final class SimulatedClient {
    let place: Int
    /// Where it asks first.
    var node: Int
    var random: Random
    /// Its call in the history, while one is under way.
    var call: Int?
    var tries = 0
    /// The call is made under a name, so that it may be made again.
    var isNamed = false
    /// An attempt got no answer: it may have been applied.
    var mayBeApplied = false
    /// The highest revision that anybody had been told of when the call began.
    var seenByAll = Revision.empty
    /// By key: what it saw last.
    var seen: [Call.Found?] = Array(repeating: nil, count: Cluster.keys.count)
    /// Calls that were answered after the faults had ended.
    var calmCalls = 0

    init(place: Int, node: Int, random: Random) {
        self.place = place
        self.node = node
        self.random = random
    }
}

/// One request of a client to one node: its number is the ticket.
struct Attempt {
    let client: Int
    let call: Int
    let node: Int
    /// The entry that the node made of it, if it led.
    var proposed: EntryID?
    var isDone = false
}

/// What comes back to a client.
enum Response {
    case replied(Reply, Revision)
    case read(Call.Found?, at: Revision)
    case failed(Failure)
    /// What a keeper is told: whether its lease lives, and what the accounts hold.
    case kept(Bool)
    case audited([Account?], Revision)
    /// A page of a list, as bytes.
    case page([UInt8])
    /// Nobody listens there.
    case unreachable
    /// No answer, and there will be none.
    case lost
}

extension Cluster {
    static let keys = ["a", "b/1", "b/2", "key \"quoted\"\n", "ключ"].map { Array($0.utf8) }

    /// One call or several at the same moment, by clients that have nothing under way; and the next ones
    /// so much later.
    func beginCalls() {
        let count = 1 + random.index(Int(odds.burstMax))
        for _ in 0..<count {
            let start = random.index(clients.count)
            for place in clients.indices {
                let client = clients[(start + place) % clients.count]
                guard client.call == nil, now < runEnd || client.calmCalls < 2 else { continue }
                begin(client)
                break
            }
        }
        queue.add(.clientTurn, at: after(random.draw(1...2 * Self.callPause * UInt64(count))))
    }

    private func begin(_ client: SimulatedClient) {
        let key = client.random.index(Self.keys.count)
        let number = history.calls.count
        var action = Call.Action.read
        var condition = Call.Condition.none
        let draw = client.random.index(100)
        let readsMax = watch.isOn && watch.isReadMostly ? 98 : 45
        if isChaos || client.calmCalls > 1 ? draw >= readsMax : client.calmCalls == 0 {
            action = draw >= 93 ? .delete : .put(value: UInt64(number))
            if draw % 4 == 1 { condition = .isAbsent }
            if draw % 4 == 2, let seen = client.seen[key] {
                condition = .isAt(seen.revision, value: seen.value)
            }
        }
        if action == .delete, condition == .isAbsent { condition = .none }
        stamp += 1
        history.calls.append(
            Call(
                key: key, action: action, condition: condition, invoked: stamp, returned: nil,
                outcome: .unknown))
        client.call = number
        client.seenByAll = highestSeen
        client.tries = 0
        client.isNamed = action != .read && client.random.happens(300_000)
        client.mayBeApplied = false
        if client.random.happens(150_000) { client.node = anyNode(&client.random) }
        if watch.isOn { watch.calls.append((number, now)) }
        attempt(client)
    }

    private func attempt(_ client: SimulatedClient) {
        guard let call = client.call else { return }
        client.tries += 1
        let number = attempts.count
        attempts.append(Attempt(client: client.place, call: call, node: client.node))
        trace.begin(now)
        trace.text("client ", UInt64(client.place) + 1)
        trace.text(" asks ", UInt64(client.node) + 1)
        trace.text("  call ", UInt64(call))
        trace.call(history.calls[call])
        trace.end()
        let patience = client.random.draw(800 * Self.millisecond...4_000 * Self.millisecond)
        queue.add(.clientTimeout(attempt: number), at: after(patience))
        guard !isClientMessageLost else { return }
        queue.add(.clientRequest(attempt: number), at: after(client.random.longTailed(odds.messageTime)))
    }

    var isClientMessageLost: Bool {
        guard isChaos, random.happens(odds.clientLoss) else { return false }
        counts.count(.clientMessageLost)
        return true
    }

    /// The request is at the node.
    func arrive(attempt number: Int, _ event: Event) throws(Violation) {
        let attempt = attempts[number]
        let node = nodes[attempt.node]
        guard node.isUp else {
            queue.add(.clientResponse(attempt: number, .unreachable), at: after(odds.messageTime))
            return
        }
        guard isAwake(node, life: node.life, else: event) else { return }
        tell(node)
        let call = history.calls[attempt.call]
        let ticket = Ticket(UInt64(number))
        let deadline = node.clock(at: now) + .milliseconds(node.random.draw(300...3_000))
        let before = node.process?.replica.raft.log.lastIndex
        let isNamed = clients[attempt.client].isNamed
        let name = Array("call \(attempt.call)".utf8)
        let once = isNamed ? Once(key: name, request: .init(high: UInt64(attempt.call), low: 0)) : nil
        give(call, once, to: node, ticket, deadline)
        if let last = node.process?.replica.raft.log.last, last.index != before {
            attempts[number].proposed = EntryID(term: last.term, index: before?.next ?? last.index)
        }
        if sabotage == .writeTwice, case .put = call.action, call.condition == .none {
            give(call, nil, to: node, Ticket(UInt64(1 << 40)), deadline)
        }
        try takeTurn(node)
    }

    private func give(
        _ call: Call, _ once: Once?, to node: SimulatedNode, _ ticket: Ticket, _ deadline: Instant
    ) {
        let key = Self.keys[call.key]
        var precondition = Precondition.none
        switch call.condition {
        case .none: break
        case .isAbsent: precondition.ifNoneMatch = .any
        case .isAt(let revision, _): precondition.ifMatch = .one(revision)
        }
        switch call.action {
        case .read:
            if sabotage == .readWithoutRound {
                send(response: read(node, key), to: ticket)
            } else {
                node.process?.replica.read(
                    for: ticket, until: deadline, byAsking: node.random.happens(300_000))
            }
        case .put(let value):
            let bytes = Self.bytes(of: value)
            node.process?.replica.put(
                key: key.span, value: bytes.span, contentType: Self.contentType.span,
                precondition: precondition, once: once, for: ticket, until: deadline)
        case .delete:
            node.process?.replica.delete(
                key: key.span, precondition: precondition, once: once, for: ticket, until: deadline)
        }
    }

    private static let contentType = Array("text/plain".utf8)

    /// What a number looks like as a value: its digits, and so many more bytes; some are not UTF-8.
    static func bytes(of value: UInt64) -> [UInt8] {
        var bytes = Array("\(value):".utf8)
        var random = Random(seed: value)
        let count = random.happens(20_000) ? 3_000 : random.index(120)
        bytes += repeatElement(UInt8(0x61 + value % 26), count: count)
        if value % 11 == 0 { bytes.append(0xFF) }
        return bytes
    }

    static func value(of bytes: [UInt8]) -> UInt64? {
        guard let colon = bytes.firstIndex(of: 0x3A) else { return nil }
        let value = UInt64(String(decoding: bytes[..<colon], as: UTF8.self))
        return value.flatMap { self.bytes(of: $0) == bytes ? $0 : nil }
    }

    func read(_ node: SimulatedNode, _ key: [UInt8]) -> Response {
        let revision = node.process?.replica.store.revision ?? .empty
        guard let record = node.process?.replica.store.record(key.span) else {
            return .read(nil, at: revision)
        }
        // A value that no call wrote stands out as a number that is none's.
        let found = Call.Found(
            value: Self.value(of: record.value) ?? UInt64(UInt32.max), revision: record.revision,
            createdRevision: record.createdRevision, version: record.version)
        return .read(found, at: revision)
    }

    /// The store may be read now.
    func answerRead(_ node: SimulatedNode, _ ticket: Ticket) throws(Violation) {
        guard ticket.rawValue < UInt64(attempts.count) else { return }
        let call = history.calls[attempts[Int(ticket.rawValue)].call]
        guard call.action == .read else { throw Violation("node \(node.place + 1) lets a write read") }
        send(response: read(node, Self.keys[call.key]), to: ticket)
    }

    /// The store at the end, read by nobody's way but directly.
    func finalRead(_ node: SimulatedNode, key: Int) {
        stamp += 2
        var call = Call(
            key: key, action: .read, invoked: stamp - 1, returned: stamp, outcome: .refused)
        if case .read(let found, let revision) = read(node, Self.keys[key]) {
            call.outcome = .read(found, at: revision)
        }
        history.calls.append(call)
    }

    func send(response: Response, to ticket: Ticket) {
        guard ticket.rawValue < UInt64(attempts.count), !isClientMessageLost else { return }
        queue.add(
            .clientResponse(attempt: Int(ticket.rawValue), response),
            at: after(random.longTailed(odds.messageTime)))
    }

    // Answers ----------------------------------------------------------------------------------------------

    func respond(_ number: Int, _ response: Response) {
        guard !attempts[number].isDone else { return }
        attempts[number].isDone = true
        let client = clients[attempts[number].client]
        guard client.call == attempts[number].call else { return }
        switch response {
        case .lost: unknown(client)
        case .kept, .audited, .page: pending = Violation("reply: an answer to somebody else's question")
        case .unreachable: again(client, at: anyNode(&client.random))
        case .read(let found, let revision):
            client.seen[history.calls[attempts[number].call].key] = found
            finish(client, .read(found, at: revision))
        case .replied(let reply, let revision):
            if case .replayed = reply { counts.count(.writeReplayed) }
            guard let outcome = Self.outcome(of: reply, revision) else {
                pending = Violation("reply: a write is answered with \(reply)")
                return
            }
            noteWritten(attempts[number])
            finish(client, outcome)
        case .failed(let failure): failed(client, failure)
        }
    }

    private static func outcome(of reply: Reply, _ revision: Revision) -> Call.Outcome? {
        switch reply {
        case .written(let created, let own, let createdRevision, let version):
            .written(created: created, revision: own, createdRevision: createdRevision, version: version)
        case .deleted(let count, let own): .deleted(count: count, revision: own)
        case .conditionFailed(let current): .conditionFailed(current: current, at: revision)
        case .replayed(let first, let then): outcome(of: first, then)
        case .transacted, .tooManyKeys, .answerTooLarge, .granted, .leaseExists, .leaseNotFound, .leaseFull,
            .revoked, .keyReused, .keysFull, .none, .malformed:
            nil
        }
    }

    private func failed(_ client: SimulatedClient, _ failure: Failure) {
        switch failure {
        case .notLeader(let leader): again(client, at: Int(leader.rawValue) - 1)
        case .noLeader, .overloaded, .diskFull, .snapshotFailed: again(client, at: anyNode(&client.random))
        case .timedOut(.unknown):
            if sabotage == .claimApplied { return claimApplied(client) }
            if sabotage == .claimNotApplied { return finish(client, .refused) }
            unknown(client)
        case .timedOut(.notApplied):
            if sabotage == .claimApplied { return claimApplied(client) }
            finish(client, client.mayBeApplied ? .unknown : .refused)
        }
    }

    /// Nobody knows what became of it: what has a name is asked for again, and takes effect once.
    private func unknown(_ client: SimulatedClient) {
        guard client.isNamed, client.tries < 12 else { return finish(client, .unknown) }
        client.mayBeApplied = true
        again(client, at: anyNode(&client.random))
    }

    private func claimApplied(_ client: SimulatedClient) {
        guard let call = client.call, case .put = history.calls[call].action else {
            return finish(client, .refused)
        }
        let revision = Revision(UInt64(table.committed.count) + 2)
        finish(client, .written(created: true, revision: revision, createdRevision: revision, version: 1))
    }

    /// It was certainly not applied: once more, elsewhere, and after a while given up.
    private func again(_ client: SimulatedClient, at node: Int) {
        guard client.tries < (isChaos ? 12 : 200) else {
            return finish(client, client.mayBeApplied ? .unknown : .refused)
        }
        client.node = node
        let time =
            client.tries < 2
            ? odds.messageTime : client.random.draw(20 * Self.millisecond...400 * Self.millisecond)
        queue.add(.clientAgain(client.place), at: after(time))
    }

    func tryAgain(_ client: SimulatedClient) { attempt(client) }

    private func finish(_ client: SimulatedClient, _ outcome: Call.Outcome) {
        guard let call = client.call else { return }
        client.call = nil
        if let position = history.calls[call].with(outcome).position {
            highestSeen = max(highestSeen, position.revision)
            if position.revision < client.seenByAll
                || position.isChange && position.revision == client.seenByAll
            {
                pending = Violation(
                    "linearizability: call \(call) is answered at revision \(position.revision), and began "
                        + "when \(client.seenByAll) had been told of")
            }
        }
        stamp += 1
        history.calls[call].outcome = outcome
        if outcome != .unknown { history.calls[call].returned = stamp }
        trace.begin(now)
        trace.text("client ", UInt64(client.place) + 1)
        trace.text("  call ", UInt64(call))
        trace.outcome(outcome)
        trace.end()
        if !isChaos, outcome != .unknown, outcome != .refused { client.calmCalls += 1 }
    }
}
