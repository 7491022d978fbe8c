// Answers are compressed here, a piece at a time, so that neither the loop nor a snapshot waits for them.
internal import Glibc
internal import KeyValue
internal import Network
internal import Snapshot
internal import Wire

/// What is sent piece by piece. After it was made only a ``PieceThread`` touches it.
protocol PieceSource: AnyObject, Sendable {
    /// The next piece; nil after the last.
    func next() -> [UInt8]?
}

/// A backup on its way.
final class BackupSource: PieceSource, @unchecked Sendable {
    private var encoder: BackupEncoder

    init(_ head: SnapshotHead, _ store: Store) { encoder = BackupEncoder(head: head, store: store) }

    func next() -> [UInt8]? { encoder.next() }
}

/// Makes the next piece of whichever answer has room for one: so clients that read slowly make it slow, and
/// memory is bounded.
final class PieceThread: Sendable {
    private enum Task: Sendable {
        case next(any PieceSource, client: UInt64)
        case release(any PieceSource)
    }
    private let tasks = Mailbox<Task>()

    /// - Parameters:
    ///   - name: the thread's.
    ///   - niceness: by how much others go before it.
    ///   - log: it rests between two pieces while this is being written; nil: it does not.
    ///   - answers: where the pieces go, as `.compressed`.
    ///   - wake: is rung for each.
    /// - Throws: what the system says where there can be no thread.
    init(
        named name: String, niceness: Int32, courteousTo log: DiskThread? = nil, answers: Mailbox<Arrival>,
        wake: Wake
    ) throws(SystemError) {
        let tasks = tasks
        try Thread(named: name) {
            // On Linux this is the calling thread's alone.
            _ = nice(niceness)
            let courtesy = log.map { Courtesy(to: $0) }
            var taken: [Task] = []
            while tasks.take(into: &taken) {
                for task in taken {
                    guard case .next(let source, let client) = task else { continue }
                    answers.put(.compressed(source.next(), client: client))
                    wake.ring()
                    courtesy?.rest()
                }
                // The last reference to a state that the node has left may go here: it takes a while.
                taken.removeAll()
            }
        }.detach()
    }

    deinit { tasks.close() }

    /// Has the next piece made; it arrives as `.compressed`.
    func makeNext(of source: any PieceSource, for client: Token) {
        tasks.put(.next(source, client: client.rawValue))
    }

    /// Lets go of an answer that is over or cut.
    func release(_ source: any PieceSource) { tasks.put(.release(source)) }
}
