// Leadership transfer (thesis §3.10): let the other catch up, then tell it to stand at once.

extension Raft {
    mutating func transfer(to wanted: NodeID?, into out: inout [Output]) {
        guard let leadership, leadership.transfer == nil else {
            out.append(.transferred(false))
            return
        }
        var target = wanted
        if let wanted {
            guard wanted != id, membership.isVoter(wanted), leadership.position(of: wanted) != nil else {
                out.append(.transferred(false))
                return
            }
        } else {
            target = successor()
        }
        guard let target else {
            out.append(.transferred(false))
            return
        }
        beginTransfer(to: target, into: &out)
    }

    /// The voter to be that was heard lately and has got furthest.
    func successor(where isGood: (Progress) -> Bool = { _ in true }) -> NodeID? {
        var best: Progress?
        for peer in leadership?.peers ?? [] where membership.voters.contains(peer.id) && isHeard(peer.id) {
            if isGood(peer), peer.match >= best?.match ?? .zero { best = peer }
        }
        return best?.id
    }

    mutating func beginTransfer(to target: NodeID, into out: inout [Output]) {
        leadership?.transfer = Leadership.Transfer(to: target, deadline: now + settings.electionTimeout)
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
