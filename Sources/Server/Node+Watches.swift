// Watches: how a stream of events begins, is caught up, and ends (Interface §3, rule 24).
internal import API
internal import Consensus
internal import HTTP
internal import KeyValue
internal import Logging
internal import Network
internal import Replica

extension Node {
    /// Whoever has so much unsent is given nothing more: it stays at its cursor, and is behind.
    static let watchBytesMax = 64 << 10
    /// How many events those who are behind look at in one turn, all together.
    static let scansMax = 16_384
    private static let progressTime = Interval.milliseconds(15_000)

    /// A watch is asked for. Every node answers it for itself.
    mutating func openWatch(_ slot: Int) {
        guard let request = clients[slot].request, let wish = request.watch else { return }
        guard replica.trust == .trusted else { return fail(slot, .noLeader(replica.view.absence)) }
        if isStopping { return refuse(slot, .shuttingDown) }
        if let since = wish.since {
            beginWatch(slot, wish, after: since)
            return
        }
        // From now on: what was acknowledged before this question came is not among it.
        clients[slot].stage = .waiting
        let ticket = Ticket(clients.token(at: slot).rawValue)
        replica.read(for: ticket, until: deadline(request), byAsking: true)
    }

    var isStopping: Bool {
        switch stopping {
        case .no: false
        case .handingOver, .closingJournal: true
        }
    }

    mutating func beginWatch(_ slot: Int, _ wish: Watch, after cursor: EventID) {
        guard clients[slot].hasHead else { return }
        guard let cursor = replica.watchPlace(after: cursor) else {
            let history = replica.store.history
            let (oldest, revision) = (history.floor, replica.store.revision)
            answer(slot) { $0.appendCompacted(oldest: oldest, storeRevision: revision, to: &$1) }
            return
        }
        let start = clients[slot].outbound.bytes.count
        answerer(slot).appendWatchHead(
            wish.form, storeRevision: replica.store.revision, to: &clients[slot].outbound.bytes)
        count(slot, from: start)
        touch(slot)
        if clients[slot].isHead {
            finish(slot)
            return
        }
        // The request is done with: who watches holds no buffer.
        clients[slot].inbound.consume(min(requestBytes(slot), clients[slot].inbound.count))
        clients[slot].clearRequest()
        clients[slot].inbound.release(to: &pool)
        var opening: [UInt8] = []
        wish.form.appendProgress(cursor, isOpening: true, to: &opening)
        append(opening, to: slot)
        join(slot, wish.keys, wish.form, after: cursor)
        clients[slot].stage = .streaming
        setDeadline(slot, after: Self.progressTime)
    }

    mutating func join(_ slot: Int, _ keys: WatchedKeys, _ form: WatchForm?, after cursor: EventID) {
        clients[slot].watcher = Watcher(watches.table.join(keys), form, after: cursor)
    }

    /// The watch or the long poll of a connection is over, or the connection is.
    mutating func leaveWatch(_ slot: Int) {
        guard let watcher = clients[slot].watcher else { return }
        endLive(slot)
        watches.early.remove(clients.token(at: slot))
        clients[slot].watcher = nil
        watches.table.leave(watcher.topic)
    }

    /// Appends a chunk to what a connection is to be sent.
    private mutating func append(_ lines: [UInt8], to slot: Int) {
        Writer.appendChunk(lines.span, to: &clients[slot].outbound.bytes)
    }

    // Live or not -----------------------------------------------------------------------------------------

    /// The watcher has all that was served: from now on it is given events as they come.
    mutating func becomeLive(_ slot: Int) {
        guard let watcher = clients[slot].watcher else { return }
        let token = clients.token(at: slot)
        if let feed = watcher.feed {
            clients[slot].watcher?.position = feed.end
            clients[slot].watcher?.place = .live(feed.join(token))
        } else {
            clients[slot].watcher?.place = .live(watcher.topic.polls.count)
            watcher.topic.polls.append(token)
        }
    }

    /// Up to where a watcher was sent everything.
    private func cursor(of watcher: Watcher) -> EventID {
        guard case .live = watcher.place else { return watcher.cursor }
        return .end(of: watcher.feed?.revision(before: watcher.position) ?? watches.served)
    }

    /// A live watcher is none any more: it is behind, at its cursor.
    mutating func endLive(_ slot: Int) {
        guard let watcher = clients[slot].watcher, case .live(let place) = watcher.place else { return }
        let cursor = cursor(of: watcher)
        clients[slot].watcher?.place = .behind
        clients[slot].watcher?.cursor = cursor
        let moved: Token?
        if let feed = watcher.feed {
            watches.held -= feed.taken(from: watcher.position)
            moved = feed.leave(place)
        } else {
            let topic = watcher.topic
            topic.polls.swapAt(place, topic.polls.count - 1)
            topic.polls.removeLast()
            moved = place < topic.polls.count ? topic.polls[place] : nil
        }
        if let moved { clients[Int(moved.slot)].watcher?.place = .live(place) }
    }

    // Catching up -----------------------------------------------------------------------------------------

    /// What was written is with the kernel: what comes next of the events follows, up to where the live ones
    /// are.
    mutating func watchOn(_ slot: Int) -> Next {
        guard let watcher = clients[slot].watcher, watcher.isBehind, let form = watcher.form,
            clients[slot].outbound.isEmpty, !clients[slot].closesWhenSent
        else { return .rest }
        let history = replica.store.history
        guard history.holds(after: watcher.cursor) else {
            endLagging(slot, form, watcher.cursor, oldest: history.floor)
            return .rest
        }
        if watcher.cursor > .end(of: watches.served) {
            clients[slot].watcher?.place = .early
            watches.early.insert(clients.token(at: slot))
            return .rest
        }
        guard hasRoom(slot, for: ListStream.chunkBytes) else {
            starve(slot)
            return .rest
        }
        guard watches.scansLeft > 0 else {
            makeRunnable(slot)
            return .rest
        }
        var walk = EventWalk(watcher.topic.keys, after: watcher.cursor, through: watches.served)
        scratch.removeAll(keepingCapacity: true)
        let time = replica.clusterTime
        walk.forEach(in: history, scansMax: watches.scansLeft) { event, isLast in
            form.append(event, isLast: isLast, now: time, to: &scratch)
            return scratch.count < ListStream.chunkBytes
        }
        watches.scansLeft -= walk.scans
        clients[slot].watcher?.cursor = walk.cursor
        if walk.cursor == .end(of: watches.served) { becomeLive(slot) }
        if scratch.isEmpty {
            if !walk.isOver { makeRunnable(slot) }
            return .rest
        }
        append(scratch, to: slot)
        touch(slot)
        sendIfLarge(slot)
        return .rest
    }

    /// It was too slow, and what comes next for it is gone: it is told so, and ended.
    private mutating func endLagging(_ slot: Int, _ form: WatchForm, _ cursor: EventID, oldest: Revision) {
        var last: [UInt8] = []
        form.appendLagging(cursor, oldest: oldest, to: &last)
        append(last, to: slot)
        cutWatch(slot)
    }

    /// Ends a stream once what was written is sent: without the last chunk, for it is not whole.
    mutating func cutWatch(_ slot: Int) {
        leaveWatch(slot)
        clients[slot].closesWhenSent = true
        touch(slot)
    }

    // Time ------------------------------------------------------------------------------------------------

    /// A watcher's time has come: it is told how far it is, or, if it takes nothing, ended.
    mutating func expireWatch(_ slot: Int) {
        guard let watcher = clients[slot].watcher, let form = watcher.form else { return }
        guard clients[slot].outbound.isEmpty else {
            if let since = clients[slot].blockedSince, now >= since + configuration.idleTime.nanoseconds {
                drop(slot)
            } else {
                setTimer(slot, after: Self.progressTime)
            }
            return
        }
        setTimer(slot, after: Self.progressTime)
        if watcher.isBehind { return }
        var progress: [UInt8] = []
        form.appendProgress(cursor(of: watcher), isOpening: false, to: &progress)
        append(progress, to: slot)
        touch(slot)
    }

    /// While it was blocked, a watcher had more time; now its progress is due as before.
    mutating func shortenDeadline(_ slot: Int) {
        guard clients[slot].watcher?.form != nil else { return }
        if clients[slot].deadline > now + Self.progressTime.nanoseconds {
            setDeadline(slot, after: Self.progressTime)
        }
    }

    /// The client sends no more. Perhaps it is gone: what it is sent soon will tell.
    mutating func probeWatch(_ slot: Int) {
        if clients[slot].watcher?.form != nil { setDeadline(slot, after: .milliseconds(1_000)) }
    }

    /// All watches and long polls end: this node is shutting down, or its state is wrong.
    mutating func endWatches() {
        if watches.table.isEmpty { return }
        for slot in 0..<clients.limit where clients.isTaken(slot) {
            guard let watcher = clients[slot].watcher else { continue }
            if watcher.form != nil {
                cutWatch(slot)
            } else {
                leaveWatch(slot)
                if isStopping { refuse(slot, .shuttingDown) } else { fail(slot, .noLeader(.wrongState)) }
            }
        }
    }
}
