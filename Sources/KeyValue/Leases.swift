// The leases, and which keys end with them or at a moment of their own (Interface §4, rules 21 and 22).

/// A lease as it stands in the store. Until when it lives is the leader's to know, not the store's.
public struct Lease: Hashable, Sendable {
    /// A positive number of 63 bits.
    public let id: UInt64
    /// How long it lives without a keepalive.
    public let ttlMilliseconds: UInt64
    /// How many keys it holds.
    public let keyCount: Int

    /// The most keys that one lease holds (rule 22).
    public static let keysMax = 10_000
    /// The shortest and the longest time to live: a second, and a day.
    public static let ttlMilliseconds: ClosedRange<UInt64> = 1_000...86_400_000
    /// The largest id.
    public static let idMax = UInt64(Int64.max)
}

/// All leases; and every key that has one, or a moment at which it ends.
///
/// Three trees, so that a frozen copy of the store shares them as it shares its keys.
struct Leases: Sendable {
    /// Id → time to live and number of keys.
    private var granted = Tree()
    /// Id and key.
    private var held = Tree()
    /// Moment and key.
    private var ends = Tree()

    var count: Int { granted.count }
    /// How many keys end at a moment of their own.
    var endCount: Int { ends.count }

    func lease(_ id: UInt64) -> Lease? { granted.record(Leases.bytes(id).span).map(Leases.lease) }

    /// Hands over the leases in the order of their ids, from one after `id` on.
    func forEach(after id: UInt64, _ body: (Lease) -> Bool) {
        let start = KeyRange.all.after(Leases.bytes(id))
        granted.forEach(in: id == 0 ? .all : start) { body(Leases.lease($0)) }
    }

    /// The keys of a lease, in order.
    func keys(of id: UInt64) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        held.forEach(in: KeyRange(prefix: Leases.bytes(id))) {
            keys.append([UInt8]($0.key.dropFirst(8)))
            return true
        }
        return keys
    }

    /// The keys that end at `now` or before, the earliest first, at most `limit`.
    func ended(by now: ClusterTime, limit: Int) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        let end = Leases.bytes(now.milliseconds + 1)
        ends.forEach(in: KeyRange(start: [], end: end), limit: limit) {
            keys.append([UInt8]($0.key.dropFirst(8)))
            return true
        }
        return keys
    }

    /// The earliest moment at which a key ends.
    var firstEnd: ClusterTime? {
        var first: ClusterTime?
        ends.forEach(in: .all, limit: 1) {
            first = ClusterTime(milliseconds: Leases.number($0.key.prefix(8)))
            return false
        }
        return first
    }

    /// Why a write does not get what it asks for.
    enum Refusal: Error { case leaseNotFound, leaseFull }

    /// What a key's next record hangs on, as a write asks for it.
    func hold(_ lifetime: Lifetime, for current: Record?, now: ClusterTime) -> Result<Hold, Refusal> {
        switch lifetime {
        case .unbounded: return .success(.none)
        case .ttl(let milliseconds):
            return .success(Hold(end: ClusterTime(milliseconds: now.milliseconds + milliseconds)))
        case .lease(let id):
            guard let lease = lease(id) else { return .failure(.leaseNotFound) }
            guard lease.keyCount < Lease.keysMax || current?.lease == id else {
                return .failure(.leaseFull)
            }
            return .success(Hold(lease: id))
        }
    }

    /// A new lease, without keys.
    mutating func grant(_ id: UInt64, ttlMilliseconds: UInt64) { set(id, ttlMilliseconds, keyCount: 0) }

    /// Forgets a lease that holds no key any more.
    mutating func remove(_ id: UInt64) { granted.remove(Leases.bytes(id).span) }

    /// A key's record is replaced by another of the same key, comes to be, or goes.
    mutating func move(from old: Record?, to new: Record?) {
        let (before, after) = (old?.hold ?? .none, new?.hold ?? .none)
        if before == after { return }
        if let old { release(old, before) }
        if let new { take(new, after) }
    }

    private mutating func take(_ record: Record, _ hold: Hold) {
        if let end = hold.end {
            ends.put(Leases.place(end.milliseconds, record))
        } else if hold != .none {
            held.put(Leases.place(hold.lease, record))
            count(hold.lease, by: 1)
        }
    }

    private mutating func release(_ record: Record, _ hold: Hold) {
        if let end = hold.end {
            Leases.place(end.milliseconds, record).withKey { _ = ends.remove($0) }
        } else if hold != .none {
            Leases.place(hold.lease, record).withKey { _ = held.remove($0) }
            count(hold.lease, by: -1)
        }
    }

    private mutating func count(_ id: UInt64, by change: Int) {
        guard let lease = lease(id) else { return }
        set(id, lease.ttlMilliseconds, keyCount: lease.keyCount + change)
    }

    private mutating func set(_ id: UInt64, _ ttlMilliseconds: UInt64, keyCount: Int) {
        let value = Leases.bytes(ttlMilliseconds) + Leases.bytes(UInt64(keyCount))
        granted.put(Leases.record(Leases.bytes(id), value))
    }
}

extension Leases {
    private static func lease(_ record: Record) -> Lease {
        let value = record.value
        return Lease(
            id: number(record.key[...]), ttlMilliseconds: number(value.prefix(8)),
            keyCount: Int(number(value.suffix(8))))
    }

    /// What stands in `held` or `ends` for a key.
    private static func place(_ number: UInt64, _ record: Record) -> Record {
        Leases.record(bytes(number) + record.key, [])
    }

    private static func record(_ key: [UInt8], _ value: [UInt8]) -> Record {
        Record(
            key: key.span, value: value.span, contentType: Span(), revision: .empty,
            createdRevision: .empty, version: 1)
    }

    /// The number so that the order of bytes is that of numbers.
    static func bytes(_ number: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        append(number, to: &bytes)
        return bytes
    }

    static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        for shift in 1...8 { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(64 - 8 * shift))) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
