// One request to one endpoint as a machine that poll(2) drives: connect, send, receive (RFC 9112 §9).
internal import Glibc
internal import HTTP

/// Why an exchange came to no answer.
struct ExchangeFailure: Error, Sendable {
    enum Kind: Sendable {
        /// No connection could be made.
        case unreachable
        /// The connection was lost.
        case lost
        case timedOut
        /// What came is not HTTP.
        case malformed
    }
    let kind: Kind
    /// For people, as part of a sentence.
    let reason: String
    /// Whether a byte of the request may have left this machine: then a write's outcome is unknown.
    let wasSent: Bool
}

/// A request on its way, and its answer. Several can be driven at a time.
final class Exchange {
    private enum Stage {
        case resolving(Lookup)
        case connecting
        case open
    }

    let endpoint: Endpoint
    private var deadline: Moment
    /// How long a sink's content may rest; each piece of it puts the deadline off.
    private let patience: UInt64
    /// Until when there must be a connection.
    private let connectBy: Moment
    private(set) var result: Result<Response, ExchangeFailure>?
    private var stage = Stage.connecting
    private var descriptor: Int32 = -1
    private var addresses: ArraySlice<SocketAddress> = []
    /// When the address that is tried now is given up.
    private var attemptUntil: Moment
    private var lastTrouble = "its name is not known"

    var out: [UInt8]
    var sent = 0
    /// What is sent once the other end has asked for it, or has said nothing for a while.
    var offered: [UInt8]
    private var offerUntil: Moment?
    var mayWrite = true
    private var reading: ResponseReading

    /// Content is on its way to a sink.
    var hasBegun: Bool { reading.hasBegun }

    /// How long a client waits for `100 Continue` before it sends the content all the same (RFC 9110
    /// §10.1.1).
    private static let offerNanoseconds: UInt64 = 1_000_000_000

    /// - Parameters:
    ///   - call: what is asked.
    ///   - target: the request target.
    ///   - endpoint: who is asked.
    ///   - connectBy: until when there must be a connection.
    ///   - deadline: until when the answer must be there, or its content begin to come.
    ///   - sink: who takes a success's content as it comes.
    ///   - patience: how many nanoseconds there may be between two pieces of it.
    init(
        _ call: Call, target: [UInt8], at endpoint: Endpoint, connectBy: Moment, deadline: Moment,
        to sink: (any ContentSink)? = nil, patience: UInt64 = 0
    ) {
        self.endpoint = endpoint
        self.patience = patience
        reading = ResponseReading(to: sink)
        self.deadline = deadline
        self.connectBy = min(connectBy, deadline)
        attemptUntil = self.connectBy
        out = call.head(target: target, at: endpoint)
        offered = call.isOffered ? call.content ?? [] : []
        if !call.isOffered, let content = call.content { out += content }
        if let numeric = Lookup.numeric(endpoint) {
            addresses = numeric[...]
            connectNext()
        } else if let lookup = Lookup(endpoint) {
            stage = .resolving(lookup)
        } else {
            fail(.unreachable, "no thread to look its name up")
        }
    }

    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    /// Drives all of them until each has its result.
    static func run(_ exchanges: [Exchange]) {
        while true {
            let open = exchanges.filter { $0.result == nil }
            if open.isEmpty { return }
            let now = Moment.now
            var polls = open.map(\.interest)
            let wait = open.map(\.wakesAt).min().map { $0.pollMilliseconds(from: now) } ?? 0
            // Interrupted: nothing is ready, and the clock is looked at.
            if poll(&polls, nfds_t(polls.count), wait) < 0 {
                for place in polls.indices { polls[place].revents = 0 }
            }
            for (place, exchange) in open.enumerated() { exchange.advance(polls[place].revents, at: .now) }
        }
    }

    private var interest: pollfd {
        switch stage {
        case .resolving(let lookup): return pollfd(fd: lookup.descriptor, events: Int16(POLLIN), revents: 0)
        case .connecting: return pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        case .open:
            let events = mayWrite && sent < out.count ? POLLIN | POLLOUT : POLLIN
            return pollfd(fd: descriptor, events: Int16(events), revents: 0)
        }
    }

    private var wakesAt: Moment {
        switch stage {
        case .resolving: connectBy
        case .connecting: attemptUntil
        case .open: offerUntil ?? deadline
        }
    }

    private func advance(_ readiness: Int16, at now: Moment) {
        switch stage {
        case .resolving(let lookup):
            if let found = lookup.result {
                addresses = found[...]
                connectNext()
            } else if now >= connectBy {
                fail(.unreachable, "its name was not found in time")
            }
        case .connecting:
            if readiness != 0 {
                settleConnection()
            } else if now >= attemptUntil {
                lastTrouble = "no answer"
                connectNext()
            }
        case .open:
            if readiness & Int16(POLLOUT) != 0 { send() }
            if readiness & Int16(POLLIN | POLLHUP | POLLERR) != 0 { receive() }
            guard result == nil else { return }
            if let until = offerUntil, now >= until { sendOffered() }
            if now >= deadline { fail(.timedOut, "it did not answer in time") }
        }
    }

    // Connecting ------------------------------------------------------------------------------------------

    /// Goes on to the next address, or fails with the last trouble.
    private func connectNext() {
        while true {
            if descriptor >= 0 { _ = close(descriptor) }
            descriptor = -1
            let now = Moment.now
            guard let address = addresses.popFirst() else {
                fail(.unreachable, lastTrouble)
                return
            }
            guard now < connectBy else {
                fail(.unreachable, "no answer")
                return
            }
            let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
            descriptor = socket(address.family, kind, 0)
            let code = descriptor < 0 ? errno : address.connect(descriptor)
            // What is left is shared with the addresses that have not been tried.
            attemptUntil = now.advanced(by: connectBy.since(now) / UInt64(addresses.count + 1))
            stage = .connecting
            if code == 0 || code == EINPROGRESS { return }
            lastTrouble = describe(code)
        }
    }

    private func settleConnection() {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        if getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) != 0 { code = errno }
        guard code == 0 else {
            lastTrouble = describe(code)
            connectNext()
            return
        }
        var one: Int32 = 1
        _ = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, length)
        stage = .open
        if !offered.isEmpty { offerUntil = min(deadline, Moment.now.advanced(by: Self.offerNanoseconds)) }
        send()
    }

    // Sending and receiving -------------------------------------------------------------------------------

    private func send() {
        while mayWrite && sent < out.count {
            let count = out.withUnsafeBytes { bytes in
                let rest = bytes.baseAddress.map { $0 + sent }
                return Glibc.send(descriptor, rest, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                // An answer may have come before the connection broke: reading tells.
                mayWrite = false
                lastTrouble = describe(errno)
            }
        }
    }

    private func sendOffered() {
        offerUntil = nil
        out += offered
        offered = []
        send()
    }

    private func receive() {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while result == nil {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                take(buffer[..<count])
            } else if count == 0 {
                fail(.lost, "it closed the connection without a whole answer")
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                fail(.lost, "the connection was lost: \(describe(errno))")
            }
        }
    }

    private func take(_ bytes: ArraySlice<UInt8>) {
        do throws(MessageError) {
            let step = try reading.take(bytes)
            if step == .goAhead { sendOffered() }
            if reading.hasBegun { deadline = Moment.now.advanced(by: patience) }
            if step == .stopped { fail(.malformed, "its answer was not taken to the end") }
            if step == .whole {
                result = .success(
                    Response(
                        status: reading.status, head: reading.head, content: reading.content, from: endpoint))
            }
        } catch {
            fail(.malformed, "its answer is not HTTP: \(error.message)")
        }
    }

    private func fail(_ kind: ExchangeFailure.Kind, _ reason: String) {
        result = .failure(ExchangeFailure(kind: kind, reason: reason, wasSent: sent > 0))
    }
}

func describe(_ code: Int32) -> String { String(cString: strerror(code)) }
