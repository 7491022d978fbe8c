// The disk thread: carries out the journal's operations in order, and hands back how they ended in batches.
internal import Journal
internal import Network
internal import Synchronization

/// How one operation ended.
struct DiskOutcome: Sendable {
    let id: UInt64
    let failure: DiskFailure?
    /// How long a synced write took; 0 for everything else.
    var syncNanoseconds: UInt64 = 0
}

/// Operations in, outcomes out: the loop never waits for a disk.
final class DiskThread: Sendable {
    private let operations = Mailbox<Operation>()
    private let outcomes = Mailbox<DiskOutcome>()
    private let wake: Wake
    private let synced = Atomic<UInt64>(0)

    /// How many synced writes there have been.
    var batches: UInt64 { synced.load(ordering: .relaxed) }

    init(wake: Wake) { self.wake = wake }

    /// Starts the thread, the only one that writes in the directory.
    func start(on directory: DataDirectory) throws(SystemError) {
        try Thread(named: "disk") { [self] in run(PosixDisk(directory)) }.detach()
    }

    /// Hands operations over, and empties `batch`.
    func carryOut(_ batch: inout [Operation]) { operations.put(all: &batch) }

    /// Swaps the outcomes since the last call with the empty `taken`.
    func takeOutcomes(into taken: inout [DiskOutcome]) { outcomes.takeNow(into: &taken) }

    /// Ends the thread once everything handed over is done.
    func close() { operations.close() }

    private func run(_ disk: PosixDisk) {
        var taken: [Operation] = []
        var ended: [DiskOutcome] = []
        var firstFailure: DiskFailure?
        while operations.take(into: &taken) {
            for operation in taken {
                var failure = firstFailure
                let began = monotonicNanoseconds()
                if failure == nil {
                    do {
                        try disk.carryOut(operation.action)
                    } catch {
                        failure = error
                        if !operation.action.mayFail(by: error) { firstFailure = error }
                    }
                }
                var outcome = DiskOutcome(id: operation.id, failure: failure)
                if operation.isSyncedWrite {
                    outcome.syncNanoseconds = monotonicNanoseconds() - began
                    synced.add(1, ordering: .relaxed)
                }
                ended.append(outcome)
            }
            taken.removeAll(keepingCapacity: true)
            outcomes.put(all: &ended)
            wake.ring()
        }
    }
}

extension Operation {
    fileprivate var isSyncedWrite: Bool {
        if case .write(_, _, _, isSynced: true) = action { true } else { false }
    }
}
