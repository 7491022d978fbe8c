// Term and vote, identity, damage: the small files (rules 2, 9, 12).
public import Consensus
public import Wire

extension Journal {
    /// Stores term and vote; reported as `.stored`.
    public mutating func store(_ hardState: HardState, into operations: inout [Operation]) {
        precondition(plan == nil, "a journal is started first")
        guard failure == nil else { return }
        vote.held = hardState
        term = max(term, hardState.term)
        writeVote(.stored(hardState), into: &operations)
    }

    /// Stores the cluster's id and opens the log; reported as `.storedIdentity`.
    ///
    /// - Precondition: the node belongs to no other cluster, and has been started.
    public mutating func store(identity cluster: ClusterID, into operations: inout [Operation]) {
        precondition(plan == nil, "a journal is started first")
        guard failure == nil else { return }
        precondition(self.cluster == nil || self.cluster == cluster, "a node belongs to one cluster")
        self.cluster = cluster
        writeIdentity(cluster, segment == nil ? .none : .storedIdentity, into: &operations)
        guard segment == nil else { return }
        nameSegment(after: sequence, durable: sequence, base: end, bytes: 0, into: &operations)
        give(.syncFolder(.log), .storedIdentity, to: &operations)
    }

    /// Records durably that entries were lost; reported as `.storedDamage`.
    public mutating func store(damage: Damage, into operations: inout [Operation]) {
        precondition(plan == nil, "a journal is started first")
        guard failure == nil else { return }
        writeDamage(damage, .storedDamage, into: &operations)
    }

    /// Records durably that the log is whole again; reported as `.clearedDamage`.
    public mutating func clearDamage(into operations: inout [Operation]) {
        precondition(plan == nil, "a journal is started first")
        guard failure == nil else { return }
        give(.remove(.damage), to: &operations)
        give(.syncFolder(.root), .clearedDamage, to: &operations)
    }

    /// Records durably that this node may have lost votes that it gave; before anything that it is given now
    /// is stored, so that no later start takes it for one that has them.
    public mutating func storeWiped(into operations: inout [Operation]) {
        precondition(plan == nil, "a journal is started first")
        guard failure == nil, !vote.isWiped else { return }
        vote.isWiped = true
        writeVote(.none, into: &operations)
    }

    /// This node has joined anew: what it votes from now on counts. Goes to disk with the next `store`.
    public mutating func rejoined() { vote.isWiped = false }

    /// Writes both slots, the older one first, each synced before the other is touched. At every moment one
    /// of them is valid, and afterwards a slot that rots takes no vote with it.
    mutating func writeVote(_ effect: Effect, into operations: inout [Operation]) {
        writeSlot(.none, into: &operations)
        writeSlot(vote.isNew ? .none : effect, into: &operations)
        if vote.isNew { give(.syncFolder(.root), effect, to: &operations) }
        vote.isNew = false
    }

    private mutating func writeSlot(_ effect: Effect, into operations: inout [Operation]) {
        vote.count += 1
        var page: [UInt8] = []
        page.reserveCapacity(pageBytes)
        encodeVote(count: vote.count, into: &page)
        #if PlantedFaults
            if Planted.is(.voteSlotNotAlternated) { vote.slot = 0 }
        #endif
        give(
            .write(.vote, offset: vote.slot * UInt64(pageBytes), [Piece(page)], isSynced: true), effect,
            to: &operations)
        vote.slot = 1 - vote.slot
    }

    private func encodeVote(count: UInt64, into pages: inout [UInt8]) {
        let slot = VoteSlot(
            count: count, term: vote.held.term, vote: vote.held.vote, boot: boot, isWiped: vote.isWiped)
        slot.encode(into: &pages)
    }

    mutating func writeIdentity(_ cluster: ClusterID, _ effect: Effect, into operations: inout [Operation]) {
        var text: [UInt8] = []
        Identity(cluster: cluster, node: node).encode(into: &text)
        replace(.identity, .identityDraft, text, effect, into: &operations)
    }

    mutating func writeDamage(_ damage: Damage, _ effect: Effect, into operations: inout [Operation]) {
        var text: [UInt8] = []
        damage.encode(into: &text)
        replace(.damage, .damageDraft, text, effect, into: &operations)
    }

    /// A file of one page is there whole or not at all: written under another name, synced, renamed.
    private mutating func replace(
        _ file: File, _ draft: File, _ text: [UInt8], _ effect: Effect, into operations: inout [Operation]
    ) {
        give(.write(draft, offset: 0, [Piece(text)], isSynced: true), to: &operations)
        give(.rename(draft, to: file), to: &operations)
        give(.syncFolder(.root), effect, to: &operations)
    }
}
