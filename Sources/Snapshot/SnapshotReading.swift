// A snapshot read from its file, a bounded piece at a time.
internal import Consensus
public import Journal
internal import KeyValue
internal import Wire

/// Reads one file into a decoder.
public struct SnapshotReading<Source: Storage> {
    private let file: File
    private let storage: Source
    private let keepsRecords: Bool
    private static var pieceBytes: Int { 1 << 20 }

    /// All of the snapshot in `file`.
    ///
    /// - Throws: `SnapshotError` if it is not whole, or could not be read.
    public static func decode(
        _ file: File, from storage: Source
    ) throws(SnapshotError) -> SnapshotDecoder.Decoded {
        let reading = SnapshotReading(file, of: storage, keepsRecords: true)
        return try reading.all()
    }

    init(_ file: File, of storage: Source, keepsRecords: Bool) {
        self.file = file
        self.storage = storage
        self.keepsRecords = keepsRecords
    }

    func all() throws(SnapshotError) -> SnapshotDecoder.Decoded {
        var decoder = SnapshotDecoder(keepsRecords: keepsRecords)
        var offset: UInt64 = 0
        while true {
            let bytes: [UInt8]?
            do throws(DiskFailure) {
                bytes = try storage.read(file, offset: offset, count: Self.pieceBytes)
            } catch {
                throw SnapshotError(offset: offset, problem: .disk(error))
            }
            guard let bytes else {
                let absent = DiskFailure(reason: .absent, message: "\(file) is not there")
                throw SnapshotError(offset: 0, problem: .disk(absent))
            }
            if bytes.isEmpty { return try decoder.finish() }
            try decoder.feed(bytes.span)
            offset += UInt64(bytes.count)
        }
    }
}
