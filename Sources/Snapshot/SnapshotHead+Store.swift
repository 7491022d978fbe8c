// What a snapshot's header says of a store.
public import Consensus
public import KeyValue
public import Wire

extension SnapshotHead {
    /// The header of a store's snapshot.
    ///
    /// - Parameters:
    ///   - cluster: whose state it is.
    ///   - last: the last entry that the store has applied.
    ///   - configuration: the membership in force there.
    ///   - store: the store, frozen.
    public init(cluster: ClusterID, last: EntryID, configuration: Configuration, of store: Store) {
        self.init(
            cluster: cluster, last: last, configuration: configuration, revision: store.revision.rawValue,
            clusterTime: store.clusterTime.milliseconds, hash: store.hash, keys: UInt64(store.count),
            bytes: UInt64(store.bytes))
    }
}

extension Restoration {
    /// A store without keys that stands where the header says.
    init(_ head: SnapshotHead, keepsRecords: Bool) {
        self.init(
            revision: Revision(head.revision), clusterTime: ClusterTime(milliseconds: head.clusterTime),
            appliedIndex: head.last.index.rawValue, hash: head.hash, keepsRecords: keepsRecords)
    }
}
