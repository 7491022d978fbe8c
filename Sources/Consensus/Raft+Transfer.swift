// Leadership transfer (thesis §3.10): let the other catch up, then tell it to stand at once.

extension Raft {
    mutating func transfer(to wanted: NodeID?, into out: inout [Output]) {
        guard let leadership, leadership.transfer == nil else {
            out.append(.transferred(false))
            return
        }
        var target: Progress?
        for peer in leadership.peers where membership.isVoter(peer.id) {
            if let wanted {
                if peer.id == wanted { target = peer }
            } else if now - peer.lastHeard <= settings.electionTimeout, peer.match >= target?.match ?? .zero {
                target = peer
            }
        }
        guard let target else {
            out.append(.transferred(false))
            return
        }
        self.leadership?.transfer = Leadership.Transfer(
            to: target.id, deadline: now + settings.electionTimeout)
        maybeHandOver(into: &out)
    }

    /// Once it holds everything, the other is told, once. If it does not win in time, proposals go on here.
    mutating func maybeHandOver(into out: inout [Output]) {
        guard let leadership, let transfer = leadership.transfer, !transfer.isAsked,
            let at = leadership.position(of: transfer.to),
            leadership.peers[at].match == log.lastIndex
        else { return }
        self.leadership?.transfer?.isAsked = true
        send(.timeoutNow, to: transfer.to, into: &out)
    }
}
