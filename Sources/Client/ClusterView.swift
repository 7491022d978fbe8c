// All members at a glance: what each says of itself, and the leader of the others (Interface §7).

/// What one node says of itself: its answer to `GET /status`.
public struct NodeStatus: Sendable {
    public struct Member: Sendable {
        public let id: UInt64
        public let url: String
        public let isVoter: Bool
        public let isHealthy: Bool?
        /// Whether its disk is full, as the leader knows it.
        public let isFull: Bool?
        public let lag: UInt64?
        /// Milliseconds, as written.
        public let roundTrip: String?
    }

    public let id: UInt64
    public let url: String
    public let role: String
    /// What its disk and its state are, in the word of the interface: `whole`, `disk_full`, …
    public let condition: String?
    public let clusterID: String?
    public let leader: UInt64?
    public let term: UInt64
    public let commitIndex: UInt64
    public let appliedIndex: UInt64
    public let revision: UInt64
    public let keys: UInt64
    public let members: [Member]

    /// Reads the answer; nil if it is no status.
    public init?(_ document: Document) {
        guard let node = document["node"], let id = node["id"]?.number, let role = node["role"]?.string else {
            return nil
        }
        self.id = id
        self.role = role
        url = node["url"]?.string ?? ""
        condition = node["condition"]?.string
        clusterID = document["cluster"]?["id"]?.string
        leader = document["cluster"]?["leader"]?["id"]?.number
        term = document["cluster"]?["term"]?.number ?? 0
        commitIndex = document["raft"]?["commitIndex"]?.number ?? 0
        appliedIndex = document["raft"]?["appliedIndex"]?.number ?? 0
        revision = document["store"]?["revision"]?.number ?? 0
        keys = document["store"]?["keys"]?.number ?? 0
        members = (document["members"]?.elements ?? []).compactMap { member in
            guard let id = member["id"]?.number else { return nil }
            return Member(
                id: id, url: member["url"]?.string ?? "", isVoter: member["role"]?.string != "learner",
                isHealthy: member["healthy"]?.boolean, isFull: member["full"]?.boolean,
                lag: member["lag"]?.number, roundTrip: member["rttMs"]?.digits)
        }
    }
}

/// One look at a whole cluster.
public struct ClusterView: Sendable {
    /// One member, or an endpoint that did not say which member it is.
    public struct Row: Sendable {
        public let id: UInt64?
        public let url: String
        /// What it says of itself; nil where it did not answer.
        public let status: NodeStatus?
        /// Its answer, whole.
        public let document: [UInt8]?
        /// Why it did not answer.
        public let trouble: String?
        /// What the leader says of it; nil without a leader.
        public let member: NodeStatus.Member?
    }

    /// In the order of ids; those without one last.
    public let rows: [Row]
    /// What the leader says of itself, if one answered.
    public let leader: NodeStatus?

    /// Asks the endpoints, and then every member that they name and that is not known yet.
    public init(of endpoints: [Endpoint], timeoutNanoseconds: UInt64) {
        var asked: [Endpoint] = []
        var findings: [Finding] = []
        var next = endpoints
        // Those who are named by the first ones may name others, once: no circle.
        for _ in 0..<2 where !next.isEmpty {
            let call = Call(.get, path: "/status")
            let answers = Cluster.ask(call, each: next, timeoutNanoseconds: timeoutNanoseconds)
            findings += zip(next, answers).map { Finding($0, $1) }
            asked += next
            let members = findings.compactMap(\.status).flatMap(\.members)
            let known = findings.compactMap { $0.status?.id }
            next = []
            for member in members where !known.contains(member.id) {
                guard let endpoint = try? Endpoint(member.url) else { continue }
                if !asked.contains(endpoint) && !next.contains(endpoint) { next.append(endpoint) }
            }
        }
        self.init(findings)
    }

    struct Finding {
        let endpoint: Endpoint
        let status: NodeStatus?
        let document: [UInt8]?
        let trouble: String?

        init(_ endpoint: Endpoint, _ answer: Result<Response, Miss>) {
            self.endpoint = endpoint
            switch answer {
            case .success(let response):
                status = response.isSuccess ? Document(response.content).flatMap { NodeStatus($0) } : nil
                document = status == nil ? nil : response.content
                trouble =
                    status != nil
                    ? nil
                    : response.isSuccess ? "its answer is no status of rast" : response.trouble
            case .failure(let miss):
                (status, document, trouble) = (nil, nil, miss.reason)
            }
        }
    }

    init(_ findings: [Finding]) {
        // A leader that was cut off and has not noticed is of an older term.
        let statuses = findings.compactMap(\.status)
        leader = statuses.filter { $0.role == "leader" }.max { $0.term < $1.term }
        let members = leader?.members ?? statuses.max { $0.term < $1.term }?.members ?? []
        let said = leader?.members ?? []
        var rows: [Row] = []
        func add(id: UInt64?, url: String, _ finding: Finding?) {
            rows.append(
                Row(
                    id: id, url: url, status: finding?.status, document: finding?.document,
                    trouble: finding?.trouble, member: said.first { $0.id == id }))
        }
        for member in members {
            let own = findings.first { $0.status?.id == member.id }
            add(
                id: member.id, url: member.url,
                own ?? findings.first { $0.status == nil && $0.endpoint.description == member.url })
        }
        for finding in findings {
            if let status = finding.status {
                // Of another cluster, or not a member any more.
                let isNew = !rows.contains { $0.id == status.id }
                if isNew { add(id: status.id, url: finding.endpoint.description, finding) }
            } else if !rows.contains(where: { $0.url == finding.endpoint.description }) {
                add(id: nil, url: finding.endpoint.description, finding)
            }
        }
        self.rows = rows.sorted { ($0.id ?? .max) < ($1.id ?? .max) }
    }
}

extension ClusterView {
    /// Where the members are reached.
    public var members: [Endpoint] { rows.compactMap { $0.id == nil ? nil : try? Endpoint($0.url) } }
}
