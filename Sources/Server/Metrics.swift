// What the node counts while it works, and what it asks the system for when /metrics is read (Interface §7).
internal import API
internal import Consensus
internal import DequeModule
internal import Glibc
internal import HTTP
internal import KeyValue
internal import Logging
internal import Network
internal import Replica

/// The counts and histograms of one node; all belong to the loop. Counting allocates nothing but, once, the
/// row of a new route, method and status.
struct Meters {
    var requests = RequestCounts()
    var diskSyncs = Histogram()
    var commits = Histogram()
    var applies = Histogram()
    /// By the peer's place.
    var roundTrips: [Histogram] = []
    var leaderChanges: UInt64 = 0
    private var leader: NodeID?
    /// What this leader has proposed and not yet committed: the last index of each batch, and when.
    private var proposed: Deque<(index: LogIndex, at: UInt64)> = []

    mutating func noteLeader(_ leader: NodeID?) {
        proposed.removeAll(keepingCapacity: true)
        guard let leader, leader != self.leader else { return }
        self.leader = leader
        leaderChanges += 1
    }

    mutating func noteProposed(through index: LogIndex, at now: UInt64) { proposed.append((index, now)) }

    mutating func noteCommitted(through index: LogIndex, at now: UInt64) {
        while let first = proposed.first, first.index <= index {
            commits.observe(nanoseconds: now - first.at)
            proposed.removeFirst()
        }
    }
}

extension Node {
    /// Takes over what the replica has measured.
    mutating func noteApplied() {
        if replica.applyNanoseconds.isEmpty { return }
        for nanoseconds in replica.applyNanoseconds { meters.applies.observe(nanoseconds: nanoseconds) }
        replica.applyNanoseconds.removeAll(keepingCapacity: true)
    }

    /// Counts the answer that begins at `start` of what goes out, and tells of a slow one.
    mutating func count(_ slot: Int, from start: Int) {
        guard clients[slot].origin == nil else { return }
        let status = clients[slot].statusOfAnswer(at: start)
        // Without a head it is no request, and has taken no time.
        let hasHead = clients[slot].hasHead
        let took = hasHead ? now - clients[slot].askedAt : 0
        let method = hasHead ? clients[slot].parser.head.method : .other
        meters.requests.observe(route(slot), method, status: status, nanoseconds: took)
        if took >= configuration.slowRequest.nanoseconds { saySlow(slot, status, took) }
    }

    private func route(_ slot: Int) -> Route? {
        if clients[slot].hasRequest { return clients[slot].asked.route }
        guard let head = clients[slot].head, head.form == .origin || head.form == .absolute else {
            return nil
        }
        let bytes = clients[slot].inbound.bytes
        return Route.find(bytes.span.extracting(clients[slot].inbound.unread).extracting(head.path))
    }

    private func saySlow(_ slot: Int, _ status: Int, _ took: UInt64) {
        guard let head = clients[slot].head else { return }
        let bytes = clients[slot].inbound.bytes
        let first = clients[slot].inbound.unread.lowerBound
        let line = bytes[first + head.methodName.lowerBound..<first + head.target.upperBound]
        log.warning(
            """
            slow request: \(String(decoding: line.prefix(200), as: UTF8.self)) took \(took / 1_000_000) ms \
            and was answered with \(status)
            """)
    }

    /// All that is counted, as it is now.
    var metrics: API.Metrics {
        let view = replica.view
        var metrics = API.Metrics(version: version, requests: meters.requests)
        metrics.diskSyncs = meters.diskSyncs
        metrics.commits = meters.commits
        metrics.applies = meters.applies
        for (place, peer) in peers.enumerated() where peer.id != configuration.node {
            metrics.peers.append(.init(id: peer.id.rawValue, roundTrips: meters.roundTrips[place]))
        }
        metrics.term = view.term.rawValue
        metrics.isLeader = view.role == .leader
        metrics.hasLeader = view.leader != nil
        metrics.leaderChanges = meters.leaderChanges
        metrics.commitIndex = view.commit.rawValue
        metrics.appliedIndex = view.applied.rawValue
        metrics.lastIndex = view.lastIndex.rawValue
        metrics.condition = Condition(view)
        metrics.statesDiffer = view.areStatesSplit
        metrics.revision = replica.store.revision.rawValue
        metrics.leases = UInt64(replica.store.leaseCount)
        metrics.keys = UInt64(replica.store.count)
        metrics.bytes = UInt64(replica.store.bytes)
        metrics.watchers = UInt64(watches.table.count)
        metrics.freeBytes = usage.freeBytes ?? 0
        metrics.reserveBytes = diskReserve
        metrics.logBytes = usage.logBytes
        metrics.connections = UInt64(clients.count - proxies)
        metrics.connectionBytes = UInt64(max(0, bytesHeld))
        metrics.process = ProcessNumbers.now(startedAt: startedAtSeconds)
        metrics.process.openDescriptors = usage.openDescriptors
        return metrics
    }
}

extension Client {
    /// The three digits after `HTTP/1.1 `.
    func statusOfAnswer(at start: Int) -> Int {
        guard outbound.bytes.count >= start + 12 else { return 0 }
        let hundreds = Int(outbound.bytes[start + 9] &- 0x30)
        let tens = Int(outbound.bytes[start + 10] &- 0x30)
        return hundreds * 100 + tens * 10 + Int(outbound.bytes[start + 11] &- 0x30)
    }
}

/// What the system says of this process; asking it takes microseconds and never waits for a disk.
enum ProcessNumbers {
    static func now(startedAt: UInt64) -> API.Metrics.Process {
        var numbers = API.Metrics.Process()
        numbers.startedAtSecondsSince1970 = startedAt
        var used = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &used) == 0 {
            numbers.cpuNanoseconds = nanoseconds(used.ru_utime) + nanoseconds(used.ru_stime)
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            numbers.descriptorsMax = UInt64(limit.rlim_cur)
        }
        let pages = fields("/proc/self/statm")
        let pageBytes = UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
        if pages.count > 1 {
            numbers.virtualBytes = pages[0] * pageBytes
            numbers.residentBytes = pages[1] * pageBytes
        }
        return numbers
    }

    /// How many descriptors are open; nil where the system does not say.
    static func openDescriptors() -> UInt64? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count: UInt64 = 0
        while readdir(folder) != nil { count += 1 }
        // Not the two names of folders, nor the one that this looks through.
        return count > 3 ? count - 3 : 0
    }

    private static func nanoseconds(_ time: timeval) -> UInt64 {
        UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(max(0, time.tv_usec)) * 1_000
    }

    private static func fields(_ path: String) -> [UInt64] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = max(0, read(file, &bytes, bytes.count))
        return bytes[..<count].split(separator: 0x20).map { UInt64(String(decoding: $0, as: UTF8.self)) ?? 0 }
    }
}
