// Stream sockets: listening, accepting, dialing (tcp(7), accept(2), connect(2)).
internal import CLinux
internal import Glibc

extension Descriptor {
    func setOption(_ level: Int32, _ name: Int32, _ value: Int32) {
        // An option that is not taken costs speed, and never correctness.
        var value = value
        _ = setsockopt(raw, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The address of this end.
    func ownAddress() -> Address? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(raw, $0, &length) == 0 ? Address($0) : nil
            }
        }
    }

    static func stream(for address: Address) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(linux_stream_socket(address.family), "socket"))
    }

    func bind(to address: Address) throws(SystemError) {
        let result = address.withSockaddr { Glibc.bind(raw, $0, $1) }
        if result != 0 { throw SystemError("listen on \(address)", code: errno) }
    }

    /// No waiting for more to send with it: whole messages are written at once.
    func setNoDelay() { setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1) }

    /// Says that nothing more will be written; what the other end still sends may be read.
    public func endWriting() { _ = shutdown(raw, Int32(SHUT_WR)) }

    /// Begins a connection to `address`, from `source` if given. It is made, or has failed, once the
    /// descriptor is writable: ``connectFailure()`` tells.
    public static func dial(
        _ address: Address, from source: Address?
    ) throws(SystemError)
        -> Descriptor
    {
        let socket = try stream(for: address)
        socket.setNoDelay()
        if let source, source.isSameKind(as: address) { try socket.bind(to: source.with(port: 0)) }
        let result = address.withSockaddr { connect(socket.raw, $0, $1) }
        if result != 0 && errno != EINPROGRESS { throw SystemError("connect \(address)", code: errno) }
        return socket
    }

    /// Why a dialed connection could not be made; nil if it is there.
    public func connectFailure() -> SystemError? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        if getsockopt(raw, SOL_SOCKET, SO_ERROR, &code, &length) != 0 { code = errno }
        return code == 0 ? nil : SystemError("connect", code: code)
    }
}

/// What an attempt to accept came to.
public enum Acceptance: ~Copyable {
    case connection(Descriptor)
    /// Nobody is waiting.
    case none
    /// There are no descriptors left: the one that waited was accepted on a reserved descriptor and closed,
    /// so that it knows, and so that the loop does not spin.
    case shed
    /// The same, and it could not even be turned away: it goes on waiting, and the poller would report it for
    /// ever.
    case stuck
}

/// A listening socket.
public struct Listener: ~Copyable, Sendable {
    public let descriptor: Descriptor
    /// Where it listens: the port that the system chose, if 0 was asked for.
    public let address: Address
    private var reserve: Descriptor?
    /// What the kernel takes of a connection beyond what is on its way: where a client does not read, the
    /// rest stays in this process, which bounds and counts it.
    private static let notSentBytesMax: Int32 = 256 << 10

    /// Listens at `address`; `backlog`: how many connections may wait to be accepted.
    public init(at address: Address, backlog: Int32 = 4096) throws(SystemError) {
        let socket = try Descriptor.stream(for: address)
        socket.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
        // What is accepted inherits it.
        socket.setOption(Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, Self.notSentBytesMax)
        try socket.bind(to: address)
        if listen(socket.raw, backlog) != 0 { throw SystemError("listen on \(address)", code: errno) }
        self.address = socket.ownAddress() ?? address
        descriptor = socket
        reserve = Self.openReserve()
    }

    private init(sharing descriptor: consuming Descriptor, at address: Address) {
        self.descriptor = descriptor
        self.address = address
        reserve = Self.openReserve()
    }

    /// Another one at the same socket, for another thread: who waits is accepted by either.
    public func duplicate() throws(SystemError) -> Listener {
        let raw = fcntl(descriptor.raw, F_DUPFD_CLOEXEC, 0)
        if raw < 0 { throw SystemError("dup the listener", code: errno) }
        return Listener(sharing: Descriptor(owning: raw), at: address)
    }

    private static func openReserve() -> Descriptor? {
        let raw = open("/dev/null", O_RDONLY | O_CLOEXEC)
        return raw < 0 ? nil : Descriptor(owning: raw)
    }

    /// Takes the next waiting connection.
    public mutating func accept() -> Acceptance {
        let accepted = linux_accept(descriptor.raw)
        if accepted >= 0 {
            let connection = Descriptor(owning: accepted)
            connection.setNoDelay()
            return .connection(connection)
        }
        guard SystemError("accept", code: -accepted).isShortageOfDescriptors else {
            // Nobody waits, or the one who waited has gone (ECONNABORTED and its kin): the next event tells.
            return .none
        }
        reserve = nil
        let shed = linux_accept(descriptor.raw)
        if shed >= 0 { _ = close(shed) }
        reserve = Self.openReserve()
        if shed >= 0 { return .shed }
        return SystemError("accept", code: -shed).isShortageOfDescriptors ? .stuck : .none
    }
}
