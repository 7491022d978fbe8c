// What the disk has finished, and what was read from it.
public import Consensus
public import Wire

extension Replica {
    /// What must be written before the first word to a peer is durable.
    public mutating func started() { isStarted = true }

    public mutating func persisted(_ write: WriteID) {
        diskBusySince = nil
        step(.persisted(write))
        if receiving != nil { finishInstalling(write) }
    }

    public mutating func stored(_ hard: HardState) { step(.persistedVote(hard)) }

    public mutating func storedIdentity() { identityStored() }

    public mutating func clearedDamage() { effects.append(.notice(.whole)) }

    /// A write or a sync failed: nothing more becomes durable in this process (rule 10). It leads and votes
    /// no more, acknowledges nothing, and answers local reads.
    public mutating func diskFailed() {
        guard !hasDiskFailed else { return }
        hasDiskFailed = true
        if isRunning { step(.retire) }
    }

    /// Lines that were wanted for a peer by `.load`. What this node no longer has, or does not lead with, is
    /// dropped: by Log Matching, blocks whose last entry is in the log are in it whole.
    public mutating func loaded(_ blocks: [Block], for peer: NodeID) {
        if peer == settings.node { return loadedForRepair(blocks) }
        fetched.removeAll { $0.peer == peer }
        if raft.role == .leader {
            for block in blocks where block.count > 0 {
                let line = Int(block.starts[block.count - 1])
                guard let entry = try? EntryLine.read(block.bytes.span, at: line),
                    raft.log.term(at: entry.id.index) == entry.id.term, entry.id.index == block.last
                else { continue }
                fetched.append(Fetched(peer: peer, block: block))
            }
        }
        step(.fetched(for: peer))
    }

    /// Lines that were wanted for a peer by `.load` could not be read this time. They are asked for again
    /// after a heartbeat's time: a disk that fails is not to be asked without end.
    public mutating func notLoaded(for peer: NodeID) {
        if peer == settings.node {
            repair?.isLoading = false
            repair?.resumeAt = now + settings.heartbeat
        } else {
            fetched.removeAll { $0.peer == peer }
            step(.fetched(for: peer))
            step(.lost(to: peer))
        }
    }

    /// An entry that was to be read is damaged on disk: this node leads no more, and is repaired at its next
    /// start (rule 12).
    public mutating func damaged(at index: LogIndex) {
        effects.append(.notice(.damagedEntry(index)))
        step(.retire)
    }
}
