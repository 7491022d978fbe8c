// The one language in which inputs, outputs and messages print: trace log, simulator and scenarios share it.

extension Message: CustomStringConvertible {
    /// `1→2 term 3: append after 2.4 [3.5] commit 4`; the boot is told from the second on.
    public var description: String { "\(from)→\(to) \(content)" }

    /// The message without its ends.
    fileprivate var content: String {
        boot.rawValue > 1 ? "term \(term) boot \(boot): \(body)" : "term \(term): \(body)"
    }
}

extension Message.Body: CustomStringConvertible {
    public var description: String {
        switch self {
        case .append(let append): "append \(append)"
        case .appended(let match): "appended \(match)"
        case .full(let last): "full \(last)"
        case .rejected(let after, let hint): "rejected \(after) hint \(hint)"
        case .heartbeat(let commit, let round): "heartbeat commit \(commit) round \(round)"
        case .heard(let round, let isFull): isFull ? "heard round \(round) full" : "heard round \(round)"
        case .preVote(let last): "pre-vote last \(last)"
        case .preVoted(let granted): granted ? "pre-voted yes" : "pre-voted no"
        case .vote(let last, let isTransfer): isTransfer ? "vote last \(last) transfer" : "vote last \(last)"
        case .voted(let granted): granted ? "voted yes" : "voted no"
        case .timeoutNow: "timeout-now"
        case .noted: "noted"
        case .readIndex(let question): "read-index \(question)"
        case .readIndexed(let question, let index): "read-indexed \(question) at \(index)"
        case .piece(let piece): "piece of \(piece.snapshot) bytes \(piece.bytes) offset \(piece.offset)"
        case .pieced(let snapshot, let next, let isInstalled):
            isInstalled ? "pieced \(snapshot) installed" : "pieced \(snapshot) next \(next)"
        }
    }
}

extension Message.Append: CustomStringConvertible {
    /// `after 1.1 [1.2–1.3 2.4] commit 1`, and `whole 4 for 2` where that is told.
    public var description: String {
        var text = "after \(after) ["
        // Added without a trap: what a peer sent may name more entries than there are numbers.
        var index = after.index.rawValue
        for (at, run) in runs.enumerated() {
            let first = LogIndex(index &+ 1)
            index &+= run.count
            text += at == 0 ? "" : " "
            text += names(from: first, to: LogIndex(index), of: run.term)
        }
        text += "] commit \(commit)"
        if whole > .zero { text += " whole \(whole) for \(wholeFor)" }
        for configuration in configurations { text += " with \(configuration)" }
        return text
    }
}

/// `1.2`, or `1.2–1.4` for several.
private func names(from first: LogIndex, to last: LogIndex, of term: Term) -> String {
    first == last ? "\(term).\(first)" : "\(term).\(first)–\(term).\(last)"
}

extension HardState: CustomStringConvertible {
    public var description: String {
        guard let vote else { return "term \(term)" }
        return "term \(term) for \(vote)"
    }
}

extension Membership: CustomStringConvertible {
    /// `voters 1 2 3 outgoing 1 2 learners 4 rising 4`, without what is empty.
    public var description: String {
        var text = "voters"
        for id in voters { text += " \(id)" }
        for (name, ids) in [("outgoing", outgoing), ("learners", learners), ("rising", rising)] {
            guard !ids.isEmpty else { continue }
            text += " \(name)"
            for id in ids { text += " \(id)" }
        }
        return text
    }
}

extension Configuration: CustomStringConvertible {
    public var description: String { "\(index): \(membership)" }
}

extension Change: CustomStringConvertible {
    public var description: String {
        switch self {
        case .learner(let id, let rises): rises ? "learner \(id) rising" : "learner \(id)"
        case .promote(let id): "promote \(id)"
        case .demote(let id, let rises): rises ? "demote \(id) rising" : "demote \(id)"
        case .remove(let id): "remove \(id)"
        case .readmit(let id, let boot): "readmit \(id) boot \(boot)"
        case .admit(let id, let boot): "admit \(id) boot \(boot)"
        }
    }
}

extension Raft.Standing: CustomStringConvertible {
    public var description: String {
        switch self {
        case .whole: "whole"
        case .damaged: "damaged"
        case .wiped(until: nil): "wiped"
        case .wiped(until: let index?): "wiped until \(index)"
        case .retired: "retired"
        }
    }
}

extension Input: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tick(let now): "tick \(now.nanoseconds / 1_000_000)ms"
        case .received(let message, _): "received \(message)"
        case .propose(let count): "propose \(count)"
        case .read(let id): "read \(id)"
        case .ask(let id): "ask \(id)"
        case .turnEnded: "turn ended"
        case .sent(let peer, let through): "sent→\(peer) through \(through)"
        case .fetching(let peer): "fetching for \(peer)"
        case .fetched(let peer): "fetched for \(peer)"
        case .lost(let peer): "lost→\(peer)"
        case .persisted(let write): "persisted \(write)"
        case .persistedVote(let state): "persisted vote \(state)"
        case .transfer(let peer): peer.map { "transfer→\($0)" } ?? "transfer"
        case .retire: "retire"
        case .trust(let isTrusted): isTrusted ? "trust" : "doubt"
        case .room(let room): "room \(room)"
        case .compacted(let index): "compacted through \(index)"
        case .answerPiece(_, let message, let next, let isInstalled):
            "answer piece of \(message.from): \(isInstalled ? "installed" : "next \(next)")"
        case .install(let snapshot, let configuration): "install \(snapshot) with \(configuration)"
        case .change(let change): "change \(change)"
        case .admitted(let entry): "admitted at \(entry)"
        }
    }
}

extension Output: CustomStringConvertible {
    public var description: String {
        switch self {
        case .appended(let first, let count, let term):
            "appended \(names(from: first, to: LogIndex(first.rawValue &+ count &- 1), of: term))"
        case .refused(let refusal): "refused: \(refusal)"
        case .truncated(let after): "truncated after \(after)"
        case .accepted(let first, let last): "accepted \(first)–\(last)"
        case .persist(let write, let through): "persist \(write) through \(through)"
        case .persistVote(let state): "persist vote \(state)"
        case .replicate(let peer, let after, let through):
            "replicate→\(peer) after \(after) through \(through)"
        case .send(let message): "send→\(message.to) \(message.content)"
        case .answer(_, let message): "answer→\(message.to) \(message.content)"
        case .commit(let index): "commit \(index)"
        case .readable(let id, let index): "readable \(id) at \(index)"
        case .unreadable(let id): "unreadable \(id)"
        case .became(let role, let term, let leader): became(role, in: term, leader: leader)
        case .transferred(let isDone): isDone ? "transferred" : "not transferred"
        case .whole: "whole"
        case .admitted: "admitted"
        case .needsSnapshot(let peer): "needs snapshot→\(peer)"
        case .piece(_, let message): "takes \(message.body)"
        case .pieced(let peer, let snapshot, let next, let isInstalled):
            isInstalled ? "\(peer) has installed \(snapshot)" : "\(peer) has \(next) bytes of \(snapshot)"
        case .installed(let write, let snapshot, let discardsLog):
            "installed \(snapshot) by \(write)\(discardsLog ? ", discards the log" : "")"
        case .stale(let snapshot): "stale \(snapshot)"
        case .configured(let configuration, let term):
            "configured \(term).\(configuration.index) \(configuration.membership)"
        case .unchanged(let refusal): "unchanged: \(refusal)"
        case .reconfigured(let configuration, let isCommitted):
            "in force from \(configuration)\(isCommitted ? ", committed" : "")"
        }
    }

    private func became(_ role: Role, in term: Term, leader: NodeID?) -> String {
        switch (role, leader) {
        case (.follower, let leader?): "follower of \(leader) in term \(term)"
        case (.follower, nil), (.preCandidate, _), (.candidate, _), (.leader, _): "\(role) in term \(term)"
        }
    }
}

extension ChangeRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notLeader: "this node does not lead"
        case .transferring: "leadership is being handed over"
        case .notReady: "the leader has not committed an entry of its term yet"
        case .inProgress: "an earlier change is under way"
        case .notCaughtUp: "the learner is too far behind"
        case .atRisk: "too few voters were heard of lately for anything to be committed after it"
        case .unknown: "no such member"
        case .unneeded: "it is so already"
        }
    }
}

extension Refusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notLeader(let leader?): "\(leader) leads"
        case .notLeader(nil): "no leader is known"
        case .transferring: "leadership is being handed over"
        }
    }
}
