// Members of Raft alone, with a network and disks that do only what a test tells them to do.
import Consensus

/// A message on its way; an append carries what its entries stand for, as a replica would carry their bytes.
struct Packet {
    let message: Message
    let payloads: [UInt64]
}

/// What survives a crash.
struct Durable {
    var hard = HardState(term: .zero, vote: nil, count: 0)
    var log = LogShape()
    var payloads: [UInt64] = []
    var commit: LogIndex = .zero
    var isDamaged = false
}

/// Something that a disk was asked to do and has not done yet.
enum DiskWork {
    case vote(HardState)
    case entries(WriteID, log: LogShape, payloads: [UInt64], commit: LogIndex)

    var isVote: Bool {
        switch self {
        case .vote: true
        case .entries: false
        }
    }
}

struct Member {
    var raft: Raft
    var clock: UInt64 = 0
    var boot: UInt64 = 1
    var payloads: [UInt64] = []
    /// How far it has said that entries are committed, in this boot.
    var committed: LogIndex = .zero
    var disk: [DiskWork] = []
    var durable = Durable()
    var holdsDiskWork: Bool { !disk.isEmpty }
}

struct Cluster {
    let membership: Membership
    /// Of node n at n−1.
    private(set) var members: [Member] = []
    var network: [Packet] = []
    var ledger = Ledger()
    /// As many entries a replica puts into one append.
    var appendEntriesMax: UInt64 = 1000
    /// The replica has the bytes of entries for this peer on disk only.
    var fetchingFor: NodeID?
    private var exchanges: UInt64 = 0
    private var reads: UInt64 = 0
    private let seed: UInt64

    init(membership: Membership, seed: UInt64 = 1) {
        self.membership = membership
        self.seed = seed
        for id in membership.all { members.append(Member(raft: born(id, boot: 1, Durable()))) }
    }

    init(nodes: UInt64, seed: UInt64 = 1) {
        self.init(membership: Membership(voters: (1...nodes).map(NodeID.init)), seed: seed)
    }

    subscript(_ id: NodeID) -> Member {
        get { members[Int(id.rawValue) - 1] }
        set { members[Int(id.rawValue) - 1] = newValue }
    }

    private func born(_ id: NodeID, boot: UInt64, _ durable: Durable) -> Raft {
        Raft(
            settings: Raft.Settings(id: id),
            configurations: [Configuration(index: .zero, membership: membership)], boot: Boot(boot),
            hard: durable.hard,
            log: durable.log, commit: durable.commit, standing: durable.isDamaged ? .damaged : .whole,
            seed: seed &* 1_000_003 &+ id.rawValue &* 997 &+ boot)
    }

    // What happens to a member -----------------------------------------------------------------------------

    /// One input and, unless told otherwise, the end of the turn; the outputs in order.
    @discardableResult
    mutating func step(
        _ id: NodeID, _ input: Input, payloads: [UInt64] = [], endsTurn: Bool = true
    ) -> [Output] {
        var out: [Output] = []
        take(id, input, payloads, &out)
        if endsTurn { take(id, .turnEnded, [], &out) }
        return out
    }

    private mutating func take(_ id: NodeID, _ input: Input, _ payloads: [UInt64], _ out: inout [Output]) {
        var next = out.count
        let at = Int(id.rawValue) - 1
        members[at].raft.step(input, into: &out)
        members[at].raft.checkInvariants()
        while next < out.count {
            carryOut(out[next], by: id, payloads, &out)
            next += 1
        }
    }

    private mutating func carryOut(
        _ output: Output, by id: NodeID, _ payloads: [UInt64], _ out: inout [Output]
    ) {
        let at = Int(id.rawValue) - 1
        switch output {
        case .appended(_, let count, _):
            for _ in 0..<count { members[at].payloads.append(ledger.newPayload()) }
        case .truncated(let after):
            ledger.truncated(after: after, of: members[at])
            members[at].payloads.removeLast(members[at].payloads.count - Int(after.rawValue))
        case .accepted(let first, let last):
            let missing = Int(last - first) + 1
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
            members[at].raft.checkInvariants()
        case .send(let message), .answer(_, let message): post(message, by: at)
        case .commit(let index):
            members[at].committed = index
            ledger.committed(index, by: members[at], in: self)
        case .became(let role, _, _): if role == .leader { ledger.leads(members[at]) }
        case .readable(let read, let index): ledger.answered(read, at: index)
        case .whole: members[at].durable.isDamaged = false
        case .configured: members[at].payloads.append(ledger.newPayload())
        case .refused, .unreadable, .transferred, .admitted, .needsSnapshot, .piece, .pieced, .installed,
            .stale, .unchanged, .reconfigured:
            break
        }
    }

    private mutating func post(_ message: Message, by at: Int) {
        ledger.sends(message, by: members[at])
        var payloads: [UInt64] = []
        if case .append(let append) = message.body {
            let first = Int(append.after.index.rawValue)
            payloads = Array(members[at].payloads[first..<first + Int(append.count)])
        }
        network.append(Packet(message: message, payloads: payloads))
    }

    @discardableResult
    mutating func deliver(at position: Int, keeping: Bool = false, endsTurn: Bool = true) -> [Output] {
        let packet = keeping ? network[position] : network.remove(at: position)
        exchanges += 1
        return step(
            packet.message.to, .received(packet.message, exchange: Exchange(exchanges)),
            payloads: packet.payloads, endsTurn: endsTurn)
    }

    @discardableResult
    mutating func tick(_ id: NodeID, _ milliseconds: UInt64, endsTurn: Bool = true) -> [Output] {
        self[id].clock += milliseconds * 1_000_000
        return step(id, .tick(now: Instant(nanoseconds: self[id].clock)), endsTurn: endsTurn)
    }

    @discardableResult
    mutating func read(_ id: NodeID, isAsked: Bool = false) -> [Output] {
        reads += 1
        ledger.begins(ReadID(reads))
        return step(id, isAsked ? .ask(ReadID(reads)) : .read(ReadID(reads)))
    }

    /// The disk finishes its oldest work of the kind, if there is some.
    @discardableResult
    mutating func persist(_ id: NodeID, vote: Bool, isTold: Bool = true, endsTurn: Bool = true) -> [Output] {
        guard let at = self[id].disk.firstIndex(where: { $0.isVote == vote }) else { return [] }
        switch self[id].disk.remove(at: at) {
        case .vote(let hard):
            self[id].durable.hard = hard
            return isTold ? step(id, .persistedVote(hard), endsTurn: endsTurn) : []
        case .entries(let write, let log, let payloads, let commit):
            self[id].durable.log = log
            self[id].durable.payloads = payloads
            self[id].durable.commit = min(commit, log.lastIndex)
            return isTold ? step(id, .persisted(write), endsTurn: endsTurn) : []
        }
    }

    /// The process ends and a new one starts from what is durable.
    mutating func restart(_ id: NodeID) {
        self[id].boot += 1
        self[id].disk = []
        self[id].payloads = self[id].durable.payloads
        self[id].raft = born(id, boot: self[id].boot, self[id].durable)
        self[id].committed = self[id].raft.commit
        self[id].raft.checkInvariants()
    }

    /// The disk loses what it held after `index`, and the next start finds that out.
    mutating func damage(_ id: NodeID, after index: LogIndex) {
        var durable = self[id].durable
        durable.log = LogShape(runs: durable.log.runs(after: .zero, through: index))
        durable.payloads = Array(durable.payloads.prefix(Int(index.rawValue)))
        durable.commit = min(durable.commit, index)
        durable.isDamaged = true
        self[id].durable = durable
        restart(id)
    }

    /// Starts anew with this on disk.
    mutating func start(_ id: NodeID, from durable: Durable) {
        self[id].durable = durable
        restart(id)
        self[id].boot = 1
        self[id].raft = born(id, boot: 1, durable)
    }

    // All at once ------------------------------------------------------------------------------------------

    /// Delivers everything and lets every disk finish, until nothing is under way.
    mutating func settle(told: (NodeID, [Output]) -> Void = { _, _ in }) {
        for _ in 0..<100_000 {
            if let to = network.first?.message.to {
                told(to, deliver(at: 0))
            } else if let id = membership.all.first(where: { self[$0].holdsDiskWork }) {
                let isVote = self[id].disk[0].isVote
                told(id, persist(id, vote: isVote))
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
            for other in membership.all where other != id { tick(other, 490) }
            tick(id, 1000)
            settle()
        }
        for _ in 0..<2 {
            tick(id, 100)
            settle()
        }
    }

    var leader: NodeID? {
        membership.all.filter { self[$0].raft.role == .leader }.max {
            self[$0].raft.term < self[$1].raft.term
        }
    }
}
