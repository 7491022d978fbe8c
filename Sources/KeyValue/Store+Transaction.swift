// Transactions and range deletes applied (rule 20): everything at one revision, or nothing.

extension Store {
    /// Deletes the keys of a range, if they are not too many (rule 23).
    mutating func apply(_ range: KeyRange, _ at: ClusterTime) -> Reply {
        guard revision < .largest else { return malformed() }
        advance(to: at)
        let count = tree.count(in: range)
        guard count <= Transaction.changesMax else {
            return finish(.refused, .tooManyKeys(count: count, at: nil))
        }
        var draft = Draft(revision: revision.next, now: clusterTime)
        lend(to: &draft)
        draft.delete(range)
        lend(to: &draft)
        take(draft, .deleteRange)
        return .deleted(count: count, revision: revision)
    }

    /// Does what the branch says that the comparisons choose; all of it, or nothing.
    mutating func apply(
        _ transaction: Operation.Branches, _ command: Span<UInt8>, _ at: ClusterTime, answerBytesMax: Int
    ) -> Reply {
        guard revision < .largest else { return malformed() }
        let holds = transaction.comparisons.allSatisfy { $0.holds(tree.record($0.key.span)) }
        let steps = holds ? transaction.then : transaction.otherwise
        var draft = Draft(revision: revision.next, now: max(clusterTime, at), answerBytesMax: answerBytesMax)
        lend(to: &draft)
        var results: [TransactionReply.Result] = []
        results.reserveCapacity(steps.count)
        draft.expect(steps.count)
        var failure: Draft.Failure?
        do throws(Draft.Failure) {
            for step in steps { results.append(try draft.perform(step, of: command)) }
        } catch {
            draft.undo()
            failure = error
        }
        lend(to: &draft)
        if let failure {
            let number = results.count
            return refuse(failure, Transaction.Place(isThen: holds, number: number, steps[number].kind), at)
        }
        advance(to: at)
        take(draft, holds ? .then : .otherwise)
        return .transacted(
            TransactionReply(succeeded: holds, revision: revision, at: clusterTime, results: results))
    }

    /// Nothing is done, for the operation at `place` cannot be.
    private mutating func refuse(
        _ failure: Draft.Failure, _ place: Transaction.Place, _ at: ClusterTime
    ) -> Reply {
        let reply: Reply
        switch failure {
        case .twice: return malformed()
        case .tooManyKeys(let count): reply = .tooManyKeys(count: count, at: place)
        case .leaseFull: reply = .leaseFull(at: place)
        case .answerTooLarge: reply = .answerTooLarge(at: place)
        case .leaseNotFound: reply = .leaseNotFound(at: place)
        }
        advance(to: at)
        return finish(.refused, reply)
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
        /// So many would change by the operations up to this one.
        case tooManyKeys(count: Int)
        case answerTooLarge, leaseNotFound, leaseFull
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
    /// What the answer takes so far.
    private var answerBytes: Int

    init(revision: Revision, now: ClusterTime, answerBytesMax: Int = Transaction.answerBytesMax) {
        self.revision = revision
        self.now = now
        self.answerBytesMax = answerBytesMax
        answerBytes = TransactionReply.frameBytes(revision)
    }

    /// About so many changes follow.
    mutating func expect(_ count: Int) { changes.reserveCapacity(count) }

    mutating func perform(
        _ step: Operation.Branches.Step, of command: Span<UInt8>
    ) throws(Failure) -> TransactionReply.Result {
        switch step {
        case .put(let plain):
            let put = try put(
                command.extracting(plain.key), command.extracting(plain.value),
                command.extracting(plain.contentType), plain.lifetime)
            return try admitted(put)
        case .other(let step): return try perform(step)
        }
    }

    private mutating func perform(_ step: Transaction.Step) throws(Failure) -> TransactionReply.Result {
        switch step {
        case .put(let key, let value, let contentType, let lifetime):
            return try admitted(put(key.span, value.span, contentType.span, lifetime))
        case .get(let key): return try admitted(.got(tree.record(key.span)))
        case .list(let prefix, let limit): return try list(KeyRange(prefix: prefix), limit)
        case .delete(let key):
            guard let record = tree.remove(key.span) else { return try admitted(.deleted(0)) }
            try note(.delete(record))
            return try admitted(.deleted(1))
        case .deleteAll(let prefix):
            let range = KeyRange(prefix: prefix)
            let count = tree.count(in: range)
            try admit(changes: count)
            delete(range)
            return try admitted(.deleted(count))
        }
    }

    private mutating func put(
        _ key: Span<UInt8>, _ value: Span<UInt8>, _ contentType: Span<UInt8>, _ lifetime: Lifetime
    ) throws(Failure) -> TransactionReply.Result {
        var hold = Hold.none
        if lifetime != .unbounded {
            let present = tree.record(key)
            if present?.revision == revision { throw .twice }
            switch leases.hold(lifetime, for: present, now: now) {
            case .success(let asked): hold = asked
            case .failure(.leaseNotFound): throw .leaseNotFound
            case .failure(.leaseFull): throw .leaseFull
            }
        }
        var over: Record?
        var stored: Record?
        tree.put(key) { present in
            if let present, present.revision == revision { return present }
            let record = Record(
                key: key, value: value, contentType: contentType, revision: revision,
                createdRevision: present?.createdRevision ?? revision, version: (present?.version ?? 0) + 1,
                hold: hold)
            (over, stored) = (present, record)
            return record
        }
        guard let record = stored else { throw .twice }
        try note(.put(record, over: over))
        return .put(record)
    }

    private mutating func list(
        _ range: KeyRange, _ limit: Int
    ) throws(Failure) -> TransactionReply.Result {
        try admit(TransactionReply.listBytes(limit: limit))
        var records: [Record] = []
        var isMore = false
        try tree.forEach(in: range, limit: limit + 1) { record throws(Failure) in
            isMore = records.count == limit
            if isMore { return false }
            try admit(TransactionReply.bytes(of: record, now: now))
            records.append(record)
            return true
        }
        return .listed(records, isMore: isMore)
    }

    /// Deletes a range, of which the caller has seen to it that it is not too much.
    mutating func delete(_ range: KeyRange) {
        var records: [Record] = []
        tree.forEach(in: range) { record in
            records.append(record)
            return true
        }
        for record in records {
            record.withKey { _ = tree.remove($0) }
            add(.delete(record))
        }
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
        try admit(changes: 0)
    }

    /// Whether so many changes more are not too many.
    private func admit(changes more: Int) throws(Failure) {
        let count = changes.count + more
        guard count <= Transaction.changesMax else { throw .tooManyKeys(count: count) }
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

    /// The result, if the answer has room for it.
    private mutating func admitted(
        _ result: TransactionReply.Result
    ) throws(Failure) -> TransactionReply.Result {
        try admit(result.bytes(now: now))
        return result
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
