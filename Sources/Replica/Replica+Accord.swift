// Members compare the hashes of their states; who differs from a majority neither leads nor serves (rule 25).
internal import Consensus
internal import KeyValue
internal import Wire

/// Whether this member's state is the majority's, as far as is known.
public enum Trust: Hashable, Sendable {
    case trusted
    /// It is not: this member waits for a snapshot of one whose is.
    case wrong
    /// It is again, and what is on its disk is not yet.
    case repaired
}

/// A leader's question about the state after one entry, and what was answered.
struct Asking: Sendable {
    let index: LogIndex
    let since: Instant
    /// What the members have there, this one among them; each in the boot in which it said so.
    var answers: [(node: NodeID, boot: Boot, hash: UInt64)]
    /// What a majority has.
    var agreed: UInt64?
}

extension Replica {
    // The leader asks --------------------------------------------------------------------------------------

    /// What a heartbeat asks this peer, or tells it: nothing once it has said what a majority has.
    mutating func question(for peer: NodeID) -> Accord? {
        askIfDue()
        guard let asking else { return nil }
        let boot = raft.leadership?.peers.first { $0.id == peer }?.boot
        let answer = asking.answers.first { $0.node == peer && $0.boot == boot }
        if let answer, asking.agreed == nil || answer.hash == asking.agreed { return nil }
        return Accord(index: asking.index, hash: asking.agreed)
    }

    /// One mark at a time: the newest one, once all have answered for the last one or had time to.
    private mutating func askIfDue() {
        guard let last = marks.last, let hash = marks.hash(at: last), last > asking?.index ?? .zero else {
            return
        }
        if let asking, asking.answers.count < raft.membership.all.count, marks.hash(at: asking.index) != nil,
            now - asking.since < settings.electionTimeout
        {
            return
        }
        asking = Asking(index: last, since: now, answers: [(settings.node, raft.boot, hash)])
    }

    /// What a peer of this term has answered.
    mutating func heard(_ accord: Accord, from peer: NodeID, in boot: Boot) {
        let wasWrong = wrongPeers.contains(peer)
        if accord.isWrong != wasWrong {
            if wasWrong { wrongPeers.removeAll { $0 == peer } } else { wrongPeers.append(peer) }
            if !wasWrong { effects.append(.notice(.wrongPeer(peer))) }
        }
        guard accord.index > .zero, asking?.index == accord.index else { return }
        asking?.answers.removeAll { $0.node == peer }
        if let hash = accord.hash { asking?.answers.append((peer, boot, hash)) }
        judge()
    }

    private mutating func judge() {
        guard var asking, asking.agreed == nil else { return }
        // What a peer said before it started again is not what it has now.
        asking.answers.removeAll { answer in
            answer.node != settings.node
                && raft.leadership?.peers.contains { $0.id == answer.node && $0.boot == answer.boot } != true
        }
        func isQuorum(of hash: UInt64?, withSilent: Bool) -> Bool {
            raft.membership.isQuorum { voter in
                guard let answer = asking.answers.first(where: { $0.node == voter }) else {
                    return withSilent
                }
                return answer.hash == hash
            }
        }
        let agreed = asking.answers.first { isQuorum(of: $0.hash, withSilent: false) }
        if let agreed {
            self.asking?.agreed = agreed.hash
            areStatesSplit = false
            let own = asking.answers.first { $0.node == settings.node }
            if own?.hash != agreed.hash { becomeWrong(at: asking.index) }
            return
        }
        // Could those who have not answered make one?
        let isOpen =
            isQuorum(of: nil, withSilent: true)
            || asking.answers.contains { isQuorum(of: $0.hash, withSilent: true) }
        if !isOpen, !areStatesSplit { effects.append(.notice(.statesSplit(at: asking.index))) }
        areStatesSplit = !isOpen
    }

    /// Peers whose state is wrong are sent this one's, as those whose entries are gone are.
    mutating func sendToWrongPeers() {
        guard !wrongPeers.isEmpty, raft.role == .leader, trust == .trusted, taking == nil else { return }
        guard snapshot != nil, !mustTakeSnapshot else {
            mustTakeSnapshot = true
            return
        }
        for peer in wrongPeers where !sending.contains(where: { $0.peer == peer }) { beginSending(to: peer) }
    }

    // A member is told -------------------------------------------------------------------------------------

    /// What this member answers to a heartbeat.
    var accordAnswer: Accord? {
        let isWrong = trust == .wrong
        guard let index = accordAsked?.index else {
            return isWrong ? Accord(index: .zero, hash: nil, isWrong: true) : nil
        }
        return Accord(index: index, hash: marks.hash(at: index), isWrong: isWrong)
    }

    /// This term's leader says what a majority has.
    mutating func told(_ accord: Accord) {
        guard let hash = accord.hash, let own = marks.hash(at: accord.index), own != hash else { return }
        becomeWrong(at: accord.index)
    }

    private mutating func becomeWrong(at index: LogIndex) {
        guard trust == .trusted else { return }
        #if PlantedFaults
            if Planted.is(.wrongStateIgnored) { return }
        #endif
        trust = .wrong
        effects.append(.notice(.wrongState(at: index)))
        let absence = absence
        waiting.failReads { effects.append(.failed($0, absence)) }
        // What becomes of them here is nobody's answer.
        waiting.skip(through: raft.log.lastIndex) { effects.append(.failed($0, .timedOut(.unknown))) }
        if raft.role == .leader {
            let agreed = asking?.agreed
            step(.transfer(to: asking?.answers.first { $0.hash == agreed && $0.node != settings.node }?.node))
        } else {
            step(.trust(false))
        }
    }

    /// A hand-over is over, or this member leads no more: if its state is wrong, it leads and stands no more.
    mutating func stepDownIfWrong() {
        if trust != .trusted, raft.isTrusted { step(.trust(false)) }
    }

    /// What this member stands on is on its disk.
    mutating func becomeTrusted() {
        guard trust != .trusted else { return }
        trust = .trusted
        effects.append(.notice(.rightState))
        step(.trust(true))
    }

    // It is repaired ---------------------------------------------------------------------------------------

    /// A right state that this member's own log, which is right, leads on from.
    struct Repair: Sendable {
        var store: Store
        var applied: LogIndex
        var marks: StateMarks
        var isLoading = false
        /// Nothing is read before: the disk failed to give it.
        var resumeAt = Instant(nanoseconds: 0)
    }

    /// The snapshot is of what this member has applied already, wrongly.
    ///
    /// - Returns: false if the log does not go on from there.
    mutating func beginRepair(_ opened: OpenedSnapshot) -> Bool {
        let index = opened.head.last.index
        guard index >= raft.log.base.index, raft.log.term(at: index) == opened.head.last.term else {
            return false
        }
        repair = Repair(store: opened.store, applied: index, marks: StateMarks(every: settings.markInterval))
        return true
    }

    /// Applies what has been applied already, as far as one turn may.
    mutating func goOnRepairing() {
        // (Asked first: to exchange it is to move a whole store's places, each turn.)
        guard self.repair != nil, var repair = exchange(&self.repair, with: nil) else { return }
        guard repair.applied >= raft.log.base.index else {
            // The log's beginning was being removed when this one's state was found to be wrong, and with it
            // what follows the snapshot. The leader takes a new one.
            if let receiving, case .repairing = receiving.stage { forgetStale(receiving.snapshot) }
            return
        }
        var left = 4_096
        while repair.applied < applied, left > 0, !repair.isLoading, repair.resumeAt <= now {
            let next = repair.applied.next
            if cache.withCommand(at: next, { repair.apply($0, at: next) }) {
                left -= 1
            } else {
                repair.isLoading = true
                effects.append(.load(after: repair.applied, through: applied, for: settings.node))
            }
        }
        if repair.applied < applied {
            self.repair = repair
        } else {
            finish(repair)
        }
    }

    /// Entries that were to be applied again.
    mutating func loadedForRepair(_ blocks: [Block]) {
        guard var repair = exchange(&self.repair, with: nil) else { return }
        repair.isLoading = false
        for block in blocks {
            for place in block.starts.indices {
                let index = block.first + UInt64(place)
                guard index == repair.applied.next, index <= applied else { continue }
                block.withCommand(at: index) { repair.apply($0, at: index) }
            }
        }
        self.repair = repair
    }

    private mutating func finish(_ repair: Repair) {
        effects.append(.release(store))
        store = repair.store
        marks = repair.marks
        stamp.follow(store.clusterTime, at: now, leads: raft.role == .leader)
        trust = .repaired
        answerRepaired()
        // What a start would begin with is still the wrong one.
        if snapshot == nil { becomeTrusted() } else { mustTakeSnapshot = true }
    }
}

extension Replica.Repair {
    mutating func apply(_ command: Span<UInt8>, at index: LogIndex) {
        _ = store.apply(command, index: index.rawValue)
        applied = index
        if marks.isMark(index) { marks.note(index, store.hash) }
    }
}
