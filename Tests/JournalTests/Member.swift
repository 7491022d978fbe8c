// One node over a disk in memory, with a model of every log that its disk may hold.
import Consensus
import Journal
import Testing
import Wire

let testCluster = ClusterID(high: 1, low: 2)

/// Small sizes, so that a short run fills many segments.
func smallSettings() -> Journal.Settings {
    var settings = Journal.Settings()
    settings.segmentBytes = 64 << 10
    settings.firstSegmentBytes = 16 << 10
    settings.prepareBytes = 8 << 10
    settings.batchBytesMax = 8 << 10
    return settings
}

/// What was read back.
struct Opened {
    let recovered: Recovered
    /// The snapshot that the state begins with, and whether there is one that is not whole.
    let snapshot: EntryID?
    let isSnapshotLost: Bool
    /// The lines of the whole log, each with its newline, and the terms; up to the log's base, marks.
    let lines: [[UInt8]]
    let terms: [UInt64]
}

func lines(of block: Block) -> [[UInt8]] {
    (0..<block.count).map { place in
        let index = LogIndex(block.first.rawValue + UInt64(place))
        return Array(block.bytes[block.range(from: index, through: index)])
    }
}

/// Reads a disk back as a start does, checking that what it is told fits together.
func open(
    _ disk: MemoryDisk, node: UInt64 = 1, settings: Journal.Settings = smallSettings()
) throws(RecoveryError) -> (journal: Journal, opened: Opened) {
    var lines: [[UInt8]] = []
    let (snapshot, isLost) = newestSnapshot(disk)
    let begin = snapshot?.index.rawValue ?? 0
    let (journal, recovered) = try Journal.recover(
        node: NodeID(node), settings: settings, snapshot: snapshot, isSnapshotLost: isLost, from: disk
    ) { (bytes, line) throws(RecoveryError) in
        #expect(
            line.id.index.rawValue == begin + UInt64(lines.count) + 1, "committed entries come in order, once"
        )
        lines.append((line.line).map { bytes[$0] })
    }
    #expect(begin + UInt64(lines.count) == recovered.commit.rawValue)
    lines = try beginning(of: recovered, journal, disk, through: begin) + lines
    for block in recovered.tail {
        #expect(block.first.rawValue == UInt64(lines.count) + 1)
        lines += JournalTests.lines(of: block)
    }
    #expect(UInt64(lines.count) == recovered.last.index.rawValue)
    var terms = [UInt64](repeating: 0, count: Int(recovered.base.index.rawValue))
    for run in recovered.runs { terms += [UInt64](repeating: run.term.rawValue, count: Int(run.count)) }
    #expect(terms.count == lines.count)
    #expect((recovered.runs.last?.term ?? recovered.base.term) == recovered.last.term)
    return (
        journal,
        Opened(
            recovered: recovered, snapshot: snapshot, isSnapshotLost: isLost, lines: lines, terms: terms)
    )
}

/// What the log holds up to the snapshot, which a start does not hand out but peers may need.
private func beginning(
    of recovered: Recovered, _ journal: Journal, _ disk: MemoryDisk, through snapshot: UInt64
) throws(RecoveryError) -> [[UInt8]] {
    let base = recovered.base
    #expect(base.index.rawValue <= snapshot)
    #expect(journal.base == base.index)
    var lines = [[UInt8]](repeating: [], count: Int(base.index.rawValue))
    if base.index > .zero { lines[lines.count - 1] = mark(base.term.rawValue) }
    while UInt64(lines.count) < snapshot {
        let after = LogIndex(UInt64(lines.count))
        let extents = journal.extents(after: after, through: LogIndex(snapshot), bytesMax: 1 << 20)
        #expect(!extents.isEmpty, "entry \(after.next) is not to be found")
        guard !extents.isEmpty else { break }
        for extent in extents {
            #expect(extent.first.rawValue == UInt64(lines.count) + 1)
            guard let block = try? Journal.load(extent, from: disk) else {
                Issue.record("\(extent) cannot be loaded")
                throw .inconsistent(segment: 0, offset: 0)
            }
            lines += JournalTests.lines(of: block)
        }
    }
    return lines
}

/// Stands for an entry that the log does not hold, but begins after.
func mark(_ term: UInt64) -> [UInt8] { Array("#\(term)".utf8) }

/// Whether the log does not hold what was in this place.
func isUnknown(_ line: [UInt8]) -> Bool { line.isEmpty || line.first == 0x23 }

/// The term of an entry or of its mark.
func term(of line: [UInt8]) -> UInt64? {
    if line.first == 0x23 { return UInt64(String(decoding: line.dropFirst(), as: UTF8.self)) }
    return try? EntryLine.read(line.span, at: 0).id.term.rawValue
}

/// A node that writes what its test asks for, and remembers every log that it has ever handed to the disk.
struct Member {
    var disk: MemoryDisk
    var journal: Journal
    let settings: Journal.Settings
    private(set) var opened: Opened
    /// Given to the disk and not yet carried out.
    var queue: [Operation] = []
    /// Every operation of this life.
    var given: [Operation] = []
    var completions: [Completion] = []
    var now = Instant(nanoseconds: 1_000_000_000)

    // The model.
    /// The log after each append of this life; the first is what was recovered.
    var states: [[[UInt8]]]
    /// The last of `states` that the disk has been reported to hold.
    private(set) var persisted = 0
    /// The snapshots that were taken or received, in this life and before.
    var snapshots: [EntryID] = []
    /// What the worker still has to do to the disk, and the snapshot that this makes.
    var work: [Operation.Action] = []
    var taking: EntryID?
    /// The snapshot that is being received, and its bytes.
    var receiving: (id: EntryID, bytes: [UInt8])?
    private var earlier: [Life] = []
    private(set) var votes: [HardState]
    private(set) var storedVote = 0
    var term: UInt64
    var commit: UInt64
    /// What earlier lives knew to be committed.
    private var committed: UInt64 = 0

    init(_ disk: MemoryDisk, settings: Journal.Settings = smallSettings()) throws(RecoveryError) {
        self.disk = disk
        self.settings = settings
        (journal, opened) = try open(disk, settings: settings)
        states = [opened.lines]
        votes = [opened.recovered.hardState]
        term = max(opened.recovered.hardState.term.rawValue, opened.recovered.last.term.rawValue, 1)
        commit = opened.recovered.commit.rawValue
        var operations: [Operation] = []
        journal.start(into: &operations)
        give(operations)
    }

    /// A node that has started and belongs to the cluster.
    static func started(
        _ disk: MemoryDisk = MemoryDisk(), settings: Journal.Settings = smallSettings()
    ) throws(RecoveryError) -> Member {
        var member = try Member(disk, settings: settings)
        member.drain()
        #expect(member.completions.contains(.started))
        if !member.hasJoined {
            let isFirst = member.journal.cluster == nil
            member.join()
            member.drain()
            #expect(member.completions.contains(.storedIdentity) == isFirst)
        }
        return member
    }

    mutating func give(_ operations: [Operation]) {
        queue += operations
        given += operations
    }

    /// Whether it belongs to a cluster, and has voted.
    var hasJoined: Bool { journal.cluster != nil && votes[votes.count - 1].term > .zero }

    /// The cluster's id, and after it the first election.
    mutating func join() {
        if journal.cluster == nil {
            var operations: [Operation] = []
            journal.store(identity: testCluster, into: &operations)
            give(operations)
        }
        store(term: term, vote: 1)
    }

    // MARK: What it is asked to do

    /// Appends entries, replacing all from `first` on; 0 means after the last.
    mutating func append(_ count: Int, at first: UInt64 = 0, commandBytes: Int = 40) {
        var log = states[states.count - 1]
        let start = first == 0 ? UInt64(log.count) + 1 : first
        log.removeSubrange(Int(start - 1)...)
        var block = Block(first: LogIndex(start))
        for place in 0..<count {
            let index = LogIndex(start + UInt64(place))
            let fill = String(repeating: "x", count: commandBytes)
            let command = Array("{\"put\":\"\(states.count)-\(fill)\"}".utf8)
            block.append(index: index, term: Term(term), command: command.span)
        }
        log += lines(of: block)
        let middle = block.bytes.count / 2
        journal.append(
            [Piece(block.bytes, 0..<middle), Piece(block.bytes, middle..<block.bytes.count)],
            first: block.first, last: EntryID(term: Term(term), index: block.last),
            write: WriteID(term: Term(term), sequence: UInt64(states.count)))
        states.append(log)
    }

    mutating func store(term: UInt64, vote: UInt64?) {
        self.term = term
        let state = HardState(
            term: Term(term), vote: vote.map { NodeID($0) }, count: votes[votes.count - 1].count + 1)
        votes.append(state)
        var operations: [Operation] = []
        journal.store(state, into: &operations)
        give(operations)
    }

    mutating func endTurn(after milliseconds: UInt64 = 1) {
        now = now + .milliseconds(milliseconds)
        var operations: [Operation] = []
        journal.turnEnded(now: now, commit: LogIndex(commit), into: &operations)
        give(operations)
    }

    // MARK: What its disk does

    /// The disk carries out the next operation.
    mutating func carryOutNext() {
        guard !queue.isEmpty else { return }
        let next = queue.removeFirst()
        disk.carryOut(next)
        report(next.id)
    }

    mutating func report(_ operation: UInt64, _ failure: DiskFailure? = nil) {
        var operations: [Operation] = []
        var new: [Completion] = []
        journal.completed(operation, failure: failure, into: &new, operations: &operations)
        give(operations)
        take(new)
    }

    private mutating func take(_ new: [Completion]) {
        completions += new
        for completion in new {
            switch completion {
            case .persisted(let write): persisted = Int(write.sequence)
            case .stored(let state): storedVote = votes.firstIndex(of: state) ?? storedVote
            case .received(let next): received(next)
            case .compacted(let through): #expect(through <= journal.base)
            case .started, .storedIdentity, .storedDamage, .clearedDamage, .notReceived, .notRemoved,
                .stopped, .failed:
                break
            }
        }
    }

    mutating func stop() {
        var operations: [Operation] = []
        var new: [Completion] = []
        journal.stop(commit: LogIndex(commit), into: &new, operations: &operations)
        give(operations)
        take(new)
    }

    mutating func drain() {
        while !queue.isEmpty { carryOutNext() }
    }

    /// Ends turns until everything that was appended is reported to be on disk.
    mutating func settle() {
        for _ in 0..<10_000 where persisted < states.count - 1 {
            endTurn()
            drain()
        }
        #expect(persisted == states.count - 1)
    }

    // MARK: What may be found after a crash

    /// What one life handed to the disk, and what of it was reported.
    struct Life {
        let states: [[[UInt8]]]
        let persisted: Int
        let votes: [HardState]
        let storedVote: Int

        /// Whether this log was handed over, and nothing reported is missing, and no more is taken for
        /// committed than what its last log has.
        func allows(_ found: Opened) -> Bool {
            guard let state = states.indices.last(where: { Self.matches(states[$0], found) }),
                state >= persisted
            else { return false }
            let last = states[states.count - 1]
            let commit = Int(found.recovered.commit.rawValue)
            let begin = min(Int(found.snapshot?.index.rawValue ?? 0), commit)
            // A snapshot that is not on disk yet may have taken the place of what was committed before.
            let isKept =
                last.count >= commit
                && (begin..<commit).allSatisfy { isUnknown(last[$0]) || last[$0] == found.lines[$0] }
            return isKept || !JournalTests.holds(last, found.snapshot)
        }

        /// Whether a start makes this of that log and the snapshot that it found.
        private static func matches(_ state: [[UInt8]], _ found: Opened) -> Bool {
            let begin = Int(found.snapshot?.index.rawValue ?? 0)
            guard JournalTests.holds(state, found.snapshot) else {
                return found.lines.count == begin && found.recovered.base == found.snapshot
            }
            for place in Int(found.recovered.base.index.rawValue)..<max(begin, 0) {
                // What a later life knows by the snapshot alone, the files may still have.
                guard isUnknown(state[place]) || state[place] == found.lines[place] else { return false }
            }
            return state.dropFirst(begin) == found.lines.dropFirst(begin)
        }

        func allows(_ hard: HardState) -> Bool {
            votes.indices.last { votes[$0].term == hard.term && votes[$0].vote == hard.vote }
                .map { $0 >= storedVote } ?? false
        }
    }

    var life: Life { Life(states: states, persisted: persisted, votes: votes, storedVote: storedVote) }

    /// Takes over after a life that ended. Until this one has started, what it read may stand in the cache
    /// only, and a power cut brings back what earlier lives wrote.
    mutating func follow(_ last: Member) {
        earlier = (last.completions.contains(.started) ? [] : last.earlier) + [last.life]
        snapshots = last.snapshots
        committed = max(last.committed, last.commit)
    }

    /// The log that was found is one that was written, and holds all that was reported.
    func check(_ found: Opened, isSnapshotLost: Bool = false, _ note: String) {
        let isStarted = completions.contains(.started)
        let lives = (isStarted ? [] : earlier) + [life]
        #expect(
            lives.contains { $0.allows(found) },
            """
            a log of \(found.lines.count) entries that may not be: \(note); \(found.recovered.base) \
            to \(found.recovered.last), snapshot \(found.snapshot.map { "\($0)" } ?? "-"); \
            reported: \(persisted) of \(states.count - 1), which holds \(states[persisted].count), \
            last term \(states[persisted].last.map { JournalTests.term(of: $0) ?? 0 } ?? 0)
            """)
        #expect(lives.contains { $0.allows(found.recovered.hardState) }, "a vote that may not be: \(note)")
        if let snapshot = found.snapshot {
            #expect(snapshots.contains(snapshot), "a snapshot that nobody made: \(note)")
            #expect(snapshot.index.rawValue <= max(commit, committed), "\(note)")
        }
        let isLost = found.isSnapshotLost
        #expect(isLost == isSnapshotLost, "a snapshot has its name before it is whole: \(note)")
        #expect(found.recovered.damage == nil, "\(note)")
        #expect(!found.recovered.isWiped, "\(note)")
        #expect(found.recovered.commit.rawValue <= commit, "\(note)")
        if isStarted { #expect(found.recovered.commit >= opened.recovered.commit, "\(note)") }
        #expect(found.recovered.boot > journal.boot || !isStarted, "\(note)")
        if completions.contains(.storedIdentity) {
            #expect(found.recovered.cluster == testCluster, "\(note)")
        }
    }
}
