// Leadership that somebody asks to be handed over, and the members as this node sees them (Interface §8).
internal import API
internal import Consensus
internal import HTTP
internal import Network
internal import Replica

extension Node {
    /// `POST /cluster/leader`; this node leads, or nobody is known to.
    mutating func transfer(_ slot: Int, _ content: Range<Int>, isDecoded: Bool) {
        let view = replica.view
        guard view.role == .leader else {
            fail(slot, view.leader.map { .notLeader($0) } ?? .noLeader(view.absence))
            return
        }
        let bytes = isDecoded ? clients[slot].content : clients[slot].inbound.bytes
        let start = isDecoded ? 0 : clients[slot].inbound.unread.lowerBound
        do throws(API.Refusal) {
            let wish = try LeaderWish(
                bytes.span.extracting(start + content.lowerBound..<start + content.upperBound))
            if let id = wish.id, NodeID(id) == configuration.node {
                answerMembers(slot)
                return
            }
            try check(wish, view)
            guard transferring == nil else {
                throw API.Refusal(409, .changeInProgress, "Leadership is being handed over already.")
            }
            clients[slot].stage = .transferring
            transferring = clients.token(at: slot)
            setDeadline(
                slot,
                after: .milliseconds(
                    clients[slot].request?.timeoutMilliseconds ?? Request.timeoutMillisecondsDefault))
            replica.transferLeadership(to: wish.id.map { NodeID($0) })
        } catch {
            refuse(slot, error)
        }
    }

    private func check(_ wish: LeaderWish, _ view: Replica.View) throws(API.Refusal) {
        if let id = wish.id {
            guard let member = view.members.first(where: { $0.id == NodeID(id) }) else {
                throw API.Refusal(404, .memberNotFound, "There is no member \(id).")
            }
            if !member.isVoter { throw API.Refusal(409, .notCaughtUp, "Member \(id) is a learner.") }
        } else if !view.members.contains(where: { $0.isVoter && $0.id != configuration.node }) {
            throw API.Refusal(409, .notCaughtUp, "There is no other voter that could lead.")
        }
    }

    /// A hand-over is over: whoever asked for it hears of it.
    mutating func transferred(_ isDone: Bool) {
        guard let token = transferring else { return }
        transferring = nil
        guard clients.contains(token), case .transferring = clients[Int(token.slot)].stage else { return }
        let slot = Int(token.slot)
        clients[slot].stage = .waiting
        if isDone {
            answerMembers(slot)
        } else {
            refuse(
                slot,
                API.Refusal(
                    409, .notCaughtUp,
                    "The other did not take over: it is not reached, or lacks entries. This node goes on."))
        }
    }

    /// The client's time is over before the hand-over is.
    mutating func expireTransfer(_ slot: Int) {
        transferring = nil
        clients[slot].stage = .waiting
        fail(slot, .timedOut(.unknown))
    }

    mutating func answerMembers(_ slot: Int) {
        let members = status.members
        answer(slot) { $0.append(members: members, to: &$1) }
    }
}
