// What consensus remembers of the log: which term starts where, run-length. No entry, no byte.

/// The terms of the log, as runs of entries of one term.
///
/// Invariants: runs are in order of index and of term, none is empty, and the first begins just after `base`.
public struct LogShape: Hashable, Sendable {
    /// The place before the first entry it knows: a snapshot covers everything up to here (§7). Or
    /// ``EntryID/zero``.
    public private(set) var base: EntryID
    private(set) var runs: [Start] = []
    public private(set) var lastIndex: LogIndex

    struct Start: Hashable, Sendable {
        let term: Term
        let first: LogIndex
    }

    public init(base: EntryID = .zero, runs: [Message.Run] = []) {
        self.base = base
        lastIndex = base.index
        for run in runs { append(run.count, of: run.term) }
    }

    public var lastTerm: Term { runs.last?.term ?? base.term }
    /// The name of the last entry.
    public var last: EntryID { EntryID(term: lastTerm, index: lastIndex) }

    /// The term of the entry at `index`; nil outside the log. The base counts as inside.
    public func term(at index: LogIndex) -> Term? {
        guard index <= lastIndex, index >= base.index else { return nil }
        if index == base.index { return base.term }
        return runs[position(of: index)].term
    }

    /// Which run holds `index`. Almost always the last or the one before: look there before halving.
    private func position(of index: LogIndex) -> Int {
        var high = runs.count - 1
        if runs[high].first <= index { return high }
        var low = 0
        while low + 1 < high {
            let middle = (low + high) / 2
            if runs[middle].first <= index { low = middle } else { high = middle }
        }
        return low
    }

    func contains(_ id: EntryID) -> Bool { term(at: id.index) == id.term }

    mutating func append(_ count: UInt64, of term: Term) {
        guard count > 0 else { return }
        if runs.last?.term != term || runs.isEmpty {
            runs.append(Start(term: term, first: lastIndex.next))
        }
        lastIndex = lastIndex + count
    }

    /// Drops every entry after `index`. Precondition: `index` is in the log.
    mutating func truncate(after index: LogIndex) {
        precondition(index >= base.index && index <= lastIndex)
        while let run = runs.last, run.first > index { runs.removeLast() }
        lastIndex = index
    }

    /// Forgets every entry up to `index`, which becomes the base (§7). Precondition: `index` is in the log.
    mutating func compact(through index: LogIndex) {
        guard index > base.index else { return }
        precondition(index <= lastIndex)
        let at = position(of: index)
        base = EntryID(term: runs[at].term, index: index)
        let end = at + 1 < runs.count ? runs[at + 1].first.previous : lastIndex
        if end == index {
            runs.removeFirst(at + 1)
        } else {
            runs[at] = Start(term: base.term, first: index.next)
            runs.removeFirst(at)
        }
    }

    /// The terms of the entries after `after`, up to `through`. Precondition: `after` is in the log.
    public func runs(after: LogIndex, through: LogIndex) -> [Message.Run] {
        guard after < through else { return [] }
        var found: [Message.Run] = []
        var next = after.next
        var at = position(of: next)
        while next <= through {
            let end = at + 1 < runs.count ? min(runs[at + 1].first.previous, through) : through
            found.append(Message.Run(term: runs[at].term, count: end - next + 1))
            next = end.next
            at += 1
        }
        return found
    }

    /// The last place at or before `place.index` whose term is at most `place.term`: logs that disagree at
    /// `place` cannot agree after it. One exchange walks back over a whole term (§5.3, the optimisation).
    public func lastAgreement(before place: EntryID) -> EntryID {
        if place.index < base.index { return .zero }
        var index = min(place.index, lastIndex)
        while index > base.index {
            let run = runs[position(of: index)]
            if run.term <= place.term { return EntryID(term: run.term, index: index) }
            index = run.first.previous
        }
        return base
    }

    /// How far the entries that `runs` names, from just after `index`, are in this log already.
    /// Precondition: `index` is in the log.
    func agreement(after index: LogIndex, with runs: [Message.Run]) -> LogIndex {
        var agreed = index
        for run in runs {
            let end = agreed + run.count
            while agreed < end {
                guard agreed < lastIndex else { return agreed }
                let at = position(of: agreed.next)
                guard self.runs[at].term == run.term else { return agreed }
                let runEnd = at + 1 < self.runs.count ? self.runs[at + 1].first.previous : lastIndex
                agreed = min(runEnd, end)
            }
        }
        return agreed
    }

    func checkInvariants() {
        var before = base.term
        var first = base.index.next
        for (at, run) in runs.enumerated() {
            precondition(run.term > before || at == 0 && run.term >= before, "terms rise from run to run")
            precondition(at == 0 ? run.first == first : run.first > first, "runs are in order, none empty")
            before = run.term
            first = run.first
        }
        precondition(runs.isEmpty ? lastIndex == base.index : lastIndex >= first, "the last run is not empty")
    }
}
