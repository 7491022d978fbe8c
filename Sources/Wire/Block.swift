// Encoded entries as they stand on disk and on the wire, shared by log cache, journal and peer links.
public import Consensus

/// Some consecutive entries, encoded: whole lines of JSON, each with its newline.
///
/// The bytes are reference-counted and never change once a block is handed on, so the cache, the disk
/// thread and the peer links hold the same ones without a copy.
public struct Block: Sendable {
    /// The lines, one after the other.
    public var bytes: [UInt8]
    /// The index of the first line's entry.
    public let first: LogIndex
    /// Where each line begins in `bytes`; `starts.count` is the number of entries.
    public var starts: [UInt32]

    public init(first: LogIndex, bytes: [UInt8] = [], starts: [UInt32] = []) {
        self.first = first
        self.bytes = bytes
        self.starts = starts
    }

    @inlinable public var count: Int { starts.count }
    /// The index of the last line's entry; `first.previous` in an empty block.
    @inlinable public var last: LogIndex { LogIndex(first.rawValue + UInt64(starts.count) - 1) }
}

/// A part of a buffer that somebody else may hold too: what is written to disk or to a peer without a copy.
public struct Piece: Sendable {
    public let bytes: [UInt8]
    public let range: Range<Int>
    @inlinable public init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        self.range = range
    }
    @inlinable public init(_ bytes: [UInt8]) { self.init(bytes, 0..<bytes.count) }
    @inlinable public var count: Int { range.count }
}
