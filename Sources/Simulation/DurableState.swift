// What a node's disk certainly holds, as the simulator reads it off the finished operations itself.
internal import Consensus
internal import Journal
internal import Wire

/// Term, vote and log that would survive any crash now. Only bytes are believed, not the journal's word.
struct DurableState {
    private(set) var term: UInt64 = 0
    private(set) var vote: NodeID?
    var log: [LogRecord] = []
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
            return try log.take(bytes.span, range)
        } catch {
            throw WireError(offset: range.lowerBound, problem: .order)
        }
    }
}
