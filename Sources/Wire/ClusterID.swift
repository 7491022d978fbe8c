// The name of a cluster: 16 random bytes, drawn once, before its first election.
internal import JSON

/// Which cluster a node, a file or a message belongs to; written as 32 hexadecimal digits.
public struct ClusterID: Hashable, Sendable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    /// From 128 random bits.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From exactly 32 lower-case hexadecimal digits, or nil.
    public init?(_ text: Span<UInt8>) {
        var form = Form(0..<text.count)
        guard text.count == 32, let id = try? form.cluster(in: text) else { return nil }
        self = id
    }

    public var description: String {
        var digits: [UInt8] = []
        digits.append(cluster: self)
        return String(decoding: digits, as: UTF8.self)
    }
}

extension [UInt8] {
    /// 32 hexadecimal digits.
    mutating func append(cluster id: ClusterID) {
        append(hexadecimal8: UInt32(truncatingIfNeeded: id.high >> 32))
        append(hexadecimal8: UInt32(truncatingIfNeeded: id.high))
        append(hexadecimal8: UInt32(truncatingIfNeeded: id.low >> 32))
        append(hexadecimal8: UInt32(truncatingIfNeeded: id.low))
    }
}
