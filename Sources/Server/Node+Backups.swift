// Backups: everything of one moment as a gzip file, piece by piece (Interface §8, GET /backup).
internal import API
internal import HTTP
internal import KeyValue
internal import Network
internal import Replica

extension Node {
    /// So many backups are under way at a time: each holds a state of the store.
    private static let backupsMax = 4
    /// What a piece may come to that does not compress.
    static let backupPieceBytes = 3 << 19

    /// Begins a backup of the store as it is now.
    mutating func backUp(_ slot: Int, isLocal: Bool) {
        guard let (head, store) = replica.frozen else {
            fail(slot, .noLeader(replica.view.absence))
            return
        }
        let isHead = clients[slot].head?.method == .head
        if !isHead, backups >= Self.backupsMax {
            refuse(slot, .tooManyBackups)
            return
        }
        let start = clients[slot].outbound.bytes.count
        answerer(slot).appendBackupHead(
            storeRevision: store.revision, age: isLocal ? age : nil, to: &clients[slot].outbound.bytes)
        count(slot, from: start)
        touch(slot)
        if isHead {
            finish(slot)
            return
        }
        clients[slot].backup = BackupStream(BackupSource(head, store))
        clients[slot].stage = .streaming
        streams += 1
        backups += 1
    }

    /// What was written is with the kernel: the next piece is asked for, and none before that.
    mutating func backUpOn(_ slot: Int) -> Next {
        guard clients[slot].outbound.isEmpty, let backup = clients[slot].backup, !backup.isAwaited else {
            return .rest
        }
        guard hasRoom(slot, for: min(Self.backupPieceBytes, configuration.connectionBytesMax)) else {
            starve(slot)
            return .rest
        }
        clients[slot].backup?.isAwaited = true
        backupThread.makeNext(of: backup.source, for: clients.token(at: slot))
        return .rest
    }

    /// The backup thread has made a piece, or there is none after the last.
    mutating func backedUp(_ piece: [UInt8]?, client: UInt64) {
        let token = Token(rawValue: client)
        guard clients.contains(token), clients[Int(token.slot)].backup != nil else { return }
        let slot = Int(token.slot)
        clients[slot].backup?.isAwaited = false
        setDeadline(slot, after: configuration.idleTime)
        touch(slot)
        if let piece {
            Writer.appendChunk(piece.span, to: &clients[slot].outbound.bytes)
            sendIfLarge(slot)
            return
        }
        Writer.appendLastChunk(to: &clients[slot].outbound.bytes)
        endBackup(slot)
        finish(slot)
        makeRunnable(slot)
    }

    /// The backup of a connection is over, or the connection is.
    mutating func endBackup(_ slot: Int) {
        guard let backup = clients[slot].backup else { return }
        clients[slot].backup = nil
        streams -= 1
        backups -= 1
        backupThread.release(backup.source)
    }
}

/// A backup that is being sent.
struct BackupStream {
    let source: BackupSource
    /// The next piece is being made.
    var isAwaited = false

    init(_ source: BackupSource) { self.source = source }
}
