// One connection to one peer, of the four that each has (rule 16): requests pipelined, answers in order.
internal import API
internal import Consensus
internal import DequeModule
internal import HTTP
internal import JSON
internal import KeyValue
internal import Network
internal import Replica
internal import Wire

/// A lane to a peer: its connection if there is one, what waits for it, and what is in flight on it.
struct PeerLink: ~Copyable {
    enum State {
        /// No connection. The next parcel dials, but not before the moment given: back-off.
        case apart(until: UInt64)
        /// Waiting for the peer's name to be looked up.
        case resolving
        /// The connection is being made.
        case dialing(since: UInt64)
        case open
    }
    struct Flight {
        enum Question {
            /// The replica's.
            case replica(PeerRoute)
            /// A client's, which was sent on.
            case client(Network.Token)
            /// A client's that waits no more: the answer still comes in its turn, and is dropped.
            case nobody
        }
        var question: Question
        let sentAt: UInt64
        /// When there should be an answer: at once, or when the client's time is over.
        let dueAt: UInt64
        /// A client's request, until it is written.
        var body: [UInt8] = []
        /// How many bytes were queued on the connection before it; for what is not written, more than any.
        var start = Int.max
    }

    let peer: NodeID
    let way: Way
    let place: HostPort
    private(set) var state = State.apart(until: 0)
    private(set) var socket = Descriptor.none
    /// Rises with each connection: an event of an earlier one is dropped.
    private(set) var attempt: UInt32 = 0
    var inbound = Inbound()
    var outbound = Outbound()
    /// All bytes that were queued on this connection, sent or not.
    private var queued = 0
    var parser = ResponseParser()
    /// The head of an answer whose content is not whole yet.
    var head: ResponseHead?
    /// Requests without an answer, oldest first; the first `written` of them are in `outbound` or sent.
    var flights: Deque<Flight> = []
    private var written = 0
    private var unwrittenBytes = 0
    var mayRead = false
    var isEnding = false
    var isTouched = false
    /// The replica is to be told at this moment that what was in flight is lost: not at once, or a peer that
    /// refuses everything would be asked as fast as the machine can.
    var lossDueAt: UInt64?
    /// The moment for which a timer looks whether this link is silent.
    var timerAt: UInt64?
    private var backOff: UInt64 = backOffMin
    /// The latest round trip in nanoseconds, and when the last answer came.
    private(set) var roundTrip: UInt64?
    private(set) var lastAnswerAt: UInt64?
    /// When the last bytes came, of whatever answer.
    var heardAt: UInt64 = 0
    /// The name's addresses are tried in turn.
    private var addressesTried = 0

    static let backOffMin: UInt64 = 50_000_000
    static let backOffMax: UInt64 = 1_000_000_000
    /// What may wait for a connection or a slow peer; more is dropped, and the replica is told.
    static let unsentBytesMax = 8 << 20
    static let flightsMax = 256
    /// So much is written before it is sent.
    private static let togetherBytesMax = 64 << 10

    init(peer: NodeID, way: Way, place: HostPort) {
        self.peer = peer
        self.way = way
        self.place = place
    }

    /// Whether one more parcel may be queued here.
    var hasRoom: Bool {
        switch state {
        // A vote asked for a moment late still counts; a heartbeat does not.
        case .apart: way == .votes && flights.count < 4
        case .resolving, .dialing, .open:
            outbound.count + unwrittenBytes < Self.unsentBytesMax && flights.count < Self.flightsMax
        }
    }

    var isOpen: Bool { if case .open = state { true } else { false } }

    /// Writes a parcel behind what waits.
    mutating func enqueue(_ parcel: Parcel, at now: UInt64) {
        let before = outbound.count
        flights.append(Flight(question: .replica(parcel.route), sentAt: now, dueAt: now, start: queued))
        written += 1
        appendHead(parcel.route.path, parcel.route.contentType, contentBytes: parcel.count)
        outbound.bytes.append(contentsOf: parcel.head)
        for piece in parcel.body { outbound.append(piece.bytes, piece.range) }
        queued += outbound.count - before
    }

    /// Puts a client's request behind what waits; its answer is for `client`, and due at `dueAt`.
    mutating func enqueue(_ body: [UInt8], for client: Network.Token, dueAt: UInt64, at now: UInt64) {
        flights.append(Flight(question: .client(client), sentAt: now, dueAt: dueAt, body: body))
        unwrittenBytes += body.count
    }

    /// Writes clients' requests, as many as are sent together: what is not written can be taken back.
    private mutating func writeRequests() {
        while written < flights.count, outbound.count < Self.togetherBytesMax {
            let body = flights[written].body
            flights[written].body = []
            flights[written].start = queued
            written += 1
            unwrittenBytes -= body.count
            let before = outbound.count
            appendHead("/raft/propose", "application/x-ndjson", contentBytes: body.count)
            outbound.append(body, 0..<body.count)
            queued += outbound.count - before
        }
    }

    /// The client waits no more. False: nothing of its request has left this node, and nothing will.
    ///
    /// What is written goes out whole, or what is behind it would not be understood. Its answer must not pass
    /// for the one to the next request of the same connection, which has the same token.
    mutating func forget(_ client: Network.Token) -> Bool {
        let place = flights.firstIndex {
            if case .client(let token) = $0.question { token == client } else { false }
        }
        guard let place else { return true }
        if place < written {
            flights[place].question = .nobody
            return true
        }
        unwrittenBytes -= flights[place].body.count
        flights.remove(at: place)
        return false
    }

    private mutating func appendHead(
        _ path: StaticString, _ contentType: StaticString, contentBytes count: Int
    ) {
        outbound.bytes.append(literal: "POST ")
        outbound.bytes.append(literal: path)
        outbound.bytes.append(literal: " HTTP/1.1\r\nHost: ")
        outbound.bytes.append(contentsOf: place.description.utf8)
        outbound.bytes.append(literal: "\r\nContent-Type: ")
        outbound.bytes.append(literal: contentType)
        outbound.bytes.append(literal: "\r\nContent-Length: ")
        outbound.bytes.append(decimal: UInt64(count))
        outbound.bytes.append(literal: "\r\n\r\n")
    }

    /// The clients whose requests are in flight, and whether a byte of each was sent.
    var clientsInFlight: [(token: Network.Token, wasSent: Bool)] {
        let sent = queued - outbound.count
        return flights.compactMap { flight in
            guard case .client(let token) = flight.question else { return nil }
            return (token, flight.start < sent)
        }
    }

    mutating func beginResolving() { state = .resolving }

    /// Of the addresses found, the one to be tried this time.
    func choice(of addresses: [Address]) -> Address? {
        addresses.isEmpty ? nil : addresses[addressesTried % addresses.count]
    }

    /// A connection is being made: the generation under which it is to be polled.
    mutating func beginDialing(_ socket: consuming Descriptor, at now: UInt64) -> UInt32 {
        attempt &+= 1
        self.socket = consume socket
        state = .dialing(since: now)
        return attempt
    }

    /// The connection is there.
    mutating func opened() {
        state = .open
        backOff = Self.backOffMin
        mayRead = true
        isEnding = false
    }

    /// An answer came: its route, and what it took.
    mutating func answered(at now: UInt64) -> Flight? {
        lastAnswerAt = now
        guard written > 0, let flight = flights.popFirst() else { return nil }
        written -= 1
        roundTrip = now - flight.sentAt
        return flight
    }

    /// The connection is gone or never came to be. True: something was in flight or waiting.
    mutating func broke(at now: UInt64, jitter: UInt64) -> Bool {
        let hadWork = !flights.isEmpty
        let wasOpen = isOpen
        socket = .none
        outbound = Outbound()
        queued = 0
        inbound = Inbound()
        parser = ResponseParser()
        head = nil
        flights.removeAll()
        written = 0
        unwrittenBytes = 0
        mayRead = false
        // Half of it fixed and half drawn, so that nodes that lost each other do not meet in step.
        state = .apart(until: now + backOff / 2 + jitter % (backOff / 2))
        if !wasOpen { addressesTried += 1 }
        backOff = min(backOff * 2, Self.backOffMax)
        return hadWork
    }

    /// When the oldest request without an answer was sent, or the dial begun: what a timeout counts from.
    var waitsSince: UInt64? {
        switch state {
        case .apart, .resolving: nil
        case .dialing(let since): since
        case .open: flights.first?.sentAt
        }
    }

    /// Whether nothing has come for so long, though the oldest answer was due.
    func isSilent(for patience: UInt64, at now: UInt64) -> Bool {
        guard let oldest = flights.first else { return false }
        return max(oldest.dueAt, heardAt) + patience <= now
    }

    // The connection's bytes ------------------------------------------------------------------------------

    func connectFailure() -> SystemError? { socket.connectFailure() }

    mutating func flush() -> Flush {
        while true {
            writeRequests()
            let flush = outbound.flush(to: socket)
            if flush != .sent || written == flights.count { return flush }
        }
    }

    mutating func receive(_ pool: inout BufferPool) -> Receipt {
        let receipt = inbound.receive(from: socket, pool: &pool)
        let most = way == .requests ? Self.forwardedBytesMax : Self.answerBytesMax
        if receipt == .full, inbound.count < most {
            inbound.reserve(min(max(2 * inbound.count, Self.answerBytesMax), most), pool: &pool)
            return inbound.receive(from: socket, pool: &pool)
        }
        return receipt
    }
    private static let answerBytesMax = 64 << 10
    /// The answer to a request that was sent on may be a transaction's or a lease with all its keys; others
    /// follow it. The buffer is that large only while such an answer comes.
    private static let forwardedBytesMax =
        max(Transaction.answerBytesMax, Answer.leaseBytesMax) + answerBytesMax

    /// The next whole answer: its head and where its content is, from the first unread byte on. Nil: not
    /// there yet.
    mutating func nextAnswer(
        _ limits: borrowing Limits
    ) throws(MessageError) -> (head: ResponseHead, content: Range<Int>)? {
        // A reference of its own, for as long as the parser looks: the rest of the link changes meanwhile.
        let bytes = inbound.bytes
        let unread = bytes.span.extracting(inbound.unread)
        if head == nil {
            guard case .head(let whole) = try parser.parse(unread, limits: limits) else { return nil }
            head = whole
        }
        guard let head else { return nil }
        if head.framing == .chunked { throw MessageError(.unknownLength, at: head.count) }
        guard let content = head.wholeContent(in: unread) else { return nil }
        self.head = nil
        return (head, content)
    }
}
