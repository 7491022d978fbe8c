// The follower's side of replication (§5.3): take what agrees, drop what conflicts, answer what is durable.

/// An append that was taken, or a piece of a snapshot that is not needed: answered once everything up to
/// `match` is on disk.
struct Acknowledgement: Hashable, Sendable {
    let exchange: Exchange
    let request: Message
    let match: LogIndex

    var yes: Message.Body {
        guard case .piece(let piece) = request.body else { return .appended(match: match) }
        return .pieced(snapshot: piece.snapshot, next: piece.bytes, isInstalled: true)
    }

    var no: Message.Body {
        guard case .piece(let piece) = request.body else { return .rejected(after: match, hint: .zero) }
        return .pieced(snapshot: piece.snapshot, next: 0, isInstalled: false)
    }
}

extension Raft {
    /// A leader of the current term speaks: candidates give way, and the election timeout starts anew.
    mutating func hear(leader from: NodeID, into out: inout [Output]) {
        #if PlantedFaults
            if Planted.is(.candidateIgnoresLeader), election != nil { return }
        #endif
        if leader != from || election != nil { follow(from, in: term, into: &out) }
        lastLeaderContact = now
        drawElectionDeadline()
    }

    mutating func receiveAppend(
        _ message: Message, _ append: Message.Append, _ exchange: Exchange, into out: inout [Output]
    ) {
        guard joinTerm(of: message, leader: message.from, into: &out), leadership == nil,
            takesEntries
        else {
            reject(message, append.after, hint: .zero, exchange, into: &out)
            return
        }
        hear(leader: message.from, into: &out)
        let asked = append.after
        guard isSound(append), let append = part(of: append) else {
            reject(message, asked, hint: .zero, exchange, into: &out)
            return
        }
        guard log.contains(append.after) else {
            reject(message, asked, hint: log.lastAgreement(before: asked), exchange, into: &out)
            return
        }
        if room == .none { return refuse(append, message, exchange, into: &out) }
        guard take(append, into: &out) else {
            reject(message, asked, hint: .zero, exchange, into: &out)
            return
        }
        let through = append.after.index + append.count
        verified = max(verified, through)
        #if PlantedFaults
            if Planted.is(.appendCommitsUnverified) { advanceCommit(to: append.commit, into: &out) }
        #endif
        advanceCommit(to: min(append.commit, verified), into: &out)
        #if PlantedFaults
            if standing == .damaged, Planted.is(.wholeTooEarly) { wholeAt = through }
        #endif
        if standing == .damaged, append.wholeFor == boot { wholeAt = append.whole }
        acknowledgements.append(Acknowledgement(exchange: exchange, request: message, match: through))
        answerDurable(into: &out)
    }

    /// Takes the entries that are not here yet. An entry goes only where one of another term stands at its
    /// index; one that is committed never does, so an append that asks for that is false and refused.
    private mutating func take(_ append: Message.Append, into out: inout [Output]) -> Bool {
        #if PlantedFaults
            if Planted.is(.truncateWithoutConflict), append.after.index >= commit, append.count > 0 {
                truncate(after: append.after.index, into: &out)
            }
        #endif
        let agreed = log.agreement(after: append.after.index, with: append.runs)
        let last = append.after.index + append.count
        guard agreed < last else { return true }
        if agreed < log.lastIndex {
            guard agreed >= commit else { return false }
            truncate(after: agreed, into: &out)
        }
        var end = append.after.index
        for run in append.runs {
            end = end + run.count
            if end > log.lastIndex { log.append(end - log.lastIndex, of: run.term) }
        }
        out.append(.accepted(first: agreed.next, last: last))
        takeConfigurations(append.configurations, after: agreed, into: &out)
        return true
    }

    /// What lies before the base was committed, so this term's leader has it too (§5.4): only what follows
    /// the base says anything new. Nil if it has another entry there, as no true leader can.
    private func part(of append: Message.Append) -> Message.Append? {
        guard append.after.index < log.base.index else { return append }
        var skipped = append.after.index
        var runs: [Message.Run] = []
        for run in append.runs {
            let count = min(run.count, log.base.index - skipped)
            skipped = skipped + count
            if count > 0, skipped == log.base.index, run.term != log.base.term { return nil }
            if count < run.count { runs.append(Message.Run(term: run.term, count: run.count - count)) }
        }
        return Message.Append(
            after: log.base, runs: runs, commit: append.commit, whole: append.whole,
            wholeFor: append.wholeFor, configurations: append.configurations)
    }

    /// Terms never fall along a log, none is newer than its leader's, no index is beyond the numbers, and
    /// its configurations are among its entries.
    private func isSound(_ append: Message.Append) -> Bool {
        var before = append.after.term
        var room = largestNumber - min(append.after.index.rawValue, largestNumber)
        for run in append.runs {
            guard run.count > 0, run.count <= room else { return false }
            guard run.term >= before, run.term > .zero, run.term <= term else { return false }
            before = run.term
            room -= run.count
        }
        let last = LogIndex(append.after.index.rawValue &+ append.count)
        var place = append.after.index
        for configuration in append.configurations {
            guard configuration.index > place, configuration.index <= last,
                !configuration.membership.voters.isEmpty
            else { return false }
            place = configuration.index
        }
        return true
    }

    private mutating func truncate(after index: LogIndex, into out: inout [Output]) {
        log.truncate(after: index)
        durable = min(durable, index)
        handed = min(handed, index)
        verified = min(verified, index)
        writes.cut(after: index)
        out.append(.truncated(after: index))
        dropConfigurations(after: index, into: &out)
        // One leader never takes back within its term what it sent; whoever does gets no acknowledgement.
        rejectAcknowledgements(after: index, into: &out)
    }

    private mutating func reject(
        _ message: Message, _ after: EntryID, hint: EntryID, _ exchange: Exchange, into out: inout [Output]
    ) {
        answer(.rejected(after: after.index, hint: hint), to: message, exchange, into: &out)
    }

    /// Answers the appends whose entries are on disk by now, in the order they came.
    mutating func answerDurable(into out: inout [Output]) {
        // First: who was wiped, and is as the others by these entries, says that it has them only once its
        // disk says so too.
        if case .wiped = standing { maybeRecover(into: &out) }
        var answered = 0
        for waiting in acknowledgements {
            #if PlantedFaults
                let durable = Planted.is(.acknowledgeBeforeSync) ? log.lastIndex : self.durable
            #endif
            guard waiting.match <= durable else { break }
            answer(waiting.yes, to: waiting.request, waiting.exchange, into: &out)
            answered += 1
        }
        if answered > 0 { acknowledgements.removeFirst(answered) }
        maybeRecover(into: &out)
    }

    /// Gives up the answers that wait for entries after `index`: the entries are gone, or, when the term has
    /// changed (`index` is zero), were verified against a leader that leads no more.
    mutating func rejectAcknowledgements(after index: LogIndex, into out: inout [Output]) {
        let rejected = acknowledgements.filter { $0.match > index || index == .zero }
        acknowledgements.removeAll { $0.match > index || index == .zero }
        for one in rejected { answer(one.no, to: one.request, one.exchange, into: &out) }
    }

    mutating func receiveHeartbeat(
        _ message: Message, _ commit: LogIndex, _ round: UInt64, _ exchange: Exchange,
        into out: inout [Output]
    ) {
        if joinTerm(of: message, leader: message.from, into: &out), leadership == nil {
            hear(leader: message.from, into: &out)
            #if PlantedFaults
                if Planted.is(.heartbeatCommitsUnverified) { advanceCommit(to: commit, into: &out) }
            #endif
            advanceCommit(to: min(commit, verified), into: &out)
        }
        // Before it is let in, a wiped node's word must not confirm a leader that it may have voted away.
        answer(
            .heard(round: standing == .wiped(until: nil) ? 0 : round, isFull: room != .plenty),
            to: message, exchange, into: &out)
    }
}
