// What a journal asks of the disk while one of its faults is planted (package trait PlantedFaults).

#if PlantedFaults
    internal import Consensus

    extension Operation.Action {
        /// ``Planted/noBatchSync``, ``Planted/noVoteSync``, ``Planted/noDirectorySync``
        var planted: Operation.Action {
            switch self {
            case .write(.segment(let number), let offset, let pieces, true) where Planted.is(.noBatchSync):
                .write(.segment(number), offset: offset, pieces, isSynced: false)
            case .write(.vote, let offset, let pieces, true) where Planted.is(.noVoteSync):
                .write(.vote, offset: offset, pieces, isSynced: false)
            case .syncFolder where Planted.is(.noDirectorySync): .remove(.spare(0))
            case .write, .prepare, .rename, .remove, .syncFolder: self
            }
        }
    }
#endif
