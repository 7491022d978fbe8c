// What a start finds in its directory: the newest whole snapshot, and the log after it (rules 6 to 12, 26).
internal import Consensus
internal import Journal
internal import KeyValue
internal import Logging
internal import Network
internal import Replica
internal import Snapshot
internal import Wire

/// Everything that was read back before the loop turns.
struct Found {
    let journal: Journal
    let recovered: Recovered
    let snapshot: StoredSnapshot?
    let replay: Replay

    /// Reads all of it, and lets the listener's visitors know how far that is.
    init(
        _ configuration: Configuration, in directory: DataDirectory, _ listener: borrowing Listener,
        _ log: Logger
    ) throws(StartFailure) {
        let progress = StartProgress(of: Self.bytesToRead(in: directory))
        let responder: StartResponder
        do throws(SystemError) {
            responder = try StartResponder(
                at: try listener.duplicate(), node: configuration.node.rawValue, progress)
        } catch {
            throw StartFailure("\(error).")
        }
        defer { responder.end() }
        do throws(RecoveryError) {
            let reading = Reading(directory, progress, log)
            let (opened, isLost) = try Self.openSnapshot(in: reading, directory.path, log)
            snapshot = opened.map {
                StoredSnapshot(
                    id: $0.head.last, configuration: $0.head.configuration, sum: $0.sum, bytes: $0.bytes)
            }
            var replay = Replay(opened?.store ?? Store())
            (journal, recovered) = try Journal.recover(
                node: configuration.node, settings: Self.settings(configuration), snapshot: snapshot?.id,
                isSnapshotLost: isLost, firstBoot: Boot(.random(in: 1..<1 << 52)), from: reading
            ) { bytes, line throws(RecoveryError) in replay.apply(bytes, line) }
            self.replay = replay
        } catch {
            throw StartFailure("\(directory.path): \(error).")
        }
        if let damage = recovered.damage { log.critical("\(directory.path): \(damage)") }
    }

    private static func settings(_ configuration: Configuration) -> Journal.Settings {
        var settings = Journal.Settings()
        // Whole pages, as all that is written to them.
        settings.segmentBytes = UInt64(configuration.segmentBytes - configuration.segmentBytes % pageBytes)
        settings.firstSegmentBytes = min(settings.firstSegmentBytes, settings.segmentBytes)
        return settings
    }

    /// What a start reads at most, unless its newest snapshot is damaged: that, and the log.
    private static func bytesToRead(in directory: DataDirectory) -> UInt64 {
        let newest = (try? Journal.snapshots(in: directory))?.first.map(File.snapshot)
        let logs = ((try? directory.logFiles()) ?? []).filter {
            if case .spare = $0.file { false } else { true }
        }
        let snapshots = ((try? directory.snapshotFiles()) ?? []).filter { $0.file == newest }
        return (logs + snapshots).reduce(0) { $0 + $1.bytes }
    }

    /// The newest snapshot that is whole. One that is not is told of; if it was the only one, it is lost.
    private static func openSnapshot(
        in reading: Reading, _ path: String, _ log: Logger
    ) throws(RecoveryError) -> (OpenedSnapshot?, isLost: Bool) {
        var isLost = false
        let candidates: [EntryID]
        do throws(DiskFailure) {
            candidates = try Journal.snapshots(in: reading)
        } catch {
            throw .disk(error)
        }
        for id in candidates {
            do throws(SnapshotError) {
                return (OpenedSnapshot(try SnapshotReading.decode(.snapshot(id), from: reading)), false)
            } catch {
                log.critical("\(path)/\(File.snapshot(id)): \(error)")
                isLost = true
            }
        }
        return (nil, isLost)
    }
}

/// The directory as a start reads it: how far that is, is told to who asks, and in the log every few seconds.
private final class Reading: Storage {
    private let directory: DataDirectory
    private let progress: StartProgress
    private let log: Logger
    private var tellAt = monotonicNanoseconds() + 2_000_000_000

    init(_ directory: DataDirectory, _ progress: StartProgress, _ log: Logger) {
        self.directory = directory
        self.progress = progress
        self.log = log
    }

    func logFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] { try directory.logFiles() }

    func snapshotFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] {
        try directory.snapshotFiles()
    }

    func read(_ file: File, offset: UInt64, count: Int) throws(DiskFailure) -> [UInt8]? {
        let bytes = try directory.read(file, offset: offset, count: count)
        progress.advance(by: bytes?.count ?? 0)
        let now = monotonicNanoseconds()
        if now >= tellAt {
            tellAt = now + 2_000_000_000
            log.info("reading \(file), from byte \(offset): \(progress.percent) % of the data are read")
        }
        return bytes
    }
}
