// The network between members: every message as its bytes, with everything that can happen to them.
internal import Consensus
internal import Replica
internal import Wire

/// A question that was sent, and to whom its answer belongs.
struct ExchangeRow {
    let from: Int
    /// The incarnation that asked: no other gets the answer.
    let life: Int
    let to: Int
    let lane: Lane
    let route: PeerRoute
    /// The term that the question told, if it told one.
    let term: Term
    let isCorrupted: Bool
    /// When it arrived, by the asked node's clock.
    var arrived: Instant?
    var isAnswered = false
}

extension Cluster {
    func isCut(_ from: Int, _ to: Int) -> Bool { cut[from * nodes.count + to] }

    func send(_ parcel: Parcel, from node: SimulatedNode) throws(Violation) {
        var bytes = parcel.head
        for piece in parcel.body { bytes += piece.bytes[piece.range] }
        let to = Int(parcel.to.rawValue) - 1
        trace.begin(now)
        trace.ends(node.place, "send→", to)
        var term = Term.zero
        if parcel.route == .hello {
            if let hello = try? Hello(bytes.span) { try check(hello, leaving: node) }
            trace.text("hello")
        } else {
            do throws(WireError) {
                let (envelope, _) = try Envelope.request(parcel.route, bytes.span)
                term = envelope.message.term
                trace.message(envelope.message)
                try checked(envelope.message, node)
            } catch {
                if let violation = pending { throw violation }
                throw Violation("wire: node \(node.place + 1) sends what cannot be read: \(error)")
            }
        }
        if node.pausesInRound, parcel.route == .heartbeat {
            queue.add(.pause(node.place), at: after(random.next(below: odds.messageTime)))
        }
        let copies = isChaos && random.happens(odds.duplicate) ? 2 : 1
        if copies == 2 { counts.count(.messageDuplicated) }
        trace.end()
        for _ in 0..<copies { launch(bytes, parcel, in: term, from: node, to: to) }
    }

    /// A violation crosses the decoder's own kind of error in `pending`.
    private func checked(
        _ message: Message, _ node: SimulatedNode, answering row: ExchangeRow? = nil
    ) throws(WireError) {
        do throws(Violation) {
            try check(message, leaving: node)
            if let row { try check(message, of: node, answering: row) }
        } catch {
            pending = error
            throw WireError(offset: 0, problem: .order)
        }
    }

    private func launch(
        _ bytes: [UInt8], _ parcel: Parcel, in term: Term, from node: SimulatedNode, to: Int
    ) {
        if isLost(node.place, to) {
            if random.happens(500_000), plan.faults.contains(.laneLost) {
                counts.count(.laneLost)
                let time = random.draw(Self.millisecond...600 * Self.millisecond)
                queue.add(.lost(from: node.place, life: node.life, to: to, parcel.lane), at: after(time))
            }
            return
        }
        let flipped = parcel.route == .hello ? nil : corrupted(bytes)
        exchanges.append(
            ExchangeRow(
                from: node.place, life: node.life, to: to, lane: parcel.lane, route: parcel.route,
                term: term, isCorrupted: flipped != nil))
        let delivery = Delivery(
            exchange: exchanges.count - 1, route: parcel.route, body: flipped ?? bytes,
            isCorrupted: flipped != nil)
        queue.add(.request(delivery), at: arrival(node.place, to, parcel.lane))
    }

    private func isLost(_ from: Int, _ to: Int) -> Bool {
        if isCut(from, to) { return true }
        guard isChaos, random.happens(odds.drop) else { return false }
        counts.count(.messageDropped)
        return true
    }

    /// When a message arrives: in order on its lane, unless something holds it up or lets it overtake.
    private func arrival(_ from: Int, _ to: Int, _ lane: Lane) -> UInt64 {
        let way = ((from * nodes.count) + to) * Lane.allCases.count + Int(lane.rawValue)
        var time = after(random.longTailed(odds.messageTime))
        if isChaos, random.happens(odds.delay) {
            counts.count(.messageDelayed)
            let longest: UInt64 = random.happens(250_000) ? 3_000 : 400
            return after(random.draw(5 * Self.millisecond...longest * Self.millisecond))
        }
        if time < lastArrival[way] {
            if isChaos, random.happens(odds.reorder) {
                counts.count(.messageReordered)
                return time
            }
            time = lastArrival[way]
        }
        lastArrival[way] = time
        return time
    }

    /// One bit changed where that must be noticed: in an entry's line anywhere; in a header, which has no
    /// checksum, anything but a digit, for TCP and TLS vouch for numbers.
    private func corrupted(_ bytes: [UInt8]) -> [UInt8]? {
        guard isChaos, random.happens(odds.corrupt) else { return nil }
        let header = bytes.firstIndex(of: 0x0A) ?? bytes.count
        let place = random.index(bytes.count)
        let bit = UInt8(1) << UInt8(random.index(8))
        guard place > header || !(0x30...0x39).contains(bytes[place]) else { return nil }
        var flipped = bytes
        flipped[place] ^= bit
        counts.count(.messageCorrupted)
        return flipped
    }

    // Arrivals ---------------------------------------------------------------------------------------------

    func arrive(_ delivery: Delivery, _ event: Event) throws(Violation) {
        let row = exchanges[delivery.exchange]
        let node = nodes[row.to]
        guard node.isUp else {
            queue.add(
                .lost(from: row.from, life: row.life, to: row.to, row.lane),
                at: after(random.longTailed(odds.messageTime)))
            return
        }
        guard isAwake(node, life: node.life, else: event) else { return }
        tell(node)
        exchanges[delivery.exchange].arrived = node.process?.replica.raft.now
        node.process?.replica.asked(
            delivery.route, body: delivery.body.span, exchange: Exchange(UInt64(delivery.exchange)))
        try takeTurn(node)
    }

    func answer(_ exchange: Int, _ body: [UInt8], from node: SimulatedNode) throws(Violation) {
        let row = exchanges[exchange]
        guard !row.isAnswered else {
            throw Violation("wire: node \(node.place + 1) answers \(row.route) \(exchange) twice")
        }
        exchanges[exchange].isAnswered = true
        // A piece's bytes are vouched for by the checksum of the whole file, once all are there.
        guard !row.isCorrupted || row.route == .snapshot else {
            throw Violation("wire: node \(node.place + 1) answers a damaged \(row.route)")
        }
        trace.begin(now)
        trace.ends(node.place, "answer→", row.from)
        if row.route == .hello {
            if let hello = try? Hello(body.span) { try check(hello, leaving: node) }
            trace.text("hello")
        } else {
            do throws(WireError) {
                let envelope = try Envelope.answer(row.route, body.span)
                trace.message(envelope.message)
                try checked(envelope.message, node, answering: row)
            } catch {
                if let violation = pending { throw violation }
                throw Violation("wire: node \(node.place + 1) answers what cannot be read: \(error)")
            }
        }
        trace.end()
        guard !isLost(node.place, row.from) else { return }
        let flipped = row.route == .hello ? nil : corrupted(body)
        if let flipped, let read = try? Envelope.answer(row.route, flipped.span), read.cluster == clusterID {
            throw Violation("wire: a damaged answer is believed: \(read.message)")
        }
        queue.add(
            .answer(exchange: exchange, body: flipped ?? body, life: row.life),
            at: arrival(node.place, row.from, row.lane))
    }

    func refuse(_ exchange: Int, _ refusal: PeerRefusal, from node: SimulatedNode) {
        let row = exchanges[exchange]
        exchanges[exchange].isAnswered = true
        guard !isLost(node.place, row.from) else { return }
        queue.add(
            .lost(from: row.from, life: row.life, to: row.to, row.lane),
            at: after(random.longTailed(odds.messageTime)))
    }

    func arrive(answerTo exchange: Int, _ body: [UInt8], _ life: Int, _ event: Event) throws(Violation) {
        let row = exchanges[exchange]
        let node = nodes[row.from]
        guard isAwake(node, life: life, else: event) else { return }
        tell(node)
        node.process?.replica.answered(by: nodes[row.to].id, route: row.route, body: body.span)
        // (One of whose cluster's id a bit was changed is another cluster's.)
        if row.route != .hello, let envelope = try? Envelope.answer(row.route, body.span),
            envelope.cluster == clusterID
        {
            try checkHeard(envelope.message, by: node)
            try checkMatch(node, of: nodes[row.to], after: envelope.message)
        }
        try takeTurn(node)
    }

    func lost(_ node: SimulatedNode, _ life: Int, _ to: Int, _ lane: Lane, _ event: Event) throws(Violation) {
        guard isAwake(node, life: life, else: event) else { return }
        tell(node)
        node.process?.replica.lost(nodes[to].id, lane)
        try takeTurn(node)
    }
}
