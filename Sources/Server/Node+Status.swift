// What the node says of itself: /status and /readyz (Interface §7), from the replica's view and the links.
internal import API
internal import Consensus
internal import KeyValue
internal import Network
internal import Replica
internal import Wire

extension Node {
    var status: Status {
        let view = replica.view
        var status = Status(
            node: Status.Place(id: configuration.node.rawValue, url: configuration.advertise.description),
            version: version, role: isLearner(in: view) ? "learner" : view.role.word)
        status.condition = Condition(view)
        status.uptimeSeconds = (now - startedAt) / 1_000_000_000
        status.clusterID = view.cluster?.description
        status.leader = view.leader.flatMap { leader in
            peers.first { $0.id == leader }.map { Status.Place(id: leader.rawValue, url: $0.url.description) }
        }
        status.term = view.term.rawValue
        status.commitIndex = view.commit.rawValue
        status.appliedIndex = view.applied.rawValue
        status.firstIndex = view.firstIndex.rawValue
        status.lastIndex = view.lastIndex.rawValue
        status.snapshotIndex = replica.snapshot?.id.index.rawValue ?? 0
        status.snapshotBytes = replica.snapshot?.bytes ?? 0
        status.lastLeaderContactMilliseconds = view.leaderContact?.milliseconds
        status.revision = replica.store.revision.rawValue
        status.leases = UInt64(replica.store.leaseCount)
        status.keys = UInt64(replica.store.count)
        status.bytes = UInt64(replica.store.bytes)
        status.watchers = UInt64(watches.table.count)
        status.freeBytes = usage.freeBytes ?? 0
        status.reserveBytes = diskReserve
        status.logBytes = usage.logBytes
        status.members = view.members.map { member($0, of: view) }
        return status
    }

    /// By the last membership in its log, or before that, for the leader has told a node that lost its disk.
    private func isLearner(in view: Replica.View) -> Bool {
        if case .wiped(until: .some) = view.standing { return true }
        return view.members.contains { $0.id == configuration.node && !$0.isVoter }
    }

    private func member(_ member: Replica.Member, of view: Replica.View) -> Status.Member {
        let place = peers.firstIndex { $0.id == member.id }
        var row = Status.Member(
            id: member.id.rawValue, url: place.map { peers[$0].url.description } ?? "",
            peerURL: configuration.peer(member.id)?.url.description ?? "", isVoter: member.isVoter,
            isSelf: member.id == configuration.node)
        row.isHealthy = member.isHealthy
        row.isFull = member.isFull
        row.matchIndex = member.match?.rawValue
        row.lag = member.match.map { view.lastIndex > $0 ? view.lastIndex - $0 : 0 }
        if let place, member.match != nil, !row.isSelf {
            let time = links[place * Way.allCases.count + Int(Way.quick.rawValue)].roundTrip
            row.roundTripMicroseconds = time.map { $0 / 1_000 }
        }
        return row
    }

    var readiness: API.Readiness {
        let view = replica.view
        let lag = view.commit > view.applied ? view.commit - view.applied : 0
        var checks = [
            API.Readiness.Check(
                "leader", isOK: view.leader != nil,
                detail: view.leader != nil ? "" : Leaderless(view.absence).rawValue),
            API.Readiness.Check(
                "applied", isOK: lag <= 1_000,
                detail: lag <= 1_000 ? "" : "\(lag) entries are to be applied yet"),
        ]
        let condition = Condition(view)
        if condition != .whole {
            checks.append(
                API.Readiness.Check(
                    condition.check, isOK: condition == .diskFull, detail: condition.sentence))
        } else if view.role == .leader, view.lacksRoom {
            checks.append(
                API.Readiness.Check("disks", isOK: true, detail: "a majority's are full: writes get 507"))
        }
        switch stopping {
        case .no: break
        case .handingOver, .closingJournal:
            checks.append(API.Readiness.Check("stopping", isOK: false, detail: "this node is shutting down"))
        }
        return API.Readiness(checks)
    }

    /// Whether that peer has answered lately.
    func isReachable(_ place: Int) -> Bool {
        let patience = 2 * configuration.electionTimeout.nanoseconds
        for way in 0..<Way.allCases.count {
            if let last = links[place * Way.allCases.count + way].lastAnswerAt, now - last <= patience {
                return true
            }
        }
        return false
    }
}

extension Condition {
    init(_ view: Replica.View) {
        if view.hasDiskFailed {
            self = .diskFailed
        } else if view.isWiped {
            self = .wiped
        } else if view.standing == .damaged {
            self = .damaged
        } else {
            self = view.trust != .trusted ? .wrongState : view.room == .plenty ? .whole : .diskFull
        }
    }

    /// What of the node it is about.
    fileprivate var check: String {
        switch self {
        case .whole, .diskFailed, .diskFull, .wiped: "disk"
        case .damaged: "log"
        case .wrongState: "state"
        }
    }

    fileprivate var sentence: String {
        switch self {
        case .whole: ""
        case .damaged: "the log lacks something that was durable; the others are repairing it"
        case .wiped: "the disk was lost; this node counts again once the leader has let it in"
        case .wrongState: "the state is not the majority's; it is being repaired"
        case .diskFull: "it is full, and writes get 507. \(Node.whatToDo)"
        case .diskFailed: "a write failed: restart this node"
        }
    }
}

extension Role {
    /// As `/status` has it: who asks for votes in either round is a candidate.
    fileprivate var word: String {
        switch self {
        case .leader: "leader"
        case .follower: "follower"
        case .preCandidate, .candidate: "candidate"
        }
    }
}
