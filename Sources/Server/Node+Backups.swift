// Backups: everything of one moment as a gzip file, piece by piece (Interface §8, GET /backup).
internal import API
internal import HTTP
internal import KeyValue
internal import Network
internal import Replica

extension Node {
    /// So many backups are under way at a time: each holds a state of the store.
    private static let backupsMax = 4

    /// Begins a backup of the store as it is now.
    mutating func backUp(_ slot: Int, isLocal: Bool) {
        guard let (head, store) = replica.frozen else {
            fail(slot, .noLeader(replica.view.absence))
            return
        }
        let isHead = clients[slot].isHead
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
        begin(slot, Pipe(source: BackupSource(head, store), kind: .backup, bytesHeld: 0))
        backups += 1
    }
}
