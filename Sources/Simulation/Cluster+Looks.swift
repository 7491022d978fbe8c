// Reads of one node alone, and keys that go by themselves: what must be there, and when.
internal import Consensus
internal import KeyValue
internal import Replica

extension Cluster {
    /// What one node has of a key is what the log makes of it at the revision that it names.
    func check(look found: Call.Found?, at revision: Revision, _ wish: Wish) throws(Violation) {
        guard case .look(let key, let least) = wish else {
            throw Violation("keeper: an answer to somebody else's question")
        }
        truth.advance(through: table)
        guard revision >= least, let record = truth.record(of: Self.keys[key], at: revision) else {
            throw Violation("look: revision \(revision) is answered, where \(least) was asked for")
        }
        let due = record.map {
            Call.Found(
                value: Self.value(of: $0.value) ?? UInt64(UInt32.max), revision: $0.revision,
                createdRevision: $0.createdRevision, version: $0.version)
        }
        guard found == due else {
            throw Violation(
                "look: k\(key) is \(found.map { "\($0)" } ?? "absent") at revision \(revision), and the log "
                    + "makes it \(due.map { "\($0)" } ?? "absent")")
        }
    }

    /// A leader's cluster time goes no faster than its clock, and begins where the log's ended (rule 21): so
    /// no key goes early.
    func checkClusterTime(_ node: SimulatedNode) {
        guard let process = node.process, process.leads,
            process.replica.raft.log.term(at: process.replica.applied) == process.replica.raft.term
        else {
            node.ledTime = nil
            return
        }
        let (time, clock) = (process.replica.clusterTime.milliseconds, process.replica.time)
        guard let since = node.ledTime, since.term == process.replica.raft.term else {
            node.ledTime = (process.replica.raft.term, time, clock)
            return
        }
        guard time <= since.time + (clock - since.clock).nanoseconds / Self.millisecond + 1 else {
            pending = Violation(
                "time: node \(node.place + 1) leads since cluster time \(since.time), and has come to "
                    + "\(time) in \(clock - since.clock)")
            return
        }
    }
}
