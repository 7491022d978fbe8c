// Events reach those who watch: each is found by its key, written once, and shared (Interface §3).
internal import API
internal import HTTP
internal import KeyValue
internal import Network
internal import Replica

extension Node {
    /// A piece of a feed has at most so much, or one revision; and so much the feeds hold of all pieces.
    private static let pieceBytes = 32 << 10
    private static let heldBytesMax = 256 << 10
    /// So long is sent in one turn (ns), or as long as the rest of it took; then others have theirs.
    private static let sliceTime: UInt64 = 500_000
    /// Serving takes one part of so many of the loop's time, or more, up to a half, where a round over all
    /// who are to be served would take longer than so long otherwise (ns): an event waits for one round.
    private static let timeParts: UInt64 = 5
    private static let roundTime: UInt64 = 12_000_000
    /// It may be ahead of that by so much (ns), so that a lone event is not held up.
    private static let aheadTime: UInt64 = 10_000_000

    /// Gives live watchers what has happened since the last time.
    ///
    /// To serve a thousand watchers takes milliseconds. So they are served in slices, between which the loop
    /// does what else there is to do. They take turns, and each is given all that is new: an event waits for
    /// one round at most. Where events come without a pause, there is one between slices, so that what
    /// happens meanwhile goes together: what a send costs hardly depends on how much it sends.
    mutating func serveWatches() {
        watches.scansLeft = Self.scansMax
        if replica.trust != .trusted { endWatches() }
        guard !watches.table.isEmpty, replica.trust == .trusted else {
            forgetFeeds()
            watches.served = replica.store.revision
            return
        }
        gather()
        guard let serveAt, now >= serveAt else { return }
        let (began, taken) = (monotonicNanoseconds(), threadNanoseconds())
        let end = began + max(Self.sliceTime, began - now)
        var moment = began
        var members: UInt64 = 0
        for feed in watches.active { members += UInt64(feed.members.count) }
        var served: UInt64 = 0
        while moment < end, !watches.active.isEmpty {
            serveNext()
            served += 1
            moment = monotonicNanoseconds()
        }
        // While others had the processor, nothing was spent.
        let spent = threadNanoseconds() - taken
        let part = members == 0 ? 0 : served * Self.roundTime / members
        watches.repaid = max(watches.repaid, began) + max(2 * spent, min(part, Self.timeParts * spent))
    }

    /// When events are to be served though nothing else happens.
    var serveAt: UInt64? {
        watches.active.isEmpty ? nil : watches.repaid - min(watches.repaid, Self.aheadTime)
    }

    private mutating func forgetFeeds() {
        for feed in watches.active { feed.isActive = false }
        watches.active.removeAll(keepingCapacity: true)
    }

    /// Writes what has happened to the feeds, unless they hold much. From now on who joins has it already, or
    /// gets it by itself.
    private mutating func gather() {
        let revision = replica.store.revision
        if watches.served == revision { return }
        while watches.served < revision, watches.held < Self.heldBytesMax {
            let history = replica.store.history
            guard history.holds(after: .end(of: watches.served)) else {
                serveLost()
                watches.served = revision
                break
            }
            let before = watches.served
            watches.served = gather(history)
            for topic in watches.touched {
                topic.isTouched = false
                for feed in topic.feeds where !feed.out.isEmpty {
                    watches.held += feed.close(after: before)
                    if !feed.isActive { watches.active.append(feed) }
                    feed.isActive = true
                }
            }
            // Last: a read that goes on may need room, for which others are ended.
            for topic in watches.touched { endWaits(topic.polls) }
            watches.touched.removeAll(keepingCapacity: true)
        }
        for place in watches.written.indices { watches.written[place] = nil }
        wakeEarly()
    }

    /// Writes the next events for the topics that they belong to. Answers the last revision among them.
    private mutating func gather(_ history: History) -> Revision {
        var revision = watches.served
        var isFull = false
        watches.gathered = 0
        let table = watches.table
        history.forEach(after: .end(of: revision)) { event in
            if event.revision != revision {
                closeRevision()
                isFull = watches.gathered >= Self.pieceBytes
                if isFull { return false }
                revision = event.revision
            }
            event.record.withKey { key in
                table.forEachTopic(of: key) { take(event, for: $0) }
            }
            return true
        }
        if isFull { return revision }
        closeRevision()
        return replica.store.revision
    }

    private mutating func take(_ event: Event, for topic: WatchTopic) {
        if !topic.isTouched {
            topic.isTouched = true
            watches.touched.append(topic)
        }
        if let held = topic.held {
            // Only now it is known that the one before is not the last.
            write(held, isLast: false, for: topic)
        } else {
            watches.holding.append(topic)
        }
        topic.held = event
    }

    /// Writes the last events of a revision.
    private mutating func closeRevision() {
        for topic in watches.holding {
            if let held = topic.held { write(held, isLast: true, for: topic) }
            topic.held = nil
        }
        watches.holding.removeAll(keepingCapacity: true)
    }

    private mutating func write(_ event: Event, isLast: Bool, for topic: WatchTopic) {
        for form in WatchForm.allCases {
            let feed = topic.feeds[form.rawValue]
            if feed.members.isEmpty { continue }
            let place = 2 * form.rawValue + (isLast ? 1 : 0)
            let start = feed.out.count
            if let written = watches.written[place], written.id == event.id {
                feed.out += written.bytes
            } else {
                var bytes: [UInt8] = []
                form.append(event, isLast: isLast, now: replica.clusterTime, to: &bytes)
                feed.out += bytes
                watches.written[place] = (event.id, bytes)
            }
            watches.gathered += feed.out.count - start
        }
    }

    /// Has one watcher take its turn.
    private mutating func serveNext() {
        if watches.turn >= watches.active.count { watches.turn = 0 }
        let feed = watches.active[watches.turn]
        guard let token = feed.takeTurn() else {
            feed.isActive = false
            watches.active.swapAt(watches.turn, watches.active.count - 1)
            watches.active.removeLast()
            return
        }
        watches.turn += 1
        serve(Int(token.slot), from: feed)
    }

    private mutating func serve(_ slot: Int, from feed: WatchFeed) {
        guard let position = clients[slot].watcher?.position, position < feed.end else { return }
        let count = feed.count(from: position)
        let unsent = clients[slot].outbound.count
        let fits = unsent == 0 || unsent + count <= Self.watchBytesMax
        guard fits, count <= BufferPool.bufferBytes || hasRoom(slot, for: count) else {
            endLive(slot)
            // With nothing unsent there is no flush that would bring it here again.
            if unsent == 0 { makeRunnable(slot) }
            return
        }
        feed.append(from: position, count: count, to: &clients[slot].outbound)
        watches.held -= feed.taken(from: position)
        clients[slot].watcher?.position = feed.end
        flush(slot)
    }

    /// The store's state was replaced by a newer one, which does not have all events: those who are live
    /// lack some, and are told so.
    private mutating func serveLost() {
        var tokens: [Token] = []
        var waiting: [Token] = []
        watches.table.forEachTopic { topic in
            for feed in topic.feeds { tokens += feed.members }
            waiting += topic.polls
        }
        for token in tokens {
            let slot = Int(token.slot)
            endLive(slot)
            makeRunnable(slot)
        }
        endWaits(waiting)
    }

    /// Keys have changed that these wait for. What they read is asked for in the next turn, which is now.
    private mutating func endWaits(_ tokens: [Token]) {
        for token in tokens where clients.contains(token) {
            endWait(Int(token.slot))
            watches.hasEndedWaits = true
        }
    }

    /// Those who are no longer ahead of what is served go on.
    private mutating func wakeEarly() {
        if watches.early.isEmpty { return }
        var early: Set<Token> = []
        for token in watches.early where clients.contains(token) {
            let slot = Int(token.slot)
            guard let watcher = clients[slot].watcher, case .early = watcher.place else { continue }
            if watcher.cursor > .end(of: watches.served) {
                early.insert(token)
            } else {
                clients[slot].watcher?.place = .behind
                makeRunnable(slot)
            }
        }
        watches.early = early
    }
}
