// The leader executes a request that another member sends on, as if its own client had asked (Interface §9).
internal import API
internal import Consensus
internal import HTTP
internal import JSON
internal import Network
internal import Replica
internal import Wire

extension Node {
    /// A body of `/raft/propose` is whole. The request in it becomes a client without a connection: what is
    /// answered to it is the answer to the peer.
    mutating func takeForwarded(_ body: Span<UInt8>, _ exchange: Exchange) {
        let request: Int
        do throws(WireError) {
            let (forwarding, start) = try Forwarding.read(body)
            if let refusal = refusal(of: forwarding) {
                refuse(exchange, refusal)
                return
            }
            request = start
        } catch {
            refuse(exchange, .malformed(error.description))
            return
        }
        var bytes: [UInt8] = []
        bytes.append(bytes: body.extracting(request..<body.count))
        var proxy = Client(socket: .none, isExtra: false, deadline: .max)
        proxy.origin = exchange
        proxy.mayRead = false
        proxy.inbound = Inbound(holding: bytes)
        let token = clients.insert(proxy)
        proxies += 1
        let slot = Int(token.slot)
        weigh(slot)
        goOn(slot)
        guard clients.contains(token), clients[slot].outbound.isEmpty else { return }
        switch clients[slot].stage {
        case .waiting, .transferring: return
        case .head, .content, .skipping, .sleeping, .streaming, .forwarded, .ending:
            drop(slot)
            refuse(
                exchange, .malformed("the request that was sent on is not whole, or not one to be sent on"))
        }
    }

    private func refusal(of forwarding: Forwarding) -> PeerRefusal? {
        guard let cluster = replica.view.cluster else { return .notReady("this node takes no part yet") }
        if forwarding.cluster != cluster {
            return .wrongCluster(
                "this node belongs to cluster \(cluster), the message to \(forwarding.cluster)")
        }
        if forwarding.to != configuration.node {
            return .wrongCluster("this is node \(configuration.node), the message is for \(forwarding.to)")
        }
        if forwarding.from == configuration.node || !replica.raft.membership.contains(forwarding.from) {
            return .wrongCluster("node \(forwarding.from) is no peer of node \(configuration.node)")
        }
        return nil
    }

    /// Gives the answers of clients without a connection to the peers that sent them on.
    mutating func deliverForwarded() {
        if answeredProxies.isEmpty { return }
        for token in answeredProxies where clients.contains(token) {
            let slot = Int(token.slot)
            guard let exchange = clients[slot].origin else { continue }
            var response: [UInt8] = []
            Answer(context, Manner()).appendPeerAnswer(
                clients[slot].outbound.bytes.span, contentType: "application/http", to: &response)
            drop(slot)
            give(exchange, response)
        }
        answeredProxies.removeAll(keepingCapacity: true)
    }
}
