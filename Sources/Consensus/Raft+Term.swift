// Terms (§5.1): a newer one makes a follower; nothing that depends on a term leaves before it is durable.

extension Raft {
    /// Steps down, into `term` if that is newer, following `leader` if one is known, or voting for `vote`.
    mutating func follow(
        _ leader: NodeID?, in term: Term, voteFor vote: NodeID? = nil, into out: inout [Output]
    ) {
        precondition(term >= hard.term)
        let isNewer = term > hard.term
        if isNewer { enter(term, voteFor: vote, into: &out) }
        failReads(into: &out)
        if let leadership {
            if leadership.transfer != nil { out.append(.transferred(isNewer)) }
            self.leadership = nil
            drawElectionDeadline()
        }
        election = nil
        self.leader = leader
        announce(into: &out)
    }

    /// Whether `message` is of a term that counts here: an older one does not, a newer one is joined first.
    mutating func joinTerm(of message: Message, leader: NodeID? = nil, into out: inout [Output]) -> Bool {
        #if PlantedFaults
            if Planted.is(.staleLeaderServes), leadership != nil, message.body.isAnswer, message.term > term {
                return true
            }
            if Planted.is(.appendOfOlderTerm), case .append = message.body, message.term < term {
                return true
            }
        #endif
        if message.term > term { follow(leader, in: message.term, into: &out) }
        return message.term == term
    }

    /// Joins a newer term: what was verified against an older leader's log counts no more.
    mutating func enter(_ term: Term, voteFor vote: NodeID?, into out: inout [Output]) {
        changeHardState(term: term, vote: vote, into: &out)
        verified = .zero
        wholeAt = .zero
        rejectAcknowledgements(after: .zero, into: &out)
    }

    mutating func changeHardState(term: Term, vote: NodeID?, into out: inout [Output]) {
        hard = HardState(term: term, vote: vote, count: hard.count + 1)
        out.append(.persistVote(hard))
    }

    mutating func persistedVote(_ state: HardState, into out: inout [Output]) {
        hardDurable = max(hardDurable, min(state.count, hard.count))
        guard hardDurable == hard.count else { return }
        out.append(contentsOf: held)
        held.removeAll(keepingCapacity: true)
        guard let election else { return }
        // Its requests leave only now: the time for their answers begins here, and not when the disk was
        // asked.
        if !election.isPre { drawElectionDeadline() }
        maybeWin(into: &out)
    }

    /// A request or answer leaves now, or once this node's term and vote are on disk.
    mutating func emit(_ output: Output, into out: inout [Output]) {
        #if PlantedFaults
            if Planted.is(.voteWithoutPersisting) { return out.append(output) }
        #endif
        if hardDurable == hard.count {
            out.append(output)
        } else if held.count < settings.heldMax {
            held.append(output)
        }
        // Beyond the bound it is lost, as a network may lose it; whoever asked asks again.
    }

    mutating func send(_ body: Message.Body, to peer: NodeID, into out: inout [Output]) {
        emit(.send(Message(from: id, to: peer, boot: boot, term: term, body: body)), into: &out)
    }

    mutating func answer(
        _ body: Message.Body, to message: Message, _ exchange: Exchange, into out: inout [Output]
    ) {
        let answer = Message(from: id, to: message.from, boot: boot, term: term, body: body)
        emit(.answer(exchange, answer), into: &out)
    }

    mutating func announce(into out: inout [Output]) {
        let current = Announcement(role: role, term: term, leader: leader)
        guard current != announced else { return }
        announced = current
        out.append(.became(role, term, leader: leader))
    }
}
