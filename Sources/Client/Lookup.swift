// Names to addresses without waiting longer than the client does: getaddrinfo(3) may block for seconds.
internal import Glibc
internal import Synchronization

/// An address and a port, as the kernel takes them.
struct SocketAddress: Sendable {
    let family: Int32
    private let bytes: [UInt8]

    init?(_ row: addrinfo) {
        guard let address = row.ai_addr, row.ai_family == AF_INET || row.ai_family == AF_INET6 else {
            return nil
        }
        family = row.ai_family
        bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(row.ai_addrlen)))
    }

    /// connect(2): 0, or the error's number.
    func connect(_ descriptor: Int32) -> Int32 {
        bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return EINVAL }
            let address = start.assumingMemoryBound(to: sockaddr.self)
            return Glibc.connect(descriptor, address, socklen_t(bytes.count)) == 0 ? 0 : errno
        }
    }
}

/// A name being looked up on a thread of its own.
final class Lookup: Sendable {
    /// Readable once the addresses are there.
    let descriptor: Int32
    private let writer: Int32
    private let found = Mutex<[SocketAddress]?>(nil)

    /// The addresses, where the host is an IP number, which takes no time.
    static func numeric(_ endpoint: Endpoint) -> [SocketAddress]? {
        let found = addresses(of: endpoint, flags: AI_NUMERICHOST)
        return found.isEmpty ? nil : found
    }

    /// Starts the thread; nil where the system has none to give.
    init?(_ endpoint: Endpoint) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        (descriptor, writer) = (ends[0], ends[1])
        let question = Unmanaged.passRetained(Question(endpoint: endpoint, lookup: self))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let question = Unmanaged<Question>.fromOpaque(argument).takeRetainedValue()
                question.lookup.finish(Lookup.addresses(of: question.endpoint, flags: 0))
                return nil
            }, question.toOpaque())
        guard code == 0 else {
            question.release()
            return nil
        }
        pthread_detach(thread)
    }

    deinit {
        _ = close(descriptor)
        _ = close(writer)
    }

    /// The addresses; nil while they are looked up.
    var result: [SocketAddress]? { found.withLock { $0 } }

    private func finish(_ addresses: [SocketAddress]) {
        found.withLock { $0 = addresses }
        // One byte always fits into a new pipe.
        var byte: UInt8 = 0
        _ = write(writer, &byte, 1)
    }

    private final class Question: Sendable {
        let endpoint: Endpoint
        let lookup: Lookup
        init(endpoint: Endpoint, lookup: Lookup) {
            self.endpoint = endpoint
            self.lookup = lookup
        }
    }

    private static func addresses(of endpoint: Endpoint, flags: Int32) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(endpoint.host, String(endpoint.port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let row = next {
            if let address = SocketAddress(row.pointee) { found.append(address) }
            next = row.pointee.ai_next
        }
        return found
    }
}
