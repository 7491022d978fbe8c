// What members compare their states by: the hash at every so manieth entry, of which the last are remembered.
internal import Consensus

/// The hashes of the state after the last entries whose index is a multiple of `interval` (rule 25).
struct StateMarks: Sendable {
    private struct Mark {
        let index: LogIndex
        let hash: UInt64
    }

    static let countMax = 64

    private let mask: UInt64
    private var marks: [Mark] = []
    /// Where the oldest stands, once there are as many as are remembered.
    private var oldest = 0

    /// - Parameter interval: a power of two.
    init(every interval: UInt64) {
        precondition(interval > 0 && interval & (interval - 1) == 0)
        mask = interval - 1
    }

    func isMark(_ index: LogIndex) -> Bool { index.rawValue & mask == 0 }

    /// The state after the entry `index`, which lies after all that are known.
    mutating func note(_ index: LogIndex, _ hash: UInt64) {
        let mark = Mark(index: index, hash: hash)
        if marks.count < Self.countMax {
            marks.append(mark)
        } else {
            marks[oldest] = mark
            oldest = (oldest + 1) % Self.countMax
        }
    }

    func hash(at index: LogIndex) -> UInt64? { marks.first { $0.index == index }?.hash }

    var last: LogIndex? {
        marks.isEmpty ? nil : marks[(oldest + marks.count - 1) % marks.count].index
    }

    /// Another state has taken the place of the one that they are of.
    mutating func forget() {
        marks = []
        oldest = 0
    }
}
