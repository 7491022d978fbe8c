// Those who watch: they hop between nodes with their last id, over crashes, cuts and snapshots (rule 24).
internal import Consensus
internal import KeyValue
internal import Replica

extension Cluster {
    /// One to three watchers, and the bounds of the history: small ones in half of the runs, and in some of
    /// them each node has its own, so that every new leader changes them.
    func drawWatchers() {
        for place in 0..<1 + random.index(3) {
            let draws: [WatchedKeys] = [.prefix([]), .prefix(Array("b/".utf8)), .key(Self.keys[0])]
            watchers.append(
                SimulatedWatcher(
                    place: place, keys: draws[random.index(draws.count)], node: random.index(plan.nodes),
                    random: random.fork()))
        }
        if !random.happens(150_000) { limits = Self.drawLimits(&random) }
    }

    static func drawLimits(_ random: inout Random) -> Store.Settings {
        var limits = Store.Settings.usual
        // Few enough that a snapshot with them travels in seconds.
        limits.historyEvents = random.happens(400_000) ? 2 + random.index(60) : 200
        if random.happens(200_000) { limits.historyBytes = 200 + random.index(8_000) }
        return limits
    }

    /// The watcher's time has come: what was sent has arrived, and the node sends on.
    func take(_ watcher: SimulatedWatcher) throws(Violation) {
        queue.add(
            .watcherTurn(watcher.place),
            at: after(watcher.random.draw(Self.millisecond...(isChaos ? 300 : 60) * Self.millisecond)))
        try arrive(for: watcher)
        let node = nodes[watcher.node]
        guard node.isStarted, !node.isPaused, let process = node.process else {
            if watcher.random.happens(500_000) { leave(watcher) }
            return
        }
        // A node whose state is not the majority's tells nobody of it.
        guard process.replica.trust == .trusted else { return leave(watcher) }
        if watcher.life == nil, !connect(watcher, node, process) { return }
        sendOn(watcher, process.replica.store)
    }

    /// What is on its way arrives, or, where the connection is lost, some of it does.
    private func arrive(for watcher: SimulatedWatcher) throws(Violation) {
        guard let life = watcher.life else { return }
        let isLost = nodes[watcher.node].life != life || isChaos && watcher.random.happens(60_000)
        let count = isLost ? watcher.random.index(watcher.coming.count + 1) : watcher.coming.count
        for told in watcher.coming.prefix(count) {
            switch told {
            case .event(let event, let isLast): try truth.take(event, isLast: isLast, by: watcher)
            case .progress(let id): try truth.pass(watcher, through: Int(id.whole.rawValue))
            }
        }
        watcher.coming = []
        if isLost { leave(watcher) }
    }

    /// The connection ends; the next one is mostly to another node.
    private func leave(_ watcher: SimulatedWatcher) {
        watcher.life = nil
        watcher.coming = []
        if watcher.random.happens(700_000) { watcher.node = watcher.random.index(plan.nodes) }
    }

    /// Asks the node to go on after the last id. False: what follows it is gone; the watcher has read the
    /// keys there instead, and goes on from that moment.
    private func connect(
        _ watcher: SimulatedWatcher, _ node: SimulatedNode, _ process: SimulatedNode.Process
    ) -> Bool {
        trace.begin(now)
        trace.text("watcher ", UInt64(watcher.place) + 1)
        trace.text(" asks ", UInt64(watcher.node) + 1)
        trace.text(" after ", watcher.id.revision.rawValue)
        if !watcher.id.isEnd { trace.text(".", UInt64(watcher.id.place)) }
        defer { trace.end() }
        guard let place = process.replica.watchPlace(after: watcher.id) else {
            let revision = process.replica.store.revision
            trace.text(", which is gone: it goes on after ", revision.rawValue)
            watcher.id = .end(of: revision)
            watcher.seen = []
            return false
        }
        watcher.cursor = place
        watcher.life = node.life
        return true
    }

    /// The node sends some of what follows, as far as it has come itself.
    private func sendOn(_ watcher: SimulatedWatcher, _ store: Store) {
        // Too slow: it is told so, and asks again.
        guard store.history.holds(after: watcher.cursor) else { return leave(watcher) }
        guard watcher.cursor <= .end(of: store.revision) else { return }
        var walk = EventWalk(watcher.keys, after: watcher.cursor, through: store.revision)
        var left = 1 + watcher.random.index(8)
        walk.forEach(in: store.history, scansMax: 1 + watcher.random.index(80)) { event, isLast in
            watcher.coming.append(.event(event, isLast: isLast))
            left -= 1
            return left > 0
        }
        watcher.cursor = walk.cursor
        if walk.isOver, watcher.random.happens(300_000) { watcher.coming.append(.progress(walk.cursor)) }
    }
}
