// A connection's bytes become requests: heads, contents, limits, when to read on (RFC 9112, Interface §10).
internal import API
internal import Consensus
internal import HTTP
internal import Network
internal import Replica
internal import Wire

extension Node {
    /// Goes on with a connection as far as its bytes and bounds allow.
    mutating func goOn(_ slot: Int) {
        let token = clients.token(at: slot)
        var readsLeft = Self.readsMax
        var steps = 0
        while clients.contains(token) {
            switch step(slot) {
            case .again:
                steps += 1
                if steps % Self.stepsPerLook == 0 { pace.look() }
                // (What a peer sends on is begun at once: it has no connection to come back to.)
                if pace.isOver, clients.contains(token), !clients[slot].isPeer, clients[slot].origin == nil {
                    makeRunnable(slot)
                    return
                }
            case .rest: return
            case .read:
                if readsLeft == 0 {
                    makeRunnable(slot)
                    return
                }
                readsLeft -= 1
                if !read(slot) { return }
            }
        }
    }
    /// So often one connection is read from in one turn at most, so that the others get theirs.
    private static let readsMax = 16
    /// So many steps, of which a request takes three, go by between two looks at the clock.
    private static let stepsPerLook = 8

    /// What a connection needs next.
    enum Next {
        /// Look again: something changed.
        case again
        /// More bytes.
        case read
        /// Nothing at present: an event, an answer or a flush will bring it here again.
        case rest
    }

    private mutating func step(_ slot: Int) -> Next {
        switch clients[slot].stage {
        case .head: return readHead(slot)
        case .content: return readContent(slot)
        case .skipping(let bytes):
            let count = min(bytes, clients[slot].inbound.count)
            clients[slot].inbound.consume(count)
            clients[slot].stage = count == bytes ? .head : .skipping(bytes - count)
            return count == bytes ? .again : .read
        case .waiting, .forwarded, .transferring: return .rest
        case .sleeping:
            waitOn(slot)
            return .rest
        case .streaming: return streamOn(slot)
        case .ending:
            clients[slot].inbound.consume(clients[slot].inbound.count)
            return .read
        }
    }

    /// One read. False: nothing more at present, or the connection is gone.
    private mutating func read(_ slot: Int) -> Bool {
        guard clients[slot].mayRead else {
            clients[slot].inbound.settle(to: &pool)
            return false
        }
        let wasIdle = clients[slot].inbound.isEmpty
        switch clients[slot].receive(&pool) {
        case .received(_, let mayHaveMore):
            if !mayHaveMore && !clients[slot].isEnding { clients[slot].mayRead = false }
            switch clients[slot].stage {
            case .head: if wasIdle { setDeadline(slot, after: headTime(isExtra: clients[slot].isExtra)) }
            // Whoever drips bytes gains no time by it.
            case .content, .skipping, .waiting, .forwarded, .transferring, .sleeping, .streaming, .ending:
                break
            }
            return true
        case .nothing:
            clients[slot].mayRead = false
            clients[slot].inbound.settle(to: &pool)
            return false
        case .full:
            // The bounds of heads and contents are looked at before more is asked for; this is a head that
            // never ends in the largest buffer that one may fill.
            refuse(
                slot, API.Refusal(431, .headTooLarge, "The request's head is larger than 48 KiB."),
                closing: true)
            return true
        case .ended:
            clients[slot].mayRead = false
            ended(slot)
            return false
        case .broken:
            drop(slot)
            return false
        }
    }

    /// The client sends no more. What it asked is still answered.
    private mutating func ended(_ slot: Int) {
        clients[slot].isEnding = true
        guard !clients[slot].exchanges.isEmpty || !clients[slot].outbound.isEmpty else {
            // Nothing was asked, or the request was cut short: there is nobody to tell.
            drop(slot)
            return
        }
        // What follows the last whole request is none.
        clients[slot].clearRequest()
        clients[slot].inbound.discard(to: &pool)
        clients[slot].stage = .head
        weigh(slot)
        clients[slot].closesWhenSent = clients[slot].exchanges.isEmpty
        clients[slot].closesAfterExchanges = true
        touch(slot)
    }

    private mutating func readHead(_ slot: Int) -> Next {
        if clients[slot].inbound.isEmpty {
            if clients[slot].isEnding && !clients[slot].mayRead { ended(slot) }
            return .read
        }
        // Who does not read answers is not read from, and a peer has so many questions under way at most.
        if clients[slot].closesWhenSent || clients[slot].exchanges.isFull { return .rest }
        if clients[slot].outbound.count >= Client.unsentBytesMax { return .rest }
        do throws(MessageError) {
            guard try clients[slot].parseHead(limits) else {
                clients[slot].inbound.reserve(Self.headBytesMax, whenFull: true, pool: &pool)
                weigh(slot)
                // What every connection may have is not refused, whatever the others hold.
                if clients[slot].bytesHeld > 0, !hasRoom(slot, for: 0) {
                    refuse(slot, .crowded, closing: true)
                    return .again
                }
                // One that began behind another request has no more time than any.
                let time = headTime(isExtra: clients[slot].isExtra).nanoseconds
                setDeadline(slot, at: min(clients[slot].deadline, now + time))
                return .read
            }
            clients[slot].hasHead = true
            clients[slot].askedAt = now
            clients[slot].stage = .content
            return begin(slot)
        } catch {
            refuse(slot, API.Refusal(error, limits: limits), closing: true)
            return .again
        }
    }
    private static let headBytesMax = 49 << 10

    /// The content is coming: whole in the buffer if it has a length, else decoded into one of its own.
    private mutating func readContent(_ slot: Int) -> Next {
        guard clients[slot].hasHead else { return .rest }
        let start = clients[slot].parser.head.count
        switch clients[slot].parser.head.framing {
        case .none:
            return dispatch(slot, start..<start, isDecoded: false)
        case .length(let length):
            let end = start + length
            if clients[slot].inbound.count >= end { return dispatch(slot, start..<end, isDecoded: false) }
            return awaitContent(slot, end)
        case .chunked:
            do throws(MessageError) {
                guard try clients[slot].decodeContent() else {
                    return awaitChunks(slot, start)
                }
                return dispatch(slot, 0..<clients[slot].content.count, isDecoded: true)
            } catch {
                let bytesMax = clients[slot].asked.contentBytesMax
                refuse(slot, API.Refusal(error, limits: limits, contentBytesMax: bytesMax), closing: true)
                return .again
            }
        }
    }

    /// A content with a length goes on, and ends `end` bytes behind the request's first.
    private mutating func awaitContent(_ slot: Int, _ end: Int) -> Next {
        // The room grows with what has come: who announces much and sends nothing holds nothing.
        let count = clients[slot].inbound.count
        let isLarge = count >= BufferPool.bufferBytes / 2
        let room = min(end, isLarge ? max(4 * count, Self.chunkBytes) : BufferPool.bufferBytes)
        let held = clients[slot].inbound.bytesHeld
        if room > max(held, BufferPool.bufferBytes), !hasRoom(slot, for: room - held) {
            refuse(slot, .crowded)
            return .again
        }
        clients[slot].inbound.reserve(room, pool: &pool)
        weigh(slot)
        setContentDeadline(slot, count)
        return .read
    }

    /// Chunks go on; those that have come are in `content`.
    private mutating func awaitChunks(_ slot: Int, _ headCount: Int) -> Next {
        // Small contents have room in the buffer that every connection may have.
        let isLarge = clients[slot].content.count >= BufferPool.bufferBytes / 2
        let room = isLarge ? Self.chunkBytes : BufferPool.bufferBytes / 4
        clients[slot].inbound.reserve(max(headCount + room, BufferPool.bufferBytes), pool: &pool)
        weigh(slot)
        if isLarge, !hasRoom(slot, for: 0) {
            refuse(slot, .crowded)
            return .again
        }
        setContentDeadline(slot, clients[slot].content.count)
        return .read
    }
    private static let chunkBytes = 64 << 10

    /// A content has the time of a head, and a second more for each 16 KiB of it that have come.
    private mutating func setContentDeadline(_ slot: Int, _ count: Int) {
        let earned = UInt64(count) * (1_000_000_000 / Self.contentBytesPerSecond)
        setDeadline(slot, at: clients[slot].askedAt + configuration.headTime.nanoseconds + earned)
    }
    private static let contentBytesPerSecond: UInt64 = 16 << 10

    /// The request is in the replica's hands, or answered: `count` bytes of the buffer were its own.
    mutating func finish(_ slot: Int) {
        guard clients[slot].hasHead else { return }
        clients[slot].inbound.consume(min(requestBytes(slot), clients[slot].inbound.count))
        if !clients[slot].parser.head.keepAlive
            || clients[slot].isEnding && !clients[slot].mayRead && clients[slot].inbound.isEmpty
        {
            clients[slot].closesWhenSent = true
        }
        clients[slot].clearRequest()
        clients[slot].inbound.release(to: &pool)
        if clients[slot].bytesCounted > 0 { weigh(slot) }
        clients[slot].stage = .head
        if clients[slot].isPeer {
            setDeadline(slot, after: Self.peerIdleTime)
        } else {
            let isExtra = clients[slot].isExtra
            setDeadline(slot, after: isExtra ? headTime(isExtra: true) : configuration.idleTime)
        }
    }

    /// How many bytes of the buffer are the request's own.
    func requestBytes(_ slot: Int) -> Int {
        switch clients[slot].parser.head.framing {
        case .none: clients[slot].parser.head.count
        case .length(let length): clients[slot].parser.head.count + length
        case .chunked: clients[slot].decoded
        }
    }
    private static let peerIdleTime = Interval.milliseconds(600_000)
}

extension Client {
    mutating func receive(_ pool: inout BufferPool) -> Receipt { inbound.receive(from: socket, pool: &pool) }

    /// Goes on reading a head. True: it is whole.
    mutating func parseHead(_ limits: borrowing Limits) throws(MessageError) -> Bool {
        // A reference of its own, for as long as the parser looks.
        let bytes = inbound.bytes
        return try parser.advance(bytes.span.extracting(inbound.unread), limits: limits)
    }

    /// Decodes what has come of a chunked content. True: it is whole.
    mutating func decodeContent() throws(MessageError) -> Bool {
        if try decodePieces() { return true }
        // Chunks that are decoded are let go: what is kept of the buffer is the head and what comes next.
        guard let head, decoded > head.count else { return false }
        inbound.remove(from: head.count, count: decoded - head.count)
        decoded = head.count
        return false
    }

    private mutating func decodePieces() throws(MessageError) -> Bool {
        let bytes = inbound.bytes
        let start = inbound.unread.lowerBound
        let unread = bytes.span.extracting(inbound.unread)
        var offset = decoded
        defer { decoded = offset }
        while true {
            guard let step = try decoder?.next(unread, at: &offset) else { return true }
            switch step {
            case .content(let range):
                content.append(contentsOf: bytes[start + range.lowerBound..<start + range.upperBound])
            case .needMore: return false
            case .complete: return true
            }
        }
    }

    mutating func clearRequest() {
        hasHead = false
        asked = .nothing
        hasRequest = false
        decoder = nil
        decoded = 0
        content = []
        hasWaited = false
    }
}
