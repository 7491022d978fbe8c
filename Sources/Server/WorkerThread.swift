// The worker: snapshots written, read back and verified, large stores freed; nothing else waits for it.
internal import Consensus
internal import Glibc
internal import Journal
internal import KeyValue
internal import Network
internal import Replica
internal import Snapshot
internal import Wire

/// Long work, one piece after the other, on a thread of its own. Its writes do not stand in the disk thread's
/// queue, so that the log's syncs never wait behind a snapshot; and it gives way to them.
final class WorkerThread: Sendable {
    private enum Task: Sendable {
        case take(SnapshotHead, Store)
        case open
        case release(Store)
    }
    private let tasks = Mailbox<Task>()

    init(
        on directory: DataDirectory, beside log: DiskThread, answers: Mailbox<Arrival>, wake: Wake
    ) throws(SystemError) {
        let tasks = tasks
        try Thread(named: "worker") {
            // Requests go before it. (On Linux this is the calling thread's alone.)
            _ = nice(10)
            let disk = PosixDisk(directory)
            var taken: [Task] = []
            while tasks.take(into: &taken) {
                for task in taken {
                    guard let answer = Self.carryOut(task, disk, log) else { continue }
                    answers.put(answer)
                    wake.ring()
                }
                // The last reference to a store may go here.
                taken.removeAll()
            }
        }.detach()
    }

    deinit { tasks.close() }

    /// Takes a snapshot of this frozen store.
    func take(_ head: SnapshotHead, of store: Store) { tasks.put(.take(head, store)) }

    /// Reads back the snapshot that was received.
    func open() { tasks.put(.open) }

    func release(_ store: Store) { tasks.put(.release(store)) }

    private static func carryOut(
        _ task: Task, _ disk: PosixDisk, _ log: DiskThread
    ) -> Arrival? {
        switch task {
        case .release: return nil
        case .open:
            do throws(SnapshotError) {
                let whole = try SnapshotReading.decode(.incoming, from: disk.directory)
                return .opened(OpenedSnapshot(whole), why: "")
            } catch {
                return .opened(nil, why: error.description)
            }
        case .take(let head, let store): return take(head, store, disk, log)
        }
    }

    private static func take(
        _ head: SnapshotHead, _ store: Store, _ disk: PosixDisk, _ log: DiskThread
    ) -> Arrival {
        // The log grows as long as this takes.
        let courtesy = Courtesy(to: log, restsMax: 30_000_000_000)
        var taking = SnapshotTaking(head, of: store)
        do throws(DiskFailure) {
            while let action = taking.next() {
                let began = monotonicNanoseconds()
                do throws(DiskFailure) {
                    try disk.carryOut(action)
                } catch {
                    guard action.mayFail(by: error) else { throw error }
                }
                taking.took(nanoseconds: monotonicNanoseconds() - began)
                courtesy.rest()
            }
        } catch {
            return .snapshotFailed(head.last, why: error.message)
        }
        do throws(SnapshotError) {
            let (sum, bytes) = try taking.verify(
                UnhurriedStorage(source: disk.directory, courtesy: courtesy))
            return .snapshotTaken(head.last, sum: sum, bytes: bytes)
        } catch {
            return .snapshotFailed(head.last, why: error.description)
        }
    }
}

extension OpenedSnapshot {
    init(_ decoded: SnapshotDecoder.Decoded) {
        self.init(head: decoded.head, store: decoded.store, sum: decoded.sum, bytes: decoded.bytes)
    }
}
