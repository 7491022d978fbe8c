// Points of the monotonic clock: what every deadline of the client is.
internal import Glibc

/// A point of the monotonic clock, in nanoseconds from an arbitrary start.
struct Moment: Comparable, Sendable {
    let nanoseconds: UInt64

    static var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Moment(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
    }

    static func < (left: Moment, right: Moment) -> Bool { left.nanoseconds < right.nanoseconds }

    /// That much later; the end of time where there is no such moment.
    func advanced(by nanoseconds: UInt64) -> Moment {
        let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
        return Moment(nanoseconds: overflow ? .max : sum)
    }

    /// The nanoseconds from `earlier` until this moment; 0 where it is not later.
    func since(_ earlier: Moment) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }

    /// How long poll(2) may wait for it, in milliseconds, rounded up, so that it is not asked in vain.
    func pollMilliseconds(from now: Moment) -> Int32 {
        Int32(min((since(now) + 999_999) / 1_000_000, 60_000))
    }
}

/// Waits until then.
func pause(until moment: Moment) {
    while true {
        let now = Moment.now
        if now >= moment { return }
        // Interrupted or early: the clock decides.
        _ = poll(nil, 0, moment.pollMilliseconds(from: now))
    }
}
