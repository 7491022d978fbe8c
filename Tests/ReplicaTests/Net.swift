// A few members and what is between them, without loss: each hears at once what another says.
import Consensus
import KeyValue
import Replica
import Testing
import Wire

/// Members that speak to each other at once, each message once and in order.
struct Net {
    var members: [Member]
    var isDown: Set<Int> = []
    /// Those whose disks have no room for a snapshot.
    var isFull: Set<Int> = []
    /// Those that are given no entry that they want to read back, and what they wanted.
    var isUnreadable: Set<Int> = []
    private(set) var unread: [(at: Int, after: LogIndex)] = []

    /// Questions without an answer, by their number: who asked, and where.
    private var asked: [UInt64: (from: Int, route: PeerRoute)] = [:]
    private var exchanges: UInt64 = 0
    /// What the disks hold of snapshots, whose checksum is the place of who took it.
    private var snapshots: [OpenedSnapshot] = []
    /// The lines of all entries, by index.
    private var lines: [UInt64: [UInt8]] = [:]
    /// What is changed in everybody's settings.
    private let change: (inout Replica.Settings) -> Void

    init(_ count: UInt64, change: @escaping (inout Replica.Settings) -> Void = { _ in }) {
        self.change = change
        members = (1...count).map {
            Member($0, of: Array(1...count), known: false, boot: 10 + $0, change: change)
        }
    }

    /// Node 1 as a restore leaves it, and others without anything; all are started with the same names.
    init(restoredOf count: UInt64) {
        self.init(count)
        snapshots = [Restored.opened]
        members[0] = Member(
            1, of: Array(1...count), store: Restored.store,
            snapshot: StoredSnapshot(
                id: Restored.id, configuration: Restored.configuration, sum: 0, bytes: Restored.bytes))
    }

    /// Time passes for everybody, and what is said is heard.
    mutating func pass(_ milliseconds: Int) {
        for _ in 0..<milliseconds / 10 {
            for at in members.indices where !isDown.contains(at) {
                members[at].pass(10)
                deliver(from: at)
            }
        }
    }

    private mutating func deliver(from: Int) {
        let effects = members[from].takeEffects()
        for effect in effects { work(effect, at: from) }
        for case .send(let parcel) in effects {
            let to = Int(parcel.to.rawValue) - 1
            guard !isDown.contains(to) else { continue }
            let bytes = parcel.head + parcel.body.flatMap { $0.bytes[$0.range] }
            exchanges += 1
            asked[exchanges] = (from, parcel.route)
            members[to].replica.asked(parcel.route, body: bytes.span, exchange: Exchange(exchanges))
            members[to].turn()
            hear(what: to)
        }
    }

    /// What one answers reaches who asked, be it at once or when its disk or its worker is done.
    private mutating func hear(what at: Int) {
        var answers: [(exchange: UInt64, body: [UInt8])] = []
        members[at].effects.removeAll {
            switch $0 {
            case .answer(let exchange, let body):
                answers.append((exchange.rawValue, body))
                return true
            case .refuse: return true
            default: return false
            }
        }
        for (exchange, body) in answers {
            guard let (from, route) = asked.removeValue(forKey: exchange), !isDown.contains(from) else {
                continue
            }
            members[from].replica.answered(by: members[at].id, route: route, body: body.span)
            members[from].turn()
        }
    }

    /// The worker's part, and the journal's with what is received.
    private mutating func work(_ effect: Effect, at: Int) {
        let bytes: UInt64 = 1_000
        switch effect {
        case .takeSnapshot(let head, _) where isFull.contains(at):
            members[at].replica.snapshotFailed(head.last)
        case .takeSnapshot(let head, let store):
            let sum = UInt32(at)
            snapshots.append(OpenedSnapshot(head: head, store: store, sum: sum, bytes: bytes))
            members[at].replica.snapshotTaken(head.last, sum: sum, bytes: bytes)
        case .loadPiece(let id, let offset, let count, let peer):
            members[at].replica.loadedPiece(
                Array(repeating: 7, count: count), of: id, offset: offset, for: peer)
        case .receivePiece(let piece, let offset, _):
            members[at].replica.received(upTo: offset + UInt64(piece.count))
        case .openSnapshot(let id):
            let sum = leader.map { UInt32($0) }
            members[at].replica.opened(snapshots.last { $0.head.last == id && $0.sum == sum })
        case .persist(_, let pieces, let first, _):
            let bytes = pieces.flatMap { $0.bytes[$0.range] }
            for (place, line) in bytes.split(separator: 10).enumerated() {
                lines[first.rawValue + UInt64(place)] = line + [10]
            }
            return
        case .load(let after, let through, let peer):
            if isUnreadable.contains(at) {
                unread.append((at, after))
                return
            }
            // What a journal holds no more it does not give.
            if after < members[at].replica.raft.log.base.index {
                members[at].replica.loaded([], for: peer)
                break
            }
            var block = Block(first: after.next)
            for index in after.rawValue + 1...through.rawValue {
                guard let line = lines[index], let entry = try? EntryLine.read(line.span, at: 0) else {
                    return
                }
                block.append(
                    index: entry.id.index, term: entry.id.term, command: line.span.extracting(entry.command))
            }
            members[at].replica.loaded([block], for: peer)
        default: return
        }
        members[at].turn()
        hear(what: at)
    }

    /// One starts again with what it has applied, or with another state under the same log.
    mutating func restart(_ at: Int, boot: UInt64, changingHashBy change: UInt64 = 0) {
        let old = members[at].replica
        var runs: [Message.Run] = []
        for index in 1...old.raft.log.lastIndex.rawValue {
            guard let term = old.raft.log.term(at: LogIndex(index)) else { continue }
            let count = runs.last?.term == term ? runs.removeLast().count : 0
            runs.append(Message.Run(term: term, count: count + 1))
        }
        var store = Restoration(
            revision: old.store.revision, clusterTime: old.store.clusterTime,
            appliedIndex: old.store.appliedIndex, hash: old.store.hash ^ change)
        old.store.forEach(in: .all) { record in
            record.withKey { key in
                record.withValue { value in
                    store.add(
                        key: key, value: value, contentType: [UInt8]().span, revision: record.revision,
                        createdRevision: record.createdRevision, version: record.version)
                }
            }
        }
        members[at] = Member(
            members[at].id.rawValue, of: members[at].peers.map(\.rawValue), in: old.view.cluster,
            term: old.raft.term, runs: runs, store: store.finish(), boot: boot, change: self.change)
    }

    var leader: Int? {
        members.indices.first { members[$0].replica.raft.role == .leader && !isDown.contains($0) }
    }

    mutating func put(_ key: String) throws {
        let at = try #require(leader)
        members[at].put(key, key, ticket: 1)
    }

    /// The disk of one is lost; it starts anew from nothing, in this boot.
    mutating func wipe(_ at: Int, boot: UInt64) {
        let peers = members[at].peers.map(\.rawValue)
        members[at] = Member(members[at].id.rawValue, of: peers, known: false, boot: boot, change: change)
    }
}

/// The state that a restored node begins with: it stands at its first entry.
enum Restored {
    /// The length of its file.
    static let bytes: UInt64 = 1_000
    static let id = EntryID(term: Term(1), index: LogIndex(1))
    static let configuration = Configuration(index: .zero, membership: Membership(voters: [NodeID(1)]))
    static var store: Store {
        var command: [UInt8] = []
        let key = Array("kept".utf8)
        Command.appendPut(
            key: key.span, value: key.span, contentType: [UInt8]().span, precondition: .none, at: .zero,
            to: &command)
        var store = Store()
        _ = store.apply(command.span, index: 1)
        return store
    }
    static var opened: OpenedSnapshot {
        let store = store
        let head = SnapshotHead(
            cluster: cluster, last: id, configuration: configuration, revision: store.revision.rawValue,
            clusterTime: 0, hash: store.hash, keys: 1, bytes: UInt64(store.bytes))
        return OpenedSnapshot(head: head, store: store, sum: 0, bytes: bytes)
    }
}
