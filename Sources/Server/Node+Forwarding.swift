// A follower sends a client's request on to the leader, once, and passes the answer back (Interface §5,
// rule 18).
internal import API
internal import Consensus
internal import HTTP
internal import JSON
internal import Logging
internal import Network
internal import Replica
internal import Wire

extension Node {
    /// The leader that is to be asked in the client's stead: this node does not lead, and may not send the
    /// client there. A request that was sent on once already goes no further.
    func leaderToAsk(_ slot: Int) -> NodeID? {
        guard clients[slot].origin == nil, replica.raft.role != .leader else { return nil }
        return replica.view.leader
    }

    /// Sends the request under way on. Its content is at `content`, as in ``dispatch(_:_:isDecoded:)``.
    mutating func forward(_ slot: Int, to leader: NodeID, _ content: Range<Int>, isDecoded: Bool) {
        guard let link = self.slot(of: leader, .requests), let request = clients[slot].request,
            let cluster = replica.view.cluster
        else {
            failUnasked(slot)
            return
        }
        breakIfSilent(link)
        if case .apart(let until) = links[link].state, until <= now { connect(link) }
        if case .apart = links[link].state {
            notSent(slot)
            return
        }
        guard links[link].hasRoom else {
            fail(slot, .overloaded)
            return
        }
        var body: [UInt8] = []
        Forwarding(
            cluster: cluster, from: configuration.node, boot: replica.raft.boot, to: leader,
            term: replica.raft.term
        ).encode(into: &body)
        clients[slot].appendRequest(content, isDecoded: isDecoded, to: &body)
        let time = Interval.milliseconds(request.timeoutMilliseconds)
        links[link].enqueue(body, for: clients.token(at: slot), dueAt: now + time.nanoseconds, at: now)
        touchLink(link)
        clients[slot].stage = .forwarded
        forwarded += 1
        // The leader keeps the client's time; this node waits a little longer for its word.
        setDeadline(slot, after: .milliseconds(request.timeoutMilliseconds + Self.graceMilliseconds))
        clients[slot].link = link
    }
    private static let graceMilliseconds: UInt64 = 100

    /// The answer to a request that was sent on, or what stands for one.
    mutating func passOn(to token: Network.Token, status: Int, _ answer: Range<Int>, of bytes: [UInt8]) {
        guard let slot = forwardedSlot(token) else { return }
        guard status == 200 else {
            // The leader refused the message itself: nothing was executed.
            notSent(slot)
            return
        }
        let start = clients[slot].outbound.bytes.count
        let whole = answerer(slot).append(
            forwarded: bytes.span.extracting(answer), to: &clients[slot].outbound.bytes)
        if whole == nil {
            lostForwarded(slot, wasSent: true)
        } else {
            endForwarding(slot)
            count(slot, from: start)
            touch(slot)
            finish(slot)
            sendIfLarge(slot)
        }
    }

    /// The connection over which these were sent is gone.
    mutating func lost(_ flights: [(token: Network.Token, wasSent: Bool)]) {
        for flight in flights {
            if let slot = forwardedSlot(flight.token) { lostForwarded(slot, wasSent: flight.wasSent) }
        }
    }

    private mutating func lostForwarded(_ slot: Int, wasSent: Bool) {
        if wasSent, clients[slot].request?.action != .members {
            endForwarding(slot)
            clients[slot].stage = .waiting
            fail(slot, .timedOut(.unknown))
        } else {
            notSent(slot)
        }
    }

    /// Nothing of the request has left this node, or nothing was made of it.
    private mutating func notSent(_ slot: Int) {
        endForwarding(slot)
        clients[slot].stage = .waiting
        if clients[slot].request?.action == .members {
            answerMembers(slot)
        } else {
            failUnasked(slot)
        }
    }

    private func forwardedSlot(_ token: Network.Token) -> Int? {
        guard clients.contains(token), case .forwarded = clients[Int(token.slot)].stage else { return nil }
        return Int(token.slot)
    }

    private mutating func endForwarding(_ slot: Int) {
        if case .forwarded = clients[slot].stage { forwarded -= 1 }
    }

    /// The leader should have answered by now: the client is told so. Others on the same connection may have
    /// more time, and wait on.
    mutating func expireForwarded(_ slot: Int) {
        let link = clients[slot].link
        let wasSent = links[link].forget(clients.token(at: slot))
        lostForwarded(slot, wasSent: wasSent)
        breakIfSilent(link)
    }

    /// Gives up a connection to a leader whose oldest answer is long overdue: whatever else is sent there
    /// would be lost like it.
    ///
    /// That one client's time is over says little: answers come in order, and the oldest may have much time
    /// left. But a leader that lives gives each when its time is over at the latest, or, where leadership is
    /// handed over, after an election timeout.
    private mutating func breakIfSilent(_ link: Int) {
        let patience = max(5_000_000_000, 2 * configuration.electionTimeout.nanoseconds)
        guard links[link].isSilent(for: patience, at: now) else { return }
        log.debug("node \(links[link].peer) answers no requests; the connection is given up")
        breakLink(link)
    }
}

extension Client {
    /// Appends the request as the leader is to see it: what is about this connection only is left out.
    func appendRequest(_ content: Range<Int>, isDecoded: Bool, to out: inout [UInt8]) {
        guard let head else { return }
        let bytes = inbound.bytes
        let request = bytes.span.extracting(inbound.unread)
        out.append(bytes: request.extracting(head.methodName.lowerBound..<head.target.upperBound))
        out.append(literal: " HTTP/1.1\r\nHost: leader\r\n")
        append("Content-Type: ", .contentType, of: head, in: request, to: &out)
        append("If-Match: ", .ifMatch, of: head, in: request, to: &out)
        append("If-None-Match: ", .ifNoneMatch, of: head, in: request, to: &out)
        append("Idempotency-Key: ", .idempotencyKey, of: head, in: request, to: &out)
        if head.framing != .none {
            out.append(literal: "Content-Length: ")
            out.append(decimal: UInt64(content.count))
            out.append(literal: "\r\n")
        }
        out.append(literal: "\r\n")
        out.append(bytes: isDecoded ? self.content.span : request.extracting(content))
    }

    /// Appends all lines of a field.
    private func append(
        _ name: StaticString, _ field: Field, of head: borrowing RequestHead, in bytes: Span<UInt8>,
        to out: inout [UInt8]
    ) {
        var line = head.fields[field]
        while let value = line {
            out.append(literal: name)
            out.append(bytes: bytes.extracting(value))
            out.append(literal: "\r\n")
            line =
                head.fields.isRepeated(field)
                ? head.fields.next(field, after: value.upperBound, in: bytes) : nil
        }
    }
}
