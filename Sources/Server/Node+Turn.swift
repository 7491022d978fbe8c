// One turn of the loop: what is ready is taken in, the replica decides, and what it asks for is carried out.
internal import API
internal import Consensus
internal import Journal
internal import KeyValue
internal import Network
internal import Replica
internal import Wire

extension Node {
    /// Waits for something to do, and does all of it.
    ///
    /// The order makes the batches: every request that is ready is in the replica before its turn ends, so
    /// one write to the disk and one append to each peer carry them all, and each client gets one `send`.
    mutating func takeTurn() throws(SystemError) {
        let count = try poller.wait(until: wakeAt())
        now = monotonicNanoseconds()
        if now >= contextTime + 1_000_000_000 {
            contextTime = now
            context.setTime(secondsSince1970: Int(wallClockSeconds()))
            measureUsage()
        }
        replica.tick(Instant(nanoseconds: now))
        clusterTime = replica.clusterTime
        if poller.isFull {
            // The kernel reports who is ready in turn, and a heartbeat's answer may be the last of thousands.
            for index in 0..<(try urgent.wait(until: 0)) { take(urgent[index]) }
        }
        // Who had to wait comes before who has just come.
        pace = Pace(from: now)
        wakeList()
        continueRunnable()
        for index in 0..<count { take(poller[index]) }
        continuePostponed()
        expireTimers()
        listenAgain()
        endTurn()
    }

    /// When the next turn is due though nothing happens.
    private func wakeAt() -> UInt64 {
        if !runnable.isEmpty || replica.hasEffects || !operations.isEmpty || !touchedClients.isEmpty
            || watches.hasEndedWaits || !postponed.isEmpty
        {
            return 0
        }
        let pause: UInt64 =
            replica.hasWaiting ? 10_000_000 : min(50_000_000, configuration.heartbeat.nanoseconds / 2)
        var moment = now + pause
        if let next = timers.next { moment = min(moment, next) }
        if !listPace.resting.isEmpty { moment = min(moment, listPace.goesOnAt) }
        if let next = serveAt { moment = min(moment, next) }
        if let next = journal.wakeAt { moment = min(moment, next.nanoseconds) }
        switch stopping {
        case .no: break
        case .handingOver, .closingJournal: moment = min(moment, now + 5_000_000)
        }
        return moment
    }

    private mutating func take(_ readiness: Network.Readiness) {
        let slot = readiness.token.slot
        switch slot & Place.kindMask {
        case Place.clientBits: takeClient(readiness)
        case Place.linkBits: takeLink(readiness, slot: Int(slot & ~Place.kindMask))
        default: takeFixed(readiness.token)
        }
    }

    private mutating func takeFixed(_ token: Token) {
        if token == Place.listener.token {
            acceptClients()
        } else if token == Place.wake.token {
            wake.quieten()
            takeOutcomes()
            takeArrivals()
        } else {
            while let signal = signals.next() { take(signal: signal) }
        }
    }

    private mutating func endTurn() {
        tellRoom()
        watches.hasEndedWaits = false
        replica.turnEnded()
        replica.takeEffects(into: &effects)
        clusterTime = replica.clusterTime
        for effect in effects { carryOut(effect) }
        effects.removeAll(keepingCapacity: true)
        noteApplied()
        meters.noteCommitted(through: replica.raft.commit, at: now)
        journal.turnEnded(
            now: Instant(nanoseconds: now), commit: replica.raft.commit, into: &operations)
        disk.carryOut(&operations)
        deliverForwarded()
        flushClients()
        feedStarved()
        flushLinks()
        serveWatches()
        goOnStopping()
    }

    /// So much of the log stays for peers that are a little behind, though a snapshot covers it; none where
    /// room is wanted.
    private var logTailBytes: UInt64 { journal.isFull ? 0 : UInt64(configuration.logTailBytes) }

    private mutating func carryOut(_ effect: Effect) {
        switch effect {
        case .replied(let ticket, let reply, let revision): replied(ticket, reply, revision)
        case .readable(let ticket): readable(ticket)
        case .failed(let ticket, let failure): failed(ticket, failure)
        case .send(let parcel): send(parcel)
        case .answer(let exchange, let body): answer(exchange, body)
        case .refuse(let exchange, let refusal): refuse(exchange, refusal)
        case .persist(let write, let pieces, let first, let last):
            journal.append(pieces, first: first, last: last, write: write)
            if replica.raft.role == .leader { meters.noteProposed(through: last.index, at: now) }
        case .storeVote(let hard): journal.store(hard, into: &operations)
        case .storeIdentity(let cluster): journal.store(identity: cluster, into: &operations)
        case .storeWiped: journal.storeWiped(into: &operations)
        case .clearDamage: journal.clearDamage(into: &operations)
        case .load(let after, let through, let peer): load(after: after, through: through, for: peer)
        case .takeSnapshot(let head, let store): worker.take(head, of: store)
        case .snapshotted(let ticket, let snapshot): snapshotted(ticket, snapshot)
        case .compact(let id): journal.compact(to: id, keepingBytes: logTailBytes, into: &operations)
        case .loadPiece(let id, let offset, let count, let peer):
            reader.readPiece(of: id, offset: offset, count: count, for: peer)
        case .receivePiece(let bytes, let offset, let isLast):
            let isTaken = journal.receive([Piece(bytes)], offset: offset, isLast: isLast, into: &operations)
            if !isTaken { replica.notReceived() }
        case .openSnapshot: worker.open()
        case .installSnapshot(let id, let discardsLog, let write):
            journal.install(
                id, discardsLog: discardsLog, write: write, keepingBytes: logTailBytes, into: &operations)
        case .release(let store): worker.release(store)
        case .rejoined(let hard):
            journal.rejoined()
            journal.store(hard, into: &operations)
        case .learnURL(let node, let url): learnURL(of: node, url)
        case .notice(let notice): say(notice)
        }
    }
}
