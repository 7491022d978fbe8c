// Backups are compressed here, a piece at a time, so that neither the loop nor a snapshot waits for one.
internal import Glibc
internal import KeyValue
internal import Network
internal import Snapshot
internal import Wire

/// A backup on its way. After it was made only the backup thread touches it.
final class BackupSource: @unchecked Sendable {
    private var encoder: BackupEncoder

    init(_ head: SnapshotHead, _ store: Store) { encoder = BackupEncoder(head: head, store: store) }

    /// The next piece; nil after the last.
    fileprivate func next() -> [UInt8]? { encoder.next() }
}

/// Makes the next piece of whichever backup has room for one: so clients that read slowly make it slow, and
/// memory is bounded.
final class BackupThread: Sendable {
    private enum Task: Sendable {
        case next(BackupSource, client: UInt64)
        case release(BackupSource)
    }
    private let tasks = Mailbox<Task>()

    init(answers: Mailbox<Arrival>, wake: Wake) throws(SystemError) {
        let tasks = tasks
        try Thread(named: "backup") {
            // On Linux this is the calling thread's alone. Requests go before a backup.
            _ = nice(10)
            var taken: [Task] = []
            while tasks.take(into: &taken) {
                for task in taken {
                    guard case .next(let source, let client) = task else { continue }
                    answers.put(.backedUp(source.next(), client: client))
                    wake.ring()
                }
                // The last reference to a state that the node has left may go here: it takes a while.
                taken.removeAll()
            }
        }.detach()
    }

    deinit { tasks.close() }

    /// Has the next piece made; it arrives as `.backedUp`.
    func makeNext(of source: BackupSource, for client: Token) {
        tasks.put(.next(source, client: client.rawValue))
    }

    /// Lets go of a backup that is over or cut.
    func release(_ source: BackupSource) { tasks.put(.release(source)) }
}
