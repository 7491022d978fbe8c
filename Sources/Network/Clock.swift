// The machine's monotonic clock, in nanoseconds: the only one that anything but a Date header looks at.
internal import Glibc

/// Nanoseconds of the monotonic clock, from an arbitrary start; never goes back.
public func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// Nanoseconds of processor time that the calling thread has taken. (A system call, unlike the other clocks.)
public func threadNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// Seconds since 1970 by the wall clock, for `Date` headers and log lines alone.
public func wallClockSeconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME_COARSE, &time)
    return UInt64(max(0, time.tv_sec))
}
