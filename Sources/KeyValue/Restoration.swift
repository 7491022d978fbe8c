// A store made again from a snapshot: its numbers first, then its records in key order (rule 26).

/// A store on its way back from a snapshot's rows.
public struct Restoration: ~Copyable {
    private var store = Store()
    private var tree = TreeBuilder()
    private let keepsRecords: Bool
    /// Where no record is kept, the one before.
    private var last: Record?
    /// How many records there are so far.
    public private(set) var count = 0

    /// A store without keys that stands where a snapshot's header says.
    ///
    /// - Parameters:
    ///   - revision: the store's revision.
    ///   - clusterTime: its cluster time.
    ///   - appliedIndex: the last entry that it has applied.
    ///   - hash: its chain of hashes.
    ///   - keepsRecords: otherwise records are checked in the same way, and the store stays empty.
    public init(
        revision: Revision, clusterTime: ClusterTime, appliedIndex: UInt64, hash: UInt64,
        keepsRecords: Bool = true
    ) {
        self.keepsRecords = keepsRecords
        store.revision = revision
        store.clusterTime = clusterTime
        store.appliedIndex = appliedIndex
        store.chain = StateHash(hash)
    }

    /// The bytes of their keys and values.
    public var bytes: Int { store.bytes }

    /// Adds the next record, whose key must lie after all others.
    ///
    /// - Returns: false, with nothing changed, if no store can hold this record there: keys that do not rise,
    ///   an empty or too long key, revisions out of order or later than the store's.
    public mutating func add(
        key: Span<UInt8>, value: Span<UInt8>, contentType: Span<UInt8>,
        revision: Revision, createdRevision: Revision, version: UInt64, lease: UInt64 = 0
    ) -> Bool {
        guard !key.isEmpty, key.count <= Command.keyBytesMax, value.count <= Int(UInt32.max),
            contentType.count <= Command.contentTypeBytesMax,
            Revision.empty < createdRevision, createdRevision <= revision, revision <= store.revision,
            version > 0, version <= revision.rawValue
        else { return false }
        let record = Record(
            key: key, value: value, contentType: contentType, revision: revision,
            createdRevision: createdRevision, version: version, lease: lease)
        guard keepsRecords ? tree.append(record) : follows(record) else { return false }
        count += 1
        store.bytes += key.count + value.count
        return true
    }

    private mutating func follows(_ record: Record) -> Bool {
        if let last, unsafe last.keyBytes.compare(record.keyBytes) >= 0 { return false }
        last = record
        return true
    }

    /// The store with all that was added.
    public consuming func finish() -> Store {
        store.tree = tree.finish()
        return store
    }
}
