// Requests and answers of peers: decoded, checked for whom they are meant, and given to consensus.
public import Consensus
internal import KeyValue
public import Wire

extension Replica {
    /// A peer's request on one of the `/raft/…` routes; answered by `.answer` or `.refuse`, now or later.
    public mutating func asked(_ route: PeerRoute, body: Span<UInt8>, exchange: Exchange) {
        do throws(WireError) {
            if route == .hello {
                try askedHello(Hello(body), exchange)
                return
            }
            guard isRunning, !hasDiskFailed, let cluster = start.cluster else {
                effects.append(.refuse(exchange, .notReady("this node takes no part yet")))
                return
            }
            if raft.standing == .retired, route == .append || route == .snapshot {
                effects.append(.refuse(exchange, .notReady("this node's log is damaged: start it again")))
                return
            }
            let (envelope, rest) = try Envelope.request(route, body)
            if let refusal = refusal(of: envelope, in: cluster) {
                effects.append(.refuse(exchange, .wrongCluster(refusal)))
                return
            }
            var message = envelope.message
            if case .append(let append) = message.body, append.count > 0 {
                let block = try Block(body, in: rest, after: append.after, runs: append.runs)
                if !block.configurations.isEmpty {
                    message = message.naming(block.configurations, in: append)
                }
                incoming = block
                measure(block)
            } else if case .piece = message.body {
                incomingPiece = unsafe body.extracting(rest).withUnsafeBufferPointer { unsafe Array($0) }
            }
            accordAsked = envelope.accord
            step(.received(message, exchange: exchange))
            incoming = nil
            incomingPiece = nil
            accordAsked = nil
            if let accord = envelope.accord, message.term == raft.term, raft.leader == message.from {
                told(accord)
            }
        } catch {
            effects.append(.refuse(exchange, .malformed(error.description)))
            effects.append(.notice(.refusedPeer(nil, error.description)))
        }
    }

    /// A peer's answer (its body, status 200) to a parcel that this boot sent it.
    public mutating func answered(by peer: NodeID, route: PeerRoute, body: Span<UInt8>) {
        do throws(WireError) {
            if route == .hello {
                try answeredHello(by: peer, Hello(body))
                return
            }
            guard isRunning, let cluster = start.cluster else { return }
            let envelope = try Envelope.answer(route, body)
            guard envelope.message.from == peer, refusal(of: envelope, in: cluster) == nil else {
                effects.append(.notice(.refusedPeer(peer, "an answer that is meant for another")))
                return
            }
            step(.received(envelope.message, exchange: Exchange(0)))
            if case .heard = envelope.message.body, raft.role == .leader, envelope.message.term == raft.term {
                heard(envelope.accord ?? .nothing, from: peer, in: envelope.message.boot)
            }
        } catch {
            effects.append(.notice(.refusedPeer(peer, error.description)))
            switch route {
            case .append: lost(peer, .appends)
            case .snapshot: lost(peer, .snapshots)
            case .hello, .vote, .preVote, .heartbeat, .timeoutNow, .readIndex: return
            }
        }
    }

    /// A lane's connection broke, or a request on it was refused: what was in flight there has no answer.
    public mutating func lost(_ peer: NodeID, _ lane: Lane) {
        switch lane {
        case .appends: if isRunning { step(.lost(to: peer)) }
        case .snapshots: lostPiece(to: peer)
        case .votes, .quick: return
        }
    }

    private func refusal(of envelope: Envelope, in cluster: ClusterID) -> String? {
        let message = envelope.message
        if envelope.cluster != cluster {
            return "this node belongs to cluster \(cluster), the message to \(envelope.cluster)"
        }
        if message.to != settings.node {
            return "this is node \(settings.node), the message is for node \(message.to)"
        }
        #if PlantedFaults
            if Planted.is(.unknownLeaderRefused), !raft.membership.contains(message.from) {
                return "node \(message.from) is no peer of node \(settings.node)"
            }
        #endif
        // A leader may belong to a later configuration than this node's log has come to (thesis §4.1).
        let isKnown = raft.membership.contains(message.from) || settings.peers.contains(message.from)
        if message.from == settings.node || !isKnown {
            return "node \(message.from) is no peer of node \(settings.node)"
        }
        return nil
    }
}
