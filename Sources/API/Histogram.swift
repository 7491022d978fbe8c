// A histogram of durations whose bounds double, so that the place of a duration is one instruction away.

/// How many durations fell below each of 18 bounds, from 50 µs to 6.5536 s, each twice the one before.
public struct Histogram: Sendable {
    /// The last one counts what is longer than every bound.
    private var counts = InlineArray<19, UInt64>(repeating: 0)
    public private(set) var count: UInt64 = 0
    public private(set) var sumNanoseconds: UInt64 = 0

    /// How many bounds there are.
    public static let boundsCount = 18
    private static let firstBoundNanoseconds: UInt64 = 50_000

    public init() {}

    /// Counts a duration.
    public mutating func observe(nanoseconds: UInt64) {
        let units = (max(nanoseconds, 1) &- 1) / Histogram.firstBoundNanoseconds
        counts[min(64 &- units.leadingZeroBitCount, Histogram.boundsCount)] &+= 1
        count &+= 1
        sumNanoseconds &+= nanoseconds
    }

    /// A bound in nanoseconds; `index` is below ``boundsCount``.
    public static func bound(_ index: Int) -> UInt64 { firstBoundNanoseconds << UInt64(index) }

    /// How many durations were at most as long as that bound.
    public func count(upTo index: Int) -> UInt64 {
        var total: UInt64 = 0
        for place in 0...index { total &+= counts[place] }
        return total
    }
}
