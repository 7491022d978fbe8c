// Why a node cannot start from what its folder holds, and what to do.
public import Consensus
public import Wire

public enum RecoveryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file could not be read.
    case disk(DiskFailure)
    /// The folder belongs to another node.
    case node(found: NodeID, expected: NodeID, File)
    /// Files of two clusters stand in one folder.
    case cluster(found: ClusterID, expected: ClusterID, File)
    /// A newer version of rast wrote this.
    case newer(File)
    /// A log file in the middle is not there.
    case missing(segment: UInt64)
    /// Whole, and yet impossible.
    case inconsistent(segment: UInt64, offset: UInt64)
    /// The state machine cannot apply a committed entry.
    case entry(EntryID, reason: String)

    public var description: String {
        switch self {
        case .disk(let failure):
            "\(failure.message); nothing was changed, so correct this and start again"
        case .node(let found, let expected, let file):
            "\(file) belongs to node \(found), and this is node \(expected): "
                + "start it with the right id or folder"
        case .cluster(let found, let expected, let file):
            "\(file) belongs to cluster \(found), and the folder to \(expected): "
                + "a file was copied here by mistake"
        case .newer(let file):
            "\(file) was written by a newer version of rast: start with that version"
        case .missing(let segment):
            "\(File.segment(segment)) is missing: put it back, or empty the folder to join anew"
        case .inconsistent(let segment, let offset):
            "\(File.segment(segment)) is whole but contradicts what stands before byte \(offset): "
                + "please report this, and empty the folder to join anew"
        case .entry(let id, let reason):
            "entry \(id) cannot be applied (\(reason)): start with the version of rast that the others run"
        }
    }
}

extension File: CustomStringConvertible {
    /// Its path in the data directory.
    public var description: String {
        switch self {
        case .segment(let number): "log/\(number).ndjson"
        case .spare(let number): "log/\(number).spare"
        case .vote: "vote"
        case .identity: "rast.json"
        case .identityDraft: "rast.json.new"
        case .damage: "damaged"
        case .damageDraft: "damaged.new"
        case .snapshot(let id): "snapshot/\(id.index)-\(id.term).ndjson"
        case .snapshotDraft(let id): "snapshot/\(id.index)-\(id.term).new"
        case .incoming: "snapshot/incoming.new"
        }
    }
}
