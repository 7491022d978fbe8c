// Long polls: a read of a key that is answered once the key has changed (Interface §2, wait and after).
internal import API
internal import Consensus
internal import HTTP
internal import KeyValue
internal import Network
internal import Replica

extension Node {
    /// A read that waits is asked for. Answers whether it does: otherwise it is read at once.
    mutating func waits(_ slot: Int) -> Bool {
        guard clients[slot].hasRequest, let wait = clients[slot].asked.wait, !clients[slot].hasWaited else {
            return false
        }
        if clients[slot].asked.consistency == .local {
            guard replica.trust == .trusted else { return false }
            beginWait(slot, wait)
            return true
        }
        // Without `after`, the revision of now is asked for first, as by any read; and so is the leader,
        // where the client is to go there.
        guard wait.after != nil, replica.trust == .trusted else { return false }
        guard replica.raft.role == .leader || !clients[slot].asked.mayRedirect else { return false }
        beginWait(slot, wait)
        return true
    }

    /// The read waits from now on.
    mutating func beginWait(_ slot: Int, _ wait: KeyWait) {
        guard let request = clients[slot].request, !isStopping else { return refuse(slot, .shuttingDown) }
        let store = replica.store
        let after = max(wait.after ?? store.revision, .empty)
        var key: [UInt8] = []
        let bytes = clients[slot].inbound.bytes
        request.withKey(in: bytes.span.extracting(clients[slot].inbound.unread), scratch: &scratch) { span in
            for index in span.indices { key.append(span[index]) }
        }
        let current = store.record(key.span)?.revision
        let isKnown = current != nil || store.history.holds(after: .end(of: after))
        guard wait.milliseconds > 0, isKnown, (current ?? after) <= after else {
            readAfresh(slot)
            return
        }
        // A key that stands as it stood has no event since; of one that is absent, the history tells.
        let cursor = current == nil ? after : max(after, watches.served)
        join(slot, .key(key), nil, after: .end(of: cursor))
        clients[slot].stage = .sleeping
        clients[slot].inbound.settle(to: &pool)
        setDeadline(slot, after: .milliseconds(wait.milliseconds))
        waitOn(slot)
    }

    /// Looks on whether the key has changed.
    mutating func waitOn(_ slot: Int) {
        guard let watcher = clients[slot].watcher, watcher.isBehind else { return }
        let history = replica.store.history
        if watcher.cursor > .end(of: watches.served) {
            clients[slot].watcher?.place = .early
            watches.early.insert(clients.token(at: slot))
            return
        }
        guard history.holds(after: watcher.cursor) else { return endWait(slot) }
        guard watches.scansLeft > 0 else { return makeRunnable(slot) }
        var walk = EventWalk(watcher.topic.keys, after: watcher.cursor, through: watches.served)
        var isFound = false
        walk.forEach(in: history, scansMax: watches.scansLeft) { _, _ in
            isFound = true
            return false
        }
        watches.scansLeft -= walk.scans
        clients[slot].watcher?.cursor = walk.cursor
        if isFound { return endWait(slot) }
        if walk.isOver { becomeLive(slot) } else { makeRunnable(slot) }
    }

    /// The key has changed, or the time is over: it is read afresh.
    mutating func endWait(_ slot: Int) {
        leaveWatch(slot)
        readAfresh(slot)
    }

    private mutating func readAfresh(_ slot: Int) {
        clients[slot].hasWaited = true
        // The time for the read counts from here.
        clients[slot].askedAt = now
        read(slot)
    }
}
