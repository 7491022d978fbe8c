// What a node's disk certainly holds, as the simulator reads it off the finished operations itself.
internal import Consensus
internal import Journal
internal import Wire

/// Term, vote and log that would survive any crash now. Only bytes are believed, not the journal's word.
struct DurableState {
    private(set) var term: UInt64 = 0
    private(set) var vote: NodeID?
    private(set) var log: [LogRecord] = []
    /// What the log's files alone vouch for, where that is less or other than what a snapshot makes of it.
    private var apart: [LogRecord]?
    var written: [LogRecord] { apart ?? log }
    /// The snapshot whose name is durable: whatever the log lacks up to its end, it has.
    var snapshot: EntryID?
    /// The commit index that the last batch states.
    private(set) var stated = 0

    init() {}

    /// What a start has made durable.
    init(term: UInt64, vote: NodeID?, log: [LogRecord]) {
        self.term = term
        self.vote = vote
        self.log = log
    }

    /// An operation is done, and its bytes are synced under a synced name. Returns the lowest index
    /// of an entry that it brought, if any.
    mutating func take(_ action: Operation.Action) throws(Violation) -> Int? {
        switch action {
        case .write(.vote, _, let pieces, _):
            takeVote(Self.bytes(of: pieces))
            return nil
        case .write(.segment, _, let pieces, _):
            return try takeBatch(Self.bytes(of: pieces))
        case .write, .prepare, .rename, .remove, .syncFolder:
            return nil
        }
    }

    /// The snapshot's name is durable: a log that has its last entry goes on after it.
    mutating func stand(on id: EntryID, _ table: EntryTable) {
        if snapshot.map({ $0.index < id.index }) ?? true { snapshot = id }
        let before = log
        log.install(id, table, discardsLog: false)
        guard log.count != before.count || log.last != before.last else { return }
        apart = apart ?? before
    }

    /// The newest snapshot is lost, and with it what it had beyond the log's files.
    mutating func fall(backTo snapshot: EntryID?) {
        log = written
        apart = nil
        self.snapshot = snapshot
    }

    /// A log file's name is durable that says where the log begins or goes on.
    mutating func begin(after base: EntryID) {
        let index = Int(base.index.rawValue)
        if index < log.count { log.removeSubrange(index...) }
        apart = nil
    }

    static func bytes(of pieces: [Piece]) -> [UInt8] {
        var bytes: [UInt8] = []
        for piece in pieces { bytes += piece.bytes[piece.range] }
        return bytes
    }

    private mutating func takeVote(_ bytes: [UInt8]) {
        // Of two slots in one write, the first is the newer one.
        guard let slot = try? VoteSlot(bytes.span, at: 0) else { return }
        term = slot.term.rawValue
        vote = slot.vote
    }

    private mutating func takeBatch(_ bytes: [UInt8]) throws(Violation) -> Int? {
        do throws(WireError) {
            let head = try BatchHead.read(bytes.span, at: 0)
            try head.verify(bytes.span)
            stated = Int(head.head.commit.rawValue)
            guard !head.entries.isEmpty else { return nil }
            return try take(bytes, head.entries)
        } catch {
            throw Violation("disk: a batch was written that is not whole: \(error)")
        }
    }

    private mutating func take(_ bytes: [UInt8], _ range: Range<Int>) throws(WireError) -> Int? {
        do throws(Violation) {
            if apart != nil { try apart?.take(bytes.span, range) }
            let first = try log.take(bytes.span, range)
            // (A record stands for all before it, too.)
            if let apart, apart.count == log.count, apart.last == log.last { self.apart = nil }
            return first
        } catch {
            throw WireError(offset: range.lowerBound, problem: .order)
        }
    }
}
