// Waking a loop from another thread: one eventfd, written at most once until the loop has looked.
internal import CLinux
internal import Glibc
internal import Synchronization

/// A bell that other threads ring and a loop waits for.
public final class Wake: Sendable {
    /// To be registered with the loop's poller for reading.
    public let descriptor: Descriptor
    private let isRung = Atomic(false)

    public init() throws(SystemError) {
        descriptor = Descriptor(owning: try Descriptor.check(linux_eventfd(), "eventfd"))
    }

    /// Makes the descriptor readable, if it is not already. Any thread.
    public func ring() {
        if isRung.exchange(true, ordering: .acquiringAndReleasing) { return }
        var one: UInt64 = 1
        while write(descriptor.raw, &one, 8) < 0 && errno == EINTR {}
    }

    /// Silences the bell; to be called before looking at what it was rung for, so that nothing is missed.
    public func quieten() {
        var count: UInt64 = 0
        while read(descriptor.raw, &count, 8) < 0 && errno == EINTR {}
        isRung.store(false, ordering: .sequentiallyConsistent)
    }
}

/// SIGTERM, SIGINT and, if wanted, SIGHUP and SIGCHLD as something a loop can wait for. They are blocked in
/// the creating thread and in those that it starts later, so it is made before any other thread.
public struct SignalInbox: ~Copyable, Sendable {
    public let descriptor: Descriptor

    public init(withHangUp: Bool = false, withChildren: Bool = false) throws(SystemError) {
        let wanted = [SIGTERM, SIGINT] + (withHangUp ? [SIGHUP] : []) + (withChildren ? [SIGCHLD] : [])
        descriptor = Descriptor(
            owning: try Descriptor.check(linux_signalfd(wanted, Int32(wanted.count)), "signalfd"))
    }

    /// The next signal's number, if one came.
    public func next() -> Int32? {
        let signal = linux_signalfd_next(descriptor.raw)
        return signal == 0 ? nil : signal
    }
}
