// Whole requests go to the replica, or are answered at once: what each route does (api.md §2, §5, §7).
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
    mutating func begin(_ slot: Int, _ head: RequestHead) -> Next {
        do throws(API.Refusal) {
            let bytes = clients[slot].inbound.bytes
            let request = try Request(
                head, in: bytes.span.extracting(clients[slot].inbound.unread), limits: requestLimits,
                scratch: &scratch)
            if clients[slot].isExtra && !request.action.hasReservedPlace { throw .tooManyConnections }
            if head.framing == .chunked {
                clients[slot].decoder = ContentDecoder(.chunked, contentBytesMax: request.contentBytesMax)
                clients[slot].decoded = head.count
            }
            clients[slot].request = request
            if head.expectation == .continue { return invite(slot, head, request) }
            return .again
        } catch {
            refuse(slot, error, closing: clients[slot].isExtra)
            return .again
        }
    }

    /// `100 Continue` is sent only where the content will be used: the leader is settled first (api.md §2).
    private mutating func invite(_ slot: Int, _ head: RequestHead, _ request: Request) -> Next {
        if clients[slot].inbound.count > head.count || head.framing == .none || head.framing == .length(0) {
            return .again
        }
        if request.action == .put, let failure = absence {
            fail(slot, failure)
            return .again
        }
        Writer.appendContinue(to: &clients[slot].outbound.bytes)
        touch(slot)
        return .again
    }

    /// Why a write would not be taken here; nil: this node leads.
    private var absence: Failure? {
        let view = replica.view
        if view.leader == configuration.node { return nil }
        if let leader = view.leader { return .notLeader(leader) }
        return .noLeader(view.absence)
    }

    /// The request is whole; its content is at `content`, counted from its first byte, or decoded in
    /// `client.content`.
    mutating func dispatch(_ slot: Int, _ head: RequestHead, _ content: Range<Int>, isDecoded: Bool) -> Next {
        guard let action = clients[slot].request?.action else {
            finish(slot)
            return .again
        }
        if case .peer(let call) = action { return dispatchPeer(slot, call, content, isDecoded: isDecoded) }
        // Answers go out in the order of the questions.
        if !clients[slot].exchanges.isEmpty { return .rest }
        switch action {
        case .read: read(slot)
        case .put: put(slot, content, isDecoded: isDecoded)
        case .delete: delete(slot)
        case .live: answer(slot) { $0.appendLive(to: &$1) }
        case .ready(let isVerbose):
            let readiness = readiness
            answer(slot) { $0.append(readiness, isVerbose: isVerbose, to: &$1) }
        case .status:
            // Asking the disk may block, so the next one hears of it.
            if now >= usageAskedAt + 1_000_000_000 {
                usageAskedAt = now
                reader.measure()
            }
            let status = status
            answer(slot) { $0.append(status, to: &$1) }
        case .options(let route): answer(slot) { $0.appendOptions(route, to: &$1) }
        case .peer: break
        }
        return .again
    }

    private func deadline(_ request: borrowing Request) -> Instant {
        Instant(nanoseconds: now) + .milliseconds(request.timeoutMilliseconds)
    }

    private mutating func read(_ slot: Int) {
        guard let request = clients[slot].request else { return }
        if request.consistency == .local {
            readStore(slot, isLocal: true)
            return
        }
        clients[slot].stage = .waiting
        replica.read(for: Ticket(clients.token(at: slot).rawValue), until: deadline(request))
    }

    private mutating func put(_ slot: Int, _ content: Range<Int>, isDecoded: Bool) {
        guard let request = clients[slot].request else { return }
        if journal.isFull && replica.raft.role == .leader {
            refuse(slot, .diskFull)
            return
        }
        clients[slot].stage = .waiting
        let ticket = Ticket(clients.token(at: slot).rawValue)
        let until = deadline(request)
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
                    for: ticket,
                    until: until)
            }
        } else {
            replica.put(
                key: span.extracting(request.rawKey), value: value, contentType: type,
                precondition: request.precondition, for: ticket, until: until)
        }
    }

    private mutating func delete(_ slot: Int) {
        guard let request = clients[slot].request else { return }
        if journal.isFull && replica.raft.role == .leader {
            refuse(slot, .diskFull)
            return
        }
        clients[slot].stage = .waiting
        let ticket = Ticket(clients.token(at: slot).rawValue)
        let until = deadline(request)
        let bytes = clients[slot].inbound.bytes
        request.withKey(in: bytes.span.extracting(clients[slot].inbound.unread), scratch: &scratch) { key in
            replica.delete(key: key, precondition: request.precondition, for: ticket, until: until)
        }
    }
}

extension Action {
    /// Whether it is served though there are too many connections.
    fileprivate var hasReservedPlace: Bool {
        switch self {
        case .live, .ready, .status, .peer: true
        case .read, .put, .delete, .options: false
        }
    }
}
