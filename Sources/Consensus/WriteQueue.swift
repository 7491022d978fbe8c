// Disk writes under way: which entries, as the log stands now, each of them makes durable.

/// Writes that the disk has not finished, oldest first.
///
/// A late completion must not vouch for entries that have since been replaced, even if the same entries are
/// in the log again by a later write: a cut lowers what every earlier write stands for.
struct WriteQueue: Hashable, Sendable {
    private struct Write: Hashable, Sendable {
        let id: WriteID
        var through: LogIndex
    }
    private var writes: [Write] = []
    private var done = 0
    private var count: UInt64 = 0

    var isEmpty: Bool { done == writes.count }

    mutating func add(through: LogIndex, in term: Term) -> WriteID {
        count += 1
        let id = WriteID(term: term, sequence: count)
        writes.append(Write(id: id, through: through))
        return id
    }

    mutating func cut(after index: LogIndex) {
        #if PlantedFaults
            if Planted.is(.lateCompletionCounts) { return }
        #endif
        for at in done..<writes.count { writes[at].through = min(writes[at].through, index) }
    }

    /// Takes out the writes up to `id`; the index up to which they made the log durable, if there were any.
    mutating func complete(_ id: WriteID) -> LogIndex? {
        var through: LogIndex?
        while done < writes.count, writes[done].id.sequence <= id.sequence {
            through = max(through ?? .zero, writes[done].through)
            done += 1
        }
        if done == writes.count {
            writes.removeAll(keepingCapacity: true)
            done = 0
        } else if done > 64 {
            writes.removeFirst(done)
            done = 0
        }
        return through
    }
}
