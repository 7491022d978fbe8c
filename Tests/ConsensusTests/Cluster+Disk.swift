// What survives a crash, what disks are asked to do, and how a member starts from them.
import Consensus

/// What survives a crash.
struct Durable {
    var hard = HardState(term: .zero, vote: nil, count: 0)
    var log = LogShape()
    /// What the entries stand for, from the first ever on.
    var payloads: [UInt64] = []
    var commit: LogIndex = .zero
    var isDamaged = false
    /// Its vote is lost.
    var isWiped = false
    var snapshot: Snapshot?
    /// Which entries hold a membership, where a test says so.
    var named: [Configuration] = []

    /// Log and payloads as a start finds them (rule 26): a log that has not the snapshot's last entry is
    /// discarded.
    var found: (log: LogShape, payloads: [UInt64]) {
        guard let snapshot, log.term(at: snapshot.last.index) != snapshot.last.term else {
            return (log, payloads)
        }
        return (LogShape(base: snapshot.last), snapshot.payloads)
    }

    func holds(_ payload: UInt64, at index: Int) -> Bool {
        let found = found.payloads
        return found.count >= index && found[index - 1] == payload
    }
}

/// The state after an entry, and who belonged to the cluster there.
struct Snapshot {
    let last: EntryID
    let configuration: Configuration
    let payloads: [UInt64]
}

/// Something that a disk was asked to do and has not done yet.
enum DiskWork {
    case vote(HardState)
    case entries(WriteID, log: LogShape, payloads: [UInt64], commit: LogIndex)
    case install(WriteID, Snapshot, discardsLog: Bool)

    var isVote: Bool {
        switch self {
        case .vote: true
        case .entries, .install: false
        }
    }
}

extension Cluster {
    func born(_ id: NodeID, boot: UInt64, _ durable: Durable) -> Raft {
        let (log, payloads) = durable.found
        let first = durable.snapshot?.configuration ?? Configuration(index: .zero, membership: membership)
        let covered = durable.snapshot?.last.index ?? .zero
        let later = ledger.configurations(in: payloads[Int(covered.rawValue)...], after: covered)
        let standing: Raft.Standing =
            durable.isWiped ? .wiped(until: nil) : durable.isDamaged ? .damaged : .whole
        return Raft(
            settings: Raft.Settings(id: id), configurations: [first] + later, boot: Boot(boot),
            hard: durable.hard, log: log, commit: max(durable.commit, covered), standing: standing,
            seed: seed &* 1_000_003 &+ id.rawValue &* 997 &+ boot)
    }

    /// The disk finishes its oldest work of the kind, if there is some.
    @discardableResult
    mutating func persist(_ id: NodeID, vote: Bool, isTold: Bool = true, endsTurn: Bool = true) -> [Output] {
        guard let at = self[id].disk.firstIndex(where: { $0.isVote == vote }) else { return [] }
        switch self[id].disk.remove(at: at) {
        case .vote(let hard):
            self[id].durable.hard = hard
            if let count = self[id].rejoinsWith, hard.count >= count {
                self[id].durable.isWiped = false
                self[id].rejoinsWith = nil
            }
            return isTold ? step(id, .persistedVote(hard), endsTurn: endsTurn) : []
        case .entries(let write, let log, let payloads, let commit):
            self[id].durable.log = log
            self[id].durable.payloads = payloads
            self[id].durable.commit = min(commit, log.lastIndex)
            return isTold ? step(id, .persisted(write), endsTurn: endsTurn) : []
        case .install(let write, let snapshot, let discardsLog):
            self[id].durable.snapshot = snapshot
            if discardsLog {
                self[id].durable.log = LogShape(base: snapshot.last)
                self[id].durable.payloads = snapshot.payloads
                self[id].durable.commit = snapshot.last.index
            }
            guard isTold else { return [] }
            return step(id, .persisted(write), endsTurn: false) + finishIncoming(id, endsTurn: endsTurn)
        }
    }

    /// The process ends and a new one starts from what is durable.
    mutating func restart(_ id: NodeID) {
        self[id].boot += 1
        self[id].disk = []
        self[id].incoming = nil
        self[id].rejoinsWith = nil
        self[id].admissions = []
        let found = self[id].durable.found
        self[id].durable.log = found.log
        self[id].durable.payloads = found.payloads
        self[id].payloads = found.payloads
        self[id].raft = born(id, boot: self[id].boot, self[id].durable)
        self[id].durable.commit = self[id].raft.commit
        self[id].committed = self[id].raft.commit
        self[id].raft.checkInvariants()
        ledger.compareConfiguration(of: self[id])
    }

    /// The disk loses what it held after `index`, and the next start finds that out.
    mutating func damage(_ id: NodeID, after index: LogIndex) {
        var durable = self[id].durable
        let base = durable.log.base
        if index >= base.index {
            let runs = durable.log.runs(after: base.index, through: min(index, durable.log.lastIndex))
            durable.log = LogShape(base: base, runs: runs)
            durable.payloads = Array(durable.payloads.prefix(Int(index.rawValue)))
            durable.commit = min(durable.commit, index)
        } else {
            // What the log begins after is lost: nothing of it can be used.
            durable.snapshot = nil
            durable.log = LogShape()
            durable.payloads = []
            durable.commit = .zero
        }
        durable.isDamaged = true
        self[id].durable = durable
        restart(id)
    }

    /// The disk loses everything, term and vote too. Boots of the new life follow no order (rule 2).
    mutating func wipe(_ id: NodeID, boot: UInt64) {
        self[id].durable = Durable()
        self[id].durable.isWiped = true
        self[id].life += 1
        restart(id)
        self[id].boot = boot
        self[id].raft = born(id, boot: boot, self[id].durable)
    }

    /// Starts anew with this on disk.
    mutating func start(_ id: NodeID, from durable: Durable) {
        var durable = durable
        for configuration in durable.named {
            let payload = durable.payloads[Int(configuration.index.rawValue) - 1]
            ledger.define(payload, as: configuration.membership)
        }
        let base = durable.log.base
        if base.index > .zero {
            let first = Configuration(index: .zero, membership: membership)
            durable.snapshot = Snapshot(
                last: base, configuration: durable.named.last { $0.index <= base.index } ?? first,
                payloads: Array(durable.payloads.prefix(Int(base.index.rawValue))))
        }
        self[id].durable = durable
        restart(id)
        self[id].boot = 1
        self[id].raft = born(id, boot: 1, durable)
    }
}
