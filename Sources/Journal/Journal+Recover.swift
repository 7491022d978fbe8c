// A start reads back everything that the folder holds (rules 6 to 12).
public import Consensus
public import Wire

extension Journal {
    /// Reads back everything that the folder holds; an empty one is well too. Changes nothing.
    ///
    /// - Parameters:
    ///   - node: who this is.
    ///   - settings: sizes and times.
    ///   - storage: the folder.
    ///   - onEntry: takes each committed entry in order: a buffer, and where in it the line is.
    /// - Returns: the journal, to be started, and what was found.
    /// - Throws: `RecoveryError` if this node must not start from this folder.
    public static func recover(
        node: NodeID, settings: Settings = Settings(), from storage: some Storage,
        onEntry: (Span<UInt8>, EntryLine) throws(RecoveryError) -> Void
    ) throws(RecoveryError) -> (journal: Journal, recovered: Recovered) {
        let folder = try Folders(storage, node: node)
        var log = Recovery()
        for place in folder.segments.indices {
            let (number, bytes, head) = folder.segments[place]
            // What later headers declare void is not read.
            let limit = folder.segments[(place + 1)...].compactMap(\.head?.after).min()
            if let limit, limit <= log.sequence { continue }
            guard let head else {
                log.lose(.header, segment: number)
                break
            }
            if log.sequence < head.after {
                log.lose(.segment, segment: number)
                break
            }
            var reader = LogReader(storage, .segment(number), end: bytes)
            try log.read(&reader, number: number, head: head, limit: limit, onEntry: onEntry)
            if log.damage != nil { break }
        }
        return try journal(node: node, settings: settings, folder, log)
    }

    private static func journal(
        node: NodeID, settings: Settings, _ folder: Folders, _ log: Recovery
    ) throws(RecoveryError) -> (journal: Journal, recovered: Recovered) {
        let highest = max(folder.slot?.boot ?? Boot(0), folder.boot)
        #if PlantedFaults
            let isKept = Planted.is(.bootNotRaised) && highest > Boot(0)
            let boot = Boot(highest.rawValue + (isKept ? 0 : 1))
        #else
            let boot = Boot(highest.rawValue + 1)
        #endif
        let vote = folder.vote(loggedIn: log.term, last: log.last.term)
        let damage = log.damage ?? folder.damage
        // After damage nothing is unstated; before it, what no head states to be durable is written again.
        let base = min(log.durable, log.sequence)
        let commit = min(log.stated, log.last.index)
        let plan = Plan(
            rewritten: log.window.blocks(afterSequence: base), damage: log.damage,
            mustStoreIdentity: folder.mustStoreIdentity, stale: folder.spares,
            segment: (folder.segments.last?.number ?? 0) + 1)
        let journal = Journal(
            settings: settings, node: node, boot: boot, cluster: folder.cluster, plan: plan, vote: vote,
            map: log.map, sequence: base, durable: base, stated: base, lastFilled: base, term: log.term,
            commit: commit)
        let recovered = Recovered(
            cluster: folder.cluster, boot: boot, hardState: vote.held, isWiped: vote.isWiped,
            runs: log.runs, last: log.last, commit: commit, tail: log.window.blocks(after: commit),
            damage: damage,
            hasHistory: vote.isWiped || vote.held.term > .zero || log.last.index > .zero || damage != nil,
            bytes: log.bytes, tornBytes: log.tornBytes)
        return (journal, recovered)
    }
}
