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
        let progress = StartProgress(of: directory.usage().logBytes)
        let responder: StartResponder
        do throws(SystemError) {
            responder = try StartResponder(
                at: try listener.duplicate(), node: configuration.node.rawValue, progress)
        } catch {
            throw StartFailure("\(error).")
        }
        defer { responder.end() }
        do throws(RecoveryError) {
            let (opened, isLost) = try Self.openSnapshot(in: directory, progress, log)
            snapshot = opened.map {
                StoredSnapshot(
                    id: $0.head.last, configuration: $0.head.configuration, sum: $0.sum, bytes: $0.bytes)
            }
            var teller = Teller(log, progress)
            var replay = Replay(opened?.store ?? Store())
            (journal, recovered) = try Journal.recover(
                node: configuration.node, settings: Self.settings(configuration), snapshot: snapshot?.id,
                isSnapshotLost: isLost, firstBoot: Boot(.random(in: 1..<1 << 52)), from: directory
            ) { bytes, line throws(RecoveryError) in
                replay.apply(bytes, line)
                teller.note(line)
            }
            self.replay = replay
        } catch {
            throw StartFailure("\(directory.path): \(error).")
        }
        if let damage = recovered.damage { log.critical("\(directory.path): \(damage)") }
    }

    private static func settings(_ configuration: Configuration) -> Journal.Settings {
        var settings = Journal.Settings()
        settings.segmentBytes = UInt64(configuration.segmentBytes)
        settings.firstSegmentBytes = min(settings.firstSegmentBytes, settings.segmentBytes)
        return settings
    }

    /// The newest snapshot that is whole. One that is not is told of; if it was the only one, it is lost.
    private static func openSnapshot(
        in directory: DataDirectory, _ progress: StartProgress, _ log: Logger
    ) throws(RecoveryError) -> (OpenedSnapshot?, isLost: Bool) {
        var isLost = false
        let candidates: [EntryID]
        do throws(DiskFailure) {
            candidates = try Journal.snapshots(in: directory)
        } catch {
            throw .disk(error)
        }
        for id in candidates {
            do throws(SnapshotError) {
                let whole = try SnapshotReading.decode(.snapshot(id), from: directory) {
                    progress.advance(by: $0)
                }
                return (OpenedSnapshot(whole), false)
            } catch {
                log.critical("\(directory.path)/\(File.snapshot(id)): \(error)")
                isLost = true
            }
        }
        return (nil, isLost)
    }

    /// Tells how far a long replay is, in the log every few seconds.
    private struct Teller {
        private let log: Logger
        private let progress: StartProgress
        private var tellAt = monotonicNanoseconds() + 2_000_000_000
        private var count = 0
        private var bytes = 0

        init(_ log: Logger, _ progress: StartProgress) {
            self.log = log
            self.progress = progress
        }

        mutating func note(_ line: EntryLine) {
            count &+= 1
            bytes &+= line.line.count
            guard count & 0x3FF == 0 else { return }
            progress.advance(by: bytes)
            bytes = 0
            let now = monotonicNanoseconds()
            guard now >= tellAt else { return }
            tellAt = now + 2_000_000_000
            log.info("replaying the log: entry \(line.id.index), \(progress.percent) %")
        }
    }
}
