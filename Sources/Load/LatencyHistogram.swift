// How long things took: counts in buckets whose widths grow with the value, as HDR histograms have them.

/// Durations in nanoseconds, each known to one part in 256.
///
/// Below 256 each value has a bucket of its own; above, each power of two is cut into 256 buckets of one
/// width. So the place of a value is its nine highest bits and how far they were shifted, and nothing is
/// allocated once the histogram is made.
public struct LatencyHistogram: Sendable, Equatable {
    /// A value is never told larger than it was by more than this share of it, and never smaller.
    public static let relativeErrorMax = 1.0 / 256

    private static let digitBits = 8
    /// What is longer (two and a half hours) is counted as this long; ``max`` tells the truth.
    private static let valueMax: UInt64 = 1 << 43 - 1
    private static let bucketsCount = place(valueMax) + 1

    private var counts = [UInt64](repeating: 0, count: bucketsCount)
    /// How many durations were recorded.
    public private(set) var count: UInt64 = 0
    /// The longest one; 0 where there is none.
    public private(set) var max: UInt64 = 0
    private var sum: UInt64 = 0

    public init() {}

    /// The mean; 0 where nothing was recorded.
    public var mean: UInt64 { count == 0 ? 0 : sum / count }

    /// Counts a duration. Complexity: O(1).
    public mutating func record(_ nanoseconds: UInt64) {
        counts[Self.place(Swift.min(nanoseconds, Self.valueMax))] &+= 1
        count &+= 1
        sum &+= nanoseconds
        if nanoseconds > max { max = nanoseconds }
    }

    /// Counts what another one has counted.
    public mutating func merge(_ other: LatencyHistogram) {
        for place in counts.indices { counts[place] &+= other.counts[place] }
        count &+= other.count
        sum &+= other.sum
        max = Swift.max(max, other.max)
    }

    /// The shortest duration that so many of a hundred did not exceed; 0 where nothing was recorded.
    public func percentile(_ percent: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let wanted = (percent / 100 * Double(count)).rounded(.up)
        let rank = Swift.min(Swift.max(1, UInt64(Swift.max(0, wanted))), count)
        var seen: UInt64 = 0
        for place in counts.indices {
            seen += counts[place]
            if seen >= rank { return Swift.min(Self.largest(in: place), max) }
        }
        return max
    }

    private static func place(_ value: UInt64) -> Int {
        let shift = Swift.max(0, 63 - digitBits - value.leadingZeroBitCount)
        return shift << digitBits + Int(truncatingIfNeeded: value >> UInt64(shift))
    }

    /// The largest value that is counted in a bucket.
    private static func largest(in place: Int) -> UInt64 {
        guard place >= 1 << (digitBits + 1) else { return UInt64(place) }
        let shift = UInt64(place >> digitBits - 1)
        let digits = UInt64(place) - shift << UInt64(digitBits)
        return (digits + 1) << shift - 1
    }
}
