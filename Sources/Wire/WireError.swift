// Why bytes from a disk or a peer were refused, and where.

/// Bytes that are not what they should be.
public struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The place, counted from the beginning of the bytes that were given.
    public let offset: Int
    public let problem: Problem

    public init(offset: Int, problem: Problem) {
        self.offset = offset
        self.problem = problem
    }

    public enum Problem: Hashable, Sendable {
        /// Not the exact form that is written here: an unknown, missing, repeated or misplaced name, spacing.
        case form
        /// The bytes end in the middle.
        case end
        /// Not a plain integer from 0 to 2^53−1, or from 1 where 0 has no meaning.
        case number
        /// The checksum is not that of the bytes.
        case checksum
        /// Not spaces and a newline up to the next boundary of 4 KiB.
        case padding
        /// An entry is not the one that the header announced.
        case entry
        /// Entries are missing, or more follow than were announced.
        case count
        /// Terms that do not rise as those of a log do.
        case order
        /// More than may come in one message.
        case limit
        /// A format that this version does not know.
        case format
    }

    public var description: String { "\(problem.message) at byte \(offset)" }
}

extension WireError.Problem {
    /// For people: what is wrong.
    public var message: StaticString {
        switch self {
        case .form: "not in the expected form"
        case .end: "ends too early"
        case .number: "not an integer from 0 to 9007199254740991 that is allowed here"
        case .checksum: "the checksum does not match"
        case .padding: "not padded with spaces and a newline"
        case .entry: "not the entry that was announced"
        case .count: "not as many entries as were announced"
        case .order: "terms do not rise"
        case .limit: "too many entries in one message"
        case .format: "written in a newer format"
        }
    }
}
