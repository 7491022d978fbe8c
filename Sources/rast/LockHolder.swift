// One contender for a lock: its lease, its place in the queue, and the command that runs while it holds.
internal import Client
internal import Glibc
internal import Network
internal import Server

/// Takes a lock and keeps it.
///
/// Each contender has a lease, and under it a key in a queue; who was there first, by the revision at which
/// its key came to be, takes the lock's own key. Each waits for the one before it alone, so that a lock that
/// is given back wakes one of them. When a lease ends, its place in the queue and its lock end at one
/// revision.
struct LockHolder: ~Copyable {
    private var cluster: Cluster
    private let key: [UInt8]
    private let queue: [UInt8]
    private let ttlMilliseconds: UInt64
    private let signals: SignalInbox
    private var lease: String?
    /// The lease lives until then at least, by this process's clock: counted from when the last keepalive
    /// that was answered was sent.
    private var aliveUntil: UInt64 = 0
    /// The revision at which the lock's key came to be ours.
    private var held: UInt64?

    init(
        _ cluster: Cluster, key: [UInt8], queue: [UInt8], ttlMilliseconds: UInt64,
        signals: consuming SignalInbox
    ) {
        self.cluster = cluster
        self.key = key
        self.queue = queue
        self.ttlMilliseconds = ttlMilliseconds
        self.signals = signals
    }

    private var ttl: UInt64 { ttlMilliseconds * 1_000_000 }

    /// A key that has to go before it is our turn, as it was last seen.
    private struct Obstacle {
        let key: [UInt8]
        /// The revision at which it came to be: a later one of its name is another. Nil: any.
        let created: UInt64?
        /// The store's revision at which it was seen: if it goes after that, a wait that begins there tells.
        var seen: UInt64
    }

    private enum Attempt {
        case done(revision: UInt64)
        /// It is there already, at this revision of the store.
        case refused(at: UInt64)
    }

    /// The revision of the lock; nil: somebody else held it for longer than `patience`, in nanoseconds.
    ///
    /// The queue is read at first, and again whenever the one before us has gone: that may have given up,
    /// with others before it.
    mutating func take(within patience: UInt64?) throws -> UInt64? {
        let start = monotonicNanoseconds()
        func left() -> UInt64 { patience.map { $0 - min($0, monotonicNanoseconds() - start) } ?? .max }
        let place = try enqueue()
        var before = try predecessor(of: place)
        while true {
            if let signal = signals.next() { throw LockLost(reason: "stopped", status: 128 + signal) }
            if before == nil {
                switch try put(key) {
                case .done(let revision):
                    held = revision
                    return revision
                // By somebody who was not in the queue.
                case .refused(let revision): before = Obstacle(key: key, created: nil, seen: revision)
                }
            }
            let patience = left()
            if patience == 0 { return nil }
            if let obstacle = before {
                before = try look(again: obstacle, within: patience)
                if before == nil, obstacle.key != key { before = try predecessor(of: place) }
            }
            try keepAlive()
        }
    }

    /// The revision at which our key in the queue came to be.
    private mutating func enqueue() throws -> UInt64 {
        let sent = monotonicNanoseconds()
        var call = Call(.post, path: "/leases")
        call.content = Array("{\"ttl\":\"\(ttlMilliseconds)ms\"}".utf8)
        call.tellsTimeout = true
        call.giveName()
        let granted = try cluster.call(call)
        guard granted.isSuccess, let id = Document(granted.content)?["id"]?.string else {
            throw LockLost(reason: "\(granted.endpoint): \(granted.trouble)")
        }
        lease = id
        aliveUntil = sent + ttl
        guard case .done(let place) = try put(queue + Array(id.utf8)) else {
            throw LockLost(reason: "the place in the lock's queue is taken")
        }
        return place
    }

    /// Puts a key that is absent under our lease.
    private mutating func put(_ key: [UInt8]) throws -> Attempt {
        var call = Call(.put, path: keyPath(key))
        appendParameter("lease", Array((lease ?? "").utf8), to: &call.query)
        call.fields.append(Call.Field("If-None-Match", [UInt8(ascii: "*")]))
        call.content = Array("\(getpid())".utf8)
        call.tellsTimeout = true
        call.giveName()
        let response = try cluster.call(call)
        if response.status == 412 { return .refused(at: response.number("Rast-Revision") ?? 0) }
        if response.status == 409 { throw LockLost(reason: "the lease has ended: the lock is lost.") }
        guard response.isSuccess, let revision = Document(response.content)?["revision"]?.number else {
            throw LockLost(reason: "\(response.endpoint): \(response.trouble)")
        }
        return .done(revision: revision)
    }

    /// The key in the queue that came to be last before ours.
    private mutating func predecessor(of place: UInt64) throws -> Obstacle? {
        var before: Obstacle?
        var cursor: [UInt8]?
        repeat {
            var call = Call(.get, path: "/kv")
            appendParameter("prefix", queue, to: &call.query)
            appendParameter("keys", to: &call.query)
            if let cursor { appendParameter("cursor", cursor, to: &call.query) }
            let page = try cluster.call(call)
            guard page.isSuccess, let document = Document(page.content),
                let revision = document["revision"]?.number
            else {
                throw LockLost(reason: "\(page.endpoint): \(page.trouble)")
            }
            for entry in document["entries"]?.elements ?? [] {
                // A lock's name may begin with another's and a slash: what follows here is only an id.
                guard let name = entry["key"]?.bytes, let created = entry["createdRevision"]?.number,
                    created < place, name.dropFirst(queue.count).allSatisfy({ $0 &- 0x30 < 10 })
                else { continue }
                if created > before?.created ?? 0 {
                    before = Obstacle(key: name, created: created, seen: revision)
                }
            }
            cursor = document["next"]?.bytes
        } while cursor != nil
        return before
    }

    /// Until the key has gone (the answer is nil), or it is time to look after signals and the lease, or the
    /// `patience` is over.
    private mutating func look(again obstacle: Obstacle, within patience: UInt64) throws -> Obstacle? {
        var call = Call(.get, path: keyPath(obstacle.key))
        appendParameter("after", Array("\(obstacle.seen)".utf8), to: &call.query)
        call.waitNanoseconds = max(1_000_000, min(ttl / 4, 1_000_000_000, patience))
        let look = try cluster.call(call)
        if look.problem?.code == "key_not_found" { return nil }
        guard look.isSuccess, let seen = look.number("Rast-Revision"),
            let created = look.number("Rast-Created-Revision")
        else { throw LockLost(reason: "\(look.endpoint): \(look.trouble)") }
        guard created == obstacle.created ?? created else { return nil }
        return Obstacle(key: obstacle.key, created: obstacle.created, seen: max(seen, obstacle.seen))
    }

    private mutating func keepAlive() throws {
        let now = monotonicNanoseconds()
        guard now + ttl * 2 / 3 > aliveUntil, let lease else { return }
        var call = Call(.post, path: "/leases/\(lease)/keepalive")
        call.tellsTimeout = true
        var quick = cluster
        // No longer than the lease is sure to live: whoever comes next must not find the command running. A
        // lease of which that is not sure any more may live yet, and a place in the queue with it.
        quick.timeoutNanoseconds = min(
            cluster.timeoutNanoseconds, max(ttl / 4, 500_000_000), now < aliveUntil ? aliveUntil - now : ttl)
        let kept: Response
        do throws(CallFailure) {
            kept = try quick.call(call)
        } catch {
            // As long as it may still live, it is tried again.
            if monotonicNanoseconds() < aliveUntil { return }
            throw LockLost(reason: "the lock is lost: \(error.description)")
        }
        if kept.isSuccess {
            aliveUntil = now + ttl
            if let held { try checkKey(held, by: &quick) }
        } else if kept.status == 404 {
            throw LockLost(reason: "the lease has ended: the lock is lost.")
        }
    }

    /// The lease lives, but somebody may have deleted the lock's key, or put another in its place.
    private func checkKey(_ held: UInt64, by cluster: inout Cluster) throws {
        // Where no node answers, the lease will tell.
        guard let look = try? cluster.call(Call(.get, path: keyPath(key))) else { return }
        let isOurs =
            look.number("Rast-Created-Revision") == held && look.number("Rast-Lease").map { "\($0)" } == lease
        guard look.isSuccess && !isOurs || look.problem?.code == "key_not_found" else { return }
        throw LockLost(reason: "the key \(quoted(key)) is not ours any more: the lock is lost.")
    }

    /// Runs the command to its end: its status. If the lock is lost, the command is ended first.
    mutating func run(_ command: [String], revision: UInt64) throws -> Int32 {
        // It took a while, perhaps: what is lost already is not begun with.
        try keepAlive()
        guard monotonicNanoseconds() < aliveUntil else {
            throw LockLost(reason: "the lock is lost: no node answered in time.")
        }
        var family = try start(command, revision)
        while true {
            family.bury()
            if let status = family.status { return status }
            // What Ctrl-C sends, the command has got itself.
            while let signal = signals.next() {
                if signal != SIGINT, signal != SIGCHLD { family.send(signal) }
            }
            do {
                if monotonicNanoseconds() >= aliveUntil {
                    throw LockLost(reason: "the lock is lost: no node answered in time.")
                }
                try keepAlive()
            } catch {
                end(&family)
                throw error
            }
            rest()
        }
    }

    /// Until a signal comes, as it does when the command ends, or it is time to look after the lease.
    private func rest() {
        var signal = pollfd(fd: signals.descriptor.raw, events: Int16(POLLIN), revents: 0)
        let milliseconds = min(ttlMilliseconds / 12, 1_000)
        poll(&signal, 1, Int32(milliseconds))
    }

    private func start(_ command: [String], _ revision: UInt64) throws -> Descendants {
        setenv("RAST_LOCK_REVISION", "\(revision)", 1)
        do throws(SpawnFailure) {
            return try Descendants(command)
        } catch {
            throw LockLost(
                reason: "\(command[0]): \(error.reason).", status: error.code == ENOENT ? 127 : 126)
        }
    }

    /// Ends the command and what it has started, whatever has become of their parents.
    private func end(_ family: inout Descendants) {
        family.send(SIGTERM)
        let deadline = monotonicNanoseconds() + 10_000_000_000
        while monotonicNanoseconds() < deadline {
            family.bury()
            if family.living.isEmpty { return }
            while signals.next() != nil {}
            rest()
        }
        // Until those are gone that are ours to end: one may start another just then. One that even this does
        // not end, for it waits for a disk, say, keeps nobody from being told that the lock is lost.
        while monotonicNanoseconds() < deadline + 10_000_000_000, family.send(SIGKILL) {
            family.bury()
            while signals.next() != nil {}
            rest()
        }
    }

    /// Gives back what is held, as far as the cluster can be reached.
    mutating func leave() {
        guard let lease else { return }
        self.lease = nil
        var call = Call(.delete, path: "/leases/\(lease)")
        call.tellsTimeout = true
        call.giveName()
        _ = try? cluster.call(call)
    }
}
