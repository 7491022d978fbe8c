// One open file descriptor, closed exactly once: when its owner goes.
internal import CLinux
internal import Glibc

/// A file descriptor that its owner closes by going away.
public struct Descriptor: ~Copyable, Sendable {
    /// The number the kernel knows it by: to be passed to calls, never to be kept.
    public let raw: Int32

    /// Takes over an open descriptor.
    public init(owning raw: Int32) { self.raw = raw }

    /// No descriptor: calls with it fail, and nothing is closed.
    public static var none: Descriptor { Descriptor(owning: -1) }
    public var isNone: Bool { raw < 0 }

    /// For open(2): reads and writes pass the page cache by, if their memory, places and lengths are whole
    /// pages and the file system can do that. Otherwise open or they fail, mostly with EINVAL.
    public static var direct: Int32 { linux_direct }

    deinit { if raw >= 0 { _ = close(raw) } }

    /// Answers what a shim call answers, or throws its negated errno.
    @discardableResult
    static func check(_ result: Int32, _ call: @autoclosure () -> String) throws(SystemError) -> Int32 {
        if result < 0 { throw SystemError(call(), code: -result) }
        return result
    }
}

/// Raises this process's limit of open descriptors to `wanted`, or as near as it may be. Answers the limit
/// now.
public func raiseOpenFilesLimit(to wanted: Int) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    if limit.rlim_cur < UInt(wanted) {
        limit.rlim_cur = min(UInt(wanted), limit.rlim_max)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        _ = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return Int(clamping: limit.rlim_cur)
}

/// Makes SIGPIPE harmless in this process: a broken connection shows as an error of the write.
public func ignoreBrokenPipes() { linux_ignore_broken_pipes() }
