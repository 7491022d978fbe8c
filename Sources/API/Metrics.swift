// What a node counts of itself: plain numbers, and their text in Prometheus's format 0.0.4 (Interface §7).
internal import JSON

/// The content of `GET /metrics`; what is nil is left out.
public struct Metrics: Sendable {
    /// How long a peer takes to answer.
    public struct Peer: Sendable {
        public var id: UInt64
        public var roundTrips: Histogram
        public init(id: UInt64, roundTrips: Histogram) {
            self.id = id
            self.roundTrips = roundTrips
        }
    }

    /// What the operating system counts of the process.
    public struct Process: Sendable {
        public var cpuNanoseconds: UInt64 = 0
        public var residentBytes: UInt64 = 0
        public var virtualBytes: UInt64 = 0
        public var openDescriptors: UInt64?
        public var descriptorsMax: UInt64 = 0
        public var startedAtSecondsSince1970: UInt64 = 0
        public init() {}
    }

    public var version: String
    public var requests: RequestCounts
    public var diskSyncs = Histogram()
    /// From a leader's proposals to their commit.
    public var commits = Histogram()
    /// How long committed entries took to be applied, those of one commit together.
    public var applies = Histogram()
    public var peers: [Peer] = []

    public var term: UInt64 = 0
    public var isLeader = false
    public var hasLeader = false
    public var leaderChanges: UInt64 = 0
    public var commitIndex: UInt64 = 0
    public var appliedIndex: UInt64 = 0
    public var lastIndex: UInt64 = 0

    public var condition = Condition.whole
    public var statesDiffer = false

    public var revision: UInt64 = 0
    public var keys: UInt64 = 0
    public var bytes: UInt64 = 0
    public var leases: UInt64 = 0
    public var watchers: UInt64 = 0
    public var freeBytes: UInt64 = 0
    public var reserveBytes: UInt64 = 0
    public var logBytes: UInt64 = 0
    public var connections: UInt64 = 0
    public var connectionBytes: UInt64 = 0
    public var process = Process()

    public init(version: String, requests: RequestCounts) {
        self.version = version
        self.requests = requests
    }

    /// Appends the text.
    public func append(to out: inout [UInt8]) {
        var text = MetricsText()
        swap(&text.bytes, &out)
        text.head("rast_build_info", "The version of this node, as a label.", "gauge")
        text.bytes.append(literal: "rast_build_info{version=")
        text.bytes.append(jsonText: version)
        text.bytes.append(literal: "} 1\n")
        appendRequests(to: &text)
        text.histogram(
            "rast_disk_sync_duration_seconds", "How long synced writes to the disk took.", diskSyncs)
        text.histogram(
            "rast_raft_commit_duration_seconds", "From a leader's proposals to their commit.", commits)
        text.histogram(
            "rast_raft_apply_duration_seconds", "How long the entries of one commit took to be applied.",
            applies)
        appendRoundTrips(to: &text)
        appendCondition(to: &text)
        appendNumbers(to: &text)
        append(process, to: &text)
        swap(&text.bytes, &out)
    }

    private func appendRequests(to text: inout MetricsText) {
        let rows = requests.sorted
        let total: StaticString = "rast_http_requests_total"
        text.head(total, "Requests that were answered, those of peers left out.", "counter")
        for row in rows {
            text.bytes.append(literal: total)
            text.bytes.append(UInt8(ascii: "{"))
            text.bytes.append(contentsOf: row.labels)
            text.bytes.append(literal: "} ")
            text.bytes.append(decimal: row.durations.count)
            text.bytes.append(UInt8(ascii: "\n"))
        }
        let durations: StaticString = "rast_http_request_duration_seconds"
        text.head(durations, "From a request's head to its answer.", "histogram")
        for row in rows { text.series(durations, labels: row.labels, row.durations) }
    }

    private func appendCondition(to text: inout MetricsText) {
        text.head("rast_condition", "1 for what this node's disk and state are.", "gauge")
        for each in Condition.allCases {
            text.bytes.append(literal: "rast_condition{condition=")
            text.bytes.append(jsonText: each.rawValue)
            text.bytes.append(literal: each == condition ? "} 1\n" : "} 0\n")
        }
        text.gauge(
            "rast_raft_states_differ", "1 on a leader that finds no majority with the same state.",
            statesDiffer ? 1 : 0)
    }

    private func appendRoundTrips(to text: inout MetricsText) {
        let name: StaticString = "rast_peer_round_trip_seconds"
        text.head(name, "From a heartbeat or a round of reads to the peer's answer.", "histogram")
        for peer in peers {
            var labels: [UInt8] = []
            labels.append(literal: "peer=\"")
            labels.append(decimal: peer.id)
            labels.append(UInt8(ascii: "\""))
            text.series(name, labels: labels, peer.roundTrips)
        }
    }

    private func appendNumbers(to text: inout MetricsText) {
        text.gauge("rast_raft_term", "The term this node is in.", term)
        text.gauge("rast_raft_is_leader", "1 while this node leads.", isLeader ? 1 : 0)
        text.gauge("rast_raft_has_leader", "1 while this node knows a leader.", hasLeader ? 1 : 0)
        text.counter(
            "rast_raft_leader_changes_total", "How often another leader was heard of.", leaderChanges)
        text.gauge("rast_raft_commit_index", "The highest index known to be committed.", commitIndex)
        text.gauge("rast_raft_applied_index", "The highest index that is applied here.", appliedIndex)
        text.gauge("rast_raft_last_index", "The last index of this node's log.", lastIndex)
        text.gauge("rast_store_revision", "The store's revision.", revision)
        text.gauge("rast_store_keys", "How many keys there are.", keys)
        text.gauge("rast_store_bytes", "The bytes of all keys and values.", bytes)
        text.gauge("rast_leases", "How many leases there are.", leases)
        text.gauge("rast_watchers", "How many watches are open here.", watchers)
        text.gauge("rast_disk_free_bytes", "What the data directory's file system has left.", freeBytes)
        text.gauge(
            "rast_disk_reserve_bytes", "What of it is kept for a snapshot: with less, writes are refused.",
            reserveBytes)
        text.gauge("rast_disk_log_bytes", "What the log takes on disk.", logBytes)
        text.gauge("rast_http_connections", "How many connections are open.", connections)
        text.gauge(
            "rast_http_connection_bytes", "What large contents and unread answers take.", connectionBytes)
    }

    private func append(_ process: Process, to text: inout MetricsText) {
        text.head("process_cpu_seconds_total", "The processor time that the process has used.", "counter")
        text.bytes.append(literal: "process_cpu_seconds_total ")
        text.seconds(process.cpuNanoseconds)
        text.bytes.append(UInt8(ascii: "\n"))
        text.gauge("process_resident_memory_bytes", "The memory that is in use.", process.residentBytes)
        text.gauge("process_virtual_memory_bytes", "The address space that is in use.", process.virtualBytes)
        if let open = process.openDescriptors {
            text.gauge("process_open_fds", "How many files and sockets are open.", open)
        }
        text.gauge("process_max_fds", "How many may be.", process.descriptorsMax)
        text.gauge(
            "process_start_time_seconds", "When the process was started, in seconds since 1970.",
            process.startedAtSecondsSince1970)
    }
}

extension RequestCounts.Row {
    fileprivate var labels: [UInt8] {
        var labels: [UInt8] = []
        labels.append(literal: "method=\"")
        labels.append(literal: method.name)
        labels.append(literal: "\",route=\"")
        labels.append(literal: route?.name ?? "none")
        labels.append(literal: "\",status=\"")
        labels.append(decimal: UInt64(status))
        labels.append(UInt8(ascii: "\""))
        return labels
    }
}

/// The text of metrics as it grows.
private struct MetricsText {
    var bytes: [UInt8] = []

    mutating func head(_ name: StaticString, _ help: StaticString, _ type: StaticString) {
        bytes.append(literal: "# HELP ")
        bytes.append(literal: name)
        bytes.append(UInt8(ascii: " "))
        bytes.append(literal: help)
        bytes.append(literal: "\n# TYPE ")
        bytes.append(literal: name)
        bytes.append(UInt8(ascii: " "))
        bytes.append(literal: type)
        bytes.append(UInt8(ascii: "\n"))
    }

    mutating func gauge(_ name: StaticString, _ help: StaticString, _ value: UInt64) {
        head(name, help, "gauge")
        sample(name, value)
    }

    mutating func counter(_ name: StaticString, _ help: StaticString, _ value: UInt64) {
        head(name, help, "counter")
        sample(name, value)
    }

    mutating func histogram(_ name: StaticString, _ help: StaticString, _ histogram: Histogram) {
        head(name, help, "histogram")
        series(name, labels: [], histogram)
    }

    private mutating func sample(_ name: StaticString, _ value: UInt64) {
        bytes.append(literal: name)
        bytes.append(UInt8(ascii: " "))
        bytes.append(decimal: value)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// The buckets, the sum and the count of one histogram.
    mutating func series(_ name: StaticString, labels: [UInt8], _ histogram: Histogram) {
        for index in 0...Histogram.boundsCount {
            bytes.append(literal: name)
            bytes.append(literal: "_bucket{")
            bytes.append(contentsOf: labels)
            bytes.append(literal: labels.isEmpty ? "le=\"" : ",le=\"")
            if index < Histogram.boundsCount {
                seconds(Histogram.bound(index))
            } else {
                bytes.append(literal: "+Inf")
            }
            bytes.append(literal: "\"} ")
            bytes.append(decimal: histogram.count(upTo: index))
            bytes.append(UInt8(ascii: "\n"))
        }
        part(name, "_sum", labels: labels)
        seconds(histogram.sumNanoseconds)
        bytes.append(UInt8(ascii: "\n"))
        part(name, "_count", labels: labels)
        bytes.append(decimal: histogram.count)
        bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func part(_ name: StaticString, _ suffix: StaticString, labels: [UInt8]) {
        bytes.append(literal: name)
        bytes.append(literal: suffix)
        if !labels.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            bytes.append(contentsOf: labels)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
    }

    /// Nanoseconds as seconds, without zeros at the end.
    mutating func seconds(_ nanoseconds: UInt64) {
        bytes.append(decimal: nanoseconds / 1_000_000_000)
        var rest = nanoseconds % 1_000_000_000
        var power: UInt64 = 100_000_000
        if rest > 0 { bytes.append(UInt8(ascii: ".")) }
        while rest > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / power))
            rest %= power
            power /= 10
        }
    }
}
