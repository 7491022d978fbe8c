// Whole requests go to the replica, or are answered at once: what each route does (Interface §2, §5, §7).
internal import API
internal import Consensus
internal import HTTP
internal import Journal
internal import KeyValue
internal import Network
internal import Replica
internal import Wire

extension Node {
    /// A head has come: what it asks is settled before its content is read.
    mutating func begin(_ slot: Int) -> Next {
        do throws(API.Refusal) {
            let bytes = clients[slot].inbound.bytes
            // What a peer sends on was looked at where it arrived.
            let limits = clients[slot].origin == nil ? requestLimits : forwardedLimits
            clients[slot].asked = try Request(
                clients[slot].parser.head, in: bytes.span.extracting(clients[slot].inbound.unread),
                limits: limits, scratch: &scratch)
            if clients[slot].isExtra && !clients[slot].asked.action.hasReservedPlace {
                throw .tooManyConnections
            }
            if clients[slot].parser.head.framing == .chunked {
                let bytesMax = clients[slot].asked.contentBytesMax
                clients[slot].decoder = ContentDecoder(.chunked, contentBytesMax: bytesMax)
                clients[slot].decoded = clients[slot].parser.head.count
            }
            clients[slot].hasRequest = true
            if clients[slot].parser.head.expectation == .continue {
                return invite(slot, clients[slot].parser.head, clients[slot].asked)
            }
            return .again
        } catch {
            refuse(slot, error, closing: clients[slot].isExtra)
            return .again
        }
    }

    /// `100 Continue` only where the content will be used: the leader is settled first (Interface §2).
    private mutating func invite(_ slot: Int, _ head: RequestHead, _ request: Request) -> Next {
        if clients[slot].inbound.count > head.count || head.framing == .none || head.framing == .length(0) {
            return .again
        }
        if request.action.isForLeader, let failure = absence {
            if request.mayRedirect || leaderToAsk(slot) == nil {
                fail(slot, failure)
                return .again
            }
        }
        if request.action.isWrite, replica.lacksRoom, replica.raft.role == .leader {
            refuse(slot, .diskFull)
            return .again
        }
        if case .length(let length) = head.framing, length > BufferPool.bufferBytes,
            !hasRoom(slot, for: length)
        {
            refuse(slot, .crowded)
            return .again
        }
        Writer.appendContinue(to: &clients[slot].outbound.bytes)
        touch(slot)
        return .again
    }

    /// Why a write would not be taken here; nil: this node leads.
    var absence: Failure? {
        let view = replica.view
        if view.leader == configuration.node { return nil }
        if let leader = view.leader { return .notLeader(leader) }
        return .noLeader(view.absence)
    }

    /// The request is whole; its content is at `content`, counted from its first byte, or decoded in
    /// `client.content`.
    mutating func dispatch(_ slot: Int, _ content: Range<Int>, isDecoded: Bool) -> Next {
        guard clients[slot].hasRequest else {
            finish(slot)
            return .again
        }
        let action = clients[slot].asked.action
        if case .peer(let call) = action { return dispatchPeer(slot, call, content, isDecoded: isDecoded) }
        // Answers go out in the order of the questions.
        if !clients[slot].exchanges.isEmpty { return .rest }
        if !clients[slot].asked.mayRedirect, action.isForLeader, let leader = leaderToAsk(slot) {
            forward(slot, to: leader, content, isDecoded: isDecoded)
            return .again
        }
        switch action {
        case .read, .list, .backup: read(slot)
        case .watch: openWatch(slot)
        case .put: put(slot, content, isDecoded: isDecoded)
        case .delete: delete(slot)
        case .transaction: transact(slot, content, isDecoded: isDecoded)
        case .deleteRange: deleteRange(slot)
        case .grant: grant(slot, content, isDecoded: isDecoded)
        case .revoke: revoke(slot)
        case .leases, .lease, .keepAlive: readLeases(slot)
        case .transfer: transfer(slot, content, isDecoded: isDecoded)
        case .snapshot:
            clients[slot].stage = .waiting
            replica.takeSnapshot(for: Ticket(clients.token(at: slot).rawValue))
        case .members:
            // The leader knows more of them, so it is asked whether or not the client may be sent to it.
            if let leader = leaderToAsk(slot) {
                forward(slot, to: leader, content, isDecoded: isDecoded)
            } else {
                answerMembers(slot)
            }
        case .live: answer(slot) { $0.appendLive(to: &$1) }
        case .ready(let isVerbose):
            let readiness = readiness
            answer(slot) { $0.append(readiness, isVerbose: isVerbose, to: &$1) }
        case .status:
            measureUsage()
            let status = status
            answer(slot) { $0.append(status, to: &$1) }
        case .metrics: answerMetrics(slot)
        case .openapi: answerOpenAPI(slot)
        case .dashboard: answerDashboard(slot)
        case .options(let route): answer(slot) { $0.appendOptions(route, to: &$1) }
        case .peer: break
        }
        return .again
    }

    mutating func answerMetrics(_ slot: Int) {
        if postpones(slot) { return }
        measureUsage()
        var content: [UInt8] = []
        metrics.append(to: &content)
        answer(slot, .metrics, content)
        pace.look()
    }

    /// Asking the disk may block, so the next one to look hears of it.
    mutating func measureUsage() {
        if now < usageAskedAt + 1_000_000_000 { return }
        usageAskedAt = now
        reader.measure()
    }

    func deadline(_ request: borrowing Request) -> Instant {
        Instant(nanoseconds: now) + .milliseconds(request.timeoutMilliseconds)
    }

    /// When the time is over that the request has had since it was asked.
    func deadline(_ request: borrowing Request, of slot: Int) -> Instant {
        Instant(nanoseconds: clients[slot].askedAt) + .milliseconds(request.timeoutMilliseconds)
    }

    mutating func read(_ slot: Int) {
        guard clients[slot].hasRequest, !waits(slot) else { return }
        let ticket = Ticket(clients.token(at: slot).rawValue)
        let until = Instant(nanoseconds: now) + .milliseconds(clients[slot].asked.timeoutMilliseconds)
        if clients[slot].asked.consistency == .local {
            let least = clients[slot].asked.revisionMin
            if replica.trust == .trusted, least <= replica.store.revision {
                readStore(slot, isLocal: true)
                return
            }
            clients[slot].stage = .waiting
            replica.read(atLeast: least, for: ticket, until: until)
            return
        }
        clients[slot].stage = .waiting
        replica.read(for: ticket, until: until, byAsking: !clients[slot].asked.mayRedirect)
    }

    private mutating func put(_ slot: Int, _ content: Range<Int>, isDecoded: Bool) {
        guard let request = clients[slot].request else { return }
        clients[slot].stage = .waiting
        let ticket = Ticket(clients.token(at: slot).rawValue)
        let until = deadline(request)
        let once = request.idempotencyKey == nil ? nil : once(slot, content, isDecoded: isDecoded)
        // References of their own while the replica encodes: nothing is copied but into the log's entry.
        let bytes = clients[slot].inbound.bytes
        let unread = clients[slot].inbound.unread
        let decoded = isDecoded ? clients[slot].content : []
        let span = bytes.span.extracting(unread)
        let value = isDecoded ? decoded.span : span.extracting(content)
        let type = span.extracting(request.contentType ?? 0..<0)
        if request.isKeyEscaped {
            request.withKey(in: span, scratch: &scratch) { key in
                replica.put(
                    key: key, value: value, contentType: type, precondition: request.precondition,
                    lifetime: request.lifetime, once: once, for: ticket, until: until)
            }
        } else {
            replica.put(
                key: span.extracting(request.rawKey), value: value, contentType: type,
                precondition: request.precondition, lifetime: request.lifetime, once: once, for: ticket,
                until: until)
        }
    }

    private mutating func delete(_ slot: Int) {
        guard let request = clients[slot].request else { return }
        clients[slot].stage = .waiting
        let ticket = Ticket(clients.token(at: slot).rawValue)
        let until = deadline(request)
        let once = request.idempotencyKey == nil ? nil : once(slot, 0..<0, isDecoded: false)
        let bytes = clients[slot].inbound.bytes
        request.withKey(in: bytes.span.extracting(clients[slot].inbound.unread), scratch: &scratch) { key in
            replica.delete(
                key: key, precondition: request.precondition, once: once, for: ticket, until: until)
        }
    }
}

extension Action {
    /// Whether it is served though there are too many connections.
    var hasReservedPlace: Bool {
        switch self {
        case .live, .ready, .status, .metrics, .peer: true
        case .read, .list, .put, .delete, .openapi, .dashboard, .members, .transfer, .snapshot, .backup,
            .watch, .options, .transaction, .deleteRange, .leases, .lease, .grant, .revoke, .keepAlive:
            false
        }
    }

    /// Whether it is answered from what the leader knows of leases.
    var isOfLeases: Bool { self == .lease || self == .leases || self == .keepAlive }

    /// Whether it is an entry of the log.
    fileprivate var isWrite: Bool {
        switch self {
        case .put, .delete, .transaction, .deleteRange, .grant, .revoke: true
        case .read, .list, .live, .ready, .status, .metrics, .openapi, .dashboard, .members, .transfer,
            .snapshot, .backup, .watch, .leases, .lease, .keepAlive, .options, .peer:
            false
        }
    }

    /// Whether only the leader can do it.
    fileprivate var isForLeader: Bool {
        switch self {
        case .put, .delete, .transaction, .deleteRange, .transfer, .leases, .lease, .grant, .revoke,
            .keepAlive:
            true
        case .read, .list, .live, .ready, .status, .metrics, .openapi, .dashboard, .members, .snapshot,
            .backup, .watch, .options, .peer:
            false
        }
    }
}
