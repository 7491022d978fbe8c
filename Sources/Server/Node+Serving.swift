// Events reach those who watch: each is found by its key, written once, and shared (Interface §3).
internal import API
internal import HTTP
internal import KeyValue
internal import Network
internal import Replica

extension Node {
    /// One delivery has at most so much, or one revision.
    private static let deliveryBytes = 32 << 10
    /// So long is sent in one turn (ns), or as long as the rest of it took; then others have theirs.
    private static let sliceTime: UInt64 = 500_000
    /// Events wait at most so long for others to go with them (ns).
    private static let pauseMax: UInt64 = 20_000_000

    /// Gives live watchers what has happened since the last time.
    ///
    /// To serve a thousand watchers takes milliseconds. So they are served in slices, between which the loop
    /// does what else there is to do; and twice the time that it took passes before the next time, so that
    /// what happens meanwhile goes together: what a send costs hardly depends on how much it sends.
    mutating func serveWatches() {
        watches.scansLeft = Self.scansMax
        let revision = replica.store.revision
        if replica.trust != .trusted { endWatches() }
        guard !watches.table.isEmpty, replica.trust == .trusted else {
            watches.isServing = false
            watches.delivery = nil
            watches.served = revision
            return
        }
        guard let serveAt, now >= serveAt else { return }
        if !watches.isServing {
            watches.isServing = true
            watches.goal = revision
        }
        let began = monotonicNanoseconds()
        let end = began + max(Self.sliceTime, began - now)
        var moment = began
        while moment < end, watches.isServing {
            if watches.delivery == nil { beginDelivery() }
            moment = deliver(until: end)
            if watches.delivery == nil, watches.served >= watches.goal { watches.isServing = false }
        }
        watches.spent += moment - began
        if !watches.isServing {
            watches.nextAt = moment + min(2 * watches.spent, Self.pauseMax)
            watches.spent = 0
        }
    }

    /// When events are to be served though nothing else happens.
    var serveAt: UInt64? {
        if watches.isServing { return 0 }
        return watches.table.isEmpty || replica.store.revision == watches.served ? nil : watches.nextAt
    }

    /// Gathers what is to be sent next. From now on who joins has it already, or gets it by itself.
    private mutating func beginDelivery() {
        let history = replica.store.history
        guard history.holds(after: .end(of: watches.served)) else {
            serveLost()
            watches.served = replica.store.revision
            wakeEarly()
            return
        }
        let before = watches.served
        watches.served = gather(history)
        var delivery = Delivery(after: before)
        for topic in watches.touched {
            topic.isTouched = false
            for form in WatchForm.allCases where !topic.out[form.rawValue].isEmpty {
                let out = topic.out[form.rawValue]
                topic.out[form.rawValue] = []
                var chunk: [UInt8] = []
                Writer.appendChunk(out.span, to: &chunk)
                delivery.add(chunk, for: topic.live[form.rawValue])
            }
            endWaits(topic.polls)
        }
        watches.touched.removeAll(keepingCapacity: true)
        watches.written = Array(repeating: nil, count: watches.written.count)
        watches.delivery = delivery
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
                isFull = watches.gathered >= Self.deliveryBytes
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
        for form in WatchForm.allCases where !topic.live[form.rawValue].isEmpty {
            let place = 2 * form.rawValue + (isLast ? 1 : 0)
            let start = topic.out[form.rawValue].count
            if let written = watches.written[place], written.id == event.id {
                topic.out[form.rawValue] += written.bytes
            } else {
                var bytes: [UInt8] = []
                form.append(event, isLast: isLast, now: replica.clusterTime, to: &bytes)
                topic.out[form.rawValue] += bytes
                watches.written[place] = (event.id, bytes)
            }
            watches.gathered += topic.out[form.rawValue].count - start
        }
    }

    /// Goes on with the delivery under way until a moment. Answers what time it is then.
    private mutating func deliver(until end: UInt64) -> UInt64 {
        var moment = monotonicNanoseconds()
        while moment < end, let (chunk, token, before) = watches.delivery?.next() {
            // Who has left meanwhile, or is behind, gets nothing by this way.
            if clients.contains(token), clients[Int(token.slot)].watcher?.isLive == true {
                deliver(chunk, to: Int(token.slot), after: before)
            }
            moment = monotonicNanoseconds()
        }
        if watches.delivery?.isOver == true { watches.delivery = nil }
        return moment
    }

    private mutating func deliver(_ chunk: [UInt8], to slot: Int, after revision: Revision) {
        let unsent = clients[slot].outbound.count
        let fits = unsent == 0 || unsent + chunk.count <= Self.watchBytesMax
        guard fits, chunk.count <= BufferPool.bufferBytes || hasRoom(slot, for: chunk.count) else {
            endLive(slot)
            clients[slot].watcher?.cursor = .end(of: revision)
            // With nothing unsent there is no flush that would bring it here again.
            if unsent == 0 { makeRunnable(slot) }
            return
        }
        clients[slot].outbound.append(chunk, 0..<chunk.count)
        flush(slot)
    }

    /// The store's state was replaced by a newer one, which does not have all events: those who are live
    /// lack some, and are told so.
    private mutating func serveLost() {
        var tokens: [Token] = []
        var waiting: [Token] = []
        watches.table.forEachTopic { topic in
            for live in topic.live { tokens += live }
            waiting += topic.polls
        }
        for token in tokens {
            let slot = Int(token.slot)
            endLive(slot)
            clients[slot].watcher?.cursor = .end(of: watches.served)
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
        var early: [Token] = []
        for token in watches.early where clients.contains(token) {
            let slot = Int(token.slot)
            guard let watcher = clients[slot].watcher, case .early = watcher.place else { continue }
            if watcher.cursor > .end(of: watches.served) {
                early.append(token)
            } else {
                clients[slot].watcher?.place = .behind
                makeRunnable(slot)
            }
        }
        watches.early = early
    }
}
