// The store's limits follow what the leader was started with: a command, for they are state (rule 20).
internal import Consensus
internal import KeyValue

extension Replica {
    /// Proposes this leader's limits where the store has others, once its first entry is applied.
    ///
    /// Once a term: what was proposed is applied while this node leads, and a later leader has a say of its
    /// own.
    mutating func proposeSettingsIfDue() {
        guard store.settings != settings.store, raft.leadership != nil, settingsTerm != raft.term,
            raft.log.term(at: applied) == raft.term, !isClosing, !hasDiskFailed, trust == .trusted,
            !raft.lacksRoom, !areStatesSplit
        else { return }
        raft.step(.propose(count: 1), into: &outputs)
        // Refused while leadership is handed over: perhaps it stays.
        guard case .appended(let index, _, let term) = outputs.removeLast() else { return }
        let time = stamp.time(at: now)
        let before = cache.bytes
        let limits = settings.store
        cache.append(index: index, term: term) { Command.append(limits, at: time, to: &$0) }
        proposalBytes += cache.bytes - before
        settingsTerm = term
    }
}
