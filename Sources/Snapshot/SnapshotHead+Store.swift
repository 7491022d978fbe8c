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
            bytes: UInt64(store.bytes), leases: UInt64(store.leaseCount), answers: UInt64(store.answerCount),
            history: History(
                events: UInt64(store.history.count), after: store.history.floor.rawValue,
                eventsMax: UInt64(store.settings.historyEvents),
                bytesMax: UInt64(store.settings.historyBytes)))
    }

    /// The store's limits.
    var settings: Store.Settings {
        Store.Settings(historyEvents: Int(history.eventsMax), historyBytes: Int(history.bytesMax))
    }

    /// The same, of a backup: a new cluster knows nothing of what happened in the old one and was asked of
    /// it.
    public var ofBackup: SnapshotHead {
        SnapshotHead(
            cluster: cluster, last: last, configuration: configuration, revision: revision,
            clusterTime: clusterTime, hash: hash, keys: keys, bytes: bytes, leases: leases, answers: 0,
            history: History(
                events: 0, after: revision, eventsMax: history.eventsMax, bytesMax: history.bytesMax))
    }
}

extension Restoration {
    /// A store without keys that stands where the header says.
    init(_ head: SnapshotHead, keepsRecords: Bool) {
        self.init(
            revision: Revision(head.revision), clusterTime: ClusterTime(milliseconds: head.clusterTime),
            appliedIndex: head.last.index.rawValue, hash: head.hash,
            settings: head.settings, historyAfter: Revision(head.history.after), keepsRecords: keepsRecords)
    }
}
