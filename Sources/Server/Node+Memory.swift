// What connections hold together, and who goes when that is too much (Interface §10).
internal import API
internal import HTTP
internal import KeyValue
internal import Logging
internal import Network
internal import Replica

extension Node {
    /// What peers and probes may take beyond the bound, so that clients cannot take it from them.
    private var reservedBytes: Int { max(64 << 20, 4 * requestLimits.peerBytesMax) }
    /// What is smaller is never refused: so little each connection may have.
    private static let smallBytesMax = BufferPool.bufferBytes
    /// Whoever has been slow for so long goes, where others need the room.
    private static let patienceNanoseconds: UInt64 = 2_000_000_000
    private static let lookingPauseNanoseconds: UInt64 = 100_000_000

    /// Brings the sum up to date after a connection has come to hold more or less.
    mutating func weigh(_ slot: Int) {
        let held = clients[slot].bytesHeld
        bytesHeld += held - clients[slot].bytesCounted
        clients[slot].bytesCounted = held
    }

    /// Whether a connection may hold `count` bytes more. Where there is no room, those are ended who have
    /// long been slow to send or to read.
    mutating func hasRoom(_ slot: Int, for count: Int) -> Bool {
        let most = bytesMax(slot)
        if bytesHeld + count <= most { return true }
        endSlow(but: slot, downTo: most - count)
        return bytesHeld + count <= most
    }

    /// How large an answer may become: so that none is made that would be taken back.
    mutating func room(_ slot: Int) -> Int {
        // The size is not known before; where there is little room, what is slow goes first.
        _ = hasRoom(slot, for: Listing.pageBytesMax)
        return max(bytesMax(slot) - bytesHeld, Self.smallBytesMax)
    }

    /// Whether one more large value may be too much.
    var isNearlyFull: Bool {
        bytesHeld + configuration.valueBytesMax > configuration.connectionBytesMax
    }

    /// Whether the value that is asked for is too large to be copied for this connection.
    mutating func lacksRoom(_ slot: Int, for request: borrowing Request) -> Bool {
        let count = valueCount(slot, request)
        return count > Self.smallBytesMax && !hasRoom(slot, for: count)
    }

    /// How long the value is that the request reads.
    mutating func valueCount(_ slot: Int, _ request: borrowing Request) -> Int {
        let bytes = clients[slot].inbound.bytes
        let span = bytes.span.extracting(clients[slot].inbound.unread)
        return request.withKey(in: span, scratch: &scratch) { replica.store.record($0)?.valueCount ?? 0 }
    }

    private func bytesMax(_ slot: Int) -> Int {
        let isReserved = clients[slot].request?.action.hasReservedPlace ?? false
        return configuration.connectionBytesMax + (isReserved ? reservedBytes : 0)
    }

    /// An answer to a question that changed nothing is written from `start` on. Where it is large, and there
    /// is no room for it, it is taken back: 429.
    mutating func admit(_ slot: Int, from start: Int) {
        let count = clients[slot].outbound.bytes.count - start
        if count <= Self.smallBytesMax || hasRoom(slot, for: count) { return }
        clients[slot].outbound.takeBack(from: start)
        answerer(slot).append(API.Refusal.crowded, to: &clients[slot].outbound.bytes)
    }

    /// A large answer goes to the kernel at once, so that only what it does not take counts.
    mutating func sendIfLarge(_ slot: Int) {
        guard clients[slot].outbound.count > Self.smallBytesMax else { return }
        // What else this comes to is seen when the turn's flush tries again.
        if clients[slot].origin == nil, clients[slot].flush() == .blocked { noteBlocked(slot) }
        weigh(slot)
    }

    /// The kernel takes no more for that connection.
    mutating func noteBlocked(_ slot: Int) {
        if clients[slot].blockedSince == nil { clients[slot].blockedSince = now }
        weigh(slot)
    }

    /// A stream waits until there is room for more of it.
    mutating func starve(_ slot: Int) {
        if !clients[slot].isStarved { starved.append(clients.token(at: slot)) }
        clients[slot].isStarved = true
    }

    /// Streams that waited for room go on where there is some.
    mutating func feedStarved() {
        if starved.isEmpty { return }
        let least = configuration.connectionBytesMax - ListStream.chunkBytes
        if bytesHeld > least { endSlow(but: nil, downTo: least) }
        if bytesHeld > least { return }
        var waiting: [Token] = []
        for token in starved where clients.contains(token) {
            // Who needs more than there is waits on: looked at in every turn, it would keep the loop busy.
            let most = configuration.connectionBytesMax - streamBytes(Int(token.slot))
            if bytesHeld > most {
                waiting.append(token)
            } else {
                clients[Int(token.slot)].isStarved = false
                makeRunnable(Int(token.slot))
            }
        }
        starved = waiting
    }

    /// How much the next part of a stream may take.
    private func streamBytes(_ slot: Int) -> Int {
        // Where the bound is very small, a backup waits until nobody else holds anything.
        min(clients[slot].pipe?.pieceBytes ?? ListStream.chunkBytes, configuration.connectionBytesMax)
    }

    /// Ends connections that have been slow for longer than our patience, the slowest first.
    private mutating func endSlow(but one: Int?, downTo most: Int) {
        if now < lookedForSlowAt + Self.lookingPauseNanoseconds { return }
        lookedForSlowAt = now
        var slow: [(since: UInt64, token: Token)] = []
        for slot in 0..<clients.limit where clients.isTaken(slot) && slot != one {
            guard clients[slot].bytesCounted > 0, let since = slowSince(slot),
                since + Self.patienceNanoseconds <= now
            else { continue }
            slow.append((since, clients.token(at: slot)))
        }
        slow.sort { $0.since < $1.since }
        // Some room more, or this would be needed again at once.
        let goal = most - configuration.connectionBytesMax / 8
        var count = 0
        for (_, token) in slow where bytesHeld > goal && clients.contains(token) {
            let slot = Int(token.slot)
            if case .content = clients[slot].stage {
                refuse(slot, .crowded, closing: true)
            } else {
                drop(slot)
            }
            count += 1
        }
        if count > 0 {
            log.warning("\(count) connections were ended that were slow while others needed their memory")
        }
    }

    /// Since when a connection has been slow with what it holds; nil: it is not.
    private func slowSince(_ slot: Int) -> UInt64? {
        if let since = clients[slot].blockedSince { return since }
        if clients[slot].origin == nil, case .content = clients[slot].stage { return clients[slot].askedAt }
        return nil
    }
}
