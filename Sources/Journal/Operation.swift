// What the journal asks of a disk, and what a disk can do: the border that the simulator replaces.
public import Consensus
public import Wire

/// A file of the data directory.
public enum File: Hashable, Sendable {
    /// `log/<number>.ndjson`
    case segment(UInt64)
    /// `log/<number>.spare`: written once ahead of use, renamed to a segment when it is needed.
    case spare(UInt64)
    /// `vote`: two slots of term, vote and boot.
    case vote
    /// `rast.json`: cluster id, node id, format.
    case identity
    /// `rast.json.new`, renamed to `rast.json` once synced.
    case identityDraft
    /// `damaged`: there while this node's log lacks something that was durable.
    case damage
    case damageDraft
    /// `snapshot/<index>-<term>.ndjson`: the state after that entry, whole and verified.
    case snapshot(EntryID)
    /// `snapshot/<index>-<term>.new`: one that this node is taking.
    case snapshotDraft(EntryID)
    /// `snapshot/incoming.new`: one that the leader is sending.
    case incoming

    /// Whether it is a snapshot that is not finished.
    public var isDraft: Bool {
        switch self {
        case .snapshotDraft, .incoming: true
        case .segment, .spare, .vote, .identity, .identityDraft, .damage, .damageDraft, .snapshot: false
        }
    }

    /// The folder that it stands in.
    public var folder: Folder {
        switch self {
        case .segment, .spare: .log
        case .vote, .identity, .identityDraft, .damage, .damageDraft: .root
        case .snapshot, .snapshotDraft, .incoming: .snapshot
        }
    }
}

/// A folder of the data directory, whose names must be synced too.
public enum Folder: Hashable, Sendable { case root, log, snapshot }

/// One thing to be done to the disk.
///
/// Operations are carried out one after the other, in the order they are given. After one that failed, those
/// that follow are not carried out and fail as well, unless nothing depends on it (``Action/mayFail(by:)``).
public struct Operation: Sendable {
    /// Rises by one from operation to operation.
    public let id: UInt64
    public let action: Action

    public init(id: UInt64, action: Action) {
        self.id = id
        self.action = action
    }

    public enum Action: Sendable {
        /// Creates or opens the file and writes at the offset; `isSynced`: complete only when it is on disk.
        case write(File, offset: UInt64, [Piece], isSynced: Bool)
        /// Opens the file, created if need be, really writes `bytes` zeros from `offset` on, and syncs it.
        case prepare(File, offset: UInt64, bytes: UInt64)
        case rename(File, to: File)
        case remove(File)
        /// Makes the names in a folder durable.
        case syncFolder(Folder)

        /// Whether nothing that was promised, and nothing that follows, depends on it: the rest goes on.
        ///
        /// A spare or a part of a snapshot may find no room, and a file that is not needed any more may stay.
        public func mayFail(by failure: DiskFailure) -> Bool {
            switch self {
            case .prepare, .write(.incoming, _, _, _): failure.reason == .full
            case .remove(.segment), .remove(.snapshot), .remove(.snapshotDraft), .remove(.incoming): true
            case .write, .rename, .remove, .syncFolder: false
            }
        }
    }
}

/// Why a disk operation did not succeed.
public struct DiskFailure: Error, Hashable, Sendable {
    public enum Reason: Hashable, Sendable { case full, readOnly, failed, absent }
    public let reason: Reason
    /// For people: the call, the file and the system's word for the error.
    public let message: String
    public init(reason: Reason, message: String) {
        self.reason = reason
        self.message = message
    }
}

/// Reading in place: at recovery, before the loop turns, and on the reader thread.
public protocol Storage {
    /// The data directory's log files, in any order, each with its size.
    func logFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)]
    /// The files of its snapshots, drafts too, in any order, each with its size.
    func snapshotFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)]
    /// The bytes from `offset`, at most `count`; fewer at the file's end; nil if there is no such file.
    func read(_ file: File, offset: UInt64, count: Int) throws(DiskFailure) -> [UInt8]?
}
