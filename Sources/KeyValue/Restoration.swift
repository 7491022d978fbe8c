// A store made again from a snapshot: its numbers first, then its records in key order (rule 26).

/// A store on its way back from a snapshot's rows.
public struct Restoration: ~Copyable {
    private var store = Store()
    private var tree = TreeBuilder()
    private let keepsRecords: Bool
    /// Where no record is kept, the one before.
    private var last: Record?
    private var lastLease: UInt64 = 0
    private var lastAnswer: UInt64 = 0
    /// How many records there are so far.
    public private(set) var count = 0
    /// All records are there; nothing but events may follow.
    private var isTreeWhole = false

    /// A store without keys that stands where a snapshot's header says.
    ///
    /// - Parameters:
    ///   - revision: the store's revision.
    ///   - clusterTime: its cluster time.
    ///   - appliedIndex: the last entry that it has applied.
    ///   - hash: its chain of hashes.
    ///   - settings: its limits.
    ///   - floor: the revision after which its history begins; left out, it has none.
    ///   - keepsRecords: otherwise records are checked in the same way, and the store stays empty.
    public init(
        revision: Revision, clusterTime: ClusterTime, appliedIndex: UInt64, hash: UInt64,
        settings: Store.Settings = .usual, historyAfter floor: Revision? = nil, keepsRecords: Bool = true
    ) {
        self.keepsRecords = keepsRecords
        store.history = History(after: floor ?? revision, limits: settings)
        store.revision = revision
        store.clusterTime = clusterTime
        store.appliedIndex = appliedIndex
        store.chain = StateHash(hash)
    }

    /// How many leases there are so far, and how many answers.
    public var leaseCount: Int { store.leaseCount }
    public var answerCount: Int { store.answerCount }

    /// Adds the next lease, whose id must be larger than all others'; leases come before the keys they hold.
    ///
    /// - Returns: false, with nothing changed, if no store can hold it there.
    public mutating func add(lease id: UInt64, ttlMilliseconds: UInt64) -> Bool {
        guard (1...Lease.idMax).contains(id), Lease.ttlMilliseconds.contains(ttlMilliseconds),
            count == 0, answerCount == 0, lastLease < id
        else { return false }
        lastLease = id
        store.leases.grant(id, ttlMilliseconds: ttlMilliseconds)
        return true
    }

    /// Adds the next answer that is kept, in the order of the entries that were answered.
    ///
    /// - Returns: false, with nothing changed, if no store can hold it there.
    public mutating func add(_ answer: KeptAnswer, key: [UInt8]) -> Bool {
        guard (1...Once.keyBytesMax).contains(key.count), lastAnswer < answer.index,
            answer.index <= store.appliedIndex, answer.at <= store.clusterTime,
            answer.revision <= store.revision, store.answers.kept(key) == nil,
            Reply(answer) != nil
        else { return false }
        lastAnswer = answer.index
        store.answers.keep(key, answer)
        return true
    }

    /// The bytes of their keys and values.
    public var bytes: Int { store.bytes }

    /// Adds the next record, whose key must lie after all others.
    ///
    /// - Returns: false, with nothing changed, if no store can hold this record there: keys that do not rise,
    ///   an empty or too long key, revisions out of order or later than the store's, a lease that is not
    /// there.
    public mutating func add(
        key: Span<UInt8>, value: Span<UInt8>, contentType: Span<UInt8>,
        revision: Revision, createdRevision: Revision, version: UInt64, hold: Hold = .none
    ) -> Bool {
        guard !key.isEmpty, key.count <= Command.keyBytesMax, value.count <= Int(UInt32.max),
            contentType.count <= Command.contentTypeBytesMax,
            Revision.empty < createdRevision, createdRevision <= revision, revision <= store.revision,
            version > 0, version <= revision.rawValue, !isTreeWhole
        else { return false }
        let record = Record(
            key: key, value: value, contentType: contentType, revision: revision,
            createdRevision: createdRevision, version: version, hold: hold)
        guard hold.lease == 0 || store.lease(hold.lease) != nil,
            keepsRecords ? tree.append(record) : follows(record)
        else { return false }
        if keepsRecords { store.leases.move(from: nil, to: record) }
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
        endRecords()
        return store
    }

    /// No further record comes.
    private mutating func endRecords() {
        guard !isTreeWhole else { return }
        isTreeWhole = true
        var whole = TreeBuilder()
        swap(&whole, &tree)
        store.tree = whole.finish()
    }
}

// MARK: - Events

extension Restoration {
    /// How many events there are so far.
    public var eventsCount: Int { store.history.count }

    /// Whether the events that were added lead up to the store's revision without a gap.
    public var isHistoryWhole: Bool { store.history.last == store.revision }

    /// Adds the next event: that a key was put, and is since then as it stands among the records.
    ///
    /// - Returns: false, with nothing changed, if there is no such record, or no store can have this event
    ///   there. Where no records are kept, the first is not looked for.
    public mutating func addPut(key: Span<UInt8>, revision: Revision) -> Bool {
        endRecords()
        guard isNext(revision), isKey(key) else { return false }
        guard keepsRecords else {
            store.history.append(.put, key: key, at: revision)
            return true
        }
        guard let record = store.tree.record(key), record.revision == revision else { return false }
        store.history.append(record)
        return true
    }

    /// Adds the next event: that a key was put as it is not any more.
    public mutating func addPut(
        key: Span<UInt8>, value: Span<UInt8>, contentType: Span<UInt8>,
        revision: Revision, createdRevision: Revision, version: UInt64, hold: Hold = .none
    ) -> Bool {
        endRecords()
        guard isNext(revision), isKey(key), value.count <= Int(UInt32.max),
            contentType.count <= Command.contentTypeBytesMax,
            Revision.empty < createdRevision, createdRevision <= revision,
            version > 0, version <= revision.rawValue
        else { return false }
        guard keepsRecords else {
            store.history.append(.put, key: key, at: revision)
            return true
        }
        store.history.append(
            Record(
                key: key, value: value, contentType: contentType, revision: revision,
                createdRevision: createdRevision, version: version, hold: hold))
        return true
    }

    /// Adds the next event: that a key went, in one way or the other.
    public mutating func addGone(_ kind: Event.Kind, key: Span<UInt8>, revision: Revision) -> Bool {
        endRecords()
        guard isNext(revision), isKey(key), kind != .put else { return false }
        store.history.append(kind, key: key, at: revision)
        return true
    }

    private func isNext(_ revision: Revision) -> Bool {
        let history = store.history
        guard revision <= store.revision else { return false }
        return revision == history.last.next || revision == history.last && history.count > 0
    }

    private func isKey(_ key: Span<UInt8>) -> Bool { !key.isEmpty && key.count <= Command.keyBytesMax }
}
