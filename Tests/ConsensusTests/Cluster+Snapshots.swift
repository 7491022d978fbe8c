// The replica's part in snapshots and admissions, as little of it as consensus needs.
import Consensus

/// A snapshot that is being received: so many of its pieces are here.
struct Incoming {
    let snapshot: Snapshot
    var next: UInt64 = 0
    /// The last piece, which is answered when the snapshot is installed.
    var question: (exchange: Exchange, message: Message)?
}

/// A wiped node that asked to be let in, the entry for it, and where it may begin.
struct Admission {
    let node: NodeID
    let boot: Boot
    var entry: LogIndex?
    var index: LogIndex?
}

extension Member {
    /// The state after the last entry that is applied.
    var snapshotNow: Snapshot? {
        guard committed > .zero, let term = raft.log.term(at: committed) else { return nil }
        return Snapshot(
            last: EntryID(term: term, index: committed), configuration: raft.configuration(at: committed),
            payloads: Array(payloads.prefix(Int(committed.rawValue))))
    }

    mutating func admit(under configuration: Configuration) {
        for at in admissions.indices {
            guard let entry = admissions[at].entry, entry <= configuration.index,
                !configuration.membership.isVoter(admissions[at].node)
            else { continue }
            admissions[at].index = admissions[at].index ?? configuration.index
        }
    }
}

extension Cluster {
    /// Every snapshot is a file of so many bytes, and every piece one of them.
    static var pieces: UInt64 { 3 }

    /// Takes a snapshot of what is applied; it is durable at once.
    mutating func takeSnapshot(_ id: NodeID) {
        guard let snapshot = self[id].snapshotNow else { return }
        if let last = self[id].durable.snapshot?.last, last.index >= snapshot.last.index { return }
        self[id].durable.snapshot = snapshot
    }

    /// The log up to `index` is removed, as far as a snapshot covers it.
    @discardableResult
    mutating func compact(_ id: NodeID, through index: LogIndex, endsTurn: Bool = true) -> [Output] {
        let covered = self[id].durable.snapshot?.last.index ?? .zero
        // An install that is not durable yet may stand on what the disk still has.
        let index = min(index, covered, self[id].committed)
        let out = step(id, .compacted(through: index), endsTurn: endsTurn)
        let log = self[id].durable.log
        if index > log.base.index, let term = log.term(at: index) {
            let runs = log.runs(after: index, through: log.lastIndex)
            self[id].durable.log = LogShape(base: EntryID(term: term, index: index), runs: runs)
        }
        return out
    }

    mutating func sendPiece(by at: Int, to peer: NodeID, at offset: UInt64) {
        let member = members[at]
        guard let snapshot = member.durable.snapshot, member.raft.role == .leader else { return }
        let piece = Message.Piece(
            snapshot: snapshot.last, sum: UInt32(truncatingIfNeeded: member.raft.id.rawValue),
            bytes: Self.pieces, offset: min(offset, Self.pieces - 1))
        members[at].sent[peer] = piece.offset
        let message = Message(
            from: member.raft.id, to: peer, boot: member.raft.boot, term: member.raft.term,
            body: .piece(piece))
        ledger.sends(message, by: member)
        send(Packet(message: message, snapshot: snapshot))
    }

    /// The next piece, at once where the last one was taken.
    mutating func goOnSending(by at: Int, to peer: NodeID, at next: UInt64) {
        if let last = members[at].sent[peer], next == last + 1, next < Self.pieces {
            sendPiece(by: at, to: peer, at: next)
        } else {
            members[at].stalled.append((peer, next))
        }
    }

    mutating func resumeSending(_ id: NodeID) {
        let stalled = self[id].stalled
        guard !stalled.isEmpty else { return }
        self[id].stalled = []
        for one in stalled where self[id].raft.needsSnapshot(one.peer) {
            sendPiece(by: Int(id.rawValue) - 1, to: one.peer, at: one.next)
        }
    }

    mutating func takePiece(
        _ exchange: Exchange, _ message: Message, _ packet: Packet?, by at: Int, _ out: inout [Output]
    ) {
        guard case .piece(let piece) = message.body else { return }
        let snapshot =
            packet?.snapshot
            ?? Snapshot(
                last: piece.snapshot, configuration: Configuration(index: .zero, membership: membership),
                payloads: Array(repeating: 0, count: Int(min(piece.snapshot.index.rawValue, 10_000))))
        // While one is installed, no other begins.
        if members[at].incoming?.question == nil, members[at].incoming?.snapshot.last != piece.snapshot {
            members[at].incoming = Incoming(snapshot: snapshot)
        }
        guard let incoming = members[at].incoming, incoming.question == nil, piece.offset == incoming.next,
            incoming.snapshot.last == piece.snapshot
        else {
            let next = members[at].incoming?.next ?? 0
            answerPiece(exchange, message, next: next, isInstalled: false, by: at, &out)
            return
        }
        members[at].incoming?.next += 1
        if incoming.next + 1 < piece.bytes {
            answerPiece(exchange, message, next: incoming.next + 1, isInstalled: false, by: at, &out)
        } else {
            members[at].incoming?.question = (exchange, message)
            members[at].raft.step(.install(snapshot.last, snapshot.configuration), into: &out)
        }
    }

    private mutating func answerPiece(
        _ exchange: Exchange, _ message: Message, next: UInt64, isInstalled: Bool, by at: Int,
        _ out: inout [Output]
    ) {
        let answer = Input.answerPiece(exchange, message, next: next, isInstalled: isInstalled)
        members[at].raft.step(answer, into: &out)
    }

    mutating func dropIncoming(by at: Int, _ out: inout [Output]) {
        let question = members[at].incoming?.question
        members[at].incoming = nil
        guard let question else { return }
        answerPiece(question.exchange, question.message, next: 0, isInstalled: false, by: at, &out)
    }

    /// The state is the snapshot's from now on; the disk follows.
    mutating func install(_ write: WriteID, _ last: EntryID, discardsLog: Bool, by at: Int) {
        let received = members[at].incoming?.snapshot
        // One that came by no pieces is made up.
        let snapshot =
            received.flatMap { $0.last == last ? $0 : nil }
            ?? Snapshot(
                last: last, configuration: members[at].raft.configuration(at: last.index),
                payloads: Array(repeating: 0, count: Int(last.index.rawValue)))
        let own = members[at].payloads
        members[at].payloads =
            discardsLog ? snapshot.payloads : snapshot.payloads + own.dropFirst(snapshot.payloads.count)
        members[at].committed = last.index
        ledger.installed(snapshot, by: members[at], over: own, discardsLog: discardsLog)
        members[at].disk.append(.install(write, snapshot, discardsLog: discardsLog))
    }

    /// The installed snapshot is durable: its last piece is answered.
    mutating func finishIncoming(_ id: NodeID, endsTurn: Bool) -> [Output] {
        let question = self[id].incoming?.question
        self[id].incoming = nil
        guard let question else { return endsTurn ? step(id, .turnEnded, endsTurn: false) : [] }
        return step(
            id,
            .answerPiece(question.exchange, question.message, next: Self.pieces, isInstalled: true),
            endsTurn: endsTurn)
    }

    // Admission --------------------------------------------------------------------------------------------

    /// A wiped node asks `leader` to be let in, as often as it likes; who says what then: the leader, or the
    /// node when it is told where it may begin.
    @discardableResult
    mutating func hello(_ node: NodeID, to leader: NodeID) -> (NodeID, [Output]) {
        guard self[leader].raft.role == .leader else { return (leader, []) }
        let isMember = self[leader].raft.membership.all.contains(node)
        let boot = self[node].raft.boot
        self[leader].admissions.removeAll { $0.node == node && $0.boot != boot }
        if let index = self[leader].admissions.first(where: { $0.node == node })?.index {
            let entry = EntryID(term: self[leader].raft.term, index: index)
            return (node, step(node, .admitted(at: entry)))
        }
        guard !self[leader].admissions.contains(where: { $0.node == node && $0.entry != nil }) else {
            return (leader, [])
        }
        let change = isMember ? Change.readmit(node, boot: boot) : .admit(node, boot: boot)
        let out = step(leader, .change(change))
        for case .configured(let configuration, _) in out {
            let admission = Admission(node: node, boot: boot, entry: configuration.index)
            self[leader].admissions.append(admission)
            break
        }
        return (leader, out)
    }
}
