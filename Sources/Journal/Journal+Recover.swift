// A start reads back everything that the folder holds (rules 6 to 12, 26).
public import Consensus
public import Wire

extension Journal {
    /// The snapshots that the folder names, newest first. Whether one is whole, its reader tells.
    public static func snapshots(in storage: some Storage) throws(DiskFailure) -> [EntryID] {
        var found: [EntryID] = []
        for (file, _) in try storage.snapshotFiles() {
            if case .snapshot(let id) = file { found.append(id) }
        }
        return found.sorted { ($0.index, $0.term) > ($1.index, $1.term) }
    }

    /// Reads back everything that the folder holds; an empty one is well too. Changes nothing.
    ///
    /// A log that holds the snapshot's entry keeps what follows it; any other is discarded, which the start
    /// makes durable.
    ///
    /// - Parameters:
    ///   - node: who this is.
    ///   - settings: sizes and times.
    ///   - snapshot: up to where the newest snapshot goes that is whole.
    ///   - isSnapshotLost: whether the folder names one that is not whole.
    ///   - firstBoot: this start's number where the folder tells of none. A folder that was emptied begins
    ///     anew: drawn, its boots are told from those of its life before.
    ///   - storage: the folder.
    ///   - onEntry: takes each committed entry after the snapshot in order: a buffer, and where in it the
    ///     line is.
    /// - Returns: the journal, to be started, and what was found.
    /// - Throws: `RecoveryError` if this node must not start from this folder.
    public static func recover(
        node: NodeID, settings: Settings = Settings(), snapshot: EntryID? = nil,
        isSnapshotLost: Bool = false, firstBoot: Boot = Boot(1), from storage: some Storage,
        onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) -> (journal: Journal, recovered: Recovered) {
        let folder = try Folders(storage, node: node)
        var log = Recovery(snapshot: snapshot ?? .zero, given: snapshot?.index ?? .zero)
        try log.read(folder, from: storage, isSnapshotLost: isSnapshotLost, onEntry: onEntry)
        return journal(
            node: node, settings: settings, snapshot: snapshot, firstBoot: firstBoot, folder, log)
    }

    /// Reads a log to look at it, a live node's too: all that its files hold, and not only what follows the
    /// snapshot.
    ///
    /// - Returns: what was found; its `tail` are the entries that are not known to be committed.
    public static func read(
        node: NodeID, from storage: some Storage,
        onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) -> Recovered {
        var given = LogIndex.zero
        var attempt = 1
        while true {
            let found: [EntryID]
            do throws(DiskFailure) {
                found = try snapshots(in: storage)
            } catch {
                throw .disk(error)
            }
            let folder = try Folders(storage, node: node)
            var log = Recovery(snapshot: found.first ?? .zero, given: given)
            try log.read(folder, from: storage, isSnapshotLost: false, onEntry: onEntry)
            given = log.given
            // The node may have removed files since they were listed.
            if log.lost != nil, attempt < 3 {
                attempt += 1
                continue
            }
            return journal(
                node: node, settings: Settings(), snapshot: found.first, firstBoot: Boot(1), folder, log
            ).recovered
        }
    }

    private static func journal(
        node: NodeID, settings: Settings, snapshot: EntryID?, firstBoot: Boot, _ folder: Folders,
        _ log: Recovery
    ) -> (journal: Journal, recovered: Recovered) {
        let highest = max(folder.slot?.boot ?? Boot(0), folder.boot)
        #if PlantedFaults
            let isKept = Planted.is(.bootNotRaised) && highest > Boot(0)
            let boot = highest == Boot(0) ? firstBoot : Boot(highest.rawValue + (isKept ? 0 : 1))
        #else
            let boot = highest == Boot(0) ? firstBoot : Boot(highest.rawValue + 1)
        #endif
        let vote = folder.vote(loggedIn: log.term, last: log.last.term)
        let damage = log.damage ?? folder.damage
        // After damage nothing is unstated; before it, what no head states to be durable is written again.
        let base = min(log.durable, log.sequence)
        let commit = log.commit
        let rewritten = log.window.blocks(afterSequence: base)
        let plan = Plan(
            rewritten: rewritten, base: log.name(before: rewritten.first?.first ?? log.last.index.next),
            damage: log.damage, mustStoreIdentity: folder.mustStoreIdentity, stale: folder.spares,
            leftovers: log.leftovers.map { .segment($0) }
                + folder.snapshots.filter { $0 != snapshot.map { .snapshot($0) } },
            segment: (folder.segments.last?.number ?? 0) + 1)
        let journal = Journal(
            settings: settings, node: node, boot: boot, cluster: folder.cluster, plan: plan, vote: vote,
            map: log.map, sequence: base, durable: base, stated: base, lastFilled: base, term: log.term,
            commit: commit, base: log.base.index, end: log.last, rows: log.rows, snapshot: snapshot)
        let recovered = Recovered(
            cluster: folder.cluster, boot: boot, hardState: vote.held, isWiped: vote.isWiped,
            base: log.base, runs: log.runs, last: log.last, commit: commit,
            tail: log.window.blocks(after: commit), damage: damage,
            hasHistory: vote.isWiped || vote.held.term > .zero || log.last.index > .zero || damage != nil,
            bytes: log.bytes, tornBytes: log.tornBytes)
        return (journal, recovered)
    }
}
