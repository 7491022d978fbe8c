// A store made again from a snapshot: its numbers first, then its records in key order (rule 26).

extension Store {
    /// A store without keys that stands where a snapshot's header says.
    public init(revision: Revision, clusterTime: ClusterTime, appliedIndex: UInt64, hash: UInt64) {
        self.init()
        self.revision = revision
        self.clusterTime = clusterTime
        self.appliedIndex = appliedIndex
        chain = StateHash(hash)
    }

    /// Adds the snapshot's next record, whose key must lie after all others.
    ///
    /// - Returns: false, with nothing changed, if no store can hold this record there: keys that do not rise,
    ///   an empty or too long key, revisions out of order or later than the store's.
    public mutating func restore(
        key: Span<UInt8>, value: Span<UInt8>, contentType: Span<UInt8>,
        revision: Revision, createdRevision: Revision, version: UInt64
    ) -> Bool {
        guard !key.isEmpty, key.count <= Command.keyBytesMax, value.count <= Int(UInt32.max),
            contentType.count <= Command.contentTypeBytesMax,
            Revision.empty < createdRevision, createdRevision <= revision, revision <= self.revision,
            version > 0, version <= revision.rawValue
        else { return false }
        let record = Record(
            key: key, value: value, contentType: contentType, revision: revision,
            createdRevision: createdRevision, version: version)
        guard tree.append(record) else { return false }
        bytes += key.count + value.count
        return true
    }
}
