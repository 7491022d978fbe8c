// The way of a PUT on the leader, step by step, each as Server and Replica take it: what each costs.
import API
import CCallgrind
import Consensus
import HTTP
import KeyValue
import Network
import Replica
import Wire

/// A step of a PUT, by the name of its row.
enum Step: String, CaseIterable {
    case routed = "PUT, one step: head routed, key found"
    case encoded = "PUT, one step: entry encoded"
    case sent = "PUT, one step: entry to one peer, of 32"
    case applied = "PUT, one step: applied, 10,000 keys"
    case answered = "PUT, one step: reply encoded"
}

/// Puts that go all the way, many in a turn, with one step counted.
///
/// What leads from step to step is left out: consensus, the table of who waits, a connection's state.
struct Steps {
    static let keys = 10_000
    var counted: Step?
    private let term = Term(1)
    private let context = Context(node: 1)
    private let limits = RequestLimits()
    private var scratch: [UInt8] = []
    /// One for each connection, as is what its client asks.
    private var parsers: [RequestParser] = []
    private var asked: [Request] = []
    private var keyBytes = 0
    private var block = Block(first: LogIndex(1))
    /// The bytes of a turn's entries before: a block starts with room for as much.
    private var usualBytes = 1 << 10
    private var peer = Outbound()
    private var store = Store()
    private var replies: [(reply: Reply, revision: Revision)] = []
    private var output: [UInt8] = []

    /// Puts of requests that came in one turn, all answered with `status`.
    mutating func turn(_ requests: [[UInt8]], expecting status: String) throws {
        try parse(requests)
        try with(.routed) { try $0.route(requests) }
        try with(.encoded) { try $0.encode(requests) }
        with(.sent) { $0.send() }
        with(.applied) { $0.apply() }
        with(.answered) { $0.answer(requests) }
        guard keyBytes > 0, peer.count > block.bytes.count, replies.count == requests.count,
            String(decoding: output.prefix(status.utf8.count), as: UTF8.self) == status
        else { throw Unexpected.answers(replies.count) }
        usualBytes = block.bytes.count + block.bytes.count / 4
        peer.clear()
        replies.removeAll(keepingCapacity: true)
        output.removeAll(keepingCapacity: true)
    }

    private mutating func with(_ step: Step, _ body: (inout Steps) throws -> Void) rethrows {
        let isCounted = step == counted
        if isCounted { callgrind_toggle() }
        defer { if isCounted { callgrind_toggle() } }
        try body(&self)
    }

    private mutating func parse(_ requests: [[UInt8]]) throws {
        while parsers.count < requests.count {
            parsers.append(RequestParser())
            asked.append(.nothing)
        }
        for place in requests.indices {
            let bytes = requests[place]
            guard try parsers[place].advance(bytes.span, limits: Limits()) else { throw Unexpected.head }
        }
    }

    // The steps are not inlined, so that nothing of one is moved into another.

    @inline(never)
    private mutating func route(_ requests: [[UInt8]]) throws {
        for place in requests.indices {
            let bytes = requests[place]
            asked[place] = try Request(
                parsers[place].head, in: bytes.span, limits: limits, scratch: &scratch)
            keyBytes += asked[place].withKey(in: bytes.span, scratch: &scratch) { $0.count }
        }
    }

    @inline(never)
    private mutating func encode(_ requests: [[UInt8]]) throws {
        block = Block(first: block.last.next)
        block.bytes.reserveCapacity(usualBytes)
        for place in requests.indices {
            let bytes = requests[place]
            let request = asked[place]
            guard let content = parsers[place].head.wholeContent(in: bytes.span) else {
                throw Unexpected.head
            }
            block.begin(index: block.last.next, term: term)
            Command.appendPut(
                key: bytes.span.extracting(request.rawKey), value: bytes.span.extracting(content),
                contentType: bytes.span.extracting(request.contentType ?? 0..<0),
                precondition: request.precondition, lifetime: request.lifetime, at: store.clusterTime,
                to: &block.bytes)
            block.end()
        }
    }

    /// The message's head, and the entries behind it as the lane to the peer takes them. (The lane's own few
    /// lines of HTTP are not to be had from outside.)
    @inline(never)
    private mutating func send() {
        let after = block.first.previous
        let append = Message.Append(
            after: EntryID(term: term, index: after),
            runs: [Message.Run(term: term, count: UInt64(block.count))], commit: after, whole: .zero)
        let envelope = Envelope(
            cluster: ClusterID(high: 1, low: 1),
            message: Message(
                from: NodeID(1), to: NodeID(2), boot: Boot(1), term: term, body: .append(append)))
        var head: [UInt8] = []
        head.reserveCapacity(192)
        envelope.encode(into: &head)
        let lines = Piece(block.bytes, block.range(from: block.first, through: block.last))
        let parcel = Parcel(to: NodeID(2), lane: .appends, route: envelope.route, head: head, body: [lines])
        peer.bytes.append(contentsOf: parcel.head)
        for piece in parcel.body { peer.append(piece.bytes, piece.range) }
    }

    @inline(never)
    private mutating func apply() {
        let bytes = block.bytes
        var index = block.first
        while index <= block.last {
            let line = block.range(from: index, through: index)
            let command = EntryLine.commandRange(in: bytes.span, line: line)
            let reply = store.apply(bytes.span.extracting(command), index: index.rawValue)
            replies.append((reply, store.revision))
            index = index.next
        }
    }

    @inline(never)
    private mutating func answer(_ requests: [[UInt8]]) {
        for place in requests.indices {
            let bytes = requests[place]
            let request = asked[place]
            let (reply, revision) = replies[place]
            let answer = Answer(context, Manner(parsers[place].head), now: store.clusterTime)
            request.withKey(in: bytes.span, scratch: &scratch) { key in
                answer.appendReply(
                    reply, key: key, route: request.route, storeRevision: revision,
                    isKeyed: request.idempotencyKey != nil, to: &output)
            }
        }
    }
}
