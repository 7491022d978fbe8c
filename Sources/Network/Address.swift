// Where a TCP end is: an IP address and a port, and how people write them (RFC 3986 §3.2.2).
internal import Glibc

/// A host, by name or by number, and a port: `rast-0.rast:8001`, `127.0.0.1:8001`, `[::1]:8001`.
public struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// Without brackets.
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`; nil if it is not that.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...])
        else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        if host.isEmpty || host.contains("/") || host.contains("[") || host.contains(" ") { return nil }
        self.init(host: String(host), port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    /// The address, where the host is an IP number already.
    public var literal: Address? { Address(ip: host, port: port) }
}

/// An IP address and a port, as the kernel takes them.
public struct Address: Hashable, Sendable, CustomStringConvertible {
    private enum Place: Hashable, Sendable {
        case v4(UInt32)
        case v6(InlineBytes, scope: UInt32)
    }
    private struct InlineBytes: Hashable, Sendable {
        var high: UInt64
        var low: UInt64
    }
    private let place: Place
    public let port: UInt16

    /// An IPv4 or IPv6 literal; nil if it is neither.
    public init?(ip: String, port: UInt16) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, ip, &four) == 1 {
            place = .v4(four.s_addr)
        } else if inet_pton(AF_INET6, ip, &six) == 1 {
            place = .v6(withUnsafeBytes(of: six) { $0.loadUnaligned(as: InlineBytes.self) }, scope: 0)
        } else {
            return nil
        }
        self.port = port
    }

    /// From what the kernel or the resolver gives; nil if it is no IP address.
    init?(_ pointer: UnsafePointer<sockaddr>) {
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET:
            let four = UnsafeRawPointer(pointer).loadUnaligned(as: sockaddr_in.self)
            place = .v4(four.sin_addr.s_addr)
            port = UInt16(bigEndian: four.sin_port)
        case AF_INET6:
            let six = UnsafeRawPointer(pointer).loadUnaligned(as: sockaddr_in6.self)
            place = .v6(
                withUnsafeBytes(of: six.sin6_addr) { $0.loadUnaligned(as: InlineBytes.self) },
                scope: six.sin6_scope_id)
            port = UInt16(bigEndian: six.sin6_port)
        default:
            return nil
        }
    }

    private init(place: Place, port: UInt16) {
        self.place = place
        self.port = port
    }

    public func with(port: UInt16) -> Address { Address(place: place, port: port) }

    var family: Int32 {
        switch place {
        case .v4: AF_INET
        case .v6: AF_INET6
        }
    }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool {
        switch place {
        case .v4(let number): UInt32(bigEndian: number) >> 24 == 127
        case .v6(let bytes, _): bytes.high == 0 && UInt64(bigEndian: bytes.low) == 1
        }
    }

    /// Whether it stands for every address of the machine: `0.0.0.0` or `::`.
    public var isUnspecified: Bool {
        switch place {
        case .v4(let number): number == 0
        case .v6(let bytes, _): bytes.high == 0 && bytes.low == 0
        }
    }

    /// Whether both are of one IP version, so that one may be bound to for dialing the other.
    public func isSameKind(as other: Address) -> Bool { family == other.family }

    func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        switch place {
        case .v4(let number):
            var four = sockaddr_in()
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            four.sin_addr.s_addr = number
            return withUnsafePointer(to: four) {
                body(
                    UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self),
                    socklen_t(MemoryLayout.size(ofValue: four)))
            }
        case .v6(let bytes, let scope):
            var six = sockaddr_in6()
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            six.sin6_scope_id = scope
            withUnsafeMutableBytes(of: &six.sin6_addr) { $0.storeBytes(of: bytes, as: InlineBytes.self) }
            return withUnsafePointer(to: six) {
                body(
                    UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self),
                    socklen_t(MemoryLayout.size(ofValue: six)))
            }
        }
    }

    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        switch place {
        case .v4(let number):
            var four = in_addr(s_addr: number)
            inet_ntop(AF_INET, &four, &text, socklen_t(text.count))
        case .v6(var bytes, _):
            inet_ntop(AF_INET6, &bytes, &text, socklen_t(text.count))
        }
        let ip = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return HostPort(host: ip, port: port).description
    }
}
