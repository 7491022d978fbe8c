// A system call that did not succeed: which one, and the system's own word for why.
internal import Glibc

/// Why a system call failed.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call, and what it was about: `bind 127.0.0.1:8001`.
    public let call: String
    /// The call's errno.
    public let code: Int32

    public init(_ call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    /// The system's word for the error: `Address already in use`.
    public var reason: String { String(cString: strerror(code)) }
    public var description: String { "\(call): \(reason)" }

    public var isAddressInUse: Bool { code == EADDRINUSE }
    /// The process or the machine has no descriptors left.
    public var isShortageOfDescriptors: Bool { code == EMFILE || code == ENFILE }
}
