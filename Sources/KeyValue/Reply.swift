// What the store answers to one applied command; the same on every node.

/// The outcome of one applied command.
public enum Reply: Equatable, Sendable {
    /// The value was stored: whether the key was absent before, and the key's numbers from now on.
    case written(created: Bool, revision: Revision, createdRevision: Revision, version: UInt64)
    /// So many keys were removed; the store's revision after it, which is unchanged where none was.
    case deleted(count: Int, revision: Revision)
    /// A condition did not hold, and nothing changed; the key's revision, if it exists.
    case conditionFailed(current: Revision?)
    /// A transaction took effect, one branch or the other.
    case transacted(TransactionReply)
    /// More keys would change than may at one revision, and nothing changed: so many, those of a transaction
    /// up to the operation that is one too much.
    case tooManyKeys(count: Int, at: Transaction.Place?)
    /// The lease holds as many keys as it may, and nothing changed.
    case leaseFull(at: Transaction.Place?)
    /// What a transaction reads is more than an answer holds, or, of one with an idempotency key, more than
    /// is kept; and nothing changed.
    case answerTooLarge(at: Transaction.Place)
    /// A lease was granted.
    case granted(lease: UInt64, ttlMilliseconds: UInt64)
    /// There is a lease of the id that was asked for.
    case leaseExists
    /// There is no such lease, and nothing changed.
    case leaseNotFound(at: Transaction.Place?)
    /// A lease is no more, nor are the keys that it held; the store's revision after it.
    case revoked(lease: UInt64, deleted: Int, revision: Revision)
    /// What was answered when the same write was first applied, and the store's revision then.
    indirect case replayed(Reply, revision: Revision)
    /// The idempotency key stands for another request, and nothing changed.
    case keyReused
    /// No further idempotency key can be kept, and nothing changed.
    case keysFull
    /// The entry asked for nothing: a new leader's first.
    case none
    /// The command could not be understood, and nothing changed.
    case malformed
}

/// What a transaction came to.
///
/// A class so that other replies stay small; it never changes.
public final class TransactionReply: Sendable, Equatable {
    /// What one operation came to.
    public enum Result: Sendable {
        case put(Record)
        case got(Record?)
        case listed([Record], isMore: Bool)
        case deleted(Int)
    }

    /// Whether all comparisons held.
    public let succeeded: Bool
    /// The store's revision after it.
    public let revision: Revision
    /// Cluster time when it took effect: what is left of a key's life is told from there, also when the
    /// answer is given again.
    public let at: ClusterTime
    /// One for each operation of the branch.
    public let results: [Result]

    public init(succeeded: Bool, revision: Revision, at: ClusterTime, results: [Result]) {
        self.succeeded = succeeded
        self.revision = revision
        self.at = at
        self.results = results
    }

    public static func == (a: TransactionReply, b: TransactionReply) -> Bool {
        a.succeeded == b.succeeded && a.revision == b.revision && a.at == b.at && a.results == b.results
    }
}

extension TransactionReply.Result: Equatable {
    /// Records are compared by what they hold.
    public static func == (a: Self, b: Self) -> Bool {
        switch (a, b) {
        case (.put(let a), .put(let b)): a.isSame(as: b)
        case (.got(nil), .got(nil)): true
        case (.got(let a?), .got(let b?)): a.isSame(as: b)
        case (.listed(let a, let isMoreA), .listed(let b, let isMoreB)):
            isMoreA == isMoreB && a.count == b.count && zip(a, b).allSatisfy { $0.isSame(as: $1) }
        case (.deleted(let a), .deleted(let b)): a == b
        case (.put, _), (.got, _), (.listed, _), (.deleted, _): false
        }
    }
}

extension Record {
    fileprivate func isSame(as other: Record) -> Bool {
        revision == other.revision && createdRevision == other.createdRevision && version == other.version
            && hold == other.hold && key == other.key && value == other.value
            && withContentType({ type in other.withContentType { areEqual(type, $0) } })
    }
}

private func areEqual(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    for i in a.indices where a[i] != b[i] { return false }
    return true
}
