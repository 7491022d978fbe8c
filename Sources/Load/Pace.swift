// When each request is meant to start, whatever became of those before it.

/// The moments of a fixed rate.
///
/// Each follows from its number alone, so nothing that comes late moves what follows: what waits for its
/// turn has waited since it was meant to start, and a slow answer cannot hide the requests that it kept
/// back (Gil Tene's "coordinated omission").
public struct Pace: Sendable {
    private let start: UInt64
    private let perSecond: UInt64
    private let first: UInt64
    private let step: UInt64

    /// - Parameters:
    ///   - perSecond: how many of all threads together start each second, one at least.
    ///   - start: the first one's moment, in nanoseconds of the monotonic clock.
    ///   - share: which of `shares` threads asks: each has every `shares`-th moment.
    ///   - shares: how many threads there are.
    public init(perSecond: Int, from start: UInt64, share: Int = 0, of shares: Int = 1) {
        self.start = start
        self.perSecond = UInt64(max(1, perSecond))
        first = UInt64(share)
        step = UInt64(shares)
    }

    /// When the request of this number, from 0 on, is meant to start.
    public func moment(_ number: UInt64) -> UInt64 {
        let place = first + number * step
        let (seconds, rest) = place.quotientAndRemainder(dividingBy: perSecond)
        return start + seconds * 1_000_000_000 + rest * 1_000_000_000 / perSecond
    }

    /// How many are meant to have started before `moment`.
    public func count(before moment: UInt64) -> UInt64 {
        guard moment > start else { return 0 }
        let (seconds, rest) = (moment - start).quotientAndRemainder(dividingBy: 1_000_000_000)
        // The smallest place whose moment is not before `moment`.
        let tail = (rest * perSecond + 999_999_999) / 1_000_000_000
        let places = seconds * perSecond + tail
        return places > first ? (places - first + step - 1) / step : 0
    }
}
