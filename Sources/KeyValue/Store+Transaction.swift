// Transactions and range deletes applied (rule 20): everything at one revision, or nothing.

extension Store {
    /// Deletes the keys of a range, if they are not too many (rule 23).
    mutating func apply(_ range: KeyRange, _ at: ClusterTime) -> Reply {
        guard revision < .largest else { return malformed() }
        advance(to: at)
        var draft = Draft(revision: revision.next, now: clusterTime)
        lend(to: &draft)
        let count = draft.delete(range)
        lend(to: &draft)
        guard let count else { return finish(.refused, .tooManyKeys) }
        take(draft, .deleteRange)
        return .deleted(count: count, revision: revision)
    }

    /// Does what the branch says that the comparisons choose; all of it, or nothing.
    mutating func apply(_ transaction: Transaction, _ at: ClusterTime, answerBytesMax: Int) -> Reply {
        guard revision < .largest else { return malformed() }
        let holds = transaction.comparisons.allSatisfy { $0.holds(tree.record($0.key.span)) }
        var draft = Draft(revision: revision.next, now: max(clusterTime, at), answerBytesMax: answerBytesMax)
        lend(to: &draft)
        var results: [TransactionReply.Result] = []
        var failure: Draft.Failure?
        do throws(Draft.Failure) {
            for step in holds ? transaction.then : transaction.otherwise {
                results.append(try draft.perform(step))
            }
        } catch {
            draft.undo()
            failure = error
        }
        lend(to: &draft)
        if failure == .twice { return malformed() }
        advance(to: at)
        switch failure {
        case .tooManyKeys: return finish(.refused, .tooManyKeys)
        case .answerTooLarge: return finish(.refused, .answerTooLarge)
        case .leaseNotFound: return finish(.refused, .leaseNotFound)
        case .twice, nil: break
        }
        take(draft, holds ? .then : .otherwise)
        return .transacted(TransactionReply(succeeded: holds, revision: revision, results: results))
    }

    /// A draft works on the store's own trees, so that nothing is copied: lent, and given back the same way.
    mutating func lend(to draft: inout Draft) {
        swap(&draft.tree, &tree)
        swap(&draft.leases, &leases)
    }

    /// What was drafted is what is, from now on.
    mutating func take(_ draft: Draft, _ effect: StateHash.Effect) {
        chain.mix(effect, index: appliedIndex, at: clusterTime)
        chain.mix(UInt64(draft.changes.count))
        if draft.changes.isEmpty { return }
        revision = draft.revision
        chain.mix(revision.rawValue)
        bytes += draft.bytes
        for change in draft.changes {
            switch change {
            case .put(let record, _):
                chain.mix(StateHash.Effect.put.rawValue)
                chain.mix(record)
                history.append(record)
            case .delete(let record):
                chain.mix(StateHash.Effect.delete.rawValue)
                record.withKey { chain.mix($0) }
                record.withKey { history.append(.delete, key: $0, at: revision) }
            case .expire(let record):
                chain.mix(StateHash.Effect.expire.rawValue)
                record.withKey { chain.mix($0) }
                record.withKey { history.append(.expire, key: $0, at: revision) }
            }
        }
    }
}

/// Writes that are under way in the store's tree, and how to take them back.
struct Draft {
    /// Why none of it takes effect.
    enum Failure: Error {
        /// One key is put twice: no node proposes that.
        case twice
        case tooManyKeys, answerTooLarge, leaseNotFound
    }

    enum Change {
        case put(Record, over: Record?)
        case delete(Record)
        /// What it hung on has ended.
        case expire(Record)
    }

    /// The store's own trees while the draft is made.
    var tree = Tree()
    var leases = Leases()
    /// The revision that all of it will have.
    let revision: Revision
    /// Cluster time.
    private let now: ClusterTime
    private let answerBytesMax: Int
    private(set) var changes: [Change] = []
    /// How many bytes more there are, keys and values, than before.
    private(set) var bytes = 0
    private var answerBytes = 0

    init(revision: Revision, now: ClusterTime, answerBytesMax: Int = Transaction.answerBytesMax) {
        self.revision = revision
        self.now = now
        self.answerBytesMax = answerBytesMax
    }

    mutating func perform(_ step: Transaction.Step) throws(Failure) -> TransactionReply.Result {
        switch step {
        case .put(let key, let value, let contentType, let lifetime):
            return try put(key.span, value.span, contentType.span, lifetime)
        case .get(let key):
            let record = tree.record(key.span)
            try admit(record.map { Draft.answerBytes(of: $0) } ?? Draft.answerBytesLeast)
            return .got(record)
        case .list(let prefix, let limit): return try list(KeyRange(prefix: prefix), limit)
        case .delete(let key):
            try admit(Draft.answerBytesLeast)
            guard let record = tree.remove(key.span) else { return .deleted(0) }
            try note(.delete(record))
            return .deleted(1)
        case .deleteAll(let prefix):
            try admit(Draft.answerBytesLeast)
            guard let count = delete(KeyRange(prefix: prefix)) else { throw .tooManyKeys }
            return .deleted(count)
        }
    }

    private mutating func put(
        _ key: Span<UInt8>, _ value: Span<UInt8>, _ contentType: Span<UInt8>, _ lifetime: Lifetime
    ) throws(Failure) -> TransactionReply.Result {
        try admit(Draft.answerBytesLeast + Command.jsonCount(key))
        let present = tree.record(key)
        if present?.revision == revision { throw .twice }
        let hold: Hold
        switch leases.hold(lifetime, for: present, now: now) {
        case .success(let asked): hold = asked
        case .failure(.leaseNotFound): throw .leaseNotFound
        case .failure(.tooManyKeys): throw .tooManyKeys
        }
        let record = Record(
            key: key, value: value, contentType: contentType, revision: revision,
            createdRevision: present?.createdRevision ?? revision, version: (present?.version ?? 0) + 1,
            hold: hold)
        tree.put(record)
        try note(.put(record, over: present))
        return .put(record)
    }

    private mutating func list(
        _ range: KeyRange, _ limit: Int
    ) throws(Failure) -> TransactionReply.Result {
        try admit(Draft.answerBytesLeast)
        var records: [Record] = []
        var isMore = false
        try tree.forEach(in: range, limit: limit + 1) { record throws(Failure) in
            isMore = records.count == limit
            if isMore { return false }
            try admit(Draft.answerBytes(of: record))
            records.append(record)
            return true
        }
        return .listed(records, isMore: isMore)
    }

    /// Deletes a range; nil, and nothing done, where more would change than may at one revision.
    mutating func delete(_ range: KeyRange) -> Int? {
        let most = Transaction.changesMax - changes.count
        var records: [Record] = []
        tree.forEach(in: range, limit: most + 1) { record in
            records.append(record)
            return true
        }
        guard records.count <= most else { return nil }
        for record in records {
            record.withKey { _ = tree.remove($0) }
            add(.delete(record))
        }
        return records.count
    }

    /// Removes a key whose time is over, if it is there.
    mutating func expire(_ key: [UInt8]) {
        if let record = tree.remove(key.span) { add(.expire(record)) }
    }

    /// Removes a key, if it is there.
    mutating func delete(_ key: [UInt8]) {
        if let record = tree.remove(key.span) { add(.delete(record)) }
    }

    private mutating func note(_ change: Change) throws(Failure) {
        add(change)
        guard changes.count <= Transaction.changesMax else { throw .tooManyKeys }
    }

    /// The tree has been changed so: what follows from it is counted.
    private mutating func add(_ change: Change) {
        changes.append(change)
        switch change {
        case .put(let record, let over):
            bytes += record.valueCount - (over?.valueCount ?? -record.keyCount)
            leases.move(from: over, to: record)
        case .delete(let record), .expire(let record):
            bytes -= record.keyCount + record.valueCount
            leases.move(from: record, to: nil)
        }
    }

    private mutating func admit(_ bytes: Int) throws(Failure) {
        answerBytes += bytes
        guard answerBytes <= answerBytesMax else { throw .answerTooLarge }
    }

    /// What an answer's numbers and names take at most, for each operation and each record.
    private static let answerBytesLeast = 256

    /// What a record takes in an answer at most: its texts are counted as JSON has them.
    private static func answerBytes(of record: Record) -> Int {
        answerBytesLeast + record.withKey { Command.jsonCount($0) }
            + record.withValue { Command.jsonCount($0) } + record.withContentType { Command.jsonCount($0) }
    }

    /// Takes everything back, the last change first.
    mutating func undo() {
        for change in changes.reversed() {
            switch change {
            case .put(let record, let over?):
                tree.put(over)
                leases.move(from: record, to: over)
            case .put(let record, nil):
                record.withKey { _ = tree.remove($0) }
                leases.move(from: record, to: nil)
            case .delete(let record), .expire(let record):
                tree.put(record)
                leases.move(from: nil, to: record)
            }
        }
        changes.removeAll()
        bytes = 0
    }
}
