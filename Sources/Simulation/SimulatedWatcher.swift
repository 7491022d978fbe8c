// One who watches keys: what it was told, and what it must be told next (Interface §3).
internal import Consensus
internal import KeyValue
internal import Wire

/// A client that watches, over every lost connection, and what it has come to know.
final class SimulatedWatcher {
    /// What a stream carries.
    enum Told {
        case event(KeyValue.Event, isLast: Bool)
        /// Everything up to here was sent.
        case progress(EventID)
    }

    let place: Int
    let keys: WatchedKeys
    var random: Random
    /// Whom it asks.
    var node: Int
    /// The last id that it was told.
    var id = EventID.end(of: .empty)
    /// The keys of the changes that it was told of at that id's revision, where more of it may follow.
    var seen: [[UInt8]] = []
    /// Its connection is to this life of the node; nil: it has none.
    var life: Int?
    /// Up to here the node has sent.
    var cursor = EventID.end(of: .empty)
    /// What is on its way.
    var coming: [Told] = []

    init(place: Int, keys: WatchedKeys, node: Int, random: Random) {
        self.place = place
        self.keys = keys
        self.node = node
        self.random = random
    }
}

/// What has really happened to keys: made of the committed entries alone, by comparing what is there before
/// and after each, and not by the history that is to be checked.
struct WatchTruth {
    private struct Command {
        let term: UInt64
        let bytes: [UInt8]
    }
    private struct Change {
        let key: [UInt8]
        /// Nil: the key went.
        let record: Record?
    }
    private struct Place: Hashable {
        let revision: Revision
        let place: UInt32
    }

    /// By index, every entry that any node ever had.
    private var commands: [[Command]] = []
    private var applied = 0
    /// How many events watchers were told of.
    private(set) var toldCount = 0
    private var store = Store()
    /// By index, from 1: what each entry's client must be told, and the store's revision then.
    private var replies: [(reply: Reply, revision: Revision)] = []
    private var keysCount = 0
    /// Keys that begin so go by themselves, and only so.
    static let passing = Array("~passing/".utf8)
    /// What was found to be wrong with the log's own story.
    private(set) var problem: String?
    /// What lies on the shelf, from each of these revisions on.
    private var shelves: [(since: Revision, keys: [[UInt8]])] = [(.empty, [])]
    /// By revision.
    private var changes: [[Change]] = [[], []]
    /// By its name, the cluster time at which a write took effect.
    private var tookEffect: [ArraySlice<UInt8>: ClusterTime] = [:]
    /// Which key has which place, as it was told first: places are alike on every node.
    private var places: [Place: [UInt8]] = [:]

    /// Entries are handed to a journal.
    mutating func note(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        var place = range.lowerBound
        while place < range.upperBound, let entry = try? EntryLine.read(bytes, at: place) {
            let index = Int(entry.id.index.rawValue)
            let term = entry.id.term.rawValue
            while commands.count <= index { commands.append([]) }
            if !commands[index].contains(where: { $0.term == term }) {
                var command: [UInt8] = []
                for at in entry.command { command.append(bytes[at]) }
                commands[index].append(Command(term: term, bytes: command))
            }
            place = entry.line.upperBound
        }
    }

    /// What is committed by now has happened.
    mutating func advance(through table: EntryTable) {
        while applied < table.committed.count {
            let index = applied + 1
            let term = table.committed[applied].record.term
            guard index < commands.count, let command = commands[index].first(where: { $0.term == term })
            else { return }
            apply(command.bytes, index)
            applied = index
        }
    }

    private mutating func apply(_ command: [UInt8], _ index: Int) {
        let before = store
        let reply = store.apply(command.span, index: UInt64(index))
        replies.append((reply, store.revision))
        guard store.revision > before.revision else { return }
        checkOnce(command, index)
        var found: [Change] = []
        var (count, created) = (0, 0)
        let revision = store.revision
        store.forEach(in: .all) { record in
            count += 1
            guard record.revision == revision else { return true }
            found.append(Change(key: record.key, record: record))
            if record.createdRevision == revision { created += 1 }
            return true
        }
        // Where there are more by just those that were made, none has gone.
        defer { keysCount = count }
        if count != keysCount + created {
            let after = store
            before.forEach(in: .all) { record in
                let isThere = record.withKey { after.record($0) } != nil
                if !isThere {
                    found.append(Change(key: record.key, record: nil))
                    checkWent(record, at: after.clusterTime)
                }
                return true
            }
        }
        changes.append(found)
        guard found.contains(where: { $0.key.starts(with: ShelfWalk.prefix) }) else { return }
        var keys: [[UInt8]] = []
        store.forEach(in: KeyRange(prefix: ShelfWalk.prefix)) { record in
            keys.append(record.key)
            return true
        }
        shelves.append((revision, keys))
    }

    /// A write under a name that has taken effect before must not do so again while its answer is kept
    /// (Interface §6). (The name is read here, not by the store's reader: after the time, which is digits.)
    private mutating func checkOnce(_ command: [UInt8], _ index: Int) {
        let mark = Array(",\"once\":{\"key\":\"".utf8)
        guard let comma = command.firstIndex(of: UInt8(ascii: ",")), command[comma...].starts(with: mark)
        else { return }
        let name = command[(comma + mark.count)...].prefix { $0 != UInt8(ascii: "\"") }
        let now = store.clusterTime
        if let first = tookEffect[name], now.milliseconds - first.milliseconds < Once.keptMilliseconds {
            problem = "once: entry \(index) has the second effect of write \(Self.text(Array(name)))"
        }
        tookEffect[name] = now
    }

    /// A key that goes by itself has gone: its time is over.
    private mutating func checkWent(_ record: Record, at time: ClusterTime) {
        guard record.key.starts(with: Self.passing) else { return }
        if let end = record.hold.end, end <= time { return }
        let end = record.hold.end.map { "\($0)" } ?? "-"
        problem = "time: a key that was to live until \(end) went at \(time)"
    }

    /// What the key was at this revision, if it was there; nil: it has not happened.
    func record(of key: [UInt8], at revision: Revision) -> Record?? {
        guard revision <= store.revision else { return nil }
        for at in (0...Int(revision.rawValue)).reversed() {
            if let change = changes[at].first(where: { $0.key == key }) { return .some(change.record) }
        }
        return .some(nil)
    }

    /// What the entry at `index` comes to; nil: it is not known to be committed.
    func reply(at index: LogIndex) -> (reply: Reply, revision: Revision)? {
        let place = Int(index.rawValue) - 1
        return replies.indices.contains(place) ? replies[place] : nil
    }

    /// The keys on the shelf at this revision; nil: it has not happened.
    func shelf(at revision: Revision) -> [[UInt8]]? {
        revision > store.revision ? nil : shelves.last { $0.since <= revision }?.keys
    }

    /// The revisions all of whose keys are such.
    func revisions(of isOne: ([UInt8]) -> Bool) -> Set<Int> {
        Set(changes.indices.filter { !changes[$0].isEmpty && changes[$0].allSatisfy { isOne($0.key) } })
    }

    private func expected(_ watcher: SimulatedWatcher, at revision: Int) -> [Change] {
        changes[revision].filter { change in
            switch watcher.keys {
            case .key(let key): change.key == key
            case .prefix(let prefix): change.key.starts(with: prefix)
            }
        }
    }

    // What it is told -------------------------------------------------------------------------------------

    /// The watcher is told of an event: the next one that it must be told of, and as it was.
    mutating func take(
        _ event: KeyValue.Event, isLast: Bool, by watcher: SimulatedWatcher
    ) throws(Violation) {
        let revision = Int(event.revision.rawValue)
        let name = "watch: watcher \(watcher.place + 1) is told of \(revision).\(event.place)"
        guard event.id > watcher.id else { throw Violation("\(name) after \(Self.text(watcher.id))") }
        guard revision < changes.count else { throw Violation("\(name), and nothing has happened there") }
        if event.revision > watcher.id.revision { try pass(watcher, through: revision - 1) }
        let wanted = expected(watcher, at: revision)
        let key = event.record.key
        guard let change = wanted.first(where: { $0.key == key }), !watcher.seen.contains(key) else {
            throw Violation("\(name), a change of \(Self.text(key)) that is none, or that it knows")
        }
        guard Self.isKind(event.kind, of: change), Self.isSame(event.record, change.record) else {
            throw Violation("\(name), and \(Self.text(key)) was changed in another way")
        }
        let place = Place(revision: event.revision, place: event.place)
        guard places[place] == nil || places[place] == key else {
            throw Violation("\(name) as \(Self.text(key)), which had another place elsewhere")
        }
        places[place] = key
        toldCount += 1
        watcher.seen.append(key)
        watcher.id = event.id
        guard isLast == (watcher.seen.count == wanted.count) else {
            throw Violation("\(name) as the last: \(isLast), with \(watcher.seen.count) of \(wanted.count)")
        }
        if isLast { finish(watcher, at: revision) }
    }

    /// The watcher knows all up to a revision: there is nothing that it was not told of.
    mutating func pass(_ watcher: SimulatedWatcher, through revision: Int) throws(Violation) {
        if let lost = firstLost(watcher, through: revision) {
            throw Violation("watch: watcher \(watcher.place + 1) was not told of revision \(lost)")
        }
        finish(watcher, at: revision)
    }

    private func finish(_ watcher: SimulatedWatcher, at revision: Int) {
        watcher.id = max(watcher.id, .end(of: Revision(UInt64(revision))))
        watcher.seen = []
    }

    /// Whether there is something that it was not told of yet.
    func lacks(_ watcher: SimulatedWatcher) -> Bool {
        firstLost(watcher, through: changes.count - 1) != nil
    }

    private func firstLost(_ watcher: SimulatedWatcher, through revision: Int) -> Int? {
        var next = Int(watcher.id.revision.rawValue)
        if !watcher.id.isEnd, next <= revision, expected(watcher, at: next).count > watcher.seen.count {
            return next
        }
        next += 1
        while next <= revision {
            guard next < changes.count else { return next }
            if !expected(watcher, at: next).isEmpty { return next }
            next += 1
        }
        return nil
    }

    /// Clients' keys are deleted, those of the passing expire, and those of leases do either.
    private static func isKind(_ kind: KeyValue.Event.Kind, of change: Change) -> Bool {
        if change.record != nil { return kind == .put }
        if change.key.starts(with: passing) { return kind == .expire }
        return kind == .delete || kind == .expire && change.key.starts(with: Array("~lease/".utf8))
    }

    private static func isSame(_ told: Record, _ real: Record?) -> Bool {
        guard let real else { return true }
        return told.revision == real.revision && told.createdRevision == real.createdRevision
            && told.version == real.version && told.value == real.value
    }

    private static func text(_ id: EventID) -> String {
        id.isEnd ? "\(id.revision)" : "\(id.revision).\(id.place)"
    }

    private static func text(_ key: [UInt8]) -> String { String(decoding: key, as: UTF8.self) }
}
