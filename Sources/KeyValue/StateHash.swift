// The chain of hashes over what every applied entry did (rule 25): the same in every process.

/// A 64-bit chain: each step is a bijection of the state before it, so stores that once differed keep
/// different hashes while they apply the same.
///
/// It guards against faults, not against a forger. (`Hasher` is no choice: each process seeds it anew.)
struct StateHash: Equatable, Sendable {
    /// What an entry did; the numbers are part of what the hash means.
    enum Effect: UInt64 {
        case none = 1
        case put, delete, conditionFailed, malformed
        /// A range was deleted; a transaction took one branch or the other; or nothing, for it was too large.
        case deleteRange, then, otherwise, refused
        /// A lease came or went, keys or leases ran out; a write was asked for again under its own key.
        case grant, revoke, expire, replayed
        /// The store's limits were set.
        case settings = 32
    }

    private(set) var value: UInt64 = 0

    init(_ value: UInt64 = 0) { self.value = value }

    @inline(__always)
    mutating func mix(_ word: UInt64) {
        // An odd multiplier and a shift to the right: both can be undone, so nothing is lost.
        value = (value ^ word) &* 0x9FB2_1C65_1E98_DF25
        value ^= value &>> 32
    }

    mutating func mix(_ effect: Effect, index: UInt64, at: ClusterTime) {
        mix(index)
        mix(at.milliseconds)
        mix(effect.rawValue)
    }

    mutating func mix(_ record: Record) {
        mix(record.revision.rawValue)
        mix(record.createdRevision.rawValue)
        mix(record.version)
        mix(record.hold.rawValue)
        record.withKey { mix($0) }
        record.withContentType { mix($0) }
        record.withValue { mix($0) }
    }

    /// Mixes the count and the bytes, eight at a time, little-endian, zeros after the last.
    mutating func mix(_ bytes: Span<UInt8>) {
        mix(UInt64(bytes.count))
        unsafe bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset &+ 8 <= bytes.count {
                mix(UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
                offset &+= 8
            }
            guard offset < bytes.count else { return }
            var last: UInt64 = 0
            for i in (offset..<bytes.count).reversed() { unsafe last = last &<< 8 | UInt64(bytes[i]) }
            mix(last)
        }
    }
}
