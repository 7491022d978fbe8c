// Long work gives way to writes: what a snapshot takes of cores and disk, clients do not have.
internal import DequeModule
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
    private var left: UInt64

    /// A rest takes so many times the processor time of the piece before it: a quarter of a core is taken.
    private static let restRatio: UInt64 = 3
    /// Shorter work is not worth a rest yet.
    private static let worthwhile: UInt64 = 1_000_000
    /// However long a piece took, the next one begins after this.
    private static let restMax: UInt64 = 250_000_000

    /// The work begins, on this thread.
    ///
    /// - Parameters:
    ///   - log: whose batches are given way to.
    ///   - restsMax: all rests together take so long at most.
    init(to log: DiskThread, restsMax: UInt64 = .max) {
        self.log = log
        left = restsMax
        began = threadNanoseconds()
        batches = log.batches
    }

    /// A piece of the work is done. Sleeps if the log was written meanwhile.
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

/// When the lists that the loop sends go on: while the log is being written, they rest between two chunks.
///
/// A list is made at several hundred megabytes a second, which few networks carry. At a stretch it would have
/// all of the loop's time, and its client most of what else the machine has. All times are nanoseconds.
struct ListPace {
    /// The lists that rest, the first one for the longest time.
    var resting: Deque<Token> = []
    /// They go on from then on.
    private(set) var goesOnAt: UInt64 = 0
    private var batches: UInt64 = 0
    private var writtenAt: UInt64 = 0

    /// A rest takes so many times the processor time of the chunk before it.
    private static let restRatio: UInt64 = 7
    /// Who writes one thing after the other leaves such pauses in between.
    private static let pauseMax: UInt64 = 2_000_000

    /// Whether writes were under way just now, by the log's number of batches.
    mutating func givesWay(to batches: UInt64, now: UInt64) -> Bool {
        if batches != self.batches { writtenAt = now }
        self.batches = batches
        return now < writtenAt + Self.pauseMax
    }

    /// A chunk took so much processor time.
    mutating func rest(_ taken: UInt64, now: UInt64) {
        // What a late turn took from it, it makes up for.
        goesOnAt = max(goesOnAt, now - min(now, Self.pauseMax)) + (1 + Self.restRatio) * taken
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
