// Events reach those who watch: each is found by its key, written once, and shared (Interface §3).
internal import API
internal import HTTP
internal import KeyValue
internal import Network
internal import Replica

extension Node {
    /// As soon as what is to be sent comes to this, it is.
    private static let batchBytes = 32 << 10
    /// Events wait at most so long for others to go with them.
    private static let pauseMax: UInt64 = 10_000_000

    /// Gives live watchers what has happened since the last time.
    ///
    /// Serving a thousand watchers takes milliseconds, in which nothing else is done. So as much time as it
    /// took passes before the next time, and what happens meanwhile goes together: half of the loop's time is
    /// for others, however many watch.
    mutating func serveWatches() {
        watches.scansLeft = Self.scansMax
        let revision = replica.store.revision
        guard !watches.table.isEmpty else {
            watches.served = revision
            return
        }
        if replica.trust != .trusted {
            endWatches()
            watches.served = revision
            return
        }
        guard revision != watches.served, now >= watches.nextAt else { return }
        let began = monotonicNanoseconds()
        let history = replica.store.history
        if history.holds(after: .end(of: watches.served)) {
            serve(history)
        } else {
            serveLost()
        }
        watches.served = revision
        wakeEarly()
        let ended = monotonicNanoseconds()
        watches.nextAt = ended + min(ended - began, Self.pauseMax)
    }

    /// When events are to be served though nothing else happens.
    var serveAt: UInt64? {
        watches.table.isEmpty || replica.store.revision == watches.served ? nil : watches.nextAt
    }

    private mutating func serve(_ history: History) {
        var revision = watches.served
        // What one delivery was of is with the watchers; the next goes on there.
        var bytes = 0
        let table = watches.table
        history.forEach(after: .end(of: revision)) { event in
            if event.revision != revision {
                bytes += closeRevision()
                if bytes >= Self.batchBytes {
                    deliver(through: revision)
                    bytes = 0
                }
                revision = event.revision
            }
            event.record.withKey { key in
                table.forEachTopic(of: key) { take(event, for: $0) }
            }
            return true
        }
        _ = closeRevision()
        deliver(through: revision)
    }

    private mutating func take(_ event: Event, for topic: WatchTopic) {
        if !topic.isTouched {
            topic.isTouched = true
            watches.touched.append(topic)
        }
        // Only now it is known that the one before is not the last.
        if let held = topic.held { write(held, isLast: false, for: topic) }
        topic.held = event
    }

    /// Writes the last events of a revision. Answers how many bytes that made.
    private mutating func closeRevision() -> Int {
        var bytes = 0
        for topic in watches.touched {
            if let held = topic.held { write(held, isLast: true, for: topic) }
            topic.held = nil
            bytes += topic.out.reduce(0) { $0 + $1.count }
        }
        return bytes
    }

    private mutating func write(_ event: Event, isLast: Bool, for topic: WatchTopic) {
        for form in WatchForm.allCases where !topic.live[form.rawValue].isEmpty {
            let place = 2 * form.rawValue + (isLast ? 1 : 0)
            if let written = watches.written[place], written.id == event.id {
                topic.out[form.rawValue] += written.bytes
                continue
            }
            var bytes: [UInt8] = []
            form.append(event, isLast: isLast, now: replica.clusterTime, to: &bytes)
            topic.out[form.rawValue] += bytes
            watches.written[place] = (event.id, bytes)
        }
    }

    /// Sends what was written to all who watch it.
    private mutating func deliver(through revision: Revision) {
        let before = watches.served
        for topic in watches.touched {
            topic.isTouched = false
            for form in WatchForm.allCases where !topic.out[form.rawValue].isEmpty {
                let out = topic.out[form.rawValue]
                topic.out[form.rawValue] = []
                var chunk: [UInt8] = []
                Writer.appendChunk(out.span, to: &chunk)
                for token in topic.live[form.rawValue] where clients.contains(token) {
                    deliver(chunk, to: Int(token.slot), after: before)
                }
            }
            for token in topic.polls where clients.contains(token) { endWait(Int(token.slot)) }
        }
        watches.touched.removeAll(keepingCapacity: true)
        watches.written = Array(repeating: nil, count: watches.written.count)
        watches.served = revision
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
        for token in waiting where clients.contains(token) { endWait(Int(token.slot)) }
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
