// Answers while the node reads its data: it lives, is not ready, and how far it is (Interface §7).
internal import API
internal import HTTP
internal import Network
internal import Synchronization

/// How far a start has come, in bytes of the data directory: written by the one that reads, read by the one
/// that answers.
final class StartProgress: Sendable {
    private let done = Atomic<UInt64>(0)
    private let total: UInt64

    init(of total: UInt64) { self.total = total }

    func advance(by bytes: Int) { done.add(UInt64(bytes), ordering: .relaxed) }

    /// In hundredths; at most 99, for what is over is told by nobody.
    var percent: UInt64 { min(99, done.load(ordering: .relaxed) * 100 / max(1, total)) }
}

/// A thread that serves the listener until the loop does: a probe must not take a long start for a dead node.
///
/// One request a connection: `/livez` is well, `/readyz` and everything else is told to wait.
final class StartResponder: Sendable {
    private let isOver = Atomic(false)
    /// Holds something once the thread has ended.
    private let ended = Mailbox<Bool>()
    private static let connectionsMax = 64
    private static let lifetime: UInt64 = 2_000_000_000

    /// - Parameters:
    ///   - listener: one of its own at the same socket.
    ///   - node: this node's id.
    ///   - progress: what it tells.
    /// - Throws: what keeps a poller or a thread from being made.
    init(
        at listener: consuming Listener, node: UInt64, _ progress: StartProgress
    ) throws(SystemError) {
        let poller = try Poller()
        try poller.add(listener.descriptor, as: Place.listener.token, for: .reading)
        let box = RoomBox(Room(listener, poller, node: node, progress))
        try Thread(named: "start") { [self] in
            while !isOver.load(ordering: .relaxed), (try? box.room.serve()) != nil {}
            ended.put(true)
        }.detach()
    }

    /// Ends it. Who was not accepted is the loop's to serve.
    func end() {
        isOver.store(true, ordering: .relaxed)
        var word: [Bool] = []
        _ = ended.take(into: &word)
    }

    private final class RoomBox: @unchecked Sendable {
        // The thread alone uses it.
        var room: Room
        init(_ room: consuming Room) { self.room = room }
    }

    private struct Visitor: ~Copyable {
        let socket: Descriptor
        var inbound = Inbound()
        let since: UInt64
        /// What still comes is dropped, so that the answer is not lost to a reset.
        var isAnswered = false

        mutating func receive(_ pool: inout BufferPool) -> Receipt {
            inbound.receive(from: socket, pool: &pool)
        }
    }

    /// The connections that are being answered.
    private struct Room: ~Copyable {
        private var listener: Listener
        private var poller: Poller
        private var visitors = Slots<Visitor>()
        private var pool = BufferPool()
        private var scratch: [UInt8] = []
        private let node: UInt64
        private let progress: StartProgress

        init(
            _ listener: consuming Listener, _ poller: consuming Poller, node: UInt64,
            _ progress: StartProgress
        ) {
            self.listener = listener
            self.poller = poller
            self.node = node
            self.progress = progress
        }

        /// Whatever comes within a twentieth of a second.
        mutating func serve() throws(SystemError) {
            _ = try poller.wait(until: monotonicNanoseconds() + 50_000_000)
            try accept()
            let now = monotonicNanoseconds()
            for slot in 0..<visitors.limit where visitors.isTaken(slot) {
                if serve(slot) || now > visitors[slot].since + StartResponder.lifetime {
                    _ = visitors.remove(visitors.token(at: slot))
                }
            }
        }

        private mutating func accept() throws(SystemError) {
            while true {
                guard case .connection(let socket) = listener.accept() else { return }
                if visitors.count >= StartResponder.connectionsMax { removeOldest() }
                let token = visitors.insert(Visitor(socket: socket, since: monotonicNanoseconds()))
                try poller.add(visitors[Int(token.slot)].socket, as: token, for: .reading)
            }
        }

        /// Nobody is kept waiting for a place by those who say nothing.
        private mutating func removeOldest() {
            let taken = (0..<visitors.limit).filter { visitors.isTaken($0) }
            guard let oldest = taken.min(by: { visitors[$0].since < visitors[$1].since }) else { return }
            _ = visitors.remove(visitors.token(at: oldest))
        }

        /// Reads what has come, and answers once a head is whole. True: this connection is over.
        private mutating func serve(_ slot: Int) -> Bool {
            switch visitors[slot].receive(&pool) {
            case .received: break
            case .nothing: return false
            case .full, .ended, .broken: return true
            }
            if visitors[slot].isAnswered {
                visitors[slot].inbound.consume(visitors[slot].inbound.count)
                return false
            }
            let bytes = visitors[slot].inbound.bytes
            let unread = bytes.span.extracting(visitors[slot].inbound.unread)
            var parser = RequestParser()
            var outbound = Outbound()
            var context = Context(node: node)
            context.setTime(secondsSince1970: Int(wallClockSeconds()))
            do throws(MessageError) {
                guard case .head(let head) = try parser.parse(unread, limits: Limits()) else { return false }
                append(head, unread, context, to: &outbound.bytes)
            } catch {
                Answer(context, Manner().closing).append(API.Refusal(error), to: &outbound.bytes)
            }
            // A few hundred bytes on a fresh connection: the kernel takes them at once.
            _ = outbound.flush(to: visitors[slot].socket)
            visitors[slot].socket.endWriting()
            visitors[slot].isAnswered = true
            visitors[slot].inbound.consume(visitors[slot].inbound.count)
            return false
        }

        private mutating func append(
            _ head: RequestHead, _ bytes: Span<UInt8>, _ context: Context, to out: inout [UInt8]
        ) {
            let answer = Answer(context, Manner(head).closing)
            let detail = "this node reads its data, and has come to \(progress.percent) %"
            do throws(API.Refusal) {
                let request = try Request(head, in: bytes, limits: RequestLimits(), scratch: &scratch)
                switch request.action {
                case .live: answer.appendLive(to: &out)
                case .ready(let isVerbose):
                    let check = API.Readiness.Check("recovery", isOK: false, detail: detail)
                    answer.append(API.Readiness([check]), isVerbose: isVerbose, to: &out)
                default: answer.append(.notReady(detail + "; nothing was applied"), to: &out)
                }
            } catch {
                answer.append(error, to: &out)
            }
        }
    }
}
