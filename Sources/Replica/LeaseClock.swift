// Until when each lease lives, by the leader's own clock (rules 21 and 22).
internal import Consensus
internal import HeapModule

/// The leases' deadlines; they are the leader's alone, and begin anew with each leader.
struct LeaseClock: Sendable {
    private struct Life {
        var deadline: Instant
        /// Where in the queue it stands: its deadline, or an earlier moment.
        var queued: Instant
    }
    private struct Turn: Comparable {
        let at: Instant
        let lease: UInt64
        static func < (a: Turn, b: Turn) -> Bool { a.at == b.at ? a.lease < b.lease : a.at < b.at }
    }

    private var lives: [UInt64: Life] = [:]
    /// A keepalive leaves a lease where it stands: only when that moment comes is it queued anew.
    private var queue = Heap<Turn>()
    /// How many in the queue are of leases that are gone, or that stand elsewhere in it, too.
    private var stale = 0

    /// Whether the first in the queue has its moment now: it has run out, or is to be queued anew.
    func isDue(_ now: Instant) -> Bool { queue.min.map { $0.at <= now } ?? false }

    /// Until when the lease lives; nil: it is not there.
    func deadline(_ lease: UInt64) -> Instant? { lives[lease]?.deadline }

    /// The lease lives until then, whatever was said before.
    mutating func set(_ lease: UInt64, until deadline: Instant) {
        let queued = lives[lease]?.queued
        if let queued, queued <= deadline {
            lives[lease] = Life(deadline: deadline, queued: queued)
        } else {
            lives[lease] = Life(deadline: deadline, queued: deadline)
            queue.insert(Turn(at: deadline, lease: lease))
            if queued != nil { leaveBehind() }
        }
    }

    /// The lease is no more.
    mutating func remove(_ lease: UInt64) {
        if lives.removeValue(forKey: lease) != nil { leaveBehind() }
    }

    /// One more in the queue counts no more. They go when they are most of it: their moment may be a day
    /// away.
    private mutating func leaveBehind() {
        stale += 1
        guard stale > lives.count + 64 else { return }
        let lives = lives
        queue = Heap(queue.unordered.filter { lives[$0.lease]?.queued == $0.at })
        stale = 0
    }

    /// Takes out those that have run out, the first first, at most `limit`.
    mutating func takeDue(_ now: Instant, limit: Int) -> [UInt64] {
        var due: [UInt64] = []
        while due.count < limit, let first = queue.min, first.at <= now {
            queue.removeMin()
            guard let life = lives[first.lease], life.queued == first.at else {
                stale -= 1
                continue
            }
            if life.deadline > now {
                lives[first.lease]?.queued = life.deadline
                queue.insert(Turn(at: life.deadline, lease: first.lease))
            } else {
                lives[first.lease] = nil
                due.append(first.lease)
            }
        }
        return due
    }
}

/// What the leader has proposed to end.
struct Expiring: Sendable {
    /// The entry that ends them.
    let index: LogIndex
    let ids: [UInt64]
}
