// A node without data is let in: as a learner first, by an entry that counted nothing of it (rule 1).
internal import Consensus
internal import Wire

/// A wiped node that has said hello to this leader.
struct Admission: Sendable {
    let node: NodeID
    /// The start that said it: the next loss is another one.
    let boot: Boot
    /// The entry that was proposed for it.
    var entry: LogIndex?
    /// The committed entry that makes it a learner.
    var index: LogIndex?
}

extension Replica {
    /// A wiped node asks to be let in: where it may begin, or zero as long as that is not decided.
    ///
    /// Only an entry of this leader's own, proposed after it heard of this very start, can tell: it is
    /// committed by a majority that this node's lost votes and acknowledgements are no part of.
    mutating func admission(of node: NodeID, boot: Boot) -> EntryID {
        let isMember = raft.membership.contains(node)
        // Whom --peers names here and the log does not, its operator wants in: so a restored cluster grows.
        guard isRunning, raft.role == .leader, isMember || settings.peers.contains(node) else { return .zero }
        // What a life said that is over may come late, when a later one has been let in and answers: that
        // would be heard no more. Who really begins anew asks again, and soon nobody else answers for it.
        let peer = raft.leadership?.peers.first { $0.id == node }
        if let peer, let known = peer.boot, known != boot, now - peer.lastHeard <= settings.electionTimeout {
            return .zero
        }
        admissions.removeAll { $0.node == node && $0.boot != boot }
        if let known = admissions.first(where: { $0.node == node }) {
            if let index = known.index { return EntryID(term: raft.term, index: index) }
        } else {
            admissions.append(Admission(node: node, boot: boot))
            effects.append(.notice(.admits(node, isMember: isMember)))
        }
        if admissions.contains(where: { $0.node == node && $0.entry == nil }) {
            // Refused while another change is under way: the node asks again.
            let change = isMember ? Change.readmit(node, boot: boot) : .admit(node, boot: boot)
            proposing = change
            step(.change(change))
        }
        return .zero
    }

    /// The change that was asked for is entry `index` of the log now, and not yet committed.
    mutating func noteChange(_ change: Change, at index: LogIndex) {
        let (node, boot): (NodeID, Boot)
        switch change {
        case .readmit(let id, let told), .admit(let id, let told): (node, boot) = (id, told)
        case .learner, .promote, .demote, .remove: return
        }
        for at in admissions.indices where admissions[at].node == node && admissions[at].boot == boot {
            admissions[at].entry = index
        }
    }

    /// A membership is committed: whom it makes a learner may begin there.
    mutating func admit(under configuration: Configuration) {
        for at in admissions.indices where admissions[at].index == nil {
            guard let entry = admissions[at].entry, entry <= configuration.index,
                !configuration.membership.isVoter(admissions[at].node)
            else { continue }
            admissions[at].index = configuration.index
        }
    }
}
