// One member among peers that say anything: what they send never ends it, and what it says can be read.
import Consensus
import KeyValue
import Replica
import Wire

extension FuzzTarget {
    /// The input is a program of messages, ticks, completions of the disk, and requests of clients.
    func feedMember(_ bytes: [UInt8]) throws(Contradiction) {
        var draw = Draw(bytes)
        var member = Member(&draw)
        for _ in 0..<256 where !draw.isAtEnd { try member.step(&draw) }
    }
}

private struct Member {
    static let cluster = ClusterID(high: 7, low: 9)
    static let id = NodeID(1)
    private var replica: Replica
    private var milliseconds: UInt64 = 1
    private var count: UInt64 = 0
    /// What the disk has not finished.
    private var writes: [WriteID] = []
    private var votes: [HardState] = []
    /// Messages that it has sent: their answers are more worth than made up ones.
    private var asked: [(to: NodeID, route: PeerRoute)] = []

    init(_ draw: inout Draw) {
        let style = draw.byte()
        let peers = (1...(style & 1 == 1 ? 5 : 3)).map { NodeID(UInt64($0)) }
        let settings = Replica.Settings(node: Self.id, peers: peers, url: Array("http://1".utf8))
        let isKnown = style & 2 == 0
        var tail = Block(first: LogIndex(1))
        let count = isKnown ? UInt64(style >> 4) : 0
        let command = Array("{\"none\":true}".utf8)
        for index in 1...(count + 1) where index <= count {
            tail.append(index: LogIndex(index), term: Term(index > 3 ? 2 : 1), command: command.span)
        }
        var runs: [Message.Run] = []
        if count > 0 { runs.append(Message.Run(term: Term(1), count: min(count, 3))) }
        if count > 3 { runs.append(Message.Run(term: Term(2), count: count - 3)) }
        let origin = Replica.Origin(
            boot: Boot(2), cluster: isKnown ? Self.cluster : nil,
            hard: isKnown ? HardState(term: Term(3), vote: nil, count: 1) : nil, runs: runs, commit: .zero,
            tail: count > 0 ? [tail] : [], replay: Replay(), isDamaged: style & 4 != 0,
            isWiped: style & 8 != 0)
        replica = Replica(settings: settings, origin: origin, seed: UInt64(style))
        replica.started()
    }

    mutating func step(_ draw: inout Draw) throws(Contradiction) {
        switch draw.below(16) {
        case 0, 1: pass(draw)
        case 2: if !writes.isEmpty { replica.persisted(writes.removeFirst()) }
        case 3: if !votes.isEmpty { replica.stored(votes.removeFirst()) }
        case 4: put(&draw)
        case 5: replica.read(for: ticket(), until: now + .milliseconds(500), byAsking: draw.isTrue())
        case 6: replica.lost(peer(&draw), Lane.allCases[draw.below(Lane.allCases.count)])
        case 7: replica.loaded([], for: peer(&draw))
        case 8: hello(&draw)
        case 9: if draw.below(8) == 7 { replica.transferLeadership(to: draw.isTrue() ? peer(&draw) : nil) }
        case 10, 11: answerLast(&draw)
        default: say(&draw)
        }
        for _ in 0..<8 { try turn() }
        replica.checkInvariants()
    }

    private var now: Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    private mutating func ticket() -> Ticket {
        count += 1
        return Ticket(count)
    }

    private func peer(_ draw: inout Draw) -> NodeID { NodeID(UInt64(draw.below(6))) }

    private mutating func pass(_ draw: Draw) {
        var draw = draw
        for _ in 0...draw.below(60) {
            milliseconds += 20
            replica.tick(now)
        }
    }

    private mutating func put(_ draw: inout Draw) {
        let bytes = draw.piece(16)
        let type: [UInt8] = []
        replica.put(
            key: bytes.span, value: bytes.span, contentType: type.span, precondition: Precondition(),
            for: ticket(), until: now + .milliseconds(500))
    }

    private mutating func hello(_ draw: inout Draw) {
        let style = draw.byte()
        let from = peer(&draw)
        let known = ClusterID(high: 7, low: style & 1 == 1 ? 9 : 8)
        let hello = Hello(
            node: from, boot: Boot(UInt64(draw.below(4))), cluster: style & 2 == 0 ? nil : known,
            hasHistory: style & 4 != 0, isDamaged: style & 8 != 0, url: Array("http://x".utf8),
            offer: style & 16 != 0 ? known : nil)
        var bytes: [UInt8] = []
        hello.encode(into: &bytes)
        if style & 32 == 0 {
            replica.answered(by: from, route: .hello, body: bytes.span)
        } else {
            replica.asked(.hello, body: bytes.span, exchange: Exchange(0))
        }
    }

    // What peers say ---------------------------------------------------------------------------------------

    private func number(_ draw: inout Draw, near: UInt64) -> UInt64 {
        let style = draw.byte()
        if style > 0xF8 { return min(draw.number(), largestNumber) }
        return min(max(near, 3) - 3 + UInt64(style % 6), largestNumber)
    }

    private func index(_ draw: inout Draw) -> LogIndex {
        LogIndex(number(&draw, near: replica.raft.log.lastIndex.rawValue))
    }

    private func term(_ draw: inout Draw) -> Term {
        let style = draw.byte()
        let now = replica.raft.term.rawValue
        if style > 0xFC { return Term(min(draw.number(), largestNumber)) }
        return Term(style > 0xF0 ? min(now + 1, largestNumber) : style > 0xE8 ? now / 2 : now)
    }

    private func entry(_ draw: inout Draw) -> EntryID {
        let index = index(&draw)
        let known = replica.raft.log.term(at: index) ?? .zero
        return EntryID(term: draw.below(4) == 3 ? term(&draw) : known, index: index)
    }

    private mutating func answerLast(_ draw: inout Draw) {
        guard !asked.isEmpty else { return }
        let last = asked.remove(at: draw.below(asked.count) % asked.count)
        let body: Message.Body
        var term = replica.raft.term
        switch last.route {
        case .append:
            let match = draw.isTrue() ? replica.raft.log.lastIndex : index(&draw)
            body =
                draw.below(4) == 3
                ? .rejected(after: index(&draw), hint: entry(&draw)) : .appended(match: match)
        case .heartbeat: body = .heard(round: number(&draw, near: 3))
        case .preVote:
            body = .preVoted(granted: true)
            term = Term(term.rawValue + 1)
        case .vote: body = .voted(granted: true)
        case .readIndex: body = .readIndexed(question: number(&draw, near: 3), index: index(&draw))
        default: return
        }
        answer(Message(from: last.to, to: Self.id, boot: Boot(UInt64(draw.below(3))), term: term, body: body))
    }

    private mutating func answer(_ message: Message) {
        let envelope = Envelope(cluster: Self.cluster, message: message)
        var bytes: [UInt8] = []
        envelope.encode(into: &bytes)
        replica.answered(by: message.from, route: envelope.route, body: bytes.span)
    }

    private mutating func say(_ draw: inout Draw) {
        var lines: [UInt8] = []
        let body: Message.Body
        switch draw.below(14) {
        case 0...3: body = append(&draw, &lines)
        case 4: body = .appended(match: index(&draw))
        case 5: body = .rejected(after: index(&draw), hint: entry(&draw))
        case 6: body = .heartbeat(commit: index(&draw), round: number(&draw, near: 3))
        case 7: body = .heard(round: number(&draw, near: 3))
        case 8: body = .preVote(last: entry(&draw))
        case 9: body = .vote(last: entry(&draw), isTransfer: draw.isTrue())
        case 10: body = draw.isTrue() ? .preVoted(granted: draw.isTrue()) : .voted(granted: draw.isTrue())
        case 11: body = .timeoutNow
        case 12: body = .readIndex(question: number(&draw, near: 3))
        default: body = .readIndexed(question: number(&draw, near: 3), index: index(&draw))
        }
        let message = Message(
            from: peer(&draw), to: draw.below(16) == 15 ? NodeID(2) : Self.id,
            boot: Boot(UInt64(draw.below(3))), term: term(&draw), body: body)
        guard !body.isAnswer else { return answer(message) }
        let envelope = Envelope(cluster: Self.cluster, message: message)
        var bytes: [UInt8] = []
        envelope.encode(into: &bytes)
        count += 1
        bytes += lines
        replica.asked(envelope.route, body: bytes.span, exchange: Exchange(count))
    }

    /// One that is valid, or any bytes in braces.
    private func command(_ draw: inout Draw) -> [UInt8] {
        if draw.isTrue() { return Array("{\"none\":true}".utf8) }
        return [0x7B] + draw.piece(40).filter { $0 != 0x0A } + [0x7D]
    }

    private func append(_ draw: inout Draw, _ lines: inout [UInt8]) -> Message.Body {
        let after = entry(&draw)
        var block = Block(first: LogIndex(min(after.index.rawValue + 1, largestNumber)))
        var runs: [Message.Run] = []
        var runTerm = max(draw.isTrue() ? replica.raft.term : after.term, Term(1))
        for _ in 0..<draw.below(3) {
            let entries = UInt64(draw.below(3)) + 1
            for _ in 0..<entries where block.last.rawValue < largestNumber {
                let command = self.command(&draw)
                block.append(index: block.first + UInt64(block.count), term: runTerm, command: command.span)
            }
            runs.append(Message.Run(term: runTerm, count: entries))
            runTerm = Term(min(runTerm.rawValue + 1, largestNumber))
        }
        lines = block.bytes
        return .append(
            Message.Append(
                after: after, runs: runs, commit: index(&draw), whole: index(&draw),
                wholeFor: Boot(UInt64(draw.below(3)))))
    }

    // What it asks for -------------------------------------------------------------------------------------

    private mutating func turn() throws(Contradiction) {
        replica.turnEnded()
        var effects: [Effect] = []
        replica.takeEffects(into: &effects)
        for effect in effects {
            switch effect {
            case .persist(let write, _, _, _): writes.append(write)
            case .storeVote(let hard): votes.append(hard)
            case .storeIdentity: replica.storedIdentity()
            case .clearDamage: replica.clearedDamage()
            case .installSnapshot(_, _, let write): writes.append(write)
            case .receivePiece(let bytes, let offset, _):
                replica.received(upTo: offset + UInt64(bytes.count))
            case .openSnapshot: replica.opened(nil)
            case .loadPiece(let id, let offset, let count, let peer):
                replica.loadedPiece(
                    [UInt8](repeating: 0, count: count), of: id, offset: offset, for: peer)
            case .takeSnapshot(let head, _): replica.snapshotTaken(head.last, sum: 1, bytes: 100)
            case .send(let parcel):
                let bytes = parcel.head + parcel.body.flatMap { $0.bytes[$0.range] }
                try expect(Self.isReadable(parcel.route, bytes), "a \(parcel.route) that no peer can read")
                asked.append((parcel.to, parcel.route))
                if asked.count > 16 { asked.removeFirst() }
            case .replied, .readable, .failed, .answer, .refuse, .learnURL, .load, .notice, .snapshotted,
                .compact, .release, .rejoined, .storeWiped:
                continue
            }
        }
    }

    private static func isReadable(_ route: PeerRoute, _ bytes: [UInt8]) -> Bool {
        if route == .hello { return (try? Hello(bytes.span)) != nil }
        guard let (envelope, entries) = try? Envelope.request(route, bytes.span) else { return false }
        guard case .append(let append) = envelope.message.body else { return true }
        return (try? Block(bytes.span, in: entries, after: append.after, runs: append.runs)) != nil
    }
}
