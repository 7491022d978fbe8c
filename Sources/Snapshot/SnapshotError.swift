// Why a snapshot or a backup was refused, and where.
public import Journal
public import Wire

/// A file that is not what was written.
public struct SnapshotError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The place in the file, in bytes from its beginning.
    public let offset: UInt64
    public let problem: Problem

    public init(offset: UInt64, problem: Problem) {
        self.offset = offset
        self.problem = problem
    }

    public enum Problem: Hashable, Sendable {
        /// A line is not as it is written here.
        case line(WireError.Problem)
        /// No store holds this row at this place: keys that do not rise, or impossible numbers.
        case row
        /// Rows, blocks or bytes are not as many as they are said to be.
        case count
        /// The file ends before its last line.
        case end
        /// Bytes follow the last line.
        case trailing
        /// A line is longer than it can be.
        case length
        /// The file could not be read.
        case disk(DiskFailure)
    }

    public var description: String { "\(problem.message) at byte \(offset)" }
}

extension SnapshotError.Problem {
    /// For people: what is wrong.
    public var message: String {
        switch self {
        case .line(let problem): "\(problem.message)"
        case .disk(let failure): failure.message
        case .row: "a row that cannot stand there"
        case .count: "not as many rows or bytes as were announced"
        case .end: "ends too early"
        case .trailing: "bytes follow the last line"
        case .length: "a line is too long"
        }
    }
}

extension SnapshotError {
    /// What was found in bytes that begin at `base`.
    init(_ error: WireError, from base: UInt64) {
        let problem: Problem =
            switch error.problem {
            case .order: .row
            case .limit: .length
            case .form, .end, .number, .checksum, .padding, .entry, .count, .format: .line(error.problem)
            }
        self.init(offset: base + UInt64(max(0, error.offset)), problem: problem)
    }
}
