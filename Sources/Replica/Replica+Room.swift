// A full disk (rule 13): what the journal has room for, told to consensus; and what may be done about it.
internal import Consensus
internal import Wire

extension Replica {
    /// How many bytes of entries the disk surely has room for; nil: plenty. Told in every turn while it is
    /// full, and once when that is over.
    public mutating func roomLeft(_ bytes: UInt64?) {
        let wasFull = roomBytes != nil
        roomBytes = bytes
        if bytes == nil {
            hasRefused = false
            // A snapshot that had no room has it now.
            if wasFull { nextSnapshotAt = now }
        }
        tellRoom()
        // What a snapshot covers of the log may go: that may be all that is needed.
        if bytes != nil, !wasFull, bytesSinceSnapshot >= Self.snapshotWorthBytes { mustTakeSnapshot = true }
    }

    /// A snapshot that frees less is not worth its own room.
    private static let snapshotWorthBytes = 1 << 20

    /// Whether writes would be refused here for want of room.
    public var lacksRoom: Bool { raft.lacksRoom }

    private mutating func tellRoom() {
        let room: Room = roomBytes == nil ? .plenty : roomBytes == 0 || hasRefused ? .none : .low
        if room != raft.room { step(.room(room)) }
    }

    /// Entries have come that may not fit: then they are refused, whole.
    mutating func measure(_ block: Block) {
        guard let roomBytes, UInt64(block.bytes.count) + Self.headBytes > roomBytes else { return }
        hasRefused = true
        tellRoom()
    }

    mutating func noteTaken(_ bytes: Int) {
        guard let roomBytes else { return }
        self.roomBytes = roomBytes - min(roomBytes, UInt64(bytes) + Self.headBytes)
    }

    /// What a batch takes beside its entries, at most: its head and its padding.
    private static let headBytes: UInt64 = 8 << 10

    mutating func sayIfOthersLackRoom() {
        let lack = raft.role == .leader && raft.lacksRoom && raft.room == .plenty
        guard lack != othersLackRoom else { return }
        othersLackRoom = lack
        effects.append(.notice(.othersLackRoom(lack)))
    }
}
