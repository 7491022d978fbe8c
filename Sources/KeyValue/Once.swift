// Idempotency keys: a client's name for a write that takes effect once, however often it is sent (Interface
// §6).
internal import JSON

/// What a client has named, so that it may send it again.
public struct Once: Hashable, Sendable {
    /// The client's name for the write: 1 to 128 bytes of printable ASCII.
    public var key: [UInt8]
    /// What was asked for, as a hash: another request under the same name is refused.
    public var request: Fingerprint

    /// 128 bits that two requests have in common only if they are the same.
    public struct Fingerprint: Hashable, Sendable {
        public var high: UInt64
        public var low: UInt64
        public init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }
    }

    public init(key: [UInt8], request: Fingerprint) {
        self.key = key
        self.request = request
    }

    /// The longest name in bytes.
    public static let keyBytesMax = 128
    /// How long an answer is kept: ten minutes of cluster time.
    public static let keptMilliseconds: UInt64 = 600_000
    /// How many answers are kept at most, and how many bytes they may take.
    public static let countMax = 1_000_000
    public static let bytesMax = 256 << 20
    /// The largest answer of a transaction that can be kept, in bytes of its JSON.
    public static let answerBytesMax = 64 << 10
}

/// What was answered to a write under an idempotency key.
public struct KeptAnswer: Sendable {
    /// The entry that was answered.
    public let index: UInt64
    /// Cluster time then.
    public let at: ClusterTime
    public let request: Once.Fingerprint
    /// The store's revision after it.
    public let revision: Revision
    /// The reply as JSON.
    public let reply: [UInt8]

    public init(
        index: UInt64, at: ClusterTime, request: Once.Fingerprint, revision: Revision, reply: [UInt8]
    ) {
        self.index = index
        self.at = at
        self.request = request
        self.revision = revision
        self.reply = reply
    }
}

/// The answers that are kept, by their keys and in the order in which they were given.
///
/// What is kept is a function of the commands applied, cluster time included, so all nodes keep the same.
struct Answers: Sendable {
    /// Key → answer, as one JSON object.
    private var byKey = Tree()
    /// Index of the entry → key.
    private var byIndex = Tree()
    /// What they take, in bytes.
    private(set) var bytes = 0

    var count: Int { byKey.count }

    func kept(_ key: [UInt8]) -> KeptAnswer? { byKey.record(key.span).flatMap(Answers.kept) }

    /// Whether one more of this size finds room.
    func hasRoom(for count: Int) -> Bool {
        self.count < Once.countMax && bytes + count <= Once.bytesMax
    }

    mutating func keep(_ key: [UInt8], _ kept: KeptAnswer) {
        let record = Answers.record(key, kept)
        byKey.put(record)
        byIndex.put(Answers.record(Leases.bytes(kept.index), value: key))
        bytes += Answers.bytes(of: record)
    }

    /// Forgets those that were kept for long enough, the oldest first, at most `limit`.
    mutating func forget(by now: ClusterTime, limit: Int) {
        guard now.milliseconds > Once.keptMilliseconds else { return }
        let oldest = now.milliseconds - Once.keptMilliseconds
        for _ in 0..<limit {
            var first: Record?
            byIndex.forEach(in: .all, limit: 1) {
                first = $0
                return false
            }
            guard let first, let record = first.withValue({ byKey.record($0) }),
                let kept = Answers.kept(record), kept.at.milliseconds < oldest
            else { return }
            record.withKey { _ = byKey.remove($0) }
            first.withKey { _ = byIndex.remove($0) }
            bytes -= Answers.bytes(of: record)
        }
    }

    /// Hands over the answers in the order of their entries, from one after `index` on.
    func forEach(after index: UInt64, _ body: (_ key: [UInt8], KeptAnswer) -> Bool) {
        byIndex.forEach(in: index == 0 ? .all : KeyRange.all.after(Leases.bytes(index))) { place in
            let key = place.value
            guard let kept = kept(key) else { return true }
            return body(key, kept)
        }
    }
}

extension Answers {
    /// What two tree nodes' records take beside their texts, about.
    private static let overhead = 160

    private static func bytes(of record: Record) -> Int { overhead + 2 * record.keyCount + record.valueCount }

    /// What an answer of so many bytes takes under a key.
    static func bytes(key: Int, reply: Int) -> Int { overhead + 2 * key + headBytes + reply }

    private static let headBytes = 40

    private static func record(_ key: [UInt8], _ kept: KeptAnswer) -> Record {
        var value: [UInt8] = []
        value.reserveCapacity(headBytes + kept.reply.count)
        Leases.append(kept.index, to: &value)
        Leases.append(kept.at.milliseconds, to: &value)
        Leases.append(kept.request.high, to: &value)
        Leases.append(kept.request.low, to: &value)
        Leases.append(kept.revision.rawValue, to: &value)
        value += kept.reply
        return record(key, value: value)
    }

    private static func record(_ key: [UInt8], value: [UInt8]) -> Record {
        Record(
            key: key.span, value: value.span, contentType: Span(), revision: .empty,
            createdRevision: .empty, version: 1)
    }

    private static func kept(_ record: Record) -> KeptAnswer? {
        let value = record.value
        guard value.count >= headBytes else { return nil }
        func number(_ place: Int) -> UInt64 {
            value[8 * place..<8 * place + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        return KeptAnswer(
            index: number(0), at: ClusterTime(milliseconds: number(1)),
            request: Once.Fingerprint(high: number(2), low: number(3)), revision: Revision(number(4)),
            reply: [UInt8](value[headBytes...]))
    }
}
