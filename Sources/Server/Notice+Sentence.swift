// What the replica notices, as sentences for the person who runs the node: what happened, and what to do.
internal import Consensus
internal import Logging
internal import Replica
internal import Wire

extension Node {
    mutating func say(_ notice: Notice) {
        switch notice {
        case .waitingFor(let nodes):
            // It is noticed at each round of questions, and at the usual start for a moment only.
            if now < startedAt + 1_000_000_000 || now < lastComplaintAt + 5_000_000_000 { return }
            lastComplaintAt = now
            log.log(
                level: notice.level,
                "\(notice.sentence(urls: nodes.compactMap { configuration.peer($0)?.url.description }))")
        case .refusedPeer:
            if now < lastRefusalAt + 1_000_000_000 { return }
            lastRefusalAt = now
            log.log(level: notice.level, "\(notice.sentence(urls: []))")
        case .became, .joinedCluster, .otherCluster, .wiped, .whole, .damagedEntry, .transferred, .diskStalls,
            .othersLackRoom,
            .snapshotTaken, .sendsSnapshot, .receivesSnapshot, .installedSnapshot, .badSnapshot, .admits,
            .admitted, .rejoined, .membership, .wrongState, .rightState, .wrongPeer, .statesSplit:
            if case .became(_, _, let leader) = notice { meters.noteLeader(leader) }
            if case .transferred(let isDone) = notice { transferred(isDone) }
            log.log(level: notice.level, "\(notice.sentence(urls: []))")
        }
    }
}

extension Notice {
    var level: Logger.Level {
        switch self {
        case .became, .joinedCluster, .whole, .transferred, .snapshotTaken, .sendsSnapshot, .receivesSnapshot,
            .installedSnapshot, .membership, .rightState:
            .info
        case .waitingFor, .admits, .admitted, .rejoined, .othersLackRoom(false): .notice
        case .refusedPeer, .diskStalls, .wrongPeer: .warning
        case .othersLackRoom(true), .otherCluster, .wiped, .damagedEntry, .badSnapshot, .wrongState,
            .statesSplit:
            .error
        }
    }

    /// `urls`: where the nodes that are waited for should answer.
    func sentence(urls: [String]) -> String {
        switch self {
        case .became(let role, let term, let leader):
            switch leader {
            case let leader? where role != .leader: "\(role) in term \(term) of leader \(leader)"
            default: "\(role) in term \(term)"
            }
        case .waitingFor(let nodes):
            """
            the first start needs every named node once: waiting for node \
            \(nodes.map(\.description).joined(separator: ", ")) at \(urls.joined(separator: ", "))
            """
        case .joinedCluster(let id): "member of cluster \(id)"
        case .otherCluster(let node, let id):
            """
            node \(node) belongs to another cluster, \(id): correct --peers, or empty that node's data \
            directory if it is meant to join this cluster
            """
        case .wiped:
            """
            this node's data directory has no vote and no log, but its peers have a history: it is new, or \
            it may have voted before. So it neither votes nor stands nor acknowledges until the leader has \
            made it a learner. That needs a majority without it; nothing has to be done
            """
        case .diskStalls:
            "the disk has finished nothing for two seconds: leadership is handed over if another can take it"
        case .othersLackRoom(let lack): Self.sentence(othersLackRoom: lack)
        case .transferred(true): "leadership is handed over"
        case .transferred(false): "leadership could not be handed over"
        case .whole: "this node's log is whole again"
        case .refusedPeer(let node, let why):
            "a message \(node.map { "of node \($0) " } ?? "")was refused: \(why)"
        case .damagedEntry(let index):
            """
            entry \(index) is damaged on this node's disk: it leads no more. Start it again, and the others \
            repair it
            """
        case .snapshotTaken(let id, let bytes): "snapshot at entry \(id): \(bytes) bytes"
        case .sendsSnapshot(let id, let peer):
            "node \(peer) needs entries that the log no longer has: it is sent the snapshot at entry \(id)"
        case .receivesSnapshot(let id, let node, let bytes):
            "node \(node) sends the snapshot at entry \(id): \(bytes) bytes"
        case .installedSnapshot(let id, let bytes):
            "the snapshot at entry \(id), \(bytes) bytes, is this node's state from now on"
        case .badSnapshot(let id):
            "the snapshot at entry \(id) did not arrive as it was announced: it is asked for again"
        case .admits(let node, isMember: false):
            """
            node \(node) is named by --peers and has no data: it becomes a learner, and a voter once it has \
            caught up
            """
        case .admits(let node, isMember: true):
            "node \(node) has lost its disk: it becomes a learner, and a voter again once it has caught up"
        case .admitted:
            "this node follows as a learner: it votes again once it has caught up and was promoted"
        case .rejoined: "this node's log is as far as where it was let in"
        case .wrongState, .rightState, .wrongPeer, .statesSplit: stateSentence
        case .membership(let membership, let isCommitted): membership.sentence(isCommitted: isCommitted)
        }
    }
}

extension Notice {
    private static func sentence(othersLackRoom lack: Bool) -> String {
        lack
            ? """
            the disks of so many others are full that writes could not be committed: they are refused with \
            507 and reads go on. /status says whose: free some space there, or enlarge their volumes
            """ : "a majority has room again: writes are taken"
    }

    /// What is said of states that are compared.
    private var stateSentence: String {
        switch self {
        case .wrongState(let index):
            """
            this node's state after entry \(index) is not what a majority of the members made of the same \
            log: it neither leads nor serves until it has taken the snapshot of one that is right. Nothing \
            has to be done; but look at this machine's memory
            """
        case .wrongPeer(let node):
            "node \(node) finds its state to be another than the majority's: it is sent this node's"
        case .statesSplit(let index):
            """
            no majority of the members has the same state after entry \(index): writes are refused, for \
            nobody can tell who is right. Take a backup of each node, compare them, and restore the right one
            """
        default: "this node's state is the majority's again"
        }
    }
}

extension Membership {
    fileprivate func sentence(isCommitted: Bool) -> String {
        func list(_ nodes: [NodeID]) -> String { nodes.map(\.description).joined(separator: ", ") }
        var text = "members \(isCommitted ? "are" : "become"): voters \(list(voters))"
        if !outgoing.isEmpty { text += ", decided with the voters before, \(list(outgoing))" }
        if !learners.isEmpty { text += "; learners \(list(learners))" }
        return text
    }
}
