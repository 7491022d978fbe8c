// Who belongs: configurations in the log, joint consensus, learners (paper §6; thesis §4; rule 19).

extension Raft {
    /// The configuration in force: the last one in the log, committed or not.
    public var configuration: Configuration { configurations[configurations.count - 1] }

    /// The configuration in force at a place that is not before the first one known.
    public func configuration(at index: LogIndex) -> Configuration {
        configurations.last { $0.index <= index } ?? configurations[0]
    }

    mutating func change(_ change: Change, into out: inout [Output]) {
        do throws(ChangeRefusal) {
            let next = try changed(by: change)
            if case .readmit(let id, let boot) = change { pin(id, to: boot) }
            appendConfiguration(next, into: &out)
            // Only now it is one of the peers.
            if case .admit(let id, let boot) = change { pin(id, to: boot) }
        } catch {
            out.append(.unchanged(error))
        }
    }

    /// What the membership would become; one change at a time, and each must be able to be committed.
    private func changed(by change: Change) throws(ChangeRefusal) -> Membership {
        guard let leadership else { throw .notLeader }
        guard leadership.transfer == nil else { throw .transferring }
        guard commit >= leadership.firstIndex else { throw .notReady }
        guard configurationIndex <= commit else { throw .inProgress }
        let next = try membership.changed(by: change)
        if case .promote(let id) = change, !isCaughtUp(id) { throw .notCaughtUp }
        var lost: NodeID?
        if case .readmit(let id, _) = change {
            guard id != self.id else { throw .unneeded }
            lost = id
        }
        guard next.isQuorum(where: { $0 != lost && isHeard($0) }) else { throw .atRisk }
        return next
    }

    /// Whether this voter answered within an election timeout.
    func isHeard(_ voter: NodeID) -> Bool {
        if voter == id { return true }
        for peer in leadership?.peers ?? [] where peer.id == voter {
            return now - peer.lastHeard <= settings.electionTimeout
        }
        return false
    }

    /// Thesis §4.2.1: its last round was short, and the one under way is not yet a long one.
    private func isCaughtUp(_ learner: NodeID) -> Bool {
        for peer in leadership?.peers ?? [] where peer.id == learner {
            let isPunctual =
                peer.match >= peer.chase.goal || now - peer.chase.since <= settings.electionTimeout
            // Who holds everything is as far as anybody can be, though nothing new came for its next round.
            let isEven = peer.match == log.lastIndex || peer.chase.wasShort && isPunctual
            return peer.pace == .pipeline && isEven && isHeard(learner)
        }
        return false
    }

    // Configurations of the log ----------------------------------------------------------------------------

    mutating func appendConfiguration(_ membership: Membership, into out: inout [Output]) {
        let configuration = Configuration(index: log.lastIndex.next, membership: membership)
        log.append(1, of: term)
        configurations.append(configuration)
        out.append(.configured(configuration, term))
        adoptConfiguration(into: &out)
    }

    /// A server uses the latest configuration in its log, whether it is committed or not (§6).
    mutating func adoptConfiguration(into out: inout [Output]) {
        let configuration = configuration
        membership = configuration.membership
        configurationIndex = configuration.index
        out.append(.reconfigured(configuration, isCommitted: configuration.index <= commit))
        if leadership != nil { meetPeers() }
    }

    /// Those of an append that came into the log with it.
    mutating func takeConfigurations(_ new: [Configuration], after index: LogIndex, into out: inout [Output])
    {
        guard let last = new.last, last.index > index else { return }
        configurations += new.filter { $0.index > index }
        adoptConfiguration(into: &out)
    }

    /// Entries after `index` are gone: the configuration before them is in force again (§6).
    mutating func dropConfigurations(after index: LogIndex, into out: inout [Output]) {
        guard configurationIndex > index else { return }
        while configurations.count > 1, configuration.index > index { configurations.removeLast() }
        adoptConfiguration(into: &out)
    }

    // A leader's peers -------------------------------------------------------------------------------------

    /// New members are probed from the log's end. Those that are no longer named are told that before they
    /// are forgotten, so that they need not stand in vain.
    private mutating func meetPeers() {
        guard let known = leadership?.peers else { return }
        let members = membership.all
        var peers: [Progress] = []
        for id in members where id != self.id {
            var peer = known.first { $0.id == id } ?? Progress(id: id, next: log.lastIndex.next, now: now)
            peer.isLeaving = false
            peer.leavesAt = nil
            peers.append(peer)
        }
        for var peer in known where !members.contains(peer.id) && isHeard(peer.id) {
            peer.isLeaving = true
            peers.append(peer)
        }
        leadership?.peers = peers.sorted { $0.id < $1.id }
    }

    /// A wiped node's former word counts no more, and only this life of it is listened to.
    private mutating func pin(_ id: NodeID, to boot: Boot) {
        guard let at = leadership?.position(of: id) else { return }
        leadership?.peers[at].isPinned = true
        meet(boot, of: at)
        leadership?.peers[at].probe(from: log.lastIndex.next)
    }

    // Going on by itself -----------------------------------------------------------------------------------

    /// What a leader does once the configuration in force, and an entry of its own term, are committed: it
    /// ends joint consensus; and if it is no voter any more, it leads no more (§6).
    mutating func maybeEndChange(committedBefore before: LogIndex, into out: inout [Output]) {
        guard let leadership else { return }
        let due = max(configurationIndex, leadership.firstIndex)
        guard before < due, commit >= due else { return }
        if !membership.outgoing.isEmpty {
            appendConfiguration(membership.final, into: &out)
            return
        }
        for at in leadership.peers.indices where leadership.peers[at].isLeaving {
            self.leadership?.peers[at].leavesAt = now + settings.electionTimeout
        }
        if mustResign { resign(into: &out) }
    }

    /// Whether this leader's part is done: it is not a voter of a configuration that is committed.
    var mustResign: Bool {
        guard let leadership else { return false }
        return commit >= max(configurationIndex, leadership.firstIndex) && !membership.isVoter(id)
    }

    /// It hands over, so that nobody has to wait for a timeout.
    private mutating func resign(into out: inout [Output]) {
        guard leadership?.transfer == nil else { return }
        if let successor = successor() {
            beginTransfer(to: successor, into: &out)
        } else {
            follow(nil, in: term, into: &out)
        }
    }

    mutating func tickMembership(into out: inout [Output]) {
        leadership?.peers.removeAll { peer in
            if let time = peer.leavesAt { peer.isLeaving && time <= now } else { false }
        }
        guard !membership.rising.isEmpty, leadership?.transfer == nil else { return }
        for id in membership.rising where isCaughtUp(id) {
            guard let next = try? changed(by: .promote(id)) else { continue }
            appendConfiguration(next, into: &out)
            return
        }
    }
}
