// The glue between a member and its shell: the same order of things as the server's loop.
internal import Consensus
internal import Journal
internal import KeyValue
internal import Replica
internal import Wire

extension Cluster {
    /// Time is told when the shell would tell it; an event that an earlier one has overtaken does nothing.
    func tick(_ node: SimulatedNode) throws(Violation) {
        guard node.isUp, !node.isPaused, node.nextTick == now else { return }
        node.nextTick = .max
        tell(node)
        try endTurn(node)
    }

    /// Every 10 ms while clients wait, otherwise every half heartbeat: as the server's loop does.
    private func tickLater(_ node: SimulatedNode) {
        guard after(10 * Self.millisecond) < node.nextTick else { return }
        let rest = (node.process?.hasWaiting == true ? 10 : 50) * Self.millisecond
        guard after(rest) < node.nextTick else { return }
        node.nextTick = after(rest)
        queue.add(.tick(node.place), at: node.nextTick)
    }

    func tickSoon(_ node: SimulatedNode, within time: UInt64) {
        node.nextTick = after(node.random.next(below: time))
        queue.add(.tick(node.place), at: node.nextTick)
    }

    /// Tells the time, as each turn's first act.
    func tell(_ node: SimulatedNode) {
        noteLeases(node)
        node.process?.replica.tick(node.clock(at: now))
        checkLeases(node)
        checkClusterTime(node)
    }

    /// Something was given to the member: the turn ends now, or soon, with whatever else comes until then.
    func takeTurn(_ node: SimulatedNode) throws(Violation) {
        guard node.random.happens(400_000) else { return try endTurn(node) }
        guard !node.isTurnDue else { return }
        node.isTurnDue = true
        queue.add(.turn(node.place, life: node.life), at: after(node.random.draw(10_000...300_000)))
    }

    func turnIsDue(_ node: SimulatedNode, _ life: Int, _ event: Event) throws(Violation) {
        guard isAwake(node, life: life, else: event), node.isTurnDue else { return }
        try endTurn(node)
    }

    func endTurn(_ node: SimulatedNode) throws(Violation) {
        node.isTurnDue = false
        if let pending { throw pending }
        node.process?.tellRoom()
        node.process?.replica.turnEnded()
        var effects: [Effect] = []
        swap(&effects, &node.effects)
        node.process?.replica.takeEffects(into: &effects)
        // Handed entries first: what a message says is compared with them.
        for effect in effects {
            if case .persist(_, let pieces, let first, _) = effect { try hand(node, pieces, first) }
            if case .installSnapshot(let id, let discardsLog, _) = effect {
                try stand(node, on: id, discardsLog: discardsLog)
            }
        }
        try check(node)
        for effect in effects { try carryOut(effect, node) }
        effects.removeAll(keepingCapacity: true)
        swap(&effects, &node.effects)
        guard let commit = node.process?.replica.raft.commit else { return }
        node.process?.journal.turnEnded(now: node.clock(at: now), commit: commit, into: &node.operations)
        startDisk(node)
        tickLater(node)
    }

    /// Notes what the member handed to its journal.
    private func hand(_ node: SimulatedNode, _ pieces: [Piece], _ first: LogIndex) throws(Violation) {
        for piece in pieces {
            try node.log.take(piece.bytes.span, piece.range)
            truth.note(piece.bytes.span, piece.range)
        }
        for index in Int(first.rawValue)...max(Int(first.rawValue), node.log.count) {
            guard index <= node.log.count else { continue }
            try table.saw(node.log[index - 1], at: index, on: node.place)
        }
    }

    private func carryOut(_ effect: Effect, _ node: SimulatedNode) throws(Violation) {
        switch effect {
        case .replied(let ticket, let reply, let revision):
            try checkReply(reply, revision, to: ticket, by: node)
            if let errand = Errand.number(ticket) { return send(.replied(reply, revision), to: errand) }
            send(response: .replied(reply, revision), to: ticket)
        case .readable(let ticket):
            if let errand = Errand.number(ticket) { return answer(errand: errand, node, ticket) }
            try answerRead(node, ticket)
        case .failed(let ticket, let failure):
            if failure == .timedOut(.notApplied) { try checkNotApplied(ticket, by: node) }
            if let errand = Errand.number(ticket) { return send(.failed(failure), to: errand) }
            send(response: .failed(failure), to: ticket)
        case .send(let parcel): try send(parcel, from: node)
        case .answer(let exchange, let body): try answer(Int(exchange.rawValue), body, from: node)
        case .refuse(let exchange, let refusal): refuse(Int(exchange.rawValue), refusal, from: node)
        case .persist(let write, let pieces, let first, let last):
            node.process?.journal.append(pieces, first: first, last: last, write: write)
            if sabotage == .acknowledgeBeforeSync { node.process?.replica.persisted(write) }
        case .storeVote(let hard):
            node.process?.journal.store(hard, into: &node.operations)
            if sabotage == .voteBeforeSync { node.process?.replica.stored(hard) }
        case .storeIdentity(let cluster):
            node.process?.journal.store(identity: cluster, into: &node.operations)
        case .storeWiped: node.process?.journal.storeWiped(into: &node.operations)
        case .clearDamage:
            node.knowsDamage = false
            node.process?.journal.clearDamage(into: &node.operations)
        case .load(let after, let through, let peer):
            let time = node.random.longTailed(odds.diskTime)
            queue.add(
                .load(node.place, life: node.life, after: after, through: through, peer: peer),
                at: self.after(time))
        case .takeSnapshot(let head, let store): take(head, of: store, on: node)
        case .compact(let id):
            node.process?.journal.compact(to: id, keepingBytes: Self.tailBytes, into: &node.operations)
        case .loadPiece(let id, let offset, let count, let peer):
            let piece = WantedPiece(
                node: node.place, snapshot: id, offset: offset, count: count, peer: peer)
            queue.add(
                .loadPiece(piece, life: node.life), at: after(node.random.longTailed(odds.diskTime)))
        case .receivePiece(let bytes, let offset, let isLast):
            let isTaken = node.process?.journal.receive(
                [Piece(bytes)], offset: offset, isLast: isLast, into: &node.operations)
            if isTaken != true { node.process?.replica.notReceived() }
        case .openSnapshot:
            queue.add(.open(node.place, life: node.life), at: after(node.random.longTailed(odds.diskTime)))
        case .installSnapshot(let id, let discardsLog, let write):
            node.process?.journal.install(
                id, discardsLog: discardsLog, write: write, keepingBytes: Self.tailBytes,
                into: &node.operations)
        case .rejoined(let hard):
            node.rejoinsWith = hard.count
            node.process?.journal.rejoined()
            node.process?.journal.store(hard, into: &node.operations)
        case .learnURL, .release, .snapshotted: break
        case .notice(let notice): note(notice, node)
        }
    }

    private func note(_ notice: Notice, _ node: SimulatedNode) {
        trace.begin(now)
        trace.node(node.place)
        switch notice {
        case .became(let role, let term, let leader):
            if role == .leader, watch.isOn { watch.changes += 1 }
            if let leader, leader != node.id {
                trace.text("follower of ", leader.rawValue)
            } else {
                trace.text("\(role)")
            }
            trace.text(" in term ", term.rawValue)
        case .waitingFor(let peers): trace.text("waits for \(peers)")
        case .joinedCluster: trace.text("belongs to the cluster")
        case .otherCluster(let peer, _): trace.text("meets another cluster's ", peer.rawValue)
        case .wiped: trace.text("was wiped")
        case .transferred(let isDone): trace.text(isDone ? "handed over" : "gave up handing over")
        case .whole: trace.text("is whole again")
        case .refusedPeer(let peer, let why):
            trace.text("refused \(peer.map { "\($0)" } ?? "a peer"): \(why)")
        case .diskStalls: trace.text("waits for its disk")
        case .othersLackRoom(let lack): trace.text(lack ? "has full followers" : "has followers with room")
        case .damagedEntry(let index): trace.text("met a damaged entry ", index.rawValue)
        case .snapshotTaken, .sendsSnapshot, .receivesSnapshot, .installedSnapshot, .badSnapshot, .admits,
            .admitted, .rejoined, .membership, .wrongState, .rightState, .wrongPeer, .statesSplit:
            noteProgress(notice, node)
        }
        trace.end()
    }

    /// What entries were read for a peer.
    func load(
        _ node: SimulatedNode, _ life: Int, _ after: LogIndex, _ through: LogIndex, _ peer: NodeID,
        _ event: Event
    ) throws(Violation) {
        guard isAwake(node, life: life, else: event), let process = node.process else { return }
        tell(node)
        trace.begin(now)
        trace.node(node.place)
        trace.text("reads for ", peer.rawValue)
        trace.text(" after ", after.rawValue)
        trace.end()
        do throws(LoadError) {
            var blocks: [Block] = []
            for extent in process.journal.extents(after: after, through: through, bytesMax: 1 << 15) {
                blocks.append(try Journal.load(extent, from: node.disk))
            }
            node.process?.replica.loaded(blocks, for: peer)
        } catch {
            switch error {
            case .damaged(let damage):
                guard node.health == .damaged else {
                    throw Violation("disk: node \(node.place + 1) reads damage that nobody did: \(damage)")
                }
                node.process?.journal.store(damage: damage, into: &node.operations)
                node.process?.replica.damaged(at: max(damage.index, after.next))
            case .disk(let failure): throw Violation("disk: \(failure.message)")
            }
        }
        try takeTurn(node)
    }
}
