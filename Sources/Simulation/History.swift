// What clients saw: every call with its invocation, its return and what it was told.
public import KeyValue

/// One call of one client.
public struct Call: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        case read
        /// Stores a value that no other call stores.
        case put(value: UInt64)
        case delete
    }
    /// A condition on the key, as the client meant it.
    public enum Condition: Hashable, Sendable {
        case none
        /// `If-None-Match: *`
        case isAbsent
        /// `If-Match`: the revision, and the value that the client has seen with it.
        case isAt(Revision, value: UInt64)
    }
    /// What a key held.
    public struct Found: Hashable, Sendable {
        public let value: UInt64
        public let revision: Revision
        public let createdRevision: Revision
        public let version: UInt64
        public init(value: UInt64, revision: Revision, createdRevision: Revision, version: UInt64) {
            self.value = value
            self.revision = revision
            self.createdRevision = createdRevision
            self.version = version
        }
    }
    public enum Outcome: Hashable, Sendable {
        /// No answer: it may take effect at any time after its invocation, or never.
        case unknown
        /// It certainly takes no effect.
        case refused
        case written(created: Bool, revision: Revision, createdRevision: Revision, version: UInt64)
        /// The store's revision afterwards.
        case deleted(count: Int, revision: Revision)
        /// The store's revision when the condition did not hold, and the key's then.
        case conditionFailed(current: Revision?, at: Revision)
        /// What the key held, and the store's revision then.
        case read(Found?, at: Revision)
    }
    public let key: Int
    public let action: Action
    public let condition: Condition
    /// Moments are numbers, all different.
    public let invoked: UInt64
    /// When the answer came; nil if none did.
    public var returned: UInt64?
    public var outcome: Outcome

    public init(
        key: Int, action: Action, condition: Condition = .none, invoked: UInt64, returned: UInt64?,
        outcome: Outcome
    ) {
        self.key = key
        self.action = action
        self.condition = condition
        self.invoked = invoked
        self.returned = returned
        self.outcome = outcome
    }
}

/// All calls of a run, in the order of their invocations.
public struct History: Sendable {
    public var calls: [Call] = []
    public init(_ calls: [Call] = []) { self.calls = calls }

    /// How many calls have a certain outcome.
    var answeredCount: Int {
        calls.reduce(0) { $0 + ($1.outcome == .unknown ? 0 : 1) }
    }
}

extension Call {
    /// The store's revision at which it took effect, if it was told; and whether it made that revision.
    var position: (revision: Revision, isChange: Bool)? {
        switch outcome {
        case .unknown, .refused: nil
        case .written(_, let revision, _, _): (revision, true)
        case .deleted(let count, let revision): (revision, count > 0)
        case .conditionFailed(_, let revision), .read(_, let revision): (revision, false)
        }
    }

    func with(_ outcome: Outcome) -> Call {
        var call = self
        call.outcome = outcome
        return call
    }

    var isUnknownWrite: Bool { outcome == .unknown && action != .read }
}
