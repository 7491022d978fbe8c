// The leader's side of replication (§5.3): its own entries, and what each peer may be sent.

/// What a leader keeps (Figure 2, volatile state on leaders).
public struct Leadership: Sendable {
    /// The first entry of this term: until it is committed, nothing is committed by counting, nor read.
    let firstIndex: LogIndex
    public internal(set) var peers: [Progress]
    var nextHeartbeat: Instant
    var nextQuorumCheck: Instant
    var transfer: Transfer?
    var rounds = Rounds()
    /// Its disk, or too many others', have no room for what it would propose.
    var lacksRoom = false
    var nextHandOver = Instant(nanoseconds: 0)

    struct Transfer: Hashable, Sendable {
        let to: NodeID
        let deadline: Instant
        var isAsked = false
    }

    func position(of peer: NodeID) -> Int? { peers.firstIndex { $0.id == peer } }
}

extension Raft {
    /// The election is won: an empty entry of the new term first (§8), so that older ones can be committed.
    mutating func lead(into out: inout [Output]) {
        let next = log.lastIndex.next
        election = nil
        leader = id
        leadership = Leadership(
            firstIndex: next,
            peers: membership.all.filter { $0 != id }.map { Progress(id: $0, next: next, now: now) },
            nextHeartbeat: now, nextQuorumCheck: now + settings.electionTimeout)
        // Its disk may have been full before.
        findRoom()
        announce(into: &out)
        if configurationIndex == .zero {
            // The first leader writes down who belongs, so that from now on the log says it.
            appendConfiguration(membership, into: &out)
        } else {
            append(1, into: &out)
        }
        tickLeader(into: &out)
    }

    private mutating func append(_ count: UInt64, into out: inout [Output]) {
        let first = log.lastIndex.next
        log.append(count, of: term)
        out.append(.appended(first: first, count: count, term: term))
    }

    mutating func propose(_ count: UInt64, into out: inout [Output]) {
        guard leadership != nil else {
            out.append(.refused(.notLeader(leader)))
            return
        }
        guard leadership?.transfer == nil else {
            out.append(.refused(.transferring))
            return
        }
        append(count, into: &out)
    }

    /// New entries go to the disk, and from then on to the peers. A leader waits for its last write, so that
    /// what comes meanwhile becomes one batch: load makes batches grow by itself.
    mutating func handToDisk(into out: inout [Output]) {
        guard handed < log.lastIndex else { return }
        // A leader that hands over does not wait: its disk may be why.
        guard leadership == nil || leadership?.transfer != nil || writes.isEmpty else { return }
        handed = log.lastIndex
        let write = writes.add(through: handed, in: term)
        out.append(.persist(write, through: log.last))
    }

    /// Offers each peer what it has not been sent.
    mutating func replicate(into out: inout [Output]) {
        guard let count = leadership?.peers.count else { return }
        for at in 0..<count { offer(at, into: &out) }
    }

    private mutating func offer(_ at: Int, into out: inout [Output]) {
        guard let peer = leadership?.peers[at], peer.pace != .snapshot, !peer.isFetching,
            peer.pausedUntil <= now
        else { return }
        let after = peer.next.previous
        guard let afterTerm = log.term(at: after) else {
            // Who is to be forgotten need not have it all first.
            if !peer.isLeaving { beginSnapshot(for: at, into: &out) }
            return
        }
        let place = EntryID(term: afterTerm, index: after)
        switch peer.pace {
        case .probe:
            guard peer.flights == 0, peer.match < handed || !peer.isToldWhole else { return }
            sendAppend(at, after: place, through: after, into: &out)
        case .snapshot: return
        case .pipeline:
            if peer.next <= handed {
                guard peer.flights < settings.flightsMax else { return }
                out.append(.replicate(to: peer.id, after: place, through: handed))
            } else if !peer.isToldWhole, peer.flights == 0 {
                // Nothing new to send, but a damaged peer waits to hear when it is whole.
                sendAppend(at, after: place, through: after, into: &out)
            }
        }
    }

    /// The replica sends what follows the place it was offered, up to `through`.
    mutating func sent(to peer: NodeID, through: LogIndex, into out: inout [Output]) {
        guard let at = leadership?.position(of: peer), let progress = leadership?.peers[at],
            progress.pace == .pipeline, progress.flights < settings.flightsMax,
            through >= progress.next, through <= handed,
            let afterTerm = log.term(at: progress.next.previous)
        else { return }
        let place = EntryID(term: afterTerm, index: progress.next.previous)
        sendAppend(at, after: place, through: through, into: &out)
        offer(at, into: &out)
    }

    private mutating func sendAppend(
        _ at: Int, after: EntryID, through: LogIndex, into out: inout [Output]
    ) {
        guard let peer = leadership?.peers[at] else { return }
        let append = Message.Append(
            after: after, runs: log.runs(after: after.index, through: through), commit: commit,
            whole: peer.whole, wholeFor: peer.boot ?? Boot(0))
        leadership?.peers[at].next = through.next
        leadership?.peers[at].flights += 1
        if peer.flights == 0 { leadership?.peers[at].flightSince = now }
        if peer.boot != nil { leadership?.peers[at].isToldWhole = true }
        send(.append(append), to: peer.id, into: &out)
    }

    mutating func setFetching(_ isFetching: Bool, for peer: NodeID) {
        guard let at = leadership?.position(of: peer) else { return }
        leadership?.peers[at].isFetching = isFetching
    }

    /// The connection broke: whatever was in flight may not have arrived.
    mutating func lose(_ peer: NodeID) {
        guard let at = leadership?.position(of: peer) else { return }
        probeAgain(at)
        leadership?.peers[at].pausedUntil = now + settings.heartbeat
    }

    private mutating func probeAgain(_ at: Int) {
        guard let peer = leadership?.peers[at] else { return }
        let next = peer.pace == .probe ? peer.next : peer.match.next
        // Where that is gone, it must first be heard of again: a silent peer needs no snapshot.
        let isGone = peer.pace == .snapshot || next <= log.base.index
        leadership?.peers[at].probe(from: isGone ? log.lastIndex.next : next)
    }

    /// Where the answering peer stands among ours, if the answer is of this term and this peer's last boot.
    mutating func peer(answering message: Message, into out: inout [Output]) -> Int? {
        guard joinTerm(of: message, into: &out), let at = leadership?.position(of: message.from),
            let known = leadership?.peers[at]
        else { return nil }
        guard known.knows(message.boot) else { return nil }
        leadership?.peers[at].lastHeard = now
        #if PlantedFaults
            if Planted.is(.keepMatchAcrossBoots), known.boot != nil { return at }
        #endif
        if known.boot != message.boot {
            meet(message.boot, of: at)
            if known.boot != nil { leadership?.peers[at].probe(from: log.lastIndex.next) }
        }
        return at
    }

    /// A new boot: what the peer had before is no longer certain (rule 2).
    mutating func meet(_ boot: Boot, of at: Int) {
        leadership?.peers[at].boot = boot
        leadership?.peers[at].whole = log.lastIndex
        leadership?.peers[at].isToldWhole = false
        leadership?.peers[at].match = .zero
        leadership?.peers[at].chase = Progress.Chase(goal: log.lastIndex, since: now, wasShort: false)
    }

    mutating func receiveAppended(_ message: Message, _ match: LogIndex, into out: inout [Output]) {
        guard let at = peer(answering: message, into: &out), match <= log.lastIndex,
            var progress = leadership?.peers[at]
        else { return }
        progress.flights = max(0, progress.flights - 1)
        progress.flightSince = now
        progress.match = max(progress.match, match)
        progress.next = max(progress.next, progress.match.next)
        if progress.match >= progress.chase.goal {
            let isShort = now - progress.chase.since <= settings.electionTimeout
            progress.chase = Progress.Chase(goal: log.lastIndex, since: now, wasShort: isShort)
        }
        switch progress.pace {
        case .pipeline: break
        case .probe:
            progress.pace = .pipeline
            progress.next = progress.match.next
        case .snapshot:
            // It has come so far by itself that entries are enough.
            guard progress.match >= log.base.index else { break }
            progress.pace = .pipeline
            progress.next = progress.match.next
        }
        leadership?.peers[at] = progress
        maybeCommit(into: &out)
    }

    mutating func receiveRejected(
        _ message: Message, _ after: LogIndex, _ hint: EntryID, into out: inout [Output]
    ) {
        guard let at = peer(answering: message, into: &out), let progress = leadership?.peers[at] else {
            return
        }
        #if PlantedFaults
            if Planted.is(.rejectionIgnored) { return }
        #endif
        leadership?.peers[at].flights = max(0, progress.flights - 1)
        leadership?.peers[at].flightSince = now
        // An answer to something older than what is known by now says nothing.
        switch progress.pace {
        case .pipeline: break
        case .probe: guard after == progress.next.previous else { return }
        case .snapshot: return
        }
        guard after > progress.match else {
            // It takes nothing, not even what it has: asked again at once, it would only say so again.
            if progress.pace == .probe { leadership?.peers[at].pausedUntil = now + settings.heartbeat }
            return
        }
        let agreement = log.lastAgreement(before: hint)
        // It walks back at every rejection, whatever the hint says.
        leadership?.peers[at].probe(from: min(agreement.index.next, after))
    }
}
