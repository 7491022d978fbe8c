// A store as a backup's bytes, a bounded piece at a time (Interface §8).
public import KeyValue
public import Wire

/// Writes a frozen store as gzip'd NDJSON: a snapshot's first line, a row for each lease and key, its last
/// line.
///
/// Events are no part of it. Each piece is a gzip member of its own, so that damage has a place. Works on any
/// thread while writes go on, and holds one piece at a time.
public struct BackupEncoder: ~Copyable, Sendable {
    private var encoder: SnapshotEncoder
    private var deflater = Deflater()

    /// - Precondition: the header is that of the store.
    public init(head: SnapshotHead, store: Store) {
        encoder = SnapshotEncoder(head: head.ofBackup, store: store, hasBlocks: false)
    }

    /// The next piece; nil once the last was given.
    public mutating func next() -> [UInt8]? {
        guard let piece = encoder.next() else { return nil }
        return deflater.member(piece)
    }
}
