// What a node says of itself: /status and /readyz as plain values (Interface §7).

/// Whether a node's disk and state are what they should be.
public enum Condition: String, Sendable, CaseIterable {
    case whole
    /// Its log lacks something that was durable, and the others are repairing it.
    case damaged
    /// It has lost its vote or all its data, and does not count until the leader has let it in.
    case wiped
    /// Its state is not what a majority made of the same log, and is being repaired.
    case wrongState = "wrong_state"
    /// Its disk has no room for further writes; everything else goes on.
    case diskFull = "disk_full"
    /// A write or a sync has failed: it must be started again.
    case diskFailed = "disk_failed"
}

/// The content of `GET /status`; what is nil is left out.
public struct Status: Sendable, Equatable {
    /// A node and where clients reach it.
    public struct Place: Sendable, Equatable {
        public var id: UInt64
        public var url: String
        public init(id: UInt64, url: String) {
            self.id = id
            self.url = url
        }
    }

    /// One member of the cluster; what only the leader knows is nil elsewhere.
    public struct Member: Sendable, Equatable {
        public var id: UInt64
        public var url: String
        public var peerURL: String
        public var isVoter: Bool
        public var isSelf: Bool
        public var isHealthy: Bool?
        /// Whether its disk is full, where that is known.
        public var isFull: Bool?
        public var matchIndex: UInt64?
        /// How many entries it lacks.
        public var lag: UInt64?
        public var roundTripMicroseconds: UInt64?

        public init(id: UInt64, url: String, peerURL: String, isVoter: Bool = true, isSelf: Bool = false) {
            self.id = id
            self.url = url
            self.peerURL = peerURL
            self.isVoter = isVoter
            self.isSelf = isSelf
        }
    }

    public var node: Place
    public var version: String
    public var uptimeSeconds: UInt64 = 0
    /// `leader`, `follower`, `candidate` or `learner`.
    public var role: String
    /// What is known of its disk and its state.
    public var condition = Condition.whole
    /// The cluster's id, once it has one.
    public var clusterID: String?
    public var leader: Place?
    public var term: UInt64 = 0

    public var commitIndex: UInt64 = 0
    public var appliedIndex: UInt64 = 0
    public var firstIndex: UInt64 = 0
    public var lastIndex: UInt64 = 0
    public var snapshotIndex: UInt64 = 0
    public var lastLeaderContactMilliseconds: UInt64?

    public var revision: UInt64 = 0
    public var keys: UInt64 = 0
    public var bytes: UInt64 = 0
    public var leases: UInt64 = 0
    public var watchers: UInt64 = 0

    public var logBytes: UInt64 = 0
    public var snapshotBytes: UInt64 = 0
    public var freeBytes: UInt64 = 0
    /// What of it is kept for a snapshot.
    public var reserveBytes: UInt64 = 0

    public var members: [Member] = []

    public init(node: Place, version: String, role: String) {
        self.node = node
        self.version = version
        self.role = role
    }
}

/// Whether this node can serve, by its checks (`GET /readyz`).
public struct Readiness: Sendable, Equatable {
    public struct Check: Sendable, Equatable {
        /// One word, such as `leader`.
        public var name: String
        public var isOK: Bool
        /// Why it is not; where it is, what is to be known all the same. Mostly empty.
        public var detail: String
        public init(_ name: String, isOK: Bool, detail: String = "") {
            self.name = name
            self.isOK = isOK
            self.detail = detail
        }
    }

    public var checks: [Check]

    public init(_ checks: [Check]) { self.checks = checks }

    public var isReady: Bool { checks.allSatisfy(\.isOK) }
}
