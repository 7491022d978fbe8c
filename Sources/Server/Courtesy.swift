// Long work gives way to writes: what a snapshot takes of cores and disk, clients do not have.
internal import Glibc
internal import Journal
internal import Network

/// Rests between the pieces of long work while the log is being written.
///
/// Nothing waits for a snapshot but the log's length. Done at a stretch, those of three nodes on a machine
/// of two cores halved the rate of writes.
final class Courtesy {
    private let disk: DiskThread
    private var worked: UInt64
    private var batches: UInt64

    /// A rest takes so many times the processor time since the last one: it takes a quarter of a core.
    private static let restRatio: UInt64 = 3
    /// Shorter work is not worth a rest yet.
    private static let worthwhile: UInt64 = 1_000_000
    /// However long a piece took, the next one begins after this. (Nanoseconds, as all here.)
    private static let restMax: UInt64 = 250_000_000

    /// - Parameter disk: whose batches are given way to.
    init(to disk: DiskThread) {
        self.disk = disk
        worked = threadNanoseconds()
        batches = disk.batches
    }

    /// A piece of work is done, on the thread that made this.
    func rest() {
        let taken = threadNanoseconds() - worked
        guard taken >= Self.worthwhile else { return }
        let before = batches
        batches = disk.batches
        if batches != before { usleep(UInt32(min(Self.restRatio * taken, Self.restMax) / 1_000)) }
        worked = threadNanoseconds()
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
