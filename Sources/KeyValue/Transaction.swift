// Transactions: comparisons, and what is done where they all hold, or where one does not (Interface §2).

/// Conditions and operations that take effect together, at one revision, or not at all.
public struct Transaction: Equatable, Sendable {
    /// The most operations that both branches have together, and the most comparisons.
    public static let operationsMax = 1_000
    /// The most bytes that the answer takes, as JSON.
    public static let answerBytesMax = 16 << 20
    /// The most keys that one revision changes (rule 23).
    public static let changesMax = 10_000
    /// The most entries that one operation lists.
    public static let listMax = 10_000

    /// All must hold; none at all do.
    public var comparisons: [Comparison]
    /// What is done where all hold.
    public var then: [Step]
    /// What is done where one does not.
    public var otherwise: [Step]

    public init(comparisons: [Comparison] = [], then: [Step] = [], otherwise: [Step] = []) {
        self.comparisons = comparisons
        self.then = then
        self.otherwise = otherwise
    }

    /// One operation of a branch. A read sees the writes before it.
    public enum Step: Equatable, Sendable {
        /// An empty type means `application/octet-stream`.
        case put(key: [UInt8], value: [UInt8], contentType: [UInt8], lifetime: Lifetime = .unbounded)
        case get(key: [UInt8])
        /// The first `limit` keys that begin with `prefix`.
        case list(prefix: [UInt8], limit: Int)
        case delete(key: [UInt8])
        /// Deletes all keys that begin with `prefix`.
        case deleteAll(prefix: [UInt8])
    }

    /// Where an operation stands that could not be done.
    public struct Place: Hashable, Sendable {
        /// What an operation does.
        public enum Kind: Hashable, Sendable { case put, get, list, delete, deleteAll }

        /// Whether it is one of those that are done where all comparisons hold.
        public let isThen: Bool
        public let kind: Kind
        private let place: UInt32

        public init(isThen: Bool, number: Int, _ kind: Kind) {
            self.isThen = isThen
            self.kind = kind
            place = UInt32(truncatingIfNeeded: number)
        }

        /// How many operations of its branch stand before it.
        public var number: Int { Int(place) }
    }
}

extension Transaction.Step {
    var kind: Transaction.Place.Kind {
        switch self {
        case .put: .put
        case .get: .get
        case .list: .list
        case .delete: .delete
        case .deleteAll: .deleteAll
        }
    }
}

/// What one key must be like.
public struct Comparison: Equatable, Sendable {
    /// What of the key is compared.
    public enum Subject: Equatable, Sendable {
        case exists(Bool)
        /// All bounds must hold; an absent key has the number 0.
        case number(Number, [Bound<UInt64>])
        /// All bounds must hold; an absent key has no value, and nothing holds of it.
        case value([Bound<[UInt8]>])
    }

    /// The numbers of a key.
    public enum Number: String, CaseIterable, Sendable {
        case revision, createdRevision, version
        /// Equal or not is all that can be asked of it.
        case lease
    }

    /// How two are compared; the raw values are the names in JSON.
    public enum Relation: String, CaseIterable, Sendable {
        case eq, ne, gt, ge, lt, le
    }

    /// A relation, and what stands on its right.
    public struct Bound<Operand: Equatable & Sendable>: Equatable, Sendable {
        public var relation: Relation
        public var operand: Operand
        public init(_ relation: Relation, _ operand: Operand) {
            self.relation = relation
            self.operand = operand
        }
    }

    public var key: [UInt8]
    public var subject: Subject

    public init(key: [UInt8], _ subject: Subject) {
        self.key = key
        self.subject = subject
    }

    /// Whether it holds of the key's record.
    func holds(_ record: Record?) -> Bool {
        switch subject {
        case .exists(let exists): return (record != nil) == exists
        case .number(let number, let bounds):
            let own = record.map { number.of($0) } ?? 0
            return bounds.allSatisfy { $0.relation.holds(own < $0.operand, own == $0.operand) }
        case .value(let bounds):
            guard let record else { return false }
            return bounds.allSatisfy { bound in
                let order = record.withValue { value in
                    unsafe value.withUnsafeBytes { own in
                        unsafe bound.operand.span.withUnsafeBytes { unsafe Comparison.order(own, $0) }
                    }
                }
                return bound.relation.holds(order < 0, order == 0)
            }
        }
    }

    private static func order(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        guard let one = a.baseAddress, let other = b.baseAddress else { return a.count - b.count }
        let key = unsafe KeyBytes(start: one, count: a.count)
        let second = unsafe KeyBytes(start: other, count: b.count)
        return unsafe key.compare(second)
    }
}

extension Comparison.Number {
    func of(_ record: Record) -> UInt64 {
        switch self {
        case .revision: record.revision.rawValue
        case .createdRevision: record.createdRevision.rawValue
        case .version: record.version
        case .lease: record.lease
        }
    }
}

extension Comparison.Relation {
    /// Whether it holds between two of which the first is less than the second, or equal to it.
    func holds(_ isLess: Bool, _ isEqual: Bool) -> Bool {
        switch self {
        case .eq: isEqual
        case .ne: !isEqual
        case .gt: !isLess && !isEqual
        case .ge: !isLess
        case .lt: isLess
        case .le: isLess || isEqual
        }
    }
}
