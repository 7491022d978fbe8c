// Where entries stand on disk, and their bytes checked as they come back.
public import Consensus
public import Wire

/// A part of a log file that begins with the line of entry `stored` and holds all up to `last`.
public struct Extent: Hashable, Sendable {
    public let file: File
    public let offset: UInt64
    public let bytes: Int
    /// The index of the first line there.
    public let stored: LogIndex
    /// Of the entries there, those from `first` to `last` are wanted.
    public let first: LogIndex
    public let last: LogIndex
}

/// Why entries could not be read back.
public enum LoadError: Error, Hashable, Sendable {
    /// The disk could not be read.
    case disk(DiskFailure)
    /// What it gave is not what was written.
    case damaged(Damage)
}
