// One connection that somebody made to this node: what it is asking, and what it waits for.
internal import API
internal import Consensus
internal import HTTP
internal import Network

/// The state of an accepted connection. One request at a time is under way; what was sent behind it waits in
/// the buffer. Requests of peers are the exception: several of them may wait for the disk, and are answered
/// in order.
struct Client: ~Copyable {
    enum Stage {
        /// Between requests, or within a head.
        case head
        /// The head is read and the content is coming.
        case content
        /// The request is answered, and so many bytes of its content are still to come: they are dropped.
        case skipping(Int)
        /// The replica has the request; its bytes stay in `inbound` until it is answered.
        case waiting
        /// The leader has the request, which this node sent on.
        case forwarded
        /// Leadership is being handed over, as it asked.
        case transferring
        /// A read waits for its key to change.
        case sleeping
        /// A list, a backup or events are being sent, piece by piece.
        case streaming
        /// The last answer is given. What still comes is read and dropped, so that the answer is not lost to
        /// a reset.
        case ending
    }

    let socket: Descriptor
    var inbound = Inbound()
    var outbound = Outbound()
    var parser = RequestParser()
    var stage = Stage.head
    /// The head of the request under way is whole and stands in `parser`; its ranges count from the first
    /// unread byte.
    var hasHead = false
    /// What it asks, once that is known.
    var asked = Request.nothing
    var hasRequest = false
    /// Chunked content, decoded; content with a length stays in `inbound`.
    var content: [UInt8] = []
    var decoder: ContentDecoder?
    /// How much of `inbound` the decoder has used.
    var decoded = 0
    /// When the request's head was whole.
    var askedAt: UInt64 = 0
    /// The list that is being sent.
    var stream: ListStream?
    /// What another thread compresses for it, to be sent.
    var pipe: Pipe?
    /// What it watches, or waits for.
    var watcher: Watcher?
    /// The read under way has waited for its key to change.
    var hasWaited = false
    /// Over which link the request was sent on.
    var link = 0
    /// The peer's question whose answer this client's is: it has no connection then, and came whole.
    var origin: Exchange?
    /// Questions of a peer that are under way.
    var exchanges = ExchangeQueue()
    /// The kernel may have more bytes for us: events come once a change.
    var mayRead = true
    /// The other end has said that it sends no more; what it sent before may still be there.
    var isEnding = false
    /// It has something to be flushed at the end of the turn.
    var isTouched = false
    /// It is to be looked at again in the next turn.
    var isRunnable = false
    /// The connection ends when everything is sent.
    var closesWhenSent = false
    /// The connection ends when the peer's questions on it are answered.
    var closesAfterExchanges = false
    /// Beyond the limit of connections: only peers and probes are served.
    let isExtra: Bool
    /// A peer has spoken on it: it may rest for longer.
    var isPeer = false
    /// When it is to be closed for being silent or slow.
    var deadline: UInt64
    /// The soonest moment for which a timer is set.
    var timerAt: UInt64

    /// What it holds beyond small buffers, as the node has it in its sum.
    var bytesCounted = 0
    /// Its stream waits until there is room for more of it.
    var isStarved = false
    /// Since when there is something that the kernel does not take.
    var blockedSince: UInt64?

    /// Whether a HEAD is under way.
    var isHead: Bool { hasHead && parser.head.method == .head }
    /// A copy of the head, if there is one. It is large: where all requests come by, `parser.head` is read.
    var head: RequestHead? { hasHead ? parser.head : nil }
    /// A copy of what it asks, likewise.
    var request: Request? { hasRequest ? asked : nil }

    /// What it holds now: a large content, and answers that are not read.
    var bytesHeld: Int {
        let (sending, decoding) = (outbound.bytesHeld, content.capacity)
        return inbound.bytesHeld + (pipe?.bytesHeld ?? 0)
            + (decoding > BufferPool.bufferBytes ? decoding : 0)
            + (sending > BufferPool.bufferBytes ? sending : 0)
    }

    /// What may wait to be sent before no further request is read.
    static let unsentBytesMax = 256 << 10

    init(socket: consuming Descriptor, isExtra: Bool, deadline: UInt64) {
        self.socket = socket
        self.isExtra = isExtra
        self.deadline = deadline
        timerAt = deadline
    }
}

/// A peer's questions on one connection, which HTTP/1.1 has answered in the order in which they came.
struct ExchangeQueue {
    /// How many may be under way.
    static let countMax = 64
    /// The answers that are there; nil where one is still to come.
    private var answers: [[UInt8]?] = []
    private var first: UInt8 = 0

    var isEmpty: Bool { answers.isEmpty }
    var isFull: Bool { answers.count >= Self.countMax }

    /// The number of a further question.
    mutating func open() -> UInt8 {
        answers.append(nil)
        return first &+ UInt8(truncatingIfNeeded: answers.count - 1)
    }

    /// Takes a whole response for the question of that number; appends to `out` those whose turn has come.
    /// False: there is no such question.
    mutating func answer(_ number: UInt8, _ response: consuming [UInt8], to out: inout [UInt8]) -> Bool {
        let place = Int(number &- first)
        guard place < answers.count, answers[place] == nil else { return false }
        answers[place] = response
        while let next = answers.first, let response = next {
            out.append(contentsOf: response)
            answers.removeFirst()
            first &+= 1
        }
        return true
    }
}
