// Members of Raft alone, with a network and disks that do only what a test tells them to do.
import Consensus

/// A message on its way; an append carries what its entries stand for, and a piece its snapshot, as a replica
/// would carry their bytes.
struct Packet {
    let message: Message
    var payloads: [UInt64] = []
    var snapshot: Snapshot?
    /// Nobody sent it: it says itself which memberships it brings.
    var isMadeUp = false
}

struct Member {
    var raft: Raft
    var clock: UInt64 = 0
    var boot: UInt64 = 1
    /// Which life of the node this is: with each loss of its disk another one begins.
    var life = 0
    /// What every entry up to the log's last stands for, those that a snapshot covers too.
    var payloads: [UInt64] = []
    /// How far it has said that entries are committed, in this boot.
    var committed: LogIndex = .zero
    var disk: [DiskWork] = []
    var durable = Durable()
    /// From this vote on its disk says that it has joined anew.
    var rejoinsWith: UInt64?
    /// A snapshot that it is being sent.
    var incoming: Incoming?
    /// Peers that took nothing of the last piece, and what they want: they get it with the next tick.
    var stalled: [(peer: NodeID, next: UInt64)] = []
    /// The last piece that each peer was sent.
    var sent: [NodeID: UInt64] = [:]
    /// Wiped nodes that have asked this leader to be let in.
    var admissions: [Admission] = []
    /// The membership that it counted by when its last step began.
    var countedBy = Membership(voters: [])
    var holdsDiskWork: Bool { !disk.isEmpty }
    var isVoter: Bool { raft.membership.isVoter(raft.id) }
}

struct Cluster {
    /// Who was named at the first start.
    let membership: Membership
    /// Of node n at n−1.
    var members: [Member] = []
    var network: [Packet] = []
    var ledger = Ledger()
    /// As many entries a replica puts into one append.
    var appendEntriesMax: UInt64 = 1000
    /// The replica has the bytes of entries for this peer on disk only.
    var fetchingFor: NodeID?
    /// What these say, and what is said to them, is lost.
    var cutOff: Set<NodeID> = []
    /// Snapshots are sent without being told.
    var sendsPieces = true
    private var exchanges: UInt64 = 0
    private var reads: UInt64 = 0
    let seed: UInt64

    /// `spares` are nodes that nobody has named.
    init(membership: Membership, spares: [NodeID] = [], seed: UInt64 = 1) {
        self.membership = membership
        self.seed = seed
        for id in (membership.all + spares).sorted() {
            members.append(Member(raft: born(id, boot: 1, Durable())))
        }
    }

    init(nodes: UInt64, seed: UInt64 = 1) {
        self.init(membership: Membership(voters: (1...nodes).map(NodeID.init)), seed: seed)
    }

    subscript(_ id: NodeID) -> Member {
        get { members[Int(id.rawValue) - 1] }
        set { members[Int(id.rawValue) - 1] = newValue }
    }

    var all: [NodeID] { members.map(\.raft.id) }

    // What happens to a member -----------------------------------------------------------------------------

    /// One input and, unless told otherwise, the end of the turn; the outputs in order.
    @discardableResult
    mutating func step(_ id: NodeID, _ input: Input, packet: Packet? = nil, endsTurn: Bool = true) -> [Output]
    {
        var out: [Output] = []
        take(id, input, packet, &out)
        if endsTurn { take(id, .turnEnded, nil, &out) }
        if self[id].raft.role != .leader { self[id].admissions = [] }
        return out
    }

    private mutating func take(_ id: NodeID, _ input: Input, _ packet: Packet?, _ out: inout [Output]) {
        var next = out.count
        let at = Int(id.rawValue) - 1
        members[at].countedBy = members[at].raft.membership
        members[at].raft.step(input, into: &out)
        while next < out.count {
            carryOut(out[next], by: at, packet, &out)
            next += 1
        }
        members[at].raft.checkInvariants()
        precondition(
            members[at].payloads.count == Int(members[at].raft.log.lastIndex.rawValue),
            "the outputs tell of every entry: after \(input) came \(out)")
        ledger.compareConfiguration(of: members[at])
    }

    private mutating func carryOut(_ output: Output, by at: Int, _ packet: Packet?, _ out: inout [Output]) {
        switch output {
        case .appended(_, let count, _):
            for _ in 0..<count { members[at].payloads.append(ledger.newPayload()) }
        case .configured(let configuration, _):
            members[at].payloads.append(ledger.newPayload(configuration.membership))
        case .truncated(let after):
            ledger.truncated(after: after, of: members[at])
            members[at].payloads.removeLast(members[at].payloads.count - Int(after.rawValue))
        case .accepted(let first, let last):
            let missing = Int(last - first) + 1
            let payloads = packet?.payloads ?? []
            let stand = [UInt64](repeating: 0, count: max(0, missing - payloads.count))
            members[at].payloads += stand + payloads.suffix(missing)
        case .persist(let write, _):
            let member = members[at]
            members[at].disk.append(
                .entries(write, log: member.raft.log, payloads: member.payloads, commit: member.raft.commit))
        case .persistVote(let hard): members[at].disk.append(.vote(hard))
        case .replicate(let peer, let after, let through):
            let input: Input =
                peer == fetchingFor
                ? .fetching(for: peer)
                : .sent(to: peer, through: min(through, after.index + appendEntriesMax))
            members[at].raft.step(input, into: &out)
        case .send(let message), .answer(_, let message): post(message, by: at)
        case .commit(let index):
            members[at].committed = index
            ledger.committed(index, by: members[at], in: self)
        case .became(let role, _, _): if role == .leader { ledger.leads(members[at]) }
        case .readable(let read, let index): ledger.answered(read, at: index)
        case .whole: members[at].durable.isDamaged = false
        case .admitted:
            members[at].rejoinsWith = members[at].raft.hard.count
            ledger.letIn()
        case .needsSnapshot(let peer): if sendsPieces { sendPiece(by: at, to: peer, at: 0) }
        case .piece(let exchange, let message): takePiece(exchange, message, packet, by: at, &out)
        case .pieced(let peer, _, let next, let isInstalled):
            if sendsPieces, !isInstalled { goOnSending(by: at, to: peer, at: next) }
        case .installed(let write, let snapshot, let discardsLog):
            install(write, snapshot, discardsLog: discardsLog, by: at)
        case .stale: dropIncoming(by: at, &out)
        case .reconfigured(let configuration, let isCommitted):
            if isCommitted { members[at].admit(under: configuration) }
        case .refused, .unreadable, .transferred, .unchanged: break
        }
    }

    private mutating func post(_ message: Message, by at: Int) {
        ledger.sends(message, by: members[at])
        var payloads: [UInt64] = []
        if case .append(let append) = message.body {
            let first = Int(append.after.index.rawValue)
            payloads = Array(members[at].payloads[first..<first + Int(append.count)])
        }
        send(Packet(message: message, payloads: payloads))
    }

    mutating func send(_ packet: Packet) {
        guard !cutOff.contains(packet.message.from), !cutOff.contains(packet.message.to) else { return }
        network.append(packet)
    }

    /// A message that nobody sent, and what its entries stand for.
    mutating func madeUp(_ message: Message) -> Packet {
        guard case .append(let append) = message.body, !append.configurations.isEmpty else {
            return Packet(message: message, isMadeUp: true)
        }
        var payloads = [UInt64](repeating: 0, count: Int(append.count))
        for configuration in append.configurations where configuration.index > append.after.index {
            let at = Int(configuration.index - append.after.index) - 1
            if at < payloads.count { payloads[at] = ledger.newPayload(configuration.membership) }
        }
        return Packet(message: message, payloads: payloads, isMadeUp: true)
    }

    @discardableResult
    mutating func deliver(at position: Int, keeping: Bool = false, endsTurn: Bool = true) -> [Output] {
        let packet = keeping ? network[position] : network.remove(at: position)
        return receive(packet, endsTurn: endsTurn)
    }

    /// The receiver's replica reads out of the entries which of them hold a membership.
    @discardableResult
    mutating func receive(_ packet: Packet, endsTurn: Bool = true) -> [Output] {
        exchanges += 1
        var message = packet.message
        if case .append(let append) = message.body, !packet.isMadeUp {
            let read = Message.Append(
                after: append.after, runs: append.runs, commit: append.commit, whole: append.whole,
                wholeFor: append.wholeFor,
                configurations: ledger.configurations(in: packet.payloads[...], after: append.after.index))
            message = Message(
                from: message.from, to: message.to, boot: message.boot, term: message.term,
                body: .append(read))
        }
        return step(
            message.to, .received(message, exchange: Exchange(exchanges)), packet: packet, endsTurn: endsTurn)
    }

    @discardableResult
    mutating func tick(_ id: NodeID, _ milliseconds: UInt64, endsTurn: Bool = true) -> [Output] {
        self[id].clock += milliseconds * 1_000_000
        resumeSending(id)
        return step(id, .tick(now: Instant(nanoseconds: self[id].clock)), endsTurn: endsTurn)
    }

    @discardableResult
    mutating func read(_ id: NodeID, isAsked: Bool = false) -> [Output] {
        reads += 1
        ledger.begins(ReadID(reads))
        return step(id, isAsked ? .ask(ReadID(reads)) : .read(ReadID(reads)))
    }

    // All at once ------------------------------------------------------------------------------------------

    /// Delivers everything and lets every disk finish, until nothing is under way.
    mutating func settle(told: (NodeID, [Output]) -> Void = { _, _ in }) {
        for _ in 0..<100_000 {
            if let to = network.first?.message.to {
                told(to, deliver(at: 0))
            } else if let member = members.first(where: { $0.holdsDiskWork }) {
                told(member.raft.id, persist(member.raft.id, vote: member.disk[0].isVote))
            } else {
                return
            }
        }
    }

    /// Makes `id` leader: its clock alone runs, and everything arrives.
    mutating func elect(_ id: NodeID) {
        settle()
        // Whoever has heard a leader lately refuses: time passes for all, a little later for the others.
        for _ in 0..<20 where self[id].raft.role != .leader {
            for other in all where other != id { tick(other, 490) }
            tick(id, 1000)
            settle()
        }
        for _ in 0..<2 {
            tick(id, 100)
            settle()
        }
    }

    var leader: NodeID? {
        all.filter { self[$0].raft.role == .leader }.max { self[$0].raft.term < self[$1].raft.term }
    }
}
