// The disk has done something, or failed: what that means, in the order in which it was asked for (rule 10).
public import Consensus

extension Journal {
    /// The disk has carried out an operation, or failed to.
    ///
    /// Reports of operations that are not under way are ignored. What an operation means is reported once all
    /// before it are done.
    public mutating func completed(
        _ operation: UInt64, failure: DiskFailure?, into completions: inout [Completion],
        operations: inout [Operation]
    ) {
        guard self.failure == nil, let place = underWay.firstIndex(where: { $0.id == operation }) else {
            return
        }
        #if PlantedFaults
            let failure = Planted.is(.failedSyncBelieved) ? nil : failure
        #endif
        if let failure {
            guard survive(failure, of: underWay[place].effect, into: &completions) else {
                fail(failure, into: &completions)
                return
            }
        } else if case .prepared(let number, let from) = underWay[place].effect {
            prepared(number, from: from, failure: nil)
        }
        underWay[place].isDone = true
        while let first = underWay.first, first.isDone {
            underWay.removeFirst()
            finish(first.effect, into: &completions)
        }
        goOnWithChores(into: &operations)
        goOnStopping(into: &completions, operations: &operations)
    }

    /// Writes what was gathered, and states what is durable; reported as `.stopped`. It takes nothing after.
    ///
    /// - Parameters:
    ///   - commit: the commit index that is to be found at the next start.
    ///   - completions: `.stopped`, if there is nothing to write.
    ///   - operations: what is to be written.
    public mutating func stop(
        commit: LogIndex, into completions: inout [Completion], operations: inout [Operation]
    ) {
        guard stopping == .no, failure == nil else { return }
        self.commit = max(self.commit, commit)
        stopping = .asked
        chores.removeAll()
        goOnStopping(into: &completions, operations: &operations)
    }

    private mutating func goOnStopping(
        into completions: inout [Completion], operations: inout [Operation]
    ) {
        guard stopping == .asked, batchesInFlight == 0 else { return }
        if isStarted, segment != nil {
            if !gathered.isEmpty { return writeGathered(into: &operations) }
            if isMarkDue || commit > statedCommit { return writeMark(into: &operations) }
        }
        guard underWay.isEmpty else { return }
        stopping = .done
        completions.append(.stopped)
    }

    /// What may fail, as ``Operation/Action/mayFail(by:)`` says. A spare that finds no room is not a failed
    /// write: nothing that was promised depends on it, and what is written to it all the same makes it grow.
    ///
    /// - Returns: false if this failure is the end.
    private mutating func survive(
        _ failure: DiskFailure, of effect: Effect, into completions: inout [Completion]
    ) -> Bool {
        switch effect {
        case .prepared(let number, let from):
            guard failure.reason == .full else { return false }
            prepared(number, from: from, failure: failure)
        case .received(_, let transfer):
            guard failure.reason == .full else { return false }
            // The rest of it is void, and said once.
            guard transfer == incoming.transfer else { return true }
            // What came of it is still there, and takes room.
            incoming = Incoming(transfer: transfer + 1, isLeft: true)
            completions.append(.notReceived(failure))
        case .removed(let file), .dropped(let file):
            if failure.reason != .absent { completions.append(.notRemoved(file, failure)) }
        case .none, .started, .batch, .stored, .storedIdentity, .storedDamage, .clearedDamage, .persisted,
            .tidied:
            return false
        }
        return true
    }

    private mutating func prepared(_ number: UInt64, from: UInt64, failure: DiskFailure?) {
        isRefused = failure != nil
        if failure != nil { prepareFrom = .aWhileAfterThisTurn }
        guard spare?.number == number else { return }
        spare?.isUnderWay = false
        // What was refused is not there, and is asked for again.
        if failure != nil, let spare, from < spare.prepared { self.spare?.prepared = from }
    }

    private mutating func fail(_ failure: DiskFailure, into completions: inout [Completion]) {
        self.failure = failure
        underWay.removeAll()
        gathered.removeAll()
        chores.removeAll()
        completions.append(.failed(failure))
    }

    private mutating func finish(_ effect: Effect, into completions: inout [Completion]) {
        switch effect {
        case .none, .prepared, .dropped:
            break
        case .started:
            isStarted = true
            durable = max(durable, sequence)
            completions.append(.started)
        case .batch(let sequence, let write):
            durable = sequence
            batchesInFlight -= 1
            if let write { completions.append(.persisted(write)) }
        case .persisted(let write):
            completions.append(.persisted(write))
        case .received(let next, let transfer):
            if transfer == incoming.transfer { completions.append(.received(next: next)) }
        case .removed:
            isChoreUnderWay = false
        case .tidied(let through):
            isChoreUnderWay = false
            if let through { completions.append(.compacted(through: through)) }
        case .stored(let hardState):
            completions.append(.stored(hardState))
        case .storedIdentity:
            completions.append(.storedIdentity)
        case .storedDamage:
            completions.append(.storedDamage)
        case .clearedDamage:
            completions.append(.clearedDamage)
        }
    }
}
