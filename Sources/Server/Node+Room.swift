// Room on the disk (rule 13): measured off the loop, kept for one snapshot, and told when it is short.
internal import Consensus
internal import Journal
internal import Logging
internal import Replica

extension Node {
    /// What of the disk writes may not use: room for one snapshot, which may then free the log.
    var diskReserve: UInt64 {
        let last = replica.snapshot?.bytes ?? 0
        return max(UInt64(configuration.diskReserveBytes), last + last / 5)
    }

    mutating func take(_ usage: DiskUsage) {
        self.usage = usage
        guard let free = usage.freeBytes else { return }
        // What a snapshot takes while it is made is what the reserve is for.
        let left = free + usage.draftBytes
        // A little more is asked for before it is over, so that it is not over again at once.
        let reserve = journal.isHeldBack ? diskReserve + diskReserve / 16 : diskReserve
        journal.hold(back: left < reserve)
    }

    /// Before each turn's end: a member that has no room says so, and hands over.
    mutating func tellRoom() {
        if journal.isFull {
            replica.roomLeft(journal.room)
            if fullSaidAt == 0 || now >= fullSaidAt + Self.fullSaidEvery { sayFull() }
        } else if fullSaidAt != 0 {
            fullSaidAt = 0
            replica.roomLeft(nil)
            log.notice("the disk has room again: this node takes writes")
        }
    }
    private static let fullSaidEvery: UInt64 = 60_000_000_000

    private mutating func sayFull() {
        fullSaidAt = now
        log.error(
            """
            the disk is full: \(configuration.data) has \(usage.freeBytes ?? 0) bytes left, of which \
            \(diskReserve) are kept for a snapshot (--disk-reserve). Writes are refused with 507 where this \
            node leads, and another takes over if it can; reads go on. \(Self.whatToDo)
            """)
    }

    static let whatToDo = "Free some space or enlarge the volume; nothing has to be started again"
}
