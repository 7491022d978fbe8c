// A backup's bytes as a store again (Interface §8): every byte is checked, and damage is told by its place.
public import Wire

/// Takes a backup's bytes in pieces of any size, and makes the store from its rows in order.
///
/// Never traps, whatever the bytes are, and holds a bounded part of them. After an error it must not be used
/// any more.
public struct BackupDecoder: ~Copyable {
    private var inflater = Inflater()
    private var decoder: SnapshotDecoder

    /// - Parameter keepsRecords: otherwise everything is checked in the same way, and the store stays empty.
    public init(keepsRecords: Bool = true) {
        decoder = SnapshotDecoder(keepsRecords: keepsRecords, hasBlocks: false)
    }

    /// The first line, once it was read.
    public var head: SnapshotHead? { decoder.head }

    /// How many rows were read so far.
    public var count: Int { decoder.count }

    /// How many bytes of the file were taken.
    public var bytes: UInt64 { inflater.offset }

    /// Takes the next bytes of the file.
    public mutating func feed(_ bytes: Span<UInt8>) throws(BackupError) {
        var place = 0
        while true {
            let count: Int
            do throws(Inflater.Failure) {
                count = try inflater.next(bytes, from: &place)
            } catch {
                throw self.error(.compression)
            }
            guard count > 0 else { return }
            do throws(SnapshotError) {
                try feedDecoder(count)
            } catch {
                throw self.error(.content(error))
            }
        }
    }

    private func error(_ problem: BackupError.Problem) -> BackupError {
        BackupError(offset: inflater.offset, member: inflater.member, line: line, problem: problem)
    }

    /// The line that is being read.
    private var line: UInt64 { decoder.head == nil ? 1 : UInt64(decoder.count) + 2 }

    private mutating func feedDecoder(_ count: Int) throws(SnapshotError) {
        try inflater.withOutput(count) { (bytes) throws(SnapshotError) in try decoder.feed(bytes) }
    }

    /// All was given: what it makes, if it is whole.
    public consuming func finish() throws(BackupError) -> SnapshotDecoder.Decoded {
        let end = error(.end)
        guard inflater.isWhole, end.offset > 0 else { throw end }
        do throws(SnapshotError) {
            return try decoder.finish()
        } catch {
            throw end
        }
    }
}

/// A backup that is not what was written.
public struct BackupError: Error, Hashable, Sendable, CustomStringConvertible {
    /// How far the file was read, in bytes from its beginning.
    public let offset: UInt64
    /// Where the part begins that is not right: all before it is.
    public let member: UInt64
    /// The line of what it inflates to that is wrong or not there, from 1 on; the keys begin with line 2.
    public let line: UInt64
    public let problem: Problem

    public enum Problem: Hashable, Sendable {
        /// Not gzip, or its checksum does not match.
        case compression
        /// The file ends too early.
        case end
        /// What it inflates to is wrong.
        case content(SnapshotError)
    }

    public var description: String {
        switch problem {
        case .compression where offset < 20 && member == 0: "not gzip, from its first bytes on"
        case .compression: "damaged between byte \(member) and byte \(offset), line \(line) or after"
        case .end: "cut off after byte \(offset), in line \(line)"
        case .content(let error):
            "wrong in line \(line) of what it inflates to, at byte \(error.offset) there: "
                + "\(error.problem.message) (in the file, between byte \(member) and byte \(offset))"
        }
    }
}
