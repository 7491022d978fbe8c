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
    /// The lines of the whole log, each with its newline, and the terms.
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
    let (journal, recovered) = try Journal.recover(
        node: NodeID(node), settings: settings, from: disk
    ) { (bytes, line) throws(RecoveryError) in
        #expect(line.id.index.rawValue == UInt64(lines.count) + 1, "committed entries come in order, once")
        lines.append((line.line).map { bytes[$0] })
    }
    #expect(UInt64(lines.count) == recovered.commit.rawValue)
    for block in recovered.tail {
        #expect(block.first.rawValue == UInt64(lines.count) + 1)
        lines += JournalTests.lines(of: block)
    }
    #expect(UInt64(lines.count) == recovered.last.index.rawValue)
    var terms: [UInt64] = []
    for run in recovered.runs { terms += [UInt64](repeating: run.term.rawValue, count: Int(run.count)) }
    #expect(terms.count == lines.count)
    #expect((terms.last ?? 0) == recovered.last.term.rawValue)
    return (journal, Opened(recovered: recovered, lines: lines, terms: terms))
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
    private(set) var states: [[[UInt8]]]
    /// The last of `states` that the disk has been reported to hold.
    private(set) var persisted = 0
    private var earlier: [Life] = []
    private(set) var votes: [HardState]
    private(set) var storedVote = 0
    var term: UInt64
    var commit: UInt64

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
        if member.journal.cluster == nil {
            member.join()
            member.drain()
            #expect(member.completions.contains(.storedIdentity))
        }
        return member
    }

    mutating func give(_ operations: [Operation]) {
        queue += operations
        given += operations
    }

    /// The first election, and with it the cluster's id.
    mutating func join() {
        store(term: term, vote: 1)
        var operations: [Operation] = []
        journal.store(identity: testCluster, into: &operations)
        give(operations)
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
            first: block.first, count: count,
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
            case .started, .storedIdentity, .storedDamage, .clearedDamage, .stopped, .failed: break
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
            guard let state = states.indices.last(where: { states[$0] == found.lines }), state >= persisted
            else { return false }
            let commit = Int(found.recovered.commit.rawValue)
            return states[states.count - 1].prefix(commit) == found.lines.prefix(commit)
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
    }

    /// The log that was found is one that was written, and holds all that was reported.
    func check(_ found: Opened, _ note: String) {
        let isStarted = completions.contains(.started)
        let lives = (isStarted ? [] : earlier) + [life]
        #expect(
            lives.contains { $0.allows(found) },
            "a log of \(found.lines.count) entries that may not be: \(note)")
        #expect(lives.contains { $0.allows(found.recovered.hardState) }, "a vote that may not be: \(note)")
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
