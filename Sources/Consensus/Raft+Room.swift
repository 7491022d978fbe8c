// A full disk (rule 13): who has no room takes no entries, says so with every answer, and does not lead for
// long if another can.

/// How much room a member's disk has for further entries.
public enum Room: Hashable, Sendable {
    case plenty
    /// What is prepared, and no more. It takes what others sent, and proposes nothing.
    case low
    /// Not even that: it refuses the leader's entries.
    case none
}

extension Raft {
    /// Whether a leader should propose nothing: its disk is full, or those of so many others that what it
    /// proposes might never be committed.
    public var lacksRoom: Bool { leadership?.lacksRoom ?? (room != .plenty) }

    mutating func setRoom(_ room: Room) {
        self.room = room
        findRoom()
    }

    /// What the members' last words say of a majority's room.
    mutating func findRoom() {
        guard leadership != nil else { return }
        let isEnough = membership.isQuorum { $0 == id ? room == .plenty : fullness(of: $0) != true }
        leadership?.lacksRoom = room != .plenty || !isEnough
    }

    /// A peer has said whether its disk is full.
    mutating func noteRoom(of at: Int, isFull: Bool) {
        let wasFull = leadership?.peers[at].isFull ?? false
        leadership?.peers[at].isFull = isFull
        if isFull || wasFull { findRoom() }
    }

    /// Whether that peer's disk is full, if it was heard in this term.
    private func fullness(of peer: NodeID) -> Bool? {
        guard let leadership, let at = leadership.position(of: peer) else { return nil }
        return leadership.peers[at].isFull
    }

    /// A full leader hands over to a voter that is not, where a majority has room: else nothing would be won.
    mutating func tickRoom(into out: inout [Output]) {
        findRoom()
        guard room != .plenty, let leadership, leadership.transfer == nil, now >= leadership.nextHandOver,
            commit >= leadership.firstIndex,
            membership.isQuorum(where: { $0 != id && fullness(of: $0) != true }),
            let target = successor(where: { $0.isFull == false })
        else { return }
        self.leadership?.nextHandOver = now + settings.handOverPause
        beginTransfer(to: target, into: &out)
    }

    /// A peer has no room: it is asked again at a heartbeat's pace, by an empty append. What it has counts.
    mutating func receiveFull(_ message: Message, _ last: EntryID, into out: inout [Output]) {
        guard let at = peer(answering: message, into: &out), let progress = leadership?.peers[at] else {
            return
        }
        noteRoom(of: at, isFull: true)
        leadership?.peers[at].flights = max(0, progress.flights - 1)
        leadership?.peers[at].flightSince = now
        let match = log.contains(last) ? max(progress.match, last.index) : progress.match
        leadership?.peers[at].match = match
        // One that waits for a snapshot may have come so far by itself that entries are enough.
        if progress.pace != .snapshot || match >= log.base.index {
            let next = progress.pace == .probe ? progress.next : match.next
            leadership?.peers[at].probe(from: next)
            leadership?.peers[at].pausedUntil = now + settings.heartbeat
        }
        maybeCommit(into: &out)
    }

    /// The follower's side: what agrees with the leader's log already is verified, and nothing is taken.
    mutating func refuse(
        _ append: Message.Append, _ message: Message, _ exchange: Exchange, into out: inout [Output]
    ) {
        verified = max(verified, log.agreement(after: append.after.index, with: append.runs))
        advanceCommit(to: min(append.commit, verified), into: &out)
        if standing == .damaged, append.wholeFor == boot { wholeAt = append.whole }
        let last = EntryID(term: log.term(at: durable) ?? .zero, index: durable)
        answer(.full(last: last), to: message, exchange, into: &out)
        maybeRecover(into: &out)
    }
}
