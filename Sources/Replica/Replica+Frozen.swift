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
            let store = Planted.is(.skipEntryAtSnapshot) ? plantedStore : store
        #endif
        let head = SnapshotHead(
            cluster: cluster, last: EntryID(term: term, index: applied),
            configuration: raft.configuration(at: applied), revision: store.revision.rawValue,
            clusterTime: store.clusterTime.milliseconds, hash: store.hash, keys: UInt64(store.count),
            bytes: UInt64(store.bytes))
        return (head, store)
    }
}
