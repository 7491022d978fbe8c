// Snapshots (§7; rule 26): the log forgets its beginning, and who needs it gets the snapshot instead.

extension Raft {
    // A log that does not grow for ever --------------------------------------------------------------------

    /// The entries up to `index` are gone, and a durable snapshot says what they did.
    mutating func compacted(through index: LogIndex) {
        guard index > log.base.index else { return }
        precondition(index <= commit, "only what is committed is ever forgotten")
        log.compact(through: index)
        handed = max(handed, index)
        durable = max(durable, index)
        let kept = configurations.lastIndex { $0.index <= index } ?? 0
        configurations.removeFirst(kept)
        // A probe from a place that is gone would take a silent peer for one that needs a snapshot.
        for at in leadership?.peers.indices ?? 0..<0 {
            guard let peer = leadership?.peers[at], peer.pace == .probe, peer.next <= index else { continue }
            leadership?.peers[at].probe(from: log.lastIndex.next)
        }
    }

    // The leader's side ------------------------------------------------------------------------------------

    /// Whether this peer waits for a snapshot, or for the rest of one.
    public func needsSnapshot(_ peer: NodeID) -> Bool {
        guard let leadership, let at = leadership.position(of: peer) else { return false }
        return leadership.peers[at].pace == .snapshot
    }

    /// What comes before its next entry is no longer in the log.
    mutating func beginSnapshot(for at: Int, into out: inout [Output]) {
        guard let id = leadership?.peers[at].id else { return }
        leadership?.peers[at].pace = .snapshot
        leadership?.peers[at].flights = 0
        leadership?.peers[at].isToldWhole = false
        out.append(.needsSnapshot(id))
    }

    mutating func receivePieced(
        _ message: Message, _ snapshot: EntryID, _ next: UInt64, _ isInstalled: Bool,
        into out: inout [Output]
    ) {
        guard let at = peer(answering: message, into: &out), snapshot.index <= commit else { return }
        // One whose log needs none may be sent one for its state.
        if isInstalled, needsSnapshot(message.from) { agree(at, to: snapshot.index) }
        out.append(.pieced(message.from, snapshot: snapshot, next: next, isInstalled: isInstalled))
    }

    /// This peer stands where a snapshot ends, or has got there by itself: entries follow from there.
    mutating func agree(_ at: Int, to match: LogIndex) {
        guard var peer = leadership?.peers[at] else { return }
        peer.match = max(peer.match, match)
        peer.pace = .pipeline
        peer.flights = 0
        peer.flightSince = now
        peer.next = peer.match.next
        leadership?.peers[at] = peer
    }

    // The follower's side ----------------------------------------------------------------------------------

    mutating func receivePiece(
        _ message: Message, _ piece: Message.Piece, _ exchange: Exchange, into out: inout [Output]
    ) {
        guard joinTerm(of: message, leader: message.from, into: &out), leadership == nil, takesEntries,
            piece.snapshot.term <= message.term
        else {
            let none = Message.Body.pieced(snapshot: piece.snapshot, next: 0, isInstalled: false)
            answer(none, to: message, exchange, into: &out)
            return
        }
        hear(leader: message.from, into: &out)
        #if PlantedFaults
            if Planted.is(.installOlderSnapshot) { return out.append(.piece(exchange, message)) }
        #endif
        guard commit < piece.snapshot.index || !isTrusted else {
            // It has all that by itself, once it is on disk.
            acknowledgements.append(
                Acknowledgement(exchange: exchange, request: message, match: piece.snapshot.index))
            answerDurable(into: &out)
            return
        }
        out.append(.piece(exchange, message))
    }

    mutating func answerPiece(
        _ exchange: Exchange, _ message: Message, _ next: UInt64, _ isInstalled: Bool,
        into out: inout [Output]
    ) {
        guard case .piece(let piece) = message.body else { return }
        let isDurable = min(commit, durable) >= piece.snapshot.index && message.term == term
        let body = Message.Body.pieced(
            snapshot: piece.snapshot, next: next, isInstalled: isInstalled && isDurable)
        answer(body, to: message, exchange, into: &out)
    }

    /// §7: a log that has the snapshot's last entry keeps what follows it; any other is discarded, with the
    /// state that was made of it.
    mutating func install(_ snapshot: EntryID, _ configuration: Configuration, into out: inout [Output]) {
        #if PlantedFaults
            if Planted.is(.installOlderSnapshot), leadership == nil, snapshot.index <= commit {
                log = LogShape(base: .zero)
                commit = .zero
            }
        #endif
        guard leadership == nil, standing != .retired, snapshot.index > commit, snapshot.term <= term,
            configuration.index <= snapshot.index, !configuration.membership.voters.isEmpty
        else {
            out.append(.stale(snapshot))
            return
        }
        let keepsLog = log.contains(snapshot)
        if keepsLog {
            handToDisk(into: &out)
            verified = max(verified, snapshot.index)
        } else {
            log = LogShape(base: snapshot)
            durable = .zero
            handed = snapshot.index
            verified = snapshot.index
            writes.cut(after: .zero)
            rejectAcknowledgements(after: snapshot.index, into: &out)
        }
        commit = snapshot.index
        configurations.removeAll { $0.index <= snapshot.index || !keepsLog }
        configurations.insert(configuration, at: 0)
        let write = writes.add(through: snapshot.index, in: term)
        out.append(.installed(write, snapshot, discardsLog: !keepsLog))
        adoptConfiguration(into: &out)
    }
}
