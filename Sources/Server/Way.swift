// The connections to a peer: one for each of the replica's lanes, and one for clients' requests.
internal import Replica

/// Which of its connections to a peer a request takes (rule 16).
enum Way: UInt8, CaseIterable {
    case appends, votes, quick
    /// Pieces of snapshots.
    case snapshots
    /// Requests of clients that this node sends on to the leader: they wait for disks and quorums, so that
    /// nothing else may stand behind them.
    case requests

    init(_ lane: Lane) {
        switch lane {
        case .appends: self = .appends
        case .votes: self = .votes
        case .quick: self = .quick
        case .snapshots: self = .snapshots
        }
    }

    /// The replica's word for it; nil: it knows nothing of it.
    var lane: Lane? {
        switch self {
        case .appends: .appends
        case .votes: .votes
        case .quick: .quick
        case .snapshots: .snapshots
        case .requests: nil
        }
    }
}
