// The larger faults, at random times: crashes, partitions, pauses, clocks, damage, hand-overs.
internal import Consensus
internal import Journal
internal import Replica
internal import Wire

extension Cluster {
    func injectLargerFault() throws(Violation) {
        guard now < chaosEnd else { return calmDown() }
        let rest = random.draw(min(50 * Self.millisecond, odds.pauseMax)...odds.pauseMax)
        queue.add(.largerFault, at: min(after(rest), max(chaosEnd, now + 1)))
        // A plot is not disturbed, mostly: with more, it comes to nothing.
        guard plot == nil || random.happens(200_000), let fault = odds.larger(&random) else { return }
        let node = victim()
        switch fault {
        case .processKilled, .powerLost:
            if random.happens(660_000), plan.faults.contains(.crashedInOperation) {
                node.crashesInOperation = true
            } else {
                crash(node, isPower: fault == .powerLost)
            }
        case .allPowerLost:
            counts.count(.allPowerLost)
            for node in nodes { crash(node, isPower: true) }
        case .paused:
            // Half of the pauses wait for a round: its answers are there when the node wakes (a read that
            // then meets them must not be answered by them).
            if random.happens(500_000) { node.pausesInRound = true } else { pause(node) }
        case .diskStalled: stall(node)
        case .partitioned: partition()
        case .partitionedOneWay: partitionOneWay()
        case .clockChanged:
            counts.count(.clockChanged)
            // It runs at another rate, or as before again; or it has stood still as the machine did, and
            // jumps.
            if random.happens(300_000) {
                node.advanceClock(by: random.draw(0...10_000 * Self.millisecond))
            } else {
                node.setClock(rate: node.clockRate == 1_000 ? random.draw(400...2_500) : 1_000, at: now)
            }
        case .bitRotted, .bitRottedWhileRunning: rot(node, stops: fault == .bitRotted)
        case .diskWiped: wipe(node)
        case .logLost: loseLog(node)
        case .leaderOutlived: beginPlot()
        case .stateChanged: changeState(node)
        case .leadershipTransferred: transfer()
        case .messageDropped, .messageDuplicated, .messageDelayed, .messageReordered, .messageCorrupted,
            .laneLost, .crashedInOperation, .sectorLost, .sectorTorn, .nameLost, .syncFailed, .syncSlow,
            .diskFull, .clientMessageLost, .snapshotTaken, .writeReplayed, .crashedInSnapshot,
            .snapshotInstalled:
            return
        }
    }

    /// The leader more often than any other.
    private func victim() -> SimulatedNode {
        let leader = nodes.first { $0.isWell && $0.process?.leads == true }
        if let leader, random.happens(350_000) { return leader }
        return nodes[random.index(nodes.count)]
    }

    /// Its disk does nothing for a while.
    private func stall(_ node: SimulatedNode) {
        counts.count(.diskStalled)
        node.diskStalledUntil = after(random.draw(50 * Self.millisecond...3_000 * Self.millisecond))
        line(node, "has a disk that stalls")
        // Sometimes alone with its leader, or as one, for long enough that the others elect another, and for
        // less time than its disk takes: what it is sent then is replaced while it is still being written.
        guard plan.faults.contains(.partitioned), random.happens(400_000),
            let leader = nodes.first(where: { $0.isWell && $0.process?.leads == true }),
            nodes.count > (leader === node ? 2 : 3)
        else { return }
        counts.count(.partitioned)
        let stall = random.draw(2_000 * Self.millisecond...5_000 * Self.millisecond)
        node.diskStalledUntil = after(stall)
        let pair = [leader.place, node.place]
        for from in nodes.indices {
            for to in nodes.indices where pair.contains(from) != pair.contains(to) {
                cut[from * nodes.count + to] = true
            }
        }
        healLater(after: 800 * Self.millisecond...stall)
    }

    private func line(_ node: SimulatedNode, _ text: String) {
        trace.begin(now)
        trace.node(node.place)
        trace.text(text)
        trace.end()
    }

    /// Stops the process.
    func pause(_ node: SimulatedNode) {
        node.pausesInRound = false
        guard node.isUp, !node.isPaused else { return }
        counts.count(.paused)
        node.isPaused = true
        line(node, "is paused")
        queue.add(.wake(node.place), at: after(random.draw(20 * Self.millisecond...3_000 * Self.millisecond)))
    }

    /// It runs again: its clock has jumped, and what was sent to it is there at once, or was lost.
    func wake(_ node: SimulatedNode) throws(Violation) {
        guard node.isPaused, node.isUp else { return }
        node.isPaused = false
        line(node, "runs again")
        var missed: [Event] = []
        swap(&missed, &node.missed)
        let keepsMost = node.random.happens(700_000)
        for event in missed {
            var isKept = keepsMost || node.random.happens(300_000)
            // Its own disk and timers lose nothing.
            switch event {
            case .disk, .turn, .load, .work, .loadPiece, .open: isKept = true
            case .tick, .request, .answer, .lost, .crash, .restart, .pause, .wake, .heal, .largerFault,
                .disturb, .clientTurn, .clientAgain, .clientRequest, .clientResponse, .clientTimeout,
                .keeperTurn, .errandRequest, .errandResponse, .watcherTurn, .plot, .grow:
                break
            }
            if isKept { queue.add(event, at: after(node.random.next(below: Self.millisecond))) }
        }
        tickSoon(node, within: 2 * Self.millisecond)
    }

    // Partitions -------------------------------------------------------------------------------------------

    private func partition() {
        guard nodes.count > 1 else { return }
        counts.count(.partitioned)
        var isInside = nodes.map { _ in random.happens(500_000) }
        if random.happens(400_000) {
            let alone = random.index(nodes.count)
            isInside = nodes.map { $0.place == alone }
        }
        let isBridge = random.happens(300_000)
        let bridge = random.index(nodes.count)
        for from in nodes.indices {
            for to in nodes.indices where isInside[from] != isInside[to] {
                if isBridge, from == bridge || to == bridge { continue }
                cut[from * nodes.count + to] = true
            }
        }
        healLater()
    }

    private func partitionOneWay() {
        guard nodes.count > 1 else { return }
        counts.count(.partitionedOneWay)
        let node = random.index(nodes.count)
        let isDeaf = random.happens(500_000)
        for other in nodes.indices where other != node && random.happens(800_000) {
            cut[isDeaf ? other * nodes.count + node : node * nodes.count + other] = true
        }
        healLater()
    }

    private func healLater(
        after time: ClosedRange<UInt64> = 50 * Cluster.millisecond...4_000 * Cluster.millisecond
    ) {
        cutCount += 1
        traceCuts()
        queue.add(.heal(cutCount), at: after(random.draw(time)))
    }

    func traceCuts() {
        trace.begin(now)
        trace.text("cut:")
        for from in nodes.indices {
            for to in nodes.indices where isCut(from, to) {
                trace.text(" ", UInt64(from) + 1)
                trace.text("→", UInt64(to) + 1)
            }
        }
        trace.end()
    }

    func heal(_ number: UInt64) {
        guard number == cutCount else { return }
        trace.begin(now)
        trace.text("healed")
        trace.end()
        for at in cut.indices { cut[at] = false }
    }

    // Damage -----------------------------------------------------------------------------------------------

    /// Whether one more node may be damaged: the others that are sound must be able to go on, to tell
    /// everything that was ever committed, and which state is right.
    private func mayDamage(_ node: SimulatedNode) -> Bool {
        guard node.isSound, !table.committed.isEmpty else { return false }
        let ill = nodes.reduce(0) { $0 + ($1.isSound ? 0 : 1) }
        guard ill + 1 <= (nodes.count - 1) / 2 else { return false }
        // Where one is a learner, or is becoming a voter, fewer may decide than there are nodes. One that is
        // a learner by its own log does not stand, and that log may be ahead of theirs who do.
        func isFine(_ id: NodeID) -> Bool {
            let other = nodes[Int(id.rawValue) - 1]
            guard other !== node, other.isSound else { return false }
            return other.memberships.allSatisfy { $0.voters.contains(id) }
        }
        return nodes.allSatisfy { other in
            other.memberships.allSatisfy { membership in
                // A learner may be a voter before its damage is found.
                let risen = membership.learners.filter { !membership.voters.contains($0) && !isFine($0) }
                return membership.isQuorum(where: isFine)
                    && Membership(voters: membership.voters + risen).isQuorum(where: isFine)
            }
        }
    }

    private func rot(_ node: SimulatedNode, stops: Bool) {
        // What a power cut may take vouches for nothing.
        guard mayDamage(node), let place = node.disk.afterWorstLoss.placeToRot(&random) else { return }
        if stops { crash(node, isPower: false) }
        counts.count(stops ? .bitRotted : .bitRottedWhileRunning)
        node.health = .damaged
        node.disk.flip(place.file, at: place.offset, bit: UInt8(random.index(8)))
        line(node, "has a bit flipped in \(place.file) at \(place.offset)")
    }

    /// Its log is gone as a whole, and its vote tells that there was one.
    private func loseLog(_ node: SimulatedNode) {
        guard mayDamage(node), node.isStarted, node.durable.term > 0 else { return }
        counts.count(.logLost)
        crash(node, isPower: true)
        node.disk.removeAll(in: .log)
        node.health = .damaged
        line(node, "has lost its log")
    }

    /// Answers whether it was allowed, and is done.
    @discardableResult
    func wipe(_ node: SimulatedNode) -> Bool {
        guard mayDamage(node) else { return false }
        counts.count(.diskWiped)
        crash(node, isPower: true)
        node.disk.wipe()
        node.health = .wiped
        node.committedAtLoss = table.committed.count
        node.wasAdmitted = false
        node.isRejoining = false
        node.lastMemberships = []
        node.lostVotes = node.votes
        node.votes = []
        node.named = []
        node.opened = nil
        node.durable = DurableState()
        node.maybe = nil
        line(node, "has lost its disk")
        return true
    }

    /// It starts again, and takes its snapshot's state for one with another hash. (Its keys are as they were:
    /// until it is found out it may lead, and what clients read of it is checked.)
    private func changeState(_ node: SimulatedNode) {
        guard nodes.count % 2 == 1, nodes.count > 1, !stateWasChanged,
            nodes.allSatisfy({ $0.isUp && $0.health == .whole })
        else { return }
        counts.count(.stateChanged)
        stateWasChanged = true
        node.misremembers = true
        node.isStateWrong = true
        line(node, "will take its state for another")
        crash(node, isPower: false)
    }

    private func transfer() {
        for node in nodes where node.isWell && node.process?.leads == true {
            counts.count(.leadershipTransferred)
            line(node, "is asked to hand over")
            let to = random.happens(500_000) ? nil : nodes[random.index(nodes.count)].id
            tell(node)
            node.process?.replica.transferLeadership(to: to)
            queue.add(.turn(node.place, life: node.life), at: after(10_000))
            node.isTurnDue = true
        }
    }
}

extension SimulatedDisk {
    /// A place in the log, or in the newest snapshot.
    func placeToRot(_ random: inout Random) -> (file: File, offset: Int)? {
        if random.happens(200_000), let id = try? Journal.snapshots(in: self).first {
            let count = bytes(of: .snapshot(id)).count
            if count > 0 { return (.snapshot(id), random.index(count)) }
        }
        return placeInLog(&random)
    }

    /// A place in what a later head or header states to be durable. (A change in the last batches looks like
    /// a torn write to anyone, so no node can notice it alone.)
    private func placeInLog(_ random: inout Random) -> (file: File, offset: Int)? {
        var segments: [(file: File, number: UInt64, bytes: [UInt8], head: SegmentHead?)] = []
        for (file, size) in (try? logFiles()) ?? [] {
            guard case .segment(let number) = file,
                let bytes = try? read(file, offset: 0, count: Int(size))
            else { continue }
            segments.append((file, number, bytes, try? SegmentHead(bytes.span, at: 0)))
        }
        segments.sort { $0.number < $1.number }
        var batches: [(file: File, offset: Int, count: Int, sequence: UInt64)] = []
        var durable: UInt64 = 0
        for (at, segment) in segments.enumerated() {
            // What a later header declares void vouches for nothing: its numbers are given again.
            let limit = segments[(at + 1)...].compactMap(\.head?.after).min() ?? .max
            if let head = segment.head, head.after <= limit { durable = max(durable, head.after) }
            var place = pageBytes
            while place < segment.bytes.count {
                let bytes = segment.bytes.span
                guard let found = try? BatchHead.read(bytes, at: place), let total = found.total,
                    (try? found.verify(bytes)) != nil, found.head.sequence <= limit
                else { break }
                durable = max(durable, found.head.durable)
                batches.append((segment.file, place, total, found.head.sequence))
                place += total
            }
        }
        let stated = batches.filter { $0.sequence <= durable }
        guard !stated.isEmpty else { return nil }
        let batch = stated[random.index(stated.count)]
        return (batch.file, batch.offset + random.index(batch.count))
    }
}
