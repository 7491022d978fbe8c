// The loop's side of the peer links: dialing, sending parcels, reading answers, giving up on silent ones.
internal import API
internal import Consensus
internal import HTTP
internal import Logging
internal import Network
internal import Replica
internal import Wire

extension Node {
    func slot(of peer: NodeID, _ way: Way) -> Int? {
        guard let place = peers.firstIndex(where: { $0.id == peer }) else { return nil }
        return place * Way.allCases.count + Int(way.rawValue)
    }

    /// A request to a peer. Without a connection one is made; what finds no room is lost, and the replica is
    /// told.
    mutating func send(_ parcel: Parcel) {
        guard let slot = slot(of: parcel.to, Way(parcel.lane)) else { return }
        if case .apart(let until) = links[slot].state, until <= now { connect(slot) }
        guard links[slot].hasRoom else {
            owe(slot, at: retryMoment(slot))
            return
        }
        links[slot].enqueue(parcel, at: now)
        touchLink(slot)
        if case .apart(let until) = links[slot].state {
            timers.set(until, for: LinkTimer.dial.name(slot))
        }
    }

    private func retryMoment(_ slot: Int) -> UInt64 {
        if case .apart(let until) = links[slot].state { return max(until, now + 10_000_000) }
        return now + 100_000_000
    }

    /// The replica is to hear of a loss on that lane at `moment`.
    private mutating func owe(_ slot: Int, at moment: UInt64) {
        if links[slot].lossDueAt != nil { return }
        links[slot].lossDueAt = moment
        timers.set(moment, for: LinkTimer.loss.name(slot))
    }

    mutating func touchLink(_ slot: Int) {
        if links[slot].isTouched { return }
        links[slot].isTouched = true
        touchedLinks.append(UInt32(slot))
    }

    // Dialing ---------------------------------------------------------------------------------------------

    mutating func connect(_ slot: Int) {
        let place = links[slot].place
        let name = Token(slot: UInt32(slot), generation: links[slot].attempt)
        if let address = place.literal {
            dial(name, [address])
        } else if resolver.ask(place, for: name.rawValue) {
            links[slot].beginResolving()
        }
    }

    /// Begins the connection of a link whose peer's addresses are known now.
    mutating func dial(_ link: Token, _ addresses: [Address]) {
        let slot = Int(link.slot)
        guard links[slot].attempt == link.generation else { return }
        guard let address = links[slot].choice(of: addresses) else {
            log.warning(
                "the name \(links[slot].place.host) of node \(links[slot].peer) is not known; trying again")
            breakLink(slot)
            return
        }
        let source = configuration.listen.literal.flatMap { $0.isUnspecified ? nil : $0 }
        do throws(SystemError) {
            let socket = try Descriptor.dial(
                address, from: source.flatMap { $0.isLoopback == address.isLoopback ? $0 : nil })
            let generation = links[slot].attempt &+ 1
            let token = Token(slot: Place.linkBits | UInt32(slot), generation: generation)
            try poller.add(socket, as: token, for: .changes)
            try urgent.add(socket, as: token, for: .changes)
            _ = links[slot].beginDialing(socket, at: now)
            watch(slot)
        } catch {
            log.debug("node \(links[slot].peer) cannot be dialed: \(error)")
            breakLink(slot)
        }
    }

    /// The connection is gone; what was in flight on it has no answer.
    mutating func breakLink(_ slot: Int) {
        let clients = links[slot].way == .requests ? links[slot].clientsInFlight : []
        if links[slot].broke(at: now, jitter: jitter.next()), links[slot].way.lane != nil {
            owe(slot, at: retryMoment(slot))
        }
        lost(clients)
    }

    // Events ----------------------------------------------------------------------------------------------

    mutating func takeLink(_ readiness: Network.Readiness, slot: Int) {
        guard readiness.token.generation == links[slot].attempt else { return }
        if case .dialing = links[slot].state {
            guard readiness.isWritable else { return }
            if let failure = links[slot].connectFailure() {
                log.debug("node \(links[slot].peer) at \(links[slot].place): \(failure)")
                breakLink(slot)
                return
            }
            links[slot].opened()
        }
        guard links[slot].isOpen else { return }
        if readiness.isWritable { touchLink(slot) }
        if readiness.isReadable {
            links[slot].mayRead = true
            links[slot].isEnding = links[slot].isEnding || readiness.isEnding
            readAnswers(slot)
        }
    }

    mutating func flushLinks() {
        for touched in touchedLinks {
            let slot = Int(touched)
            links[slot].isTouched = false
            guard links[slot].isOpen else { continue }
            if links[slot].flush() == .broken { breakLink(slot) } else { watch(slot) }
        }
        touchedLinks.removeAll(keepingCapacity: true)
    }

    private mutating func readAnswers(_ slot: Int) {
        while links[slot].isOpen && links[slot].mayRead {
            switch links[slot].receive(&pool) {
            case .received(_, let mayHaveMore):
                links[slot].heardAt = now
                if !mayHaveMore && !links[slot].isEnding { links[slot].mayRead = false }
                if !parseAnswers(slot) {
                    breakLink(slot)
                    return
                }
            case .nothing: links[slot].mayRead = false
            case .full:
                // An answer larger than any there is.
                breakLink(slot)
                return
            case .ended, .broken:
                breakLink(slot)
                return
            }
        }
        links[slot].inbound.release(to: &pool)
    }

    /// Takes every whole answer. False: what came is no answer to what was asked.
    private mutating func parseAnswers(_ slot: Int) -> Bool {
        while !links[slot].inbound.isEmpty {
            do throws(MessageError) {
                guard let answer = try links[slot].nextAnswer(limits) else { return true }
                guard let flight = links[slot].answered(at: now) else { return false }
                takeAnswer(slot, flight.question, answer.head.status, answer.content)
                links[slot].inbound.consume(answer.content.upperBound)
                if !answer.head.keepAlive { return false }
            } catch {
                log.warning("node \(links[slot].peer) answered what is no HTTP: \(error.message)")
                return false
            }
        }
        return true
    }

    private mutating func takeAnswer(
        _ slot: Int, _ question: PeerLink.Flight.Question, _ status: Int, _ content: Range<Int>
    ) {
        let bytes = links[slot].inbound.bytes
        let start = links[slot].inbound.unread.lowerBound
        let range = start + content.lowerBound..<start + content.upperBound
        switch question {
        case .client(let token): passOn(to: token, status: status, range, of: bytes)
        case .nobody: break
        case .replica(let route) where status == 200:
            if links[slot].way == .quick, let time = links[slot].roundTrip {
                meters.roundTrips[slot / Way.allCases.count].observe(nanoseconds: time)
            }
            replica.answered(by: links[slot].peer, route: route, body: bytes.span.extracting(range))
        case .replica(let route): noteRefusal(slot, route, status: status)
        }
    }

    private mutating func noteRefusal(_ slot: Int, _ route: PeerRoute, status: Int) {
        log.debug("node \(links[slot].peer) answered \(status) to \(route.rawValue)")
        owe(slot, at: now + 100_000_000)
    }

    // Silence ---------------------------------------------------------------------------------------------

    private func patience(_ slot: Int) -> UInt64 {
        switch links[slot].way {
        case .appends: max(5_000_000_000, 2 * configuration.electionTimeout.nanoseconds)
        case .votes, .quick: 2 * configuration.electionTimeout.nanoseconds
        // The last piece is answered when the snapshot was read back and installed.
        case .snapshots: 60_000_000_000
        // What clients wait for is looked at where their time ends (`breakIfSilent`). This is for a peer that
        // cannot be dialed, and for a connection on which nobody waits: the longest time and 10 s.
        case .requests: links[slot].isOpen ? 70_000_000_000 : 2 * configuration.electionTimeout.nanoseconds
        }
    }

    /// Sets a timer for the moment at which the link would have been silent for too long.
    private mutating func watch(_ slot: Int) {
        guard links[slot].timerAt == nil, let since = links[slot].waitsSince else { return }
        let moment = since + patience(slot)
        links[slot].timerAt = moment
        timers.set(moment, for: LinkTimer.silence.name(slot))
    }

    mutating func expireLink(_ slot: Int, _ timer: LinkTimer) {
        switch timer {
        case .loss:
            links[slot].lossDueAt = nil
            if let lane = links[slot].way.lane { replica.lost(links[slot].peer, lane) }
        case .dial:
            if case .apart(let until) = links[slot].state, until <= now, !links[slot].flights.isEmpty {
                connect(slot)
            }
        case .silence:
            links[slot].timerAt = nil
            lookForSilence(slot)
        }
    }

    private mutating func lookForSilence(_ slot: Int) {
        guard let since = links[slot].waitsSince else { return }
        if now >= since + patience(slot) {
            log.debug("node \(links[slot].peer) has been silent for too long; the connection is given up")
            breakLink(slot)
        } else {
            watch(slot)
        }
    }

    mutating func learnURL(of node: NodeID, _ url: [UInt8]) {
        guard let place = peers.firstIndex(where: { $0.id == node }),
            let learned = try? BaseURL(String(decoding: url, as: UTF8.self), for: "url")
        else { return }
        peers[place].url = learned
    }
}

/// What a link wants to be woken for; its name in the timers has the link's place in it.
enum LinkTimer: UInt32 {
    /// The replica is to be told that what was in flight is lost.
    case loss
    /// The link may have been silent for too long.
    case silence
    /// The pause before the next connection is over.
    case dial

    func name(_ slot: Int) -> UInt64 {
        Token(slot: Place.linkBits | UInt32(slot), generation: rawValue).rawValue
    }
}
