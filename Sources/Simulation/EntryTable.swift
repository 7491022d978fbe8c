// Every entry that any node ever had, and what is known to be committed: written once, never taken back.
internal import Consensus
internal import Wire

/// One entry of one node's log. `chain` is a hash over its line and all lines before it.
struct LogRecord: Equatable {
    let term: UInt64
    let chain: UInt64

    /// The record of a line after `before`.
    static func after(_ before: LogRecord?, _ bytes: Span<UInt8>, _ entry: EntryLine) -> LogRecord {
        LogRecord(
            term: entry.id.term.rawValue,
            chain: digest(bytes, entry.line, after: mix(before?.chain ?? 0, entry.id.index.rawValue)))
    }
}

extension [LogRecord] {
    /// Takes lines each of which replaces all from its index on, as where a leader's are written in one batch
    /// after those that it overwrites. Returns the lowest index; nil if there are none.
    @discardableResult
    mutating func take(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(Violation) -> Int? {
        var place = range.lowerBound
        var lowest: Int?
        while place < range.upperBound {
            let entry: EntryLine
            do throws(WireError) {
                entry = try EntryLine.read(bytes, at: place)
            } catch {
                throw Violation("bytes: an entry on its way to disk is not whole: \(error)")
            }
            let index = Int(entry.id.index.rawValue)
            guard index <= count + 1 else {
                throw Violation("log: entry \(entry.id) is written after \(count): there is a gap")
            }
            if index <= count { removeSubrange((index - 1)...) }
            append(.after(last, bytes, entry))
            lowest = Swift.min(lowest ?? index, index)
            place = entry.line.upperBound
        }
        return lowest
    }
}

/// What all nodes together have shown.
struct EntryTable {
    private struct Row {
        let term: UInt64
        let chain: UInt64
        /// A bit for each node on whose disk it was ever durable.
        var durableOn: UInt64 = 0
    }
    struct Committed {
        let record: LogRecord
        /// The term of the node that showed it first: no leader of a later term may lack it.
        let shownIn: UInt64
    }
    /// By index, from 1.
    private var rows: [[Row]] = []
    private(set) var committed: [Committed] = []
    /// By term.
    private var leaders: [Int?] = []
    /// By applied index: the store's hash.
    private var hashes: [UInt64?] = [0]

    var highestTerm: Int { leaders.count }

    /// Log Matching (§5.3): one index and term, one entry and one history before it.
    mutating func saw(_ record: LogRecord, at index: Int, on node: Int) throws(Violation) {
        while rows.count <= index { rows.append([]) }
        for row in rows[index] where row.term == record.term {
            guard row.chain == record.chain else {
                throw Violation(
                    "log matching: node \(node + 1) has another entry or history at \(record.term).\(index)")
            }
            return
        }
        rows[index].append(Row(term: record.term, chain: record.chain))
    }

    mutating func becameDurable(_ record: LogRecord, at index: Int, on node: Int) throws(Violation) {
        try saw(record, at: index, on: node)
        for at in rows[index].indices where rows[index][at].term == record.term {
            rows[index][at].durableOn |= 1 << UInt64(node)
        }
    }

    /// The history up to an index that is committed.
    func records(upTo index: LogIndex) -> [LogRecord] {
        committed.prefix(Int(index.rawValue)).map(\.record)
    }

    /// State machine safety (§5.4.3), and that a majority really has what is called committed.
    mutating func applied(
        _ record: LogRecord, at index: Int, on node: Int, in term: UInt64, under memberships: [Membership]
    ) throws(Violation) {
        if index <= committed.count {
            guard committed[index - 1].record == record else {
                throw Violation(
                    "state machine safety: node \(node + 1) applied \(record.term).\(index), and another "
                        + "node \(committed[index - 1].record.term).\(index) or another history before it")
            }
            return
        }
        var durable: UInt64 = 0
        if index < rows.count {
            for row in rows[index] where row.term == record.term { durable = row.durableOn }
        }
        // The leader counted by the last membership in its log; whoever shows it first may know a later one.
        let isCommitted = memberships.contains {
            $0.isQuorum { voter in durable >> (voter.rawValue - 1) & 1 == 1 }
        }
        guard isCommitted else {
            throw Violation(
                "commit: node \(node + 1) applied \(record.term).\(index), which was durable on "
                    + "\(durable.nonzeroBitCount) nodes, no majority")
        }
        committed.append(Committed(record: record, shownIn: term))
    }

    mutating func applied(hash: UInt64, through index: Int, on node: Int) throws(Violation) {
        while hashes.count <= index { hashes.append(nil) }
        if let known = hashes[index] {
            guard known == hash else {
                throw Violation("stores differ: node \(node + 1) at applied index \(index)")
            }
        }
        hashes[index] = hash
    }

    /// Election safety (§5.2) and leader completeness (§5.4).
    ///
    /// Returns whether the term had no leader before.
    mutating func leads(_ node: Int, in term: UInt64, with log: [LogRecord]) throws(Violation) -> Bool {
        while leaders.count <= term { leaders.append(nil) }
        if let other = leaders[Int(term)], other != node {
            throw Violation("election safety: nodes \(other + 1) and \(node + 1) both lead term \(term)")
        }
        guard leaders[Int(term)] == nil else { return false }
        leaders[Int(term)] = node
        var index = committed.count
        while index > 0, committed[index - 1].shownIn >= term { index -= 1 }
        guard index == 0 || index <= log.count && log[index - 1] == committed[index - 1].record else {
            throw Violation(
                "leader completeness: node \(node + 1) leads term \(term) without the committed entry "
                    + "\(committed[index - 1].record.term).\(index)")
        }
        return true
    }
}
