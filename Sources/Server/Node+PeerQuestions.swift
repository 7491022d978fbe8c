// Questions of peers on this node's listener: checked for their form here, for their meaning by the replica.
internal import API
internal import Consensus
internal import HTTP
internal import Network
internal import Replica
internal import Wire

extension Node {
    /// The question is whole. The replica copies what it keeps, so the next one may come at once.
    mutating func dispatchPeer(
        _ slot: Int, _ call: PeerCall, _ content: Range<Int>, isDecoded: Bool
    ) -> Next {
        let route = PeerRoute(call)
        guard route != nil || call == .propose else {
            refuse(slot, .notBuilt("/raft/\(call.rawValue)"))
            return .again
        }
        if !clients[slot].isPeer {
            clients[slot].isPeer = true
            // Without it this peer waits its turn among the clients, as every connection does at first.
            try? urgent.add(clients[slot].socket, as: clients.token(at: slot), for: .changes)
        }
        let number = clients[slot].exchanges.open()
        let exchange = Exchange(Self.exchange(clients.token(at: slot), number))
        let bytes = isDecoded ? clients[slot].content : clients[slot].inbound.bytes
        let start = isDecoded ? 0 : clients[slot].inbound.unread.lowerBound
        let body = start + content.lowerBound..<start + content.upperBound
        if let route {
            replica.asked(route, body: bytes.span.extracting(body), exchange: exchange)
        } else {
            takeForwarded(bytes.span.extracting(body), exchange)
        }
        finish(slot)
        return .again
    }

    /// An exchange names a question: the place of its connection, its number there, the connection's
    /// generation.
    private static func exchange(_ token: Token, _ number: UInt8) -> UInt64 {
        UInt64(token.generation) << 32 | UInt64(number) << 24 | UInt64(token.slot & 0xFF_FFFF)
    }

    mutating func answer(_ exchange: Exchange, _ body: [UInt8]) {
        var response: [UInt8] = []
        response.reserveCapacity(160 + body.count)
        Answer(context, Manner()).appendPeerAnswer(body.span, to: &response)
        give(exchange, response)
    }

    mutating func refuse(_ exchange: Exchange, _ refusal: PeerRefusal) {
        var response: [UInt8] = []
        let answer = Answer(context, Manner())
        switch refusal {
        case .malformed(let detail): answer.append(.badRequest(detail), to: &response)
        case .wrongCluster(let detail): answer.append(.wrongCluster(detail), to: &response)
        case .notReady(let detail): answer.append(.notReady(detail), to: &response)
        }
        give(exchange, response)
    }

    mutating func give(_ exchange: Exchange, _ response: consuming [UInt8]) {
        let raw = exchange.rawValue
        let token = Token(slot: UInt32(raw & 0xFF_FFFF), generation: UInt32(raw >> 32))
        guard clients.contains(token) else { return }
        let slot = Int(token.slot)
        let wasFull = clients[slot].exchanges.isFull
        guard clients[slot].answerExchange(UInt8(truncatingIfNeeded: raw >> 24), response) else { return }
        touch(slot)
        if clients[slot].exchanges.isEmpty {
            if clients[slot].closesAfterExchanges { clients[slot].closesWhenSent = true }
            makeRunnable(slot)
        } else if wasFull {
            makeRunnable(slot)
        }
    }
}

extension Client {
    mutating func answerExchange(_ number: UInt8, _ response: consuming [UInt8]) -> Bool {
        exchanges.answer(number, response, to: &outbound.bytes)
    }
}

extension PeerRoute {
    /// The replica's word for a call; nil: it knows none.
    init?(_ call: PeerCall) {
        switch call {
        case .hello: self = .hello
        case .append: self = .append
        case .vote: self = .vote
        case .preVote: self = .preVote
        case .heartbeat: self = .heartbeat
        case .timeoutNow: self = .timeoutNow
        case .readIndex: self = .readIndex
        case .snapshot: self = .snapshot
        case .propose: return nil
        }
    }
}
