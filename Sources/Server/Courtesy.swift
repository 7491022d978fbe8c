// Long work gives way to writes: what a snapshot takes of cores and disk, clients do not have.
internal import Glibc
internal import Journal
internal import Network

/// Rests between the pieces of one long work while the log is being written.
///
/// Nothing waits for a snapshot but the log's length. Done at a stretch, those of three nodes on a machine
/// of two cores halved the rate of writes. All times are nanoseconds.
final class Courtesy {
    private let log: DiskThread
    /// The thread's processor time when it began with this piece.
    private var began: UInt64
    private var batches: UInt64
    /// So much may still be rested.
    private var left: UInt64 = 30_000_000_000

    /// A rest takes so many times the processor time of the piece before it: a quarter of a core is taken.
    private static let restRatio: UInt64 = 3
    /// Shorter work is not worth a rest yet.
    private static let worthwhile: UInt64 = 1_000_000
    /// However long a piece took, the next one begins after this.
    private static let restMax: UInt64 = 250_000_000

    /// The work begins, on this thread.
    ///
    /// - Parameter log: whose batches are given way to.
    init(to log: DiskThread) {
        self.log = log
        began = threadNanoseconds()
        batches = log.batches
    }

    /// A piece of the work is done. Sleeps if the log was written meanwhile, unless all rests together have
    /// taken half a minute: the log grows as long as this takes.
    func rest() {
        let taken = threadNanoseconds() - began
        guard taken >= Self.worthwhile else { return }
        let before = batches
        batches = log.batches
        if batches != before {
            let time = min(Self.restRatio * taken, Self.restMax, left)
            left -= time
            // A sleep, for there is no event to wait for: it is the work's pace, and ends by itself.
            if time > 0 { usleep(UInt32(time / 1_000)) }
        }
        began = threadNanoseconds()
    }
}

/// A directory that is read piece by piece, with rests.
struct UnhurriedStorage<Source: Storage>: Storage {
    let source: Source
    let courtesy: Courtesy

    func logFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] { try source.logFiles() }

    func snapshotFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] {
        try source.snapshotFiles()
    }

    func read(_ file: File, offset: UInt64, count: Int) throws(DiskFailure) -> [UInt8]? {
        courtesy.rest()
        return try source.read(file, offset: offset, count: count)
    }
}
