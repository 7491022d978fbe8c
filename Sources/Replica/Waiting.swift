// The table of what waits: every client whose answer is not there yet, what for, and until when.
internal import Consensus
internal import DequeModule
internal import KeyValue

/// Writes and reads that have no answer yet.
struct Waiting: Sendable {
    struct Write: Sendable {
        let index: LogIndex
        let term: Term
        let ticket: Ticket
        let deadline: Instant
        /// Its deadline has passed and its client has been told.
        var isOver = false
    }
    struct Read: Sendable {
        let ticket: Ticket
        let deadline: Instant
        var isOver = false
        /// Allowed, once this index is applied.
        var index: LogIndex?
    }

    /// In order of index.
    private(set) var writes: Deque<Write> = []
    /// Writes whose entries were cut from this node's log. Whether they take effect is decided only when
    /// something is committed at their index (rule 18).
    private var orphans: [Write] = []
    /// In order of their numbers, the first of which is `firstRead`.
    private var reads: Deque<Read> = []
    private var firstRead: UInt64 = 1
    /// How many of `reads` wait for an index to be applied.
    private var parked = 0
    /// Those who wait for something to be applied here.
    private var locals: [Local] = []

    struct Local: Sendable {
        let ticket: Ticket
        let deadline: Instant
        let aim: Aim
    }
    enum Aim: Sendable {
        case revision(Revision)
        case index(LogIndex)
    }

    var writesCount: Int { writes.count + orphans.count }
    var readsCount: Int { reads.count + locals.count }
    var hasWrites: Bool { !writes.isEmpty || !orphans.isEmpty }
    var isEmpty: Bool { writes.isEmpty && orphans.isEmpty && reads.isEmpty && locals.isEmpty }

    mutating func add(_ write: Write) {
        precondition(writes.last.map { $0.index < write.index } ?? true)
        writes.append(write)
    }

    mutating func cut(after index: LogIndex) {
        while let last = writes.last, last.index > index {
            if !last.isOver { orphans.append(last) }
            writes.removeLast()
        }
    }

    /// The entry at `index` has been applied, of `term`: who waited for exactly that entry, and, through
    /// `displaced`, who waited for another one in its place.
    mutating func applied(_ index: LogIndex, of term: Term, displaced: (Ticket) -> Void) -> Ticket? {
        var ticket: Ticket?
        while let first = writes.first, first.index <= index {
            writes.removeFirst()
            guard !first.isOver else { continue }
            #if PlantedFaults
                let term = Planted.is(.answerWrongWaiter) ? first.term : term
            #endif
            if first.index == index, first.term == term {
                ticket = first.ticket
            } else {
                displaced(first.ticket)
            }
        }
        guard !orphans.isEmpty else { return ticket }
        for orphan in orphans where orphan.index <= index && !orphan.isOver {
            #if PlantedFaults
                let term = Planted.is(.answerWrongWaiter) ? orphan.term : term
            #endif
            if orphan.index == index, orphan.term == term {
                ticket = orphan.ticket
            } else {
                displaced(orphan.ticket)
            }
        }
        orphans.removeAll { $0.index <= index || $0.isOver }
        return ticket
    }

    /// A snapshot has taken the place of all entries up to `index`: who waited for one of them cannot be told
    /// what became of it.
    mutating func skip(through index: LogIndex, _ body: (Ticket) -> Void) {
        while let first = writes.first, first.index <= index {
            writes.removeFirst()
            if !first.isOver { body(first.ticket) }
        }
        for orphan in orphans where orphan.index <= index && !orphan.isOver { body(orphan.ticket) }
        orphans.removeAll { $0.index <= index }
    }

    mutating func addRead(for ticket: Ticket, until deadline: Instant) -> ReadID {
        reads.append(Read(ticket: ticket, deadline: deadline))
        return ReadID(firstRead + UInt64(reads.count) - 1)
    }

    /// The read may be answered at `index`: its ticket if that is applied already; otherwise it is parked.
    mutating func allow(_ id: ReadID, at index: LogIndex, applied: LogIndex) -> Ticket? {
        #if PlantedFaults
            if Planted.is(.readBeforeApplied) { return finish(id) }
        #endif
        guard index > applied else { return finish(id) }
        guard id.rawValue >= firstRead, Int(id.rawValue - firstRead) < reads.count else { return nil }
        let at = Int(id.rawValue - firstRead)
        guard !reads[at].isOver, reads[at].index == nil else { return nil }
        reads[at].index = index
        parked += 1
        return nil
    }

    /// Takes the read out: its ticket, if it still waits.
    mutating func finish(_ id: ReadID) -> Ticket? {
        guard id.rawValue >= firstRead, Int(id.rawValue - firstRead) < reads.count else { return nil }
        let at = Int(id.rawValue - firstRead)
        let read = reads[at]
        guard !read.isOver else { return nil }
        end(at)
        dropFinished()
        return read.ticket
    }

    /// No read is answered any more.
    mutating func failReads(_ body: (Ticket) -> Void) {
        for at in reads.indices where !reads[at].isOver {
            end(at)
            body(reads[at].ticket)
        }
        dropFinished()
        for read in locals { body(read.ticket) }
        locals.removeAll()
    }

    private mutating func end(_ at: Int) {
        reads[at].isOver = true
        if reads[at].index != nil { parked -= 1 }
    }

    private mutating func dropFinished() {
        while let first = reads.first, first.isOver {
            reads.removeFirst()
            firstRead += 1
        }
    }

    /// The parked reads whose index is applied by now.
    mutating func unpark(applied: LogIndex, _ body: (Ticket) -> Void) {
        guard parked > 0 else { return }
        for at in reads.indices {
            guard !reads[at].isOver, let index = reads[at].index, index <= applied else { continue }
            end(at)
            body(reads[at].ticket)
        }
        dropFinished()
    }

    mutating func add(_ read: Local) { locals.append(read) }

    /// Those whose revision or entry is applied by now.
    mutating func release(through revision: Revision, applied: LogIndex, _ body: (Ticket) -> Void) {
        guard !locals.isEmpty else { return }
        func isReached(_ local: Local) -> Bool {
            switch local.aim {
            case .revision(let least): least <= revision
            case .index(let index): index <= applied
            }
        }
        for local in locals where isReached(local) { body(local.ticket) }
        locals.removeAll { isReached($0) }
    }

    /// Those whose deadline has passed. A write stays in its place: its entry may yet be applied.
    mutating func expire(_ now: Instant, write: (Ticket) -> Void, read: (Ticket) -> Void) {
        for at in writes.indices where !writes[at].isOver && writes[at].deadline <= now {
            writes[at].isOver = true
            write(writes[at].ticket)
        }
        for at in orphans.indices where !orphans[at].isOver && orphans[at].deadline <= now {
            orphans[at].isOver = true
            write(orphans[at].ticket)
        }
        for at in reads.indices where !reads[at].isOver && reads[at].deadline <= now {
            end(at)
            read(reads[at].ticket)
        }
        dropFinished()
        guard !locals.isEmpty else { return }
        for local in locals where local.deadline <= now { read(local.ticket) }
        locals.removeAll { $0.deadline <= now }
    }
}
