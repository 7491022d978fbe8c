// Accepted connections: accepting, reading, flushing, closing, and time-outs (Interface §10).
internal import API
internal import Consensus
internal import HTTP
internal import Logging
internal import Network
internal import Replica

extension Node {
    /// Peers and probes find a place though all others are taken.
    static let reservedConnections = 64
    /// How long one of the reserved places is held in silence at most.
    private static let reservedTime = Interval.milliseconds(1_000)
    /// So many are accepted in one turn at most, so that those who are there get their turn too.
    private static let acceptsMax = 256

    mutating func acceptClients() {
        for _ in 0..<Self.acceptsMax {
            switch listener.accept() {
            case .none: return
            case .shed: noteShortage()
            case .stuck:
                noteShortage()
                pauseListening()
                return
            case .connection(let socket): add(socket)
            }
        }
    }

    private mutating func noteShortage() {
        if now < lastShortageAt + 5_000_000_000 { return }
        lastShortageAt = now
        log.warning("out of descriptors: connections are turned away; raise the limit (ulimit -n)")
    }

    /// Somebody waits who can neither be accepted nor turned away: the loop must not spin on it.
    private mutating func pauseListening() {
        do throws(SystemError) {
            try poller.remove(listener.descriptor)
            listensAgainAt = now + 100_000_000
        } catch {
            log.error("the listener cannot be paused: \(error)")
        }
    }

    /// Listens again once a pause is over; a turn comes more often than that.
    mutating func listenAgain() {
        guard let moment = listensAgainAt, now >= moment else { return }
        do throws(SystemError) {
            try poller.add(listener.descriptor, as: Place.listener.token, for: .reading)
            listensAgainAt = nil
        } catch {
            listensAgainAt = now + 100_000_000
            log.error("the listener cannot be watched: \(error)")
        }
    }

    private mutating func add(_ socket: consuming Descriptor) {
        let count = clients.count - proxies
        let isExtra = count >= configuration.connectionsMax
        if count >= configuration.connectionsMax + Self.reservedConnections, !makePlace() {
            // It is closed at once, by going out of scope.
            return
        }
        let deadline = now + headTime(isExtra: isExtra).nanoseconds
        let token = clients.insert(Client(socket: socket, isExtra: isExtra, deadline: deadline))
        if isExtra { extras.append(token) }
        timers.set(deadline, for: token.rawValue)
        do throws(SystemError) {
            try poller.add(clients[Int(token.slot)].socket, as: token, for: .changes)
        } catch {
            log.error("a connection cannot be watched: \(error)")
            _ = clients.remove(token)
        }
    }

    /// How long a head may take.
    func headTime(isExtra: Bool) -> Interval {
        isExtra ? min(configuration.headTime, Self.reservedTime) : configuration.headTime
    }

    /// Closes the connection that has held a reserved place for the longest time without a word.
    private mutating func makePlace() -> Bool {
        extras.removeAll { !clients.contains($0) }
        let silent = extras.first { token in
            let slot = Int(token.slot)
            guard case .head = clients[slot].stage, !clients[slot].isPeer else { return false }
            return clients[slot].inbound.isEmpty && clients[slot].outbound.isEmpty
        }
        if let silent { drop(Int(silent.slot)) }
        return silent != nil
    }

    mutating func takeClient(_ readiness: Network.Readiness) {
        guard clients.contains(readiness.token) else { return }
        let slot = Int(readiness.token.slot)
        if readiness.isHungUp {
            drop(slot)
            return
        }
        if readiness.isReadable {
            clients[slot].mayRead = true
            if readiness.isEnding {
                clients[slot].isEnding = true
                // Nobody waits for minutes who has ended the conversation.
                if case .sleeping = clients[slot].stage { return drop(slot) }
                probeWatch(slot)
            }
            if pace.isOver, !clients[slot].isPeer { makeRunnable(slot) } else { goOn(slot) }
        }
        guard clients.contains(readiness.token) else { return }
        if readiness.isWritable && !clients[slot].outbound.isEmpty { touch(slot) }
    }

    /// Closes a connection. What the replica still has for it finds nobody.
    mutating func drop(_ slot: Int) {
        bytesHeld -= clients[slot].bytesCounted
        clients[slot].inbound.discard(to: &pool)
        if case .forwarded = clients[slot].stage { forwarded -= 1 }
        if clients[slot].stream != nil { streams -= 1 }
        endPipe(slot)
        leaveWatch(slot)
        if clients[slot].origin != nil { proxies -= 1 }
        _ = clients.remove(clients.token(at: slot))
    }

    /// Has a connection looked at again in the next turn.
    mutating func makeRunnable(_ slot: Int) {
        if clients[slot].isRunnable { return }
        clients[slot].isRunnable = true
        runnable.append(clients.token(at: slot))
    }

    mutating func continueRunnable() {
        if runnable.isEmpty { return }
        swap(&runnable, &running)
        for (place, token) in running.enumerated() where clients.contains(token) {
            if pace.isOver {
                runnable.insert(contentsOf: running[place...], at: 0)
                break
            }
            clients[Int(token.slot)].isRunnable = false
            goOn(Int(token.slot))
            pace.look()
        }
        running.removeAll(keepingCapacity: true)
    }

    /// Has what a connection is to be sent flushed at the end of the turn.
    mutating func touch(_ slot: Int) {
        if clients[slot].isTouched { return }
        clients[slot].isTouched = true
        if clients[slot].origin != nil {
            answeredProxies.append(clients.token(at: slot))
            return
        }
        touchedClients.append(UInt32(slot))
    }

    mutating func flushClients() {
        for touched in touchedClients where clients.isTaken(Int(touched)) {
            let slot = Int(touched)
            guard clients[slot].isTouched else { continue }
            clients[slot].isTouched = false
            flush(slot)
        }
        touchedClients.removeAll(keepingCapacity: true)
    }

    /// Gives the kernel what a connection is to be sent.
    mutating func flush(_ slot: Int) {
        switch clients[slot].flush() {
        case .blocked:
            extendDeadline(slot, by: configuration.idleTime)
            noteBlocked(slot)
        case .broken: drop(slot)
        case .sent:
            clients[slot].blockedSince = nil
            if clients[slot].bytesCounted > 0 { weigh(slot) }
            if clients[slot].watcher != nil { shortenDeadline(slot) }
            if clients[slot].closesWhenSent {
                end(slot)
            } else if clients[slot].hasMore {
                makeRunnable(slot)
            }
        }
    }

    /// The last answer is sent: the connection ends. Where the client may still be sending, what comes is
    /// dropped for a while, or the kernel's reset could overtake the answer.
    private mutating func end(_ slot: Int) {
        if clients[slot].isEnding, !clients[slot].mayRead {
            drop(slot)
            return
        }
        clients[slot].socket.endWriting()
        clients[slot].closesWhenSent = false
        clients[slot].stage = .ending
        clients[slot].inbound.discard(to: &pool)
        setDeadline(slot, after: .milliseconds(2_000))
        makeRunnable(slot)
    }

    // Time-outs -------------------------------------------------------------------------------------------

    mutating func setDeadline(_ slot: Int, after interval: Interval) {
        setDeadline(slot, at: now + interval.nanoseconds)
    }

    mutating func setDeadline(_ slot: Int, at deadline: UInt64) {
        // The replica ends what it has no time for; there is no connection to be closed.
        if clients[slot].origin != nil { return }
        clients[slot].deadline = deadline
        // A timer that is set for earlier looks at the deadline when it fires; one for later would be too
        // late.
        if deadline < clients[slot].timerAt {
            clients[slot].timerAt = deadline
            timers.set(deadline, for: clients.token(at: slot).rawValue)
        }
    }

    private mutating func extendDeadline(_ slot: Int, by interval: Interval) {
        clients[slot].deadline = max(clients[slot].deadline, now + interval.nanoseconds)
    }

    mutating func expireTimers() {
        while let name = timers.due(at: now) {
            let token = Token(rawValue: name)
            if token.slot & Place.kindMask == Place.linkBits {
                guard let timer = LinkTimer(rawValue: token.generation) else { continue }
                expireLink(Int(token.slot & ~Place.kindMask), timer)
            } else if clients.contains(token) {
                expireClient(token)
            }
        }
    }

    private mutating func expireClient(_ token: Token) {
        let slot = Int(token.slot)
        // Another one was set since, for earlier than this one, and has gone on from there.
        if clients[slot].timerAt > now { return }
        // None is set any more: whatever deadline comes next sets one.
        clients[slot].timerAt = .max
        let deadline = clients[slot].deadline
        if deadline > now {
            setDeadline(slot, at: deadline)
            return
        }
        switch clients[slot].stage {
        case .waiting:
            // The replica has a deadline of its own for it.
            setTimer(slot, after: configuration.idleTime)
        case .head where clients[slot].exchanges.isEmpty && clients[slot].inbound.isEmpty: drop(slot)
        case .head where !clients[slot].exchanges.isEmpty: setTimer(slot, after: configuration.idleTime)
        case .head, .content:
            if clients[slot].outbound.isEmpty {
                refuse(slot, .requestTimeout, closing: true)
                setTimer(slot, after: .milliseconds(2_000))
            } else {
                // It does not read its answers.
                drop(slot)
            }
        case .forwarded: expireForwarded(slot)
        case .transferring: expireTransfer(slot)
        case .sleeping:
            setTimer(slot, after: configuration.idleTime)
            endWait(slot)
        case .streaming where clients[slot].watcher != nil: expireWatch(slot)
        case .streaming where clients[slot].isRunnable || clients[slot].pipe?.isAwaited ?? false:
            // It waits for us, and not we for it.
            setTimer(slot, after: configuration.idleTime)
        // (Streaming: it does not read its list.)
        case .skipping, .streaming, .ending: drop(slot)
        }
        // Nobody is without one.
        if clients.contains(token), clients[slot].timerAt == .max {
            setTimer(slot, after: configuration.idleTime)
        }
    }

    mutating func setTimer(_ slot: Int, after interval: Interval) {
        clients[slot].deadline = now + interval.nanoseconds
        clients[slot].timerAt = clients[slot].deadline
        timers.set(clients[slot].deadline, for: clients.token(at: slot).rawValue)
    }
}

extension Client {
    /// Whether there is more to be read, or to be sent piece by piece.
    fileprivate var hasMore: Bool {
        // Who watches is not read from: nothing can follow a stream without an end.
        if let watcher { return watcher.isBehind }
        return !inbound.isEmpty || mayRead || stream != nil || pipe != nil
    }

    mutating func flush() -> Flush {
        let flush = outbound.flush(to: socket)
        if flush == .sent { outbound.shrink() }
        return flush
    }
}
