// Waiting for many descriptors at once: epoll(7).
internal import CLinux
internal import Glibc

/// What the kernel says about one registered descriptor.
public struct Readiness: Sendable {
    public let token: Token
    let bits: UInt32

    /// There is something to read, an end of the stream or an error included.
    public var isReadable: Bool {
        bits & (linux_readable | linux_peer_closed | linux_hung_up) != 0
    }
    /// A write may go on, or would say what is wrong.
    public var isWritable: Bool { bits & (linux_writable | linux_hung_up) != 0 }
    /// The other end has said that it sends no more.
    public var isEnding: Bool { bits & (linux_peer_closed | linux_hung_up) != 0 }
    /// Both directions are over.
    public var isHungUp: Bool { bits & linux_hung_up != 0 }
}

/// How a descriptor is watched.
public enum Interest: Sendable {
    /// Reported as long as there is something to read.
    case reading
    /// Both directions, reported once a change. Who got such a report reads or writes until there is no more,
    /// or remembers that there may be.
    case changes
}

/// An epoll instance and the events of its last wait.
///
/// A registration carries a ``Token``, so an event that was already waiting when its descriptor was closed
/// and the number given to another is recognised by its generation.
public struct Poller: ~Copyable {
    private let descriptor: Descriptor
    private let events: UnsafeMutablePointer<linux_event>
    private static let eventsMax: Int32 = 512
    /// The last wait gave as many events as it may: others that were ready may have had no place.
    public private(set) var isFull = false

    public init() throws(SystemError) {
        descriptor = Descriptor(owning: try Descriptor.check(linux_epoll_create(), "epoll_create1"))
        events = .allocate(capacity: Int(Self.eventsMax))
    }

    deinit { events.deallocate() }

    /// Watches a descriptor from now on. Closing it ends the watch.
    public func add(
        _ watched: borrowing Descriptor, as token: Token, for interest: Interest
    ) throws(SystemError) {
        let bits: UInt32 =
            switch interest {
            case .reading: linux_readable
            case .changes:
                linux_readable | linux_writable | linux_peer_closed | linux_edge_triggered
            }
        try Descriptor.check(
            linux_epoll_add(descriptor.raw, watched.raw, bits, token.rawValue), "epoll_ctl add")
    }

    public func remove(_ watched: borrowing Descriptor) throws(SystemError) {
        try Descriptor.check(linux_epoll_remove(descriptor.raw, watched.raw), "epoll_ctl del")
    }

    /// Waits until something is ready, or until the moment `deadline` of the monotonic clock (nil: for ever;
    /// one that is past: not at all). Answers how many events there are; each is read by ``subscript(_:)``.
    public mutating func wait(until deadline: UInt64?) throws(SystemError) -> Int {
        var milliseconds: Int32 = -1
        if let deadline {
            let now = monotonicNanoseconds()
            let left = deadline > now ? deadline - now : 0
            milliseconds = Int32(clamping: (left + 999_999) / 1_000_000)
        }
        let count = linux_epoll_wait(descriptor.raw, events, Self.eventsMax, milliseconds)
        isFull = count == Self.eventsMax
        return Int(try Descriptor.check(count, "epoll_wait"))
    }

    /// The same for what must happen at its moment: to the microsecond, where the kernel can.
    public mutating func wait(preciselyUntil deadline: UInt64) throws(SystemError) -> Int {
        let now = monotonicNanoseconds()
        let count = linux_epoll_wait_precisely(
            descriptor.raw, events, Self.eventsMax, deadline > now ? deadline - now : 0)
        isFull = count == Self.eventsMax
        return Int(try Descriptor.check(count, "epoll_pwait2"))
    }

    public subscript(index: Int) -> Readiness {
        Readiness(token: Token(rawValue: events[index].data), bits: events[index].readiness)
    }
}
