// The leader keeps the leases' time: it proposes their end, and that of keys whose moment has come (rule 22).
public import Consensus
public import KeyValue

/// What became of a keepalive.
public enum KeepAlive: Hashable, Sendable {
    /// The lease lives for its whole time from the keepalive's arrival on.
    case alive(Lease)
    /// There is no such lease.
    case absent
    /// Its end is proposed: `.readable` comes again once that is decided.
    case held
    /// This node does not lead any more.
    case failed(Failure)
}

extension Replica {
    /// Cluster time, as this node would stamp it.
    public var clusterTime: ClusterTime { stamp.time(at: now) }

    /// A client keeps a lease alive. To be called where a read, begun when the request came, is `.readable`.
    ///
    /// - Parameters:
    ///   - lease: the lease's id.
    ///   - arrival: when the request came: the lease counts from there.
    ///   - ticket: who asks.
    ///   - deadline: how long the client waits, if the answer is `.held`.
    /// - Returns: what became of it.
    public mutating func keepAlive(
        _ lease: UInt64, since arrival: Instant, for ticket: Ticket, until deadline: Instant
    ) -> KeepAlive {
        guard raft.role == .leader, leaseClock != nil else { return .failed(absence) }
        if let expiring, expiring.ids.contains(lease) {
            waiting.add(Waiting.Local(ticket: ticket, deadline: deadline, aim: .index(expiring.index)))
            return .held
        }
        guard let found = store.lease(lease) else { return .absent }
        let end = arrival + .milliseconds(found.ttlMilliseconds)
        // A later keepalive may have come before.
        if let known = leaseClock?.deadline(lease), known < end { leaseClock?.set(lease, until: end) }
        return .alive(found)
    }

    /// What was last told of the time.
    public var time: Instant { now }

    /// The leases whose end this leader has proposed, and which are not applied yet.
    public var expiringLeases: [UInt64] { expiring?.ids ?? [] }

    /// How long a lease lives without a further keepalive; nil where this node does not know it, for it
    /// does not lead.
    public func remaining(_ lease: UInt64) -> Interval? { remainingTimes(lease) }

    /// As ``remaining(_:)``, of any lease, as it is now.
    public var remainingTimes: (UInt64) -> Interval? {
        let (clock, now) = (leaseClock, now)
        return { lease in
            guard let deadline = clock?.deadline(lease) else { return nil }
            return deadline > now ? deadline - now : .milliseconds(0)
        }
    }

    /// The most leases that one entry ends.
    private static let expiredMax = 2_000
    /// Cluster time is written down so often at least, where keys end by it: a new leader goes on from there.
    private static let stampInterval: UInt64 = 5_000

    /// What has run out is proposed to end: one entry at a time.
    mutating func expireWhatIsDue() {
        guard raft.role == .leader, isServing, expiring == nil, !raft.lacksRoom, !areStatesSplit,
            let clock = leaseClock
        else { return }
        let time = clusterTime
        let firstEnd = store.firstEnd
        guard clock.isDue(now) || firstEnd.map({ $0 <= time }) ?? false else {
            if firstEnd != nil, time.milliseconds >= store.clusterTime.milliseconds + Self.stampInterval,
                applied == raft.log.lastIndex, let place = proposeEntry()
            {
                append(at: place) { Command.appendNone(at: $0, to: &$1) }
            }
            return
        }
        let due = leaseClock?.takeDue(now, limit: Self.expiredMax) ?? []
        guard !due.isEmpty || firstEnd.map({ $0 <= time }) ?? false else { return }
        guard let place = proposeEntry() else {
            for lease in due { leaseClock?.set(lease, until: now) }
            return
        }
        append(at: place) { Command.appendExpire(due, at: $0, to: &$1) }
        expiring = Expiring(index: place.index, ids: due)
    }

    /// A command of a client was applied while this node leads.
    mutating func noteLease(_ reply: Reply) {
        switch reply {
        case .granted(let lease, let ttl): leaseClock?.set(lease, until: now + .milliseconds(ttl))
        case .revoked(let lease, _, _): leaseClock?.remove(lease)
        case .written, .deleted, .conditionFailed, .transacted, .tooManyKeys, .answerTooLarge, .leaseExists,
            .leaseNotFound, .leaseFull, .replayed, .keyReused, .keysFull, .none, .malformed:
            return
        }
    }

    /// Entries were applied: a new leader's first, or what ends leases.
    mutating func followLeases() {
        if let expiring, expiring.index <= applied {
            self.expiring = nil
            // Those that had too many keys for one revision.
            for lease in expiring.ids where store.lease(lease) != nil {
                leaseClock?.set(lease, until: now)
            }
        }
        guard raft.role == .leader, leaseClock == nil, raft.log.term(at: applied) == raft.term else { return }
        // Nobody knows what was kept alive before: all begin anew.
        var clock = LeaseClock()
        store.forEachLease { lease in
            var time = lease.ttlMilliseconds
            #if PlantedFaults
                if Planted.is(.leaseCutShort) { time /= 4 }
            #endif
            clock.set(lease.id, until: now + .milliseconds(time))
            return true
        }
        leaseClock = clock
    }
}
