// What a member shows of itself, for /status, /readyz, /metrics and the command line.
public import Consensus
internal import KeyValue
public import Wire

extension Replica {
    /// This member at one moment.
    public struct View: Hashable, Sendable {
        public let cluster: ClusterID?
        public let boot: Boot
        public let role: Role
        public let term: Term
        /// The leader, if it is this node or was heard within the election timeout.
        public let leader: NodeID?
        /// The last leader ever heard of in this boot.
        public let lastLeader: NodeID?
        /// Time since a leader was heard; zero on the leader, nil if none ever was.
        public let leaderContact: Interval?
        public let commit: LogIndex
        public let applied: LogIndex
        public let firstIndex: LogIndex
        public let lastIndex: LogIndex
        /// Why no leader is known; meaningful only where `leader` is nil.
        public let absence: Absence
        public let standing: Raft.Standing
        public let trust: Trust
        /// On the leader: no majority of the members has the same state; writes are refused.
        public let areStatesSplit: Bool
        public let isRunning: Bool
        /// Its disk was lost, and it was not let in yet.
        public let isWiped: Bool
        public let hasDiskFailed: Bool
        public let room: Room
        /// Whether writes are refused here for want of room: this node's, or a majority's.
        public let lacksRoom: Bool
        /// Everybody in the cluster, sorted by id.
        public let members: [Member]
    }

    public struct Member: Hashable, Sendable {
        public let id: NodeID
        public let isVoter: Bool
        /// On the leader only: how far it is known to hold the log, and whether it was heard lately.
        public let match: LogIndex?
        public let isHealthy: Bool?
        /// Whether its disk is full, as it last said to the leader; this node's own is always known.
        public var isFull: Bool?
    }

    public var view: View {
        let leads = raft.role == .leader
        let contact: Interval? = leads ? .milliseconds(0) : raft.lastLeaderContact.map { now - $0 }
        return View(
            cluster: start.cluster, boot: raft.boot, role: raft.role, term: raft.term, leader: knownLeader,
            lastLeader: lastLeader, leaderContact: contact, commit: raft.commit, applied: applied,
            firstIndex: raft.log.base.index.next, lastIndex: raft.log.lastIndex, absence: absenceReason,
            standing: raft.standing, trust: trust, areStatesSplit: areStatesSplit, isRunning: isRunning,
            isWiped: start.isWiped, hasDiskFailed: hasDiskFailed,
            room: raft.room, lacksRoom: raft.lacksRoom,
            members: raft.membership.all.map { member($0, asLeader: leads) })
    }

    private func member(_ id: NodeID, asLeader leads: Bool) -> Member {
        let isVoter = raft.membership.isVoter(id)
        let ownRoom = id == settings.node ? raft.room != .plenty : nil
        guard leads else {
            return Member(id: id, isVoter: isVoter, match: nil, isHealthy: nil, isFull: ownRoom)
        }
        if id == settings.node {
            return Member(id: id, isVoter: isVoter, match: raft.durable, isHealthy: true, isFull: ownRoom)
        }
        for peer in raft.leadership?.peers ?? [] where peer.id == id {
            let isHealthy = now - peer.lastHeard <= settings.electionTimeout
            return Member(
                id: id, isVoter: isVoter, match: peer.match, isHealthy: isHealthy, isFull: peer.isFull)
        }
        return Member(id: id, isVoter: isVoter, match: .zero, isHealthy: false)
    }

    /// Whether this node leads or hears a leader, and has applied nearly all that it knows to be committed.
    public var isReady: Bool {
        knownLeader != nil && raft.commit.rawValue <= applied.rawValue + 1_000 && !hasDiskFailed
            && !isClosing && trust == .trusted
    }

    /// Whether clients wait for an answer: then time is to be told every 10 ms, otherwise a heartbeat's half.
    public var hasWaiting: Bool { !waiting.isEmpty }

    /// What holds between the rooms after every turn; the simulator checks it.
    public func checkInvariants() {
        raft.checkInvariants()
        precondition(applied <= raft.commit, "only what is committed is applied")
        precondition(applied == LogIndex(store.appliedIndex), "the store has applied what was given to it")
        precondition(handed <= raft.log.lastIndex, "only what is in the log is handed to the journal")
        precondition(incoming == nil && outputs.isEmpty, "a turn leaves nothing half done")
    }
}
