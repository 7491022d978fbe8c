// Snapshots in the simulated cluster: the worker of each node, whose work a crash may find half done.
internal import Consensus
internal import Journal
internal import KeyValue
internal import Replica
internal import Snapshot
internal import Wire

extension Cluster {
    /// The worker takes a snapshot, action after action.
    func take(_ head: SnapshotHead, of store: Store, on node: SimulatedNode) {
        node.taking = SnapshotTaking(head, of: store)
        counts.count(.snapshotTaken)
        workLater(node)
        crashSoon(node, within: 8)
    }

    /// What takes a few steps is to be met by crashes as often as what is under way all the time.
    private func crashSoon(_ node: SimulatedNode, within milliseconds: UInt64) {
        guard isChaos, node.random.happens(odds.crashInSnapshot) else { return }
        let isPower = node.random.happens(600_000) && plan.faults.contains(.powerLost)
        queue.add(
            .crash(node.place, life: node.life, isPower: isPower),
            at: after(node.random.draw(0...milliseconds * Self.millisecond)))
    }

    private func workLater(_ node: SimulatedNode) {
        queue.add(.work(node.place, life: node.life), at: after(node.random.longTailed(odds.diskTime)))
    }

    /// The worker's next action is done.
    func work(_ node: SimulatedNode, _ life: Int, _ event: Event) throws(Violation) {
        guard isAwake(node, life: life, else: event), var taking = node.taking else { return }
        let action = taking.next()
        node.taking = taking
        guard let action else {
            node.taking = nil
            return try finishTaking(taking, node)
        }
        if isChaos, case .write = action, node.random.happens(odds.full / 8) {
            counts.count(.diskFull)
            node.taking = nil
            leaveHalfDone(action, node, isPower: false)
            tell(node)
            node.process?.replica.snapshotFailed(taking.id)
            return try takeTurn(node)
        }
        trace.begin(now)
        trace.node(node.place)
        trace.text("worker did ")
        trace.operation(action)
        trace.end()
        perform(action, node)
        try believe(action, node)
        workLater(node)
    }

    private func finishTaking(_ taking: SnapshotTaking, _ node: SimulatedNode) throws(Violation) {
        tell(node)
        do throws(SnapshotError) {
            let (sum, bytes) = try taking.verify(node.disk)
            node.process?.replica.snapshotTaken(taking.id, sum: sum, bytes: bytes)
        } catch {
            // A bit may have changed since.
            guard node.health == .damaged else {
                throw Violation(
                    "snapshot: node \(node.place + 1) reads back another one than it wrote: \(error)")
            }
            node.process?.replica.snapshotFailed(taking.id)
        }
        try takeTurn(node)
    }

    /// The crash finds the worker in the middle of its next action.
    func leaveWorkHalfDone(_ node: SimulatedNode, isPower: Bool) {
        guard var taking = node.taking, let action = taking.next() else { return }
        counts.count(.crashedInSnapshot)
        leaveHalfDone(action, node, isPower: isPower)
    }

    /// Some bytes of a snapshot were read for a peer.
    func loadPiece(_ piece: WantedPiece, _ life: Int, _ event: Event) throws(Violation) {
        let node = nodes[piece.node]
        guard isAwake(node, life: life, else: event) else { return }
        tell(node)
        let bytes = try? node.disk.read(.snapshot(piece.snapshot), offset: piece.offset, count: piece.count)
        node.process?.replica.loadedPiece(
            bytes ?? nil, of: piece.snapshot, offset: piece.offset, for: piece.peer)
        try takeTurn(node)
    }

    /// What was received has been read back.
    func open(_ node: SimulatedNode, _ life: Int, _ event: Event) throws(Violation) {
        guard isAwake(node, life: life, else: event) else { return }
        tell(node)
        let decoded = try? SnapshotReading.decode(.incoming, from: node.disk)
        node.process?.replica.opened(
            decoded.map { OpenedSnapshot(head: $0.head, store: $0.store, sum: $0.sum, bytes: $0.bytes) })
        try takeTurn(node)
    }

    /// The member has taken over a snapshot: what it covers is its log now.
    func stand(_ node: SimulatedNode, on id: EntryID, discardsLog: Bool) throws(Violation) {
        counts.count(.snapshotInstalled)
        crashSoon(node, within: 12)
        let index = Int(id.index.rawValue)
        guard index <= table.committed.count, table.committed[index - 1].record.term == id.term.rawValue
        else {
            throw Violation("snapshot: node \(node.place + 1) installs \(id), which nobody has committed")
        }
        node.log.install(id, table, discardsLog: discardsLog)
        node.checked = max(node.checked, index)
        try checkState(node, at: index)
    }

    static let tailBytes: UInt64 = 16 << 10

    /// What a member says of snapshots and of who belongs to the cluster.
    func noteProgress(_ notice: Notice, _ node: SimulatedNode) {
        switch notice {
        case .snapshotTaken(let id, _): trace.text("has a snapshot at ", id)
        case .sendsSnapshot(let id, let peer):
            trace.text("sends ", peer.rawValue)
            trace.text(" the snapshot at ", id)
        case .receivesSnapshot(let id, let peer, _):
            trace.text("is sent by ", peer.rawValue)
            trace.text(" the snapshot at ", id)
        case .installedSnapshot(let id, _): trace.text("stands on the snapshot at ", id)
        case .badSnapshot(let id): trace.text("cannot use the snapshot at ", id)
        case .admits(let peer, _): trace.text("lets in ", peer.rawValue)
        case .admitted:
            trace.text("was let in")
            node.wasAdmitted = true
        case .rejoined:
            trace.text("counts again")
            node.isRejoining = true
            let count = node.durable.written.count
            if count <= node.committedAtLoss {
                pending = Violation(
                    "mute: node \(node.place + 1) counts again with \(count) entries, and "
                        + "\(node.committedAtLoss) were committed when it lost its disk")
            }
        case .wrongState(let index):
            trace.text("has another state at ", index.rawValue)
            node.isStateWrong = true
        case .rightState:
            trace.text("has the right state again")
            node.isStateWrong = false
        case .wrongPeer(let peer): trace.text("hears of a wrong state from ", peer.rawValue)
        case .statesSplit(let index): trace.text("finds no majority alike at ", index.rawValue)
        case .membership(let membership, let isCommitted):
            trace.text(isCommitted ? "commits " : "has ")
            trace.text("voters \(membership.voters) \(membership.outgoing) \(membership.learners)")
        case .became, .waitingFor, .joinedCluster, .otherCluster, .wiped, .transferred, .whole, .refusedPeer,
            .diskStalls, .othersLackRoom, .damagedEntry:
            return
        }
    }
}

/// What a leader wants to read of its own snapshot.
struct WantedPiece {
    let node: Int
    let snapshot: EntryID
    let offset: UInt64
    let count: Int
    let peer: NodeID
}

extension [LogRecord] {
    /// Everything up to the snapshot is what was committed; what follows it stays, unless the log is another.
    mutating func install(_ id: EntryID, _ table: EntryTable, discardsLog: Bool) {
        let index = Int(id.index.rawValue)
        // A record stands for all before it, too.
        if !discardsLog, count >= index, self[index - 1] == table.committed[index - 1].record { return }
        self = table.committed[..<index].map(\.record)
    }
}

extension SimulatedNode {
    /// Those of its log that may decide, as it is or was when it ended.
    var memberships: [Membership] {
        guard let process else { return lastMemberships }
        return process.replica.raft.configurations.suffix(2).map(\.membership)
    }

    /// A name was given that is not durable yet.
    func noteRenamed(to file: File) {
        switch file {
        case .snapshot(let id): named.append(id)
        case .segment:
            let page = try? disk.read(file, offset: 0, count: pageBytes)
            opened = page.flatMap { $0 }.flatMap { try? SegmentHead($0.span, at: 0) }?.base
        case .spare, .vote, .identity, .identityDraft, .damage, .damageDraft, .snapshotDraft, .incoming:
            return
        }
    }

    /// What the next start may find: what is durable, or that and what was on its way.
    func possible(_ table: EntryTable) -> [DurableState] {
        var states = [durable]
        if let maybe { states.append(maybe) }
        for id in named {
            for var state in states {
                state.stand(on: id, table)
                states.append(state)
            }
        }
        if let opened {
            for var state in states {
                state.begin(after: opened)
                states.append(state)
            }
        }
        return states
    }
}
