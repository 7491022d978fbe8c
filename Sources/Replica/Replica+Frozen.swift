// The state as it is now, for whoever works on it while writes go on.
internal import Consensus
public import KeyValue
public import Wire

extension Replica {
    /// The applied state and its header; nil before the first entry is applied.
    public var frozen: (head: SnapshotHead, store: Store)? {
        guard applied > .zero, let term = raft.log.term(at: applied), let cluster = start.cluster else {
            return nil
        }
        #if PlantedFaults
            var store = Planted.is(.skipEntryAtSnapshot) ? plantedStore : store
            if Planted.is(.answersForgottenAtSnapshot) { store.forgetAnswers() }
        #endif
        let head = SnapshotHead(
            cluster: cluster, last: EntryID(term: term, index: applied),
            configuration: raft.configuration(at: applied), revision: store.revision.rawValue,
            clusterTime: store.clusterTime.milliseconds, hash: store.hash, keys: UInt64(store.count),
            bytes: UInt64(store.bytes), leases: UInt64(store.leaseCount), answers: UInt64(store.answerCount),
            history: SnapshotHead.History(
                events: UInt64(store.history.count), after: store.history.floor.rawValue,
                eventsMax: UInt64(store.settings.historyEvents),
                bytesMax: UInt64(store.settings.historyBytes)))
        return (head, store)
    }
}
