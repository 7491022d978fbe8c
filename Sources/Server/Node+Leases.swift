// Leases: granted and revoked by the log, kept alive by the leader's word (Interface §4, rule 22).
internal import API
internal import Consensus
internal import HTTP
internal import KeyValue
internal import Network
internal import Replica

extension Node {
    mutating func grant(_ slot: Int, _ content: Range<Int>, isDecoded: Bool) {
        guard let request = clients[slot].request, mayWrite(slot) else { return }
        let wish = read(slot, content, isDecoded: isDecoded) { bytes throws(API.Refusal) in
            try LeaseWish(reading: bytes)
        }
        guard let wish else { return }
        let once = once(slot, content, isDecoded: isDecoded)
        clients[slot].stage = .waiting
        replica.grant(
            wish.id, ttlMilliseconds: wish.ttlMilliseconds, once: once,
            for: Ticket(clients.token(at: slot).rawValue), until: deadline(request))
    }

    mutating func revoke(_ slot: Int) {
        guard let request = clients[slot].request, mayWrite(slot) else { return }
        guard request.lease > 0 else {
            answerAbsent(slot)
            return
        }
        let once = once(slot, 0..<0, isDecoded: false)
        clients[slot].stage = .waiting
        replica.revoke(
            request.lease, once: once, for: Ticket(clients.token(at: slot).rawValue), until: deadline(request)
        )
    }

    /// A lease, all leases, or a keepalive: each after a round, on the leader, who alone knows their time.
    mutating func readLeases(_ slot: Int) {
        guard let request = clients[slot].request else { return }
        clients[slot].stage = .waiting
        replica.read(for: Ticket(clients.token(at: slot).rawValue), until: deadline(request))
    }

    /// The round is over.
    mutating func answerLeases(_ slot: Int, _ ticket: Ticket) {
        guard let request = clients[slot].request else { return }
        switch request.action {
        case .keepAlive: keepAlive(slot, ticket, request)
        case .leases:
            guard let listing = request.listing, !postpones(slot) else { return }
            let times = replica.remainingTimes
            let content = answerer(slot).leasesContent(
                listing, of: replica.store, remainingMilliseconds: { times($0)?.milliseconds ?? 0 })
            answer(slot, .leases(replica.store.revision), content)
            pace.look()
        default:
            if postpones(slot) { return }
            defer { pace.look() }
            if let lease = replica.store.lease(request.lease) {
                append(lease, to: slot)
            } else {
                answerAbsent(slot)
            }
        }
    }

    private mutating func keepAlive(_ slot: Int, _ ticket: Ticket, _ request: Request) {
        let arrival = Instant(nanoseconds: clients[slot].askedAt)
        let until = deadline(request, of: slot)
        switch replica.keepAlive(request.lease, since: arrival, for: ticket, until: until) {
        case .alive(let lease): append(lease, to: slot)
        case .absent: answerAbsent(slot)
        case .held: return
        case .failed(let failure): fail(slot, failure)
        }
    }

    private mutating func answerAbsent(_ slot: Int) {
        let revision = replica.store.revision
        answer(slot) { $0.append(.leaseAbsent, storeRevision: revision, to: &$1) }
    }

    private mutating func append(_ lease: Lease, to slot: Int) {
        let remaining = replica.remaining(lease.id)?.milliseconds ?? 0
        let (keys, revision) = (replica.store.keys(of: lease.id), replica.store.revision)
        answer(slot) {
            $0.append(
                lease, remainingMilliseconds: remaining, keys: keys, storeRevision: revision, to: &$1)
        }
    }

    /// The client's own name for the write under way, if it has one.
    func once(_ slot: Int, _ content: Range<Int>, isDecoded: Bool) -> Once? {
        guard let request = clients[slot].request, request.idempotencyKey != nil,
            let head = clients[slot].head
        else { return nil }
        let bytes = clients[slot].inbound.bytes
        let span = bytes.span.extracting(clients[slot].inbound.unread)
        return withContent(slot, content, isDecoded: isDecoded) { request.once(head, in: span, content: $0) }
    }

    /// What the content of the request under way says; nil where it was refused.
    mutating func read<Wish>(
        _ slot: Int, _ content: Range<Int>, isDecoded: Bool, _ wish: (Span<UInt8>) throws(API.Refusal) -> Wish
    ) -> Wish? {
        do throws(API.Refusal) {
            return try withContent(slot, content, isDecoded: isDecoded, wish)
        } catch {
            refuse(slot, error)
            return nil
        }
    }

    /// Lends the content of the request under way, which is at `content`, as in
    /// ``dispatch(_:_:isDecoded:)``.
    func withContent<R, E: Error>(
        _ slot: Int, _ content: Range<Int>, isDecoded: Bool, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        if isDecoded {
            let decoded = clients[slot].content
            return try body(decoded.span)
        }
        let bytes = clients[slot].inbound.bytes
        return try body(bytes.span.extracting(clients[slot].inbound.unread).extracting(content))
    }
}
