// Crashes and starts: what a disk keeps, what recovery makes of it, and whether that is allowed.
internal import Consensus
internal import Journal
internal import KeyValue
internal import Replica
internal import Snapshot
internal import Wire

extension Cluster {
    /// The process ends here and now; with `isPower`, so does whatever was not synced.
    func crash(_ node: SimulatedNode, isPower: Bool) {
        guard node.isUp else { return }
        trace.begin(now)
        trace.node(node.place)
        trace.text(isPower ? "loses power" : "is killed")
        trace.end()
        counts.count(isPower ? .powerLost : .processKilled)
        if node.isDiskBusy, let operation = node.operations.first, !node.hasDiskFailed {
            counts.count(.crashedInOperation)
            leaveHalfDone(operation.action, node, isPower: isPower)
        }
        if !node.hasDiskFailed { leaveWorkHalfDone(node, isPower: isPower) }
        if isPower {
            let losses: [SimulatedDisk.Loss] = [.bySector, .bySector, .everything, .nothing]
            var loss = losses[node.random.index(losses.count)]
            if loss == .bySector, !plan.faults.contains(.sectorTorn) { loss = .everything }
            if loss == .everything, !plan.faults.contains(.sectorLost) { loss = .nothing }
            node.disk.losePower(loss, &node.random, &counts)
        }
        node.lastMemberships = node.memberships
        node.process = nil
        node.life += 1
        node.isPaused = false
        node.missed = []
        node.effects = []
        node.operations = []
        node.isDiskBusy = false
        node.isTurnDue = false
        node.taking = nil
        node.nextTick = .max
        node.hasDiskFailed = false
        node.crashesInOperation = false
        node.isStarted = false
        for attempt in attempts.indices.suffix(64)
        where attempts[attempt].node == node.place && !attempts[attempt].isDone
            && node.random.happens(500_000)
        {
            queue.add(
                .clientResponse(attempt: attempt, .lost), at: after(node.random.longTailed(odds.messageTime)))
        }
        queue.add(
            .restart(node.place),
            at: after(node.random.draw(10 * Self.millisecond...2_000 * Self.millisecond)))
    }

    /// The crash comes in the middle: some of it has reached the cache.
    func leaveHalfDone(_ action: Operation.Action, _ node: SimulatedNode, isPower: Bool) {
        switch action {
        case .write(let file, let offset, let pieces, _):
            if node.isStarted, file.folder != .snapshot {
                var maybe = node.durable
                _ = try? maybe.take(action)
                if let id = maybe.snapshot { maybe.stand(on: id, table) }
                node.maybe = maybe
            }
            let total = pieces.reduce(0) { $0 + $1.count }
            let limit = node.random.happens(600_000) ? total : node.random.index(total + 1)
            node.disk.write(file, at: Int(offset), pieces, limit: limit)
        case .prepare(let file, let offset, let bytes):
            node.disk.writeZeros(file, at: Int(offset), count: node.random.index(Int(bytes) + 1))
        case .rename(let file, let other):
            if node.random.happens(500_000) {
                _ = node.disk.rename(file, to: other)
                node.noteRenamed(to: other)
            }
        case .remove(let file):
            if node.random.happens(500_000) { node.disk.remove(file) }
        case .syncFolder(let folder):
            if node.random.happens(500_000) { node.disk.sync(folder) }
        }
    }

    /// States are compared often, for there are few entries.
    private static let markInterval: UInt64 = 16

    func restart(_ node: SimulatedNode) throws(Violation) {
        guard !node.isUp, node.health != .dead else { return }
        let read: Reading
        do throws(RecoveryError) {
            let firstBoot = node.random.draw(1...1 << 51)
            read = try recover(node, from: node.disk, firstBoot: firstBoot)
            node.misremembers = false
        } catch {
            guard node.health == .damaged else {
                throw Violation("recovery: node \(node.place + 1) does not start: \(error)")
            }
            node.health = .dead
            trace.begin(now)
            trace.node(node.place)
            trace.text("does not start: \(error)")
            return trace.end()
        }
        try checkRecovered(node, read)
        // Rule 2: every start has a higher number than any before it that spoke.
        guard read.recovered.boot > node.bootSpoken || node.health != .whole || sabotage == .keepBoot else {
            throw Violation("boot: node \(node.place + 1) starts again as boot \(read.recovered.boot)")
        }
        node.life += 1
        node.knowsDamage = read.recovered.damage != nil
        node.log = read.log
        node.checked = 0
        let replica = Replica(
            settings: replicaSettings(node), origin: origin(node, read), seed: node.random.next())
        node.process = SimulatedNode.Process(replica, read.journal)
        trace.begin(now)
        trace.node(node.place)
        trace.text("starts, boot ", read.recovered.boot.rawValue)
        trace.text(" last ", read.recovered.last)
        trace.text(" commit ", read.recovered.commit.rawValue)
        if read.recovered.damage != nil { trace.text(" damaged") }
        if read.recovered.isWiped { trace.text(" without its vote") }
        trace.end()
        node.process?.journal.start(into: &node.operations)
        startDisk(node)
        tickSoon(node, within: 10 * Self.millisecond)
    }

    private func replicaSettings(_ node: SimulatedNode) -> Replica.Settings {
        var settings = Replica.Settings(
            node: node.id, peers: isGrown ? nodes.map(\.id) : [node.id],
            url: Array("http://node-\(node.place + 1)".utf8))
        settings.cacheBytesMax = 1 << Int(node.random.draw(10...17))
        settings.appendBytesMax = 1 << Int(node.random.draw(9...16))
        settings.flightsMax = 1 + node.random.index(8)
        settings.proposalsMax = node.random.happens(100_000) ? 4 : 10_000
        // Rarely often: the more of a run is snapshots, the fewer runs there are.
        let isOften = node.random.happens(125_000)
        settings.snapshotEntries = isOften ? node.random.draw(8...100) : node.random.draw(200...800)
        settings.snapshotBytes = 1 << Int(node.random.draw(isOften ? 11...18 : 16...18))
        // Soon one that names this node alone.
        if !isGrown { settings.snapshotEntries = node.random.draw(2...30) }
        settings.pieceBytes = 1 << Int(node.random.draw(11...15))
        settings.pieceBytesPerSecond = 8 << 20
        settings.markInterval = Self.markInterval
        settings.store = limits ?? Self.drawLimits(&node.random)
        return settings
    }

    private func origin(_ node: SimulatedNode, _ read: Reading) -> Replica.Origin {
        let recovered = read.recovered
        var boot = recovered.boot
        if sabotage == .keepBoot {
            boot = node.firstBoot ?? boot
            node.firstBoot = boot
        }
        var origin = Replica.Origin(
            boot: boot, cluster: recovered.cluster, hard: recovered.hardState, snapshot: read.snapshot,
            base: recovered.base, runs: recovered.runs, commit: recovered.commit, tail: recovered.tail,
            replay: read.replay, isDamaged: recovered.damage != nil, isWiped: recovered.isWiped)
        sabotage?.spoil(&origin, of: node.health, in: clusterID)
        return origin
    }

    /// What a recovery found.
    struct Reading {
        let journal: Journal
        let recovered: Recovered
        let snapshot: StoredSnapshot?
        let replay: Replay
        let log: [LogRecord]
    }

    /// Reads what is on a disk of the node's; nothing is applied where it is read only to be compared.
    func recover(
        _ node: SimulatedNode, from disk: SimulatedDisk, firstBoot: UInt64 = 1, applies: Bool = true
    ) throws(RecoveryError) -> Reading {
        var settings = Journal.Settings()
        settings.segmentBytes = 64 << 10
        settings.firstSegmentBytes = 16 << 10
        settings.prepareBytes = 16 << 10
        settings.batchBytesMax = plan.seed >> 4 & 1 == 0 ? 512 : 32 << 10
        settings.batchesInFlightMax = plan.seed >> 5 & 3 == 3 ? 3 : 1
        let (decoded, isLost) = try openSnapshot(node, from: disk)
        let snapshot = decoded.map {
            StoredSnapshot(
                id: $0.head.last, configuration: $0.head.configuration, sum: $0.sum, bytes: $0.bytes)
        }
        let store = decoded?.store ?? Store()
        var replay = Replay(node.misremembers ? store.misremembered : store, marksEvery: Self.markInterval)
        // What a snapshot covers is what was committed.
        var log = table.records(upTo: snapshot?.id.index ?? .zero)
        let skips = sabotage == .skipEntry
        let (journal, recovered) = try Journal.recover(
            node: node.id, settings: settings, snapshot: snapshot?.id, isSnapshotLost: isLost,
            firstBoot: Boot(firstBoot), from: disk
        ) { (bytes: Span<UInt8>, entry: EntryLine) throws(RecoveryError) in
            log.append(.after(log.last, bytes, entry))
            guard applies else { return }
            if skips, entry.id.index.rawValue == 7 {
                var nothing = Block(first: entry.id.index)
                nothing.append(index: entry.id.index, term: entry.id.term, command: Self.nothing.span)
                guard let line = try? EntryLine.read(nothing.bytes.span, at: 0) else { return }
                replay.apply(nothing.bytes.span, line)
            } else {
                replay.apply(bytes, entry)
            }
        }
        for block in recovered.tail {
            guard (try? log.take(block.bytes.span, 0..<block.bytes.count)) != nil else {
                throw .inconsistent(segment: 0, offset: 0)
            }
        }
        return Reading(
            journal: journal, recovered: recovered, snapshot: snapshot, replay: replay, log: log)
    }

    /// The newest snapshot that is whole, and whether there is one that is not.
    private func openSnapshot(
        _ node: SimulatedNode, from disk: SimulatedDisk
    ) throws(RecoveryError) -> (SnapshotDecoder.Decoded?, isLost: Bool) {
        var isLost = false
        let candidates: [EntryID]
        do throws(DiskFailure) {
            candidates = try Journal.snapshots(in: disk)
        } catch {
            throw .disk(error)
        }
        for id in candidates {
            // The same bytes are the same snapshot: they are read anew only where they have changed.
            let bytes = disk.bytes(of: .snapshot(id))
            if let known = node.snapshotRead, known.bytes == bytes { return (known.decoded, false) }
            if let decoded = try? SnapshotReading.decode(.snapshot(id), from: disk) {
                node.snapshotRead = (bytes, decoded)
                return (decoded, false)
            }
            isLost = true
        }
        return (nil, isLost)
    }

    private static let nothing = Array(#"{"at":0,"none":true}"#.utf8)
}

extension Sabotage {
    func spoil(
        _ origin: inout Replica.Origin, of health: SimulatedNode.Health, in cluster: ClusterID?
    ) {
        switch self {
        case .forgetVote:
            // The entries' terms are still known.
            let term = origin.runs.last?.term ?? .zero
            origin.hard = HardState(term: term, vote: nil, count: origin.hard?.count ?? 0)
        case .forgetTail:
            guard let run = origin.runs.last, let block = origin.tail.last, block.count > 0 else { return }
            origin.runs.removeLast()
            if run.count > 1 { origin.runs.append(Message.Run(term: run.term, count: run.count - 1)) }
            origin.tail.removeLast()
            guard block.count > 1 else { return }
            let end = Int(block.starts[block.count - 1])
            origin.tail.append(
                Block(first: block.first, bytes: Array(block.bytes[..<end]), starts: block.starts.dropLast()))
        case .ignoreDamage: origin.isDamaged = false
        case .reviveWiped:
            origin.isWiped = false
            if health == .wiped { origin.cluster = cluster }
        case .acknowledgeBeforeSync, .voteBeforeSync, .readWithoutRound, .writeTwice, .claimNotApplied,
            .claimApplied, .skipSync, .skipFolderSync, .skipEntry, .keepBoot:
            return
        }
    }
}
