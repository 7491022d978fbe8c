// Committed entries change the store, in order, each once; and those who waited for them are answered.
internal import Consensus
internal import KeyValue
internal import Wire

extension Replica {
    mutating func apply(through index: LogIndex) {
        let began = stopwatch?()
        defer {
            if let began, let ended = stopwatch?() { applyNanoseconds.append(ended &- began) }
        }
        while applied < index {
            let next = applied.next
            var reply = Reply.none
            #if PlantedFaults
                if Planted.is(.skipEntryAtSnapshot) { plantedStore = store }
                if let reply = applyPlanted(next) {
                    answerWaiting(for: next, reply)
                    continue
                }
            #endif
            let isHere = cache.withCommand(at: next) { reply = store.apply($0, index: next.rawValue) }
            guard isHere else { preconditionFailure("what is not applied is in the cache") }
            applied = next
            if marks.isMark(next) { marks.note(next, store.hash) }
            let bytes = cache.lineBytes(at: next)
            proposalBytes = max(0, proposalBytes - bytes)
            bytesSinceSnapshot += bytes
            if leaseClock != nil { noteLease(reply) }
            if !waiting.hasWrites { continue }
            answerWaiting(for: next, reply)
        }
        stamp.follow(store.clusterTime, at: now, leads: raft.role == .leader)
        followLeases()
    }

    private mutating func answerWaiting(for index: LogIndex, _ reply: Reply) {
        guard let term = raft.log.term(at: index) else { return }
        let ticket = waiting.applied(index, of: term) {
            effects.append(.failed($0, .timedOut(.notApplied)))
        }
        guard let ticket else { return }
        effects.append(.replied(ticket, reply, revision: store.revision))
    }
}

/// Cluster time as this node would stamp it (rule 21): the last applied stamp and what its own clock has
/// advanced since. On a leader it never goes back; on others it is an estimate, for people.
struct Stamp: Sendable {
    private var base: ClusterTime
    /// Nil: nothing was applied since the start, so nobody knows how long ago `base` was.
    private var since: Instant?

    init(_ applied: ClusterTime) { base = applied }

    /// This node leads from now on.
    mutating func begin(at now: Instant, from applied: ClusterTime) {
        base = applied
        since = now
    }

    /// Entries were applied. A leader goes on by its own clock, but not behind what earlier leaders stamped.
    mutating func follow(_ applied: ClusterTime, at now: Instant, leads: Bool) {
        if leads, applied <= time(at: now) { return }
        base = applied
        since = now
    }

    func time(at now: Instant) -> ClusterTime {
        guard let since else { return base }
        #if PlantedFaults
            if Planted.is(.timeRunsFast) {
                return ClusterTime(milliseconds: base.milliseconds + 2 * (now - since).milliseconds)
            }
        #endif
        return ClusterTime(milliseconds: base.milliseconds + (now - since).milliseconds)
    }
}
