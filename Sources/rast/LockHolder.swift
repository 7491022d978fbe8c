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

    /// The revision of the lock; nil: somebody else held it for longer than `patience`, in nanoseconds.
    mutating func take(within patience: UInt64?) throws -> UInt64? {
        let start = monotonicNanoseconds()
        func isOver() -> Bool { patience.map { monotonicNanoseconds() - start >= $0 } ?? false }
        let place = try enqueue()
        while true {
            if let signal = signals.next() { throw LockLost(reason: "stopped", status: 128 + signal) }
            let before = try predecessor(of: place)
            if before == nil, let revision = try put(key) { return revision }
            if isOver() { return nil }
            try waitForChange(of: before ?? key)
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
        guard let place = try put(queue + Array(id.utf8)) else {
            throw LockLost(reason: "the place in the lock's queue is taken")
        }
        return place
    }

    /// Puts a key that is absent under our lease; nil: it is there.
    private mutating func put(_ key: [UInt8]) throws -> UInt64? {
        var call = Call(.put, path: keyPath(key))
        appendParameter("lease", Array((lease ?? "").utf8), to: &call.query)
        call.fields.append(Call.Field("If-None-Match", [UInt8(ascii: "*")]))
        call.content = Array("\(getpid())".utf8)
        call.tellsTimeout = true
        call.giveName()
        let response = try cluster.call(call)
        if response.status == 412 { return nil }
        if response.status == 409 { throw LockLost(reason: "the lease has ended: the lock is lost.") }
        guard response.isSuccess, let revision = Document(response.content)?["revision"]?.number else {
            throw LockLost(reason: "\(response.endpoint): \(response.trouble)")
        }
        return revision
    }

    /// The key in the queue that came to be last before ours.
    private mutating func predecessor(of place: UInt64) throws -> [UInt8]? {
        var before: (place: UInt64, key: [UInt8])?
        var cursor: [UInt8]?
        repeat {
            var call = Call(.get, path: "/kv")
            appendParameter("prefix", queue, to: &call.query)
            appendParameter("keys", to: &call.query)
            if let cursor { appendParameter("cursor", cursor, to: &call.query) }
            let page = try cluster.call(call)
            guard page.isSuccess, let document = Document(page.content) else {
                throw LockLost(reason: "\(page.endpoint): \(page.trouble)")
            }
            for entry in document["entries"]?.elements ?? [] {
                // A lock's name may begin with another's and a slash: what follows here is only an id.
                guard let name = entry["key"]?.bytes, let created = entry["createdRevision"]?.number,
                    created < place, name.dropFirst(queue.count).allSatisfy({ $0 &- 0x30 < 10 })
                else { continue }
                if created > before?.place ?? 0 { before = (created, name) }
            }
            cursor = document["next"]?.bytes
        } while cursor != nil
        return before?.key
    }

    /// Until the key is gone or has changed, or a keepalive is due.
    private mutating func waitForChange(of key: [UInt8]) throws {
        var call = Call(.get, path: keyPath(key))
        let look = try cluster.call(call)
        guard look.status == 200, let revision = look.field("Rast-Revision") else { return }
        appendParameter("after", revision, to: &call.query)
        call.waitNanoseconds = min(ttl / 4, 1_000_000_000)
        _ = try cluster.call(call)
    }

    private mutating func keepAlive() throws {
        let now = monotonicNanoseconds()
        guard now + ttl * 2 / 3 > aliveUntil, now < aliveUntil, let lease else { return }
        var call = Call(.post, path: "/leases/\(lease)/keepalive")
        call.tellsTimeout = true
        var quick = cluster
        // No longer than the lease is sure to live: whoever comes next must not find the command running.
        quick.timeoutNanoseconds = min(
            cluster.timeoutNanoseconds, max(ttl / 4, 500_000_000), aliveUntil - now)
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
        } else if kept.status == 404 {
            throw LockLost(reason: "the lease has ended: the lock is lost.")
        }
    }

    /// Runs the command to its end: its status. If the lock is lost, the command is ended first.
    mutating func run(_ command: [String], revision: UInt64) throws -> Int32 {
        // It took a while, perhaps: what is lost already is not begun with.
        try keepAlive()
        guard monotonicNanoseconds() < aliveUntil else {
            throw LockLost(reason: "the lock is lost: no node answered in time.")
        }
        let process = try start(command, revision)
        while true {
            if let status = ended(process) { return status }
            // What Ctrl-C sends, the command has got itself.
            while let signal = signals.next() {
                if signal != SIGINT, signal != SIGCHLD { kill(process, signal) }
            }
            do {
                if monotonicNanoseconds() >= aliveUntil {
                    throw LockLost(reason: "the lock is lost: no node answered in time.")
                }
                try keepAlive()
            } catch {
                end(process)
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

    private func start(_ command: [String], _ revision: UInt64) throws -> pid_t {
        setenv("RAST_LOCK_REVISION", "\(revision)", 1)
        do throws(SpawnFailure) {
            return try spawn(command[0], command)
        } catch {
            throw LockLost(
                reason: "\(command[0]): \(error.reason).", status: error.code == ENOENT ? 127 : 126)
        }
    }

    /// The status of a process that has ended: 128 and the number of the signal that ended it.
    private func ended(_ process: pid_t) -> Int32? {
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return nil }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }

    private func end(_ process: pid_t) {
        kill(process, SIGTERM)
        let deadline = monotonicNanoseconds() + 10_000_000_000
        while monotonicNanoseconds() < deadline {
            if ended(process) != nil { return }
            while signals.next() != nil {}
            rest()
        }
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
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
