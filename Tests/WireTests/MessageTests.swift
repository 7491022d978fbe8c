// Messages between members: every kind there and back, one exact form, and limits.
import Consensus
import Testing
import Wire

@Suite("messages")
struct MessageTests {
    private func encoded(_ body: Message.Body, term: UInt64 = 7) -> [UInt8] {
        var bytes: [UInt8] = []
        Envelope(cluster: sampleCluster, message: message(body, term: term)).encode(into: &bytes)
        return bytes
    }

    /// The header of a piece is nothing without the bytes that follow it.
    private func whole(_ bytes: [UInt8], of body: Message.Body) -> [UInt8] {
        if case .piece = body { bytes + Array("piece".utf8) } else { bytes }
    }

    private func decoded(_ bytes: [UInt8], like body: Message.Body) throws(WireError) -> Envelope {
        let bytes = bytes.last == 0x0A ? whole(bytes, of: body) : bytes
        let route = Envelope(cluster: sampleCluster, message: message(body)).route
        return body.isAnswer
            ? try Envelope.answer(route, bytes.span) : try Envelope.request(route, bytes.span).envelope
    }

    private func problem(_ bytes: [UInt8], _ route: PeerRoute = .append) -> WireError.Problem? {
        do throws(WireError) {
            _ = try Envelope.request(route, bytes.span)
            return nil
        } catch {
            return error.problem
        }
    }

    @Test("every message is the same after the journey", arguments: sampleBodies)
    func roundTrip(body: Message.Body) throws {
        let bytes = encoded(body)
        #expect(bytes.last == 0x0A)
        #expect(bytes.filter { $0 == 0x0A }.count == 1)
        #expect(try decoded(bytes, like: body) == Envelope(cluster: sampleCluster, message: message(body)))
    }

    @Test("an append's header reads as the page on the wire says")
    func appendForm() throws {
        let bytes = encoded(sampleBodies[0])
        #expect(
            text(bytes) == "{\"cluster\":\"0123456789abcdeffedcba9876543210\",\"from\":1,\"boot\":3,\"to\":2,"
                + "\"term\":7,\"after\":[3,17],\"runs\":[[3,2],[7,1]],\"commit\":15,\"whole\":[4,20]}\n")
        let lines = block(from: 18, count: 3, term: 3).bytes
        let body = bytes + lines
        let request = try Envelope.request(.append, body.span)
        #expect(request.rest == bytes.count..<body.count)
    }

    @Test("the wrong route does not take a message", arguments: PeerRoute.allCases)
    func routes(route: PeerRoute) {
        for body in sampleBodies {
            let own = Envelope(cluster: sampleCluster, message: message(body)).route
            let bytes = encoded(body)
            let asRequest = try? Envelope.request(route, whole(bytes, of: body).span)
            let asAnswer = try? Envelope.answer(route, bytes.span)
            if let asRequest, asRequest.envelope.message.body == body {
                #expect(own == route && !body.isAnswer)
            }
            if let asAnswer, asAnswer.message.body == body {
                // A vote's answer and a pre-vote's are told apart by the route alone.
                #expect(own == route && body.isAnswer)
            }
        }
        #expect(PeerRoute(path: Array("/raft/\(route.rawValue)".utf8).span) == route)
        #expect(PeerRoute(path: Array("/raft/\(route.rawValue)x".utf8).span) == nil)
        #expect("\(route.path)" == "/raft/\(route.rawValue)")
    }

    @Test("changed, shortened and random bytes give an error or a message, and never stop the process")
    func garbage() {
        var chance = Chance(seed: 2)
        for body in sampleBodies {
            let bytes = encoded(body)
            for count in bytes.indices where count < bytes.count - 1 {
                #expect(throws: WireError.self) { _ = try decoded(Array(bytes[..<count]), like: body) }
            }
            for _ in 0..<2_000 {
                var changed = bytes
                for _ in 0...chance.below(3) {
                    let place = chance.below(changed.count)
                    switch chance.below(3) {
                    case 0: changed[place] = UInt8(truncatingIfNeeded: chance.next())
                    case 1: changed.remove(at: place)
                    default: changed.insert(Array("0129,[]{}\":".utf8)[chance.below(11)], at: place)
                    }
                }
                for route in PeerRoute.allCases {
                    _ = try? Envelope.request(route, changed.span)
                    _ = try? Envelope.answer(route, changed.span)
                }
                _ = try? Hello(changed.span)
            }
        }
    }

    @Test("what is taken is written the same way: there is one form of every message")
    func canonical() {
        var chance = Chance(seed: 3)
        for body in sampleBodies {
            let bytes = encoded(body)
            for _ in 0..<2_000 {
                var changed = bytes
                changed[chance.below(changed.count)] =
                    Array("0123456789,[]{}\" truefals".utf8)[chance.below(25)]
                guard let taken = try? decoded(changed, like: body) else { continue }
                var again: [UInt8] = []
                taken.encode(into: &again)
                #expect(again == changed)
            }
        }
    }

    @Test("an append is bounded in entries and in terms")
    func limits() {
        func append(_ runs: [Message.Run], after: EntryID = id(3, 17)) -> [UInt8] {
            encoded(
                .append(Message.Append(after: after, runs: runs, commit: .zero, whole: .zero)),
                term: largestNumber)
        }
        func run(_ term: UInt64, _ count: UInt64) -> Message.Run {
            Message.Run(term: Term(term), count: count)
        }
        #expect(problem(append([run(3, 1_000_000)])) == nil)
        #expect(problem(append([run(3, 1_000_001)])) == .limit)
        #expect(problem(append([run(3, 1), run(4, 1_000_000)])) == .limit)
        #expect(problem(append([run(3, largestNumber), run(4, largestNumber)])) == .limit)
        #expect(problem(append((0..<10_000).map { run($0 + 3, 1) })) == nil)
        #expect(problem(append((0..<10_001).map { run($0 + 3, 1) })) == .limit)
        #expect(problem(append([run(3, 0)])) == .number)
        #expect(problem(append([run(3, 1)], after: id(3, largestNumber))) == .limit)
        #expect(problem(append([run(3, 1)], after: id(3, largestNumber - 1))) == nil)
    }

    @Test("§5.3 the terms of an append rise, from the entry before it up to the leader's")
    func order() {
        func append(_ runs: [Message.Run], after: EntryID, term: UInt64 = 7) -> WireError.Problem? {
            problem(
                encoded(
                    .append(Message.Append(after: after, runs: runs, commit: .zero, whole: .zero)), term: term
                ))
        }
        func run(_ term: UInt64) -> Message.Run { Message.Run(term: Term(term), count: 1) }
        #expect(append([run(3), run(7)], after: id(3, 17)) == nil)
        #expect(append([run(2)], after: id(3, 17)) == .order)
        #expect(append([run(5), run(4)], after: id(3, 17)) == .order)
        #expect(append([run(5), run(5)], after: id(3, 17)) == .order)
        #expect(append([run(8)], after: id(3, 17)) == .order)
        #expect(append([], after: id(8, 17)) == .order)
        #expect(append([], after: id(0, 17)) == .order)
        #expect(append([], after: id(3, 0)) == .order)
    }

    @Test("numbers are plain integers up to 2^53−1, nodes from 1 on")
    func numbers() {
        func heartbeat(from: String, round: String) -> WireError.Problem? {
            let text =
                "{\"cluster\":\"\(sampleCluster)\",\"from\":\(from),\"boot\":1,\"to\":2,\"term\":4,"
                + "\"commit\":0,\"round\":\(round)}"
            return problem(Array(text.utf8), .heartbeat)
        }
        #expect(heartbeat(from: "1", round: "9007199254740991") == nil)
        #expect(heartbeat(from: "1", round: "9007199254740992") == .number)
        #expect(heartbeat(from: "1", round: "18446744073709551616") == .number)
        #expect(heartbeat(from: "1", round: "1e3") == .form)
        #expect(heartbeat(from: "1", round: "01") == .number)
        #expect(heartbeat(from: "1", round: "-1") == .number)
        #expect(heartbeat(from: "1", round: "\"1\"") == .number)
        #expect(heartbeat(from: "0", round: "1") == .number)
    }

    @Test("a probe brings no lines, and two requests never run into one")
    func trailing() {
        let probe = encoded(sampleBodies[1])
        #expect(problem(probe) == nil)
        #expect(problem(Array(probe.dropLast())) == .end)
        #expect(problem(probe + [0x0A]) == .count)
        let vote = encoded(.vote(last: .zero, isTransfer: false))
        #expect(problem(Array(vote.dropLast()), .vote) == nil)
        #expect(problem(vote + vote, .vote) == .form)
    }
}

@Suite("pieces of snapshots")
struct PieceTests {
    private func request(_ piece: Message.Piece, bytes: Int) throws(WireError) -> Range<Int> {
        var body: [UInt8] = []
        Envelope(cluster: sampleCluster, message: message(.piece(piece))).encode(into: &body)
        body += Array(repeating: 0x0A, count: bytes)
        return try Envelope.request(.snapshot, body.span).rest
    }

    private func piece(_ bytes: UInt64, at offset: UInt64, of last: EntryID = id(3, 17)) -> Message.Piece {
        Message.Piece(snapshot: last, sum: 1, bytes: bytes, offset: offset)
    }

    @Test("the bytes after the header are the piece's, newlines and all")
    func rest() throws {
        #expect(try request(piece(100, at: 90), bytes: 10).count == 10)
        #expect(try request(piece(1 << 40, at: 0), bytes: 1 << 20).count == 1 << 20)
    }

    @Test("a piece is not empty, not larger than allowed, and lies within its file")
    func limits() {
        for (bytes, offset, count) in [
            (100, 90, 0), (100, 90, 11), (1 << 40, 0, (1 << 20) + 1), (100, 100, 1), (0, 0, 1),
        ] as [(UInt64, UInt64, Int)] {
            #expect(throws: WireError.self) { _ = try request(piece(bytes, at: offset), bytes: count) }
        }
        #expect(throws: WireError.self) { _ = try request(piece(100, at: 0, of: .zero), bytes: 1) }
        #expect(throws: WireError.self) { _ = try request(piece(100, at: 0, of: id(0, 4)), bytes: 1) }
    }
}

@Suite("hello")
struct HelloTests {
    @Test("hello is the same after the journey, with and without a cluster")
    func roundTrip() throws {
        let stranger = Hello(
            node: NodeID(1), boot: Boot(1), cluster: nil, hasHistory: false, isDamaged: true,
            url: Array("http://127.0.0.1:7000".utf8), offer: sampleCluster)
        let member = Hello(
            node: NodeID(3), boot: Boot(largestNumber), cluster: sampleCluster, hasHistory: true,
            isDamaged: false, admitted: EntryID(term: Term(2), index: LogIndex(9)))
        let wiped = Hello(
            node: NodeID(2), boot: Boot(1 << 51), cluster: nil, hasHistory: false, isDamaged: false,
            isWiped: true)
        for hello in [stranger, member, wiped] {
            var bytes: [UInt8] = []
            hello.encode(into: &bytes)
            #expect(try Hello(bytes.span) == hello)
            for count in 0..<bytes.count - 1 {
                #expect(throws: WireError.self) { _ = try Hello(Array(bytes[..<count]).span) }
            }
            #expect(throws: WireError.self) { _ = try Hello((bytes + [0x20]).span) }
        }
    }
}
