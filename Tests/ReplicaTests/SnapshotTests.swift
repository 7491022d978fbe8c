// Snapshots of a member: taken when the log is long, sent to who lacks entries, received and installed.
import Consensus
import KeyValue
import Replica
import Testing
import Wire

@Suite("Snapshots")
struct SnapshotTests {
    private static let fileBytes: UInt64 = 2_500

    /// A leader of three that has applied so many puts; node 2 follows, node 3 has never answered.
    private func leader(entries: Int, change: (inout Replica.Settings) -> Void = { _ in }) -> Member {
        var member = Member(1, of: [1, 2, 3]) { settings in
            settings.snapshotEntries = 10
            settings.pieceBytes = 1_000
            change(&settings)
        }
        member.elect()
        member.acknowledge()
        for at in 0..<entries {
            member.put("key-\(at)", "value", ticket: UInt64(at) + 1)
            member.acknowledge()
        }
        return member
    }

    private func taken(_ effects: [Effect]) -> (head: SnapshotHead, store: Store)? {
        for case .takeSnapshot(let head, let store) in effects { return (head, store) }
        return nil
    }

    @Test("§7 a snapshot is due after so many entries, is of what is applied, and one at a time")
    func due() throws {
        var member = leader(entries: 8)
        #expect(taken(member.takeEffects()) == nil)
        member.put("one", "more", ticket: 50)
        member.acknowledge()
        let (head, store) = try #require(taken(member.takeEffects()))
        #expect(head.last.index == member.replica.applied && head.last.index == LogIndex(10))
        #expect(head.last.term == member.replica.raft.term)
        #expect(head.cluster == cluster && head.hash == store.hash && head.keys == 9)
        #expect(head.configuration.membership.voters == [NodeID(1), NodeID(2), NodeID(3)])
        for at in 0..<20 {
            member.put("later-\(at)", "value", ticket: 100 + UInt64(at))
            member.acknowledge()
        }
        #expect(taken(member.takeEffects()) == nil, "one is under way")
        #expect(store.count == 9, "what was frozen stays as it was")
        member.replica.snapshotTaken(head.last, sum: 1, bytes: Self.fileBytes)
        member.turn()
        let effects = member.takeEffects()
        #expect(effects.compactions == [head.last])
        #expect(taken(effects) != nil, "twenty more were applied meanwhile")
    }

    @Test("§7 a snapshot is due after so many bytes of the log, however few the entries")
    func large() throws {
        var member = leader(entries: 8) { settings in
            settings.snapshotEntries = 1_000_000
            settings.snapshotBytes = 10_000
        }
        #expect(taken(member.takeEffects()) == nil)
        member.put("one", String(repeating: "x", count: 9_500), ticket: 50)
        member.acknowledge()
        let (head, _) = try #require(taken(member.takeEffects()))
        #expect(head.last.index == member.replica.applied)
    }

    @Test("one that could not be written is tried again, later")
    func failed() throws {
        var member = leader(entries: 20)
        let (head, _) = try #require(taken(member.takeEffects()))
        member.replica.snapshotFailed(head.last)
        member.turn()
        #expect(taken(member.takeEffects()) == nil)
        for _ in 0..<40 {
            member.pass(1_000)
            member.answered(by: 2, term: member.replica.raft.term.rawValue, .heard(round: 0))
        }
        let effects = member.takeEffects()
        #expect(taken(effects) != nil)
        #expect(effects.compactions.isEmpty)
    }

    @Test("one that found no room is tried again as soon as there is some")
    func roomAgain() throws {
        var member = leader(entries: 20)
        let (head, _) = try #require(taken(member.takeEffects()))
        member.replica.roomLeft(1 << 20)
        member.replica.snapshotFailed(head.last)
        member.turn()
        #expect(taken(member.takeEffects()) == nil)
        member.replica.roomLeft(nil)
        member.turn()
        #expect(taken(member.takeEffects()) != nil)
    }

    /// A leader whose log begins after entry 21, and node 3 that holds nothing.
    private func sender(
        fileBytes: UInt64 = Self.fileBytes, change: (inout Replica.Settings) -> Void = { _ in }
    ) throws -> (member: Member, snapshot: EntryID) {
        var member = leader(entries: 20, change: change)
        let (first, _) = try #require(taken(member.takeEffects()))
        member.replica.snapshotTaken(first.last, sum: 1, bytes: fileBytes)
        member.turn()
        let (head, _) = try #require(taken(member.takeEffects()))
        member.replica.snapshotTaken(head.last, sum: 7, bytes: fileBytes)
        member.turn()
        member.replica.compacted(through: head.last.index)
        member.pass(200)
        member.answered(
            by: 3, term: member.replica.raft.term.rawValue,
            .rejected(after: member.replica.raft.log.lastIndex, hint: .zero))
        return (member, head.last)
    }

    private func wanted(_ effects: [Effect]) -> (offset: UInt64, count: Int)? {
        for case .loadPiece(_, let offset, let count, NodeID(3)) in effects { return (offset, count) }
        return nil
    }

    private func piece(_ parcel: Parcel) throws -> Message.Piece? {
        let bytes = parcel.head + parcel.body.flatMap { $0.bytes[$0.range] }
        guard case .piece(let piece) = try Envelope.request(.snapshot, bytes.span).envelope.message.body
        else {
            return nil
        }
        return piece
    }

    @Test("pieces follow their answers as fast as the rate allows, late turns are made up for, and no more")
    func pace() throws {
        // A piece of 1,000 bytes each 20 ms.
        var (member, snapshot) = try sender(fileBytes: 50_000) { $0.pieceBytesPerSecond = 50_000 }
        let term = member.replica.raft.term.rawValue
        func wanted(_ member: inout Member) -> Bool { self.wanted(member.takeEffects()) != nil }
        func answer(_ member: inout Member, _ offset: UInt64) {
            member.replica.loadedPiece(
                Array(repeating: 1, count: 1_000), of: snapshot, offset: offset, for: NodeID(3))
            member.answered(
                by: 3, term: term, .pieced(snapshot: snapshot, next: offset + 1_000, isInstalled: false))
        }
        #expect(wanted(&member))
        answer(&member, 0)
        #expect(!wanted(&member), "its time has not come")
        member.pass(20)
        #expect(wanted(&member))
        // The turn comes late: what was due meanwhile goes at once, as soon as the answer is there.
        member.pass(40)
        answer(&member, 1_000)
        #expect(wanted(&member))
        // However late, no more than in a heartbeat's time: 100 ms, five pieces.
        member.pass(400)
        var burst = 0
        for number in 2..<20 {
            answer(&member, UInt64(number) * 1_000)
            if !wanted(&member) { break }
            burst += 1
        }
        #expect(burst == 5)
    }

    @Test("§7 a peer whose entries are gone gets the snapshot piece by piece, then what follows")
    func sends() throws {
        var (member, snapshot) = try sender()
        let term = member.replica.raft.term.rawValue
        var next: UInt64 = 0
        for expected in [1_000, 1_000, 500] {
            var effects = member.takeEffects()
            if wanted(effects) == nil {
                member.pass(50)
                effects = member.takeEffects()
            }
            let (offset, count) = try #require(wanted(effects))
            #expect(offset == next && count == expected)
            #expect(try effects.appends(to: 3).allSatisfy { $0.append.count == 0 })
            member.replica.loadedPiece(
                Array(repeating: 1, count: count), of: snapshot, offset: offset, for: NodeID(3))
            member.turn()
            let parcel = try #require(member.takeEffects().parcels(to: 3, .snapshot).first)
            #expect(parcel.lane == .snapshots)
            #expect(
                try piece(parcel) == Message.Piece(snapshot: snapshot, sum: 7, bytes: 2_500, offset: offset))
            next = offset + UInt64(count)
            member.answered(
                by: 3, term: term,
                .pieced(snapshot: snapshot, next: next, isInstalled: next == Self.fileBytes))
        }
        member.put("after", "it", ticket: 99)
        member.pass(20)
        let appends = try member.takeEffects().appends(to: 3).filter { $0.append.count > 0 }
        #expect(appends.first?.append.after == snapshot)
    }

    @Test("a broken connection: the peer is asked again where it was, and says what it holds")
    func resumes() throws {
        var (member, snapshot) = try sender()
        let term = member.replica.raft.term.rawValue
        _ = member.takeEffects()
        member.replica.loadedPiece(
            Array(repeating: 1, count: 1_000), of: snapshot, offset: 0, for: NodeID(3))
        member.turn()
        member.replica.lost(NodeID(3), .snapshots)
        _ = member.takeEffects()
        member.pass(200)
        #expect(try #require(wanted(member.takeEffects())).offset == 0)
        member.replica.loadedPiece(
            Array(repeating: 1, count: 1_000), of: snapshot, offset: 0, for: NodeID(3))
        member.turn()
        member.answered(by: 3, term: term, .pieced(snapshot: snapshot, next: 2_000, isInstalled: false))
        member.pass(100)
        #expect(try #require(wanted(member.takeEffects())).offset == 2_000)
    }

    @Test("what a peer holds from a leader with shorter pieces is gone on from, and its last asked for again")
    func otherPieces() throws {
        var (member, snapshot) = try sender()
        let term = member.replica.raft.term.rawValue
        _ = member.takeEffects()
        for (held, offset, count) in [(1_800, 1_800, 700), (2_500, 1_500, 1_000)] as [(UInt64, UInt64, Int)] {
            member.replica.loadedPiece(
                Array(repeating: 1, count: 1_000), of: snapshot, offset: 0, for: NodeID(3))
            member.turn()
            member.answered(by: 3, term: term, .pieced(snapshot: snapshot, next: held, isInstalled: false))
            for _ in 0..<3 {
                member.pass(200)
                member.answered(by: 2, term: term, .heard(round: 0))
            }
            #expect(try #require(wanted(member.takeEffects())) == (offset, count))
        }
    }

    @Test("a file that the peer cannot use, or that cannot be read, makes the leader take a new one")
    func replaces() throws {
        for isUnreadable in [true, false] {
            var (member, snapshot) = try sender()
            member.put("one", "more", ticket: 90)
            member.acknowledge()
            let term = member.replica.raft.term.rawValue
            _ = member.takeEffects()
            if isUnreadable {
                member.replica.loadedPiece(nil, of: snapshot, offset: 0, for: NodeID(3))
            } else {
                for offset in stride(from: UInt64(0), to: 2_500, by: 1_000) {
                    let count = Int(min(1_000, 2_500 - offset))
                    member.replica.loadedPiece(
                        Array(repeating: 1, count: count), of: snapshot, offset: offset, for: NodeID(3))
                    member.turn()
                    member.answered(
                        by: 3, term: term,
                        .pieced(
                            snapshot: snapshot, next: offset + 1_000 > 2_500 ? 0 : offset + 1_000,
                            isInstalled: false))
                    member.pass(50)
                }
            }
            member.turn()
            let (head, _) = try #require(taken(member.takeEffects()))
            #expect(head.last.index > snapshot.index)
        }
    }

    // The other end ----------------------------------------------------------------------------------------

    /// What the leader's snapshot at 9 in term 3 holds.
    private func opened(_ sum: UInt32 = 5, bytes: UInt64 = 2_500, last: EntryID = snapshot) -> OpenedSnapshot
    {
        var restoration = Restoration(
            revision: Revision(6), clusterTime: .zero, appliedIndex: last.index.rawValue, hash: 1)
        let key = Array("kept".utf8)
        let isTaken = restoration.add(
            key: key.span, value: key.span, contentType: [UInt8]().span, revision: Revision(6),
            createdRevision: Revision(6), version: 1)
        #expect(isTaken)
        let store = restoration.finish()
        let head = SnapshotHead(
            cluster: cluster, last: last,
            configuration: Configuration(
                index: LogIndex(1), membership: Membership(voters: [NodeID(1), NodeID(2), NodeID(3)])),
            revision: 6, clusterTime: 0, hash: 1, keys: 1, bytes: 8)
        return OpenedSnapshot(head: head, store: store, sum: sum, bytes: bytes)
    }
    private static let snapshot = EntryID(term: Term(3), index: LogIndex(9))

    private func sent(_ offset: UInt64, sum: UInt32 = 5) -> Message.Body {
        .piece(Message.Piece(snapshot: Self.snapshot, sum: sum, bytes: 2_500, offset: offset))
    }

    /// A follower that holds four entries of term 1, none of them committed, and was sent all pieces.
    private func receiver() throws -> (member: Member, last: Exchange) {
        var member = Member(2, of: [1, 2, 3])
        member.asked(
            by: 1, term: 1, append(after: 0, of: 0, [(1, 4)]), lines: lines(from: 1, count: 4, term: 1))
        var last = Exchange(0)
        for offset in [UInt64(0), 1_000, 2_000] {
            let count = Int(min(1_000, 2_500 - offset))
            last = member.asked(by: 1, term: 3, sent(offset), lines: Array(repeating: 1, count: count))
            let effects = member.takeEffects()
            var received: (offset: UInt64, isLast: Bool)?
            for case .receivePiece(let bytes, let offset, let isLast) in effects where bytes.count == count {
                received = (offset, isLast)
            }
            #expect(try #require(received) == (offset, offset == 2_000))
            #expect(try effects.answer(to: last, .snapshot) == nil, "not before it is on disk")
            member.replica.received(upTo: offset + UInt64(count))
            member.turn()
            if offset < 2_000 {
                #expect(
                    try member.effects.answer(to: last, .snapshot)
                        == .pieced(snapshot: Self.snapshot, next: offset + 1_000, isInstalled: false))
            }
        }
        return (member, last)
    }

    @Test("§7 what was received is opened, takes the place of log and store, and is answered once durable")
    func installs() throws {
        var (member, last) = try receiver()
        member.hasQuickDisk = false
        #expect(member.takeEffects().contains { if case .openSnapshot = $0 { true } else { false } })
        member.replica.opened(opened())
        member.turn()
        var effects = member.takeEffects()
        var install: (id: EntryID, discardsLog: Bool, write: WriteID)?
        for case .installSnapshot(let id, let discardsLog, let write) in effects {
            install = (id, discardsLog, write)
        }
        let (id, discardsLog, write) = try #require(install)
        #expect(id == Self.snapshot && discardsLog)
        #expect(try effects.answer(to: last, .snapshot) == nil)
        #expect(member.replica.applied == LogIndex(9) && member.replica.store.count == 1)
        #expect(member.replica.raft.log.base == Self.snapshot)
        // Entries after it come while the disk is busy: they are acknowledged after it.
        let append = member.asked(
            by: 1, term: 3, append(after: 9, of: 3, [(3, 1)], commit: 10),
            lines: lines(from: 10, count: 1, term: 3))
        #expect(try member.takeEffects().answer(to: append, .append) == nil)
        member.hasQuickDisk = true
        member.replica.persisted(write)
        member.turn()
        effects = member.takeEffects()
        #expect(
            try effects.answer(to: last, .snapshot)
                == .pieced(snapshot: Self.snapshot, next: 2_500, isInstalled: true))
        #expect(effects.compactions == [Self.snapshot])
        #expect(member.replica.applied == LogIndex(10) && member.replica.store.count == 2)
    }

    @Test("a snapshot that is not what was announced changes nothing, and is asked for anew")
    func refuses() throws {
        let others = [
            nil, opened(6), opened(bytes: 2_499), opened(last: EntryID(term: Term(3), index: LogIndex(8))),
        ]
        for bad in others {
            var (member, last) = try receiver()
            member.replica.opened(bad)
            member.turn()
            let effects = member.takeEffects()
            #expect(
                try effects.answer(to: last, .snapshot)
                    == .pieced(snapshot: Self.snapshot, next: 0, isInstalled: false))
            #expect(member.replica.applied == .zero && member.replica.raft.log.lastIndex == LogIndex(4))
            member.asked(by: 1, term: 3, sent(0), lines: Array(repeating: 1, count: 1_000))
            #expect(member.takeEffects().contains { if case .receivePiece = $0 { true } else { false } })
        }
    }

    @Test("a piece out of place, repeated or of another file is answered with what is held")
    func misplaced() throws {
        var member = Member(2, of: [1, 2, 3])
        func next(_ body: Message.Body) throws -> UInt64? {
            let exchange = member.asked(by: 1, term: 3, body, lines: Array(repeating: 1, count: 500))
            guard case .pieced(_, let next, false) = try member.takeEffects().answer(to: exchange, .snapshot)
            else { return nil }
            return next
        }
        #expect(try next(sent(1_000)) == 0)
        #expect(try next(sent(0)) == nil, "it goes to disk first")
        #expect(try next(sent(0)) == 0, "the same once more, meanwhile")
        member.replica.received(upTo: 500)
        member.turn()
        #expect(try next(sent(0)) == 500)
        #expect(try next(sent(1_000)) == 500)
        #expect(try next(sent(500, sum: 6)) == 0, "another file begins at its beginning")
        #expect(try next(sent(500)) == nil)
    }

    /// Lets node 2 win an election by the votes of node 1.
    private func elect(_ member: inout Member) {
        while member.replica.raft.role != .leader {
            member.pass(10)
            let term = member.replica.raft.term.rawValue
            switch member.replica.raft.role {
            case .preCandidate: member.answered(by: 1, term: term + 1, .preVoted(granted: true))
            case .candidate: member.answered(by: 1, term: term, .voted(granted: true))
            case .follower, .leader: continue
            }
        }
    }

    /// The next leader sends all of a snapshot that this log does not lead to.
    private func overtake(_ member: inout Member) -> EntryID {
        let term = member.replica.raft.term.rawValue + 1
        let id = EntryID(term: Term(term), index: LogIndex(9))
        let piece = Message.Body.piece(Message.Piece(snapshot: id, sum: 5, bytes: 10, offset: 0))
        member.asked(by: 1, term: term, piece, lines: Array(repeating: 1, count: 10))
        member.replica.received(upTo: 10)
        member.turn()
        return id
    }

    @Test("who waits for a write beyond a log that is discarded is told once its place is taken")
    func beyond() throws {
        var member = Member(2, of: [1, 2, 3])
        elect(&member)
        for ticket: UInt64 in 100..<120 { member.put("mine", "x", ticket: ticket, deadline: 600_000) }
        #expect(member.replica.raft.log.lastIndex == LogIndex(21))
        let id = overtake(&member)
        member.replica.opened(opened(bytes: 10, last: id))
        member.turn()
        #expect(member.replica.raft.log.lastIndex == LogIndex(9))
        // It leads again, and others write where the lost ones stood.
        elect(&member)
        _ = member.takeEffects()
        member.put("other", "y", ticket: 200)
        member.put("other", "z", ticket: 201)
        member.acknowledge(by: 1)
        let effects = member.takeEffects()
        #expect(member.replica.applied == LogIndex(12))
        #expect(effects.answers(to: 200).count == 1 && effects.answers(to: 201).count == 1)
        // The entries at 10 to 12 are others now; those who waited for 2 to 9 were told before.
        for ticket: UInt64 in 108..<111 { #expect(effects.failure(of: ticket) == .timedOut(.notApplied)) }
        #expect(effects.failure(of: 119) == nil, "its place is not taken yet")
    }

    @Test("who waits for a write that a snapshot has overtaken is told that its outcome is unknown")
    func overtaken() throws {
        var member = Member(2, of: [1, 2, 3])
        // It led term 2, with a client's write that nobody else has.
        elect(&member)
        member.put("mine", "x", ticket: 77, deadline: 60_000)
        let id = overtake(&member)
        #expect(member.takeEffects().answers(to: 77).isEmpty)
        member.replica.opened(opened(bytes: 10, last: id))
        member.turn()
        #expect(member.takeEffects().failure(of: 77) == .timedOut(.unknown))
    }
}

extension [Effect] {
    fileprivate var compactions: [EntryID] {
        compactMap { if case .compact(let id) = $0 { id } else { nil } }
    }
}
