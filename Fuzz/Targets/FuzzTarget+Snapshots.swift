// Snapshots and backups from any bytes: refused with a place, or a store that reads back as the same.
import Consensus
import JSON
import KeyValue
import Snapshot
import Wire

extension FuzzTarget {
    /// The first byte says what the rest is: a snapshot as it is, rows that the harness puts between lines
    /// with right checksums, or a backup.
    func feedSnapshots(_ bytes: [UInt8]) throws(Contradiction) {
        guard let selector = bytes.first else { return }
        let rest = Array(bytes.dropFirst())
        if selector % 4 == 2 { return try Self.feedBackup(rest) }
        let file = selector % 4 == 0 ? rest : Self.assemble(rest, isRight: selector & 0x80 == 0)
        let whole = Self.read(file, step: .max)
        for step in [1, 11, 100] {
            let pieces = Self.read(file, step: step)
            try expect(
                pieces.problem == whole.problem, "in pieces: \(pieces.problem), at once: \(whole.problem)")
            try expect(pieces.found?.sum == whole.found?.sum, "in pieces, and at once: two checksums")
            try expect(
                pieces.found?.store.count == whole.found?.store.count, "in pieces, and at once: two stores")
        }
        guard let found = whole.found else { return }
        try expect(found.bytes == UInt64(file.count), "\(found.bytes) bytes of \(file.count)")
        try expect(found.store.count == Int(found.head.keys), "other keys than announced")
        var encoder = SnapshotEncoder(head: found.head, store: found.store)
        var again: [UInt8] = []
        while let piece = encoder.next() { again += piece }
        let second = Self.read(again, step: .max)
        try expect(
            second.found?.head == found.head, "what was read and written is refused: \(second.problem)")
        var rows: [[UInt8]] = []
        found.store.forEach(in: KeyRange()) { record in
            rows.append(record.key)
            return true
        }
        second.found?.store.forEach(in: KeyRange()) { record in
            if rows.first == record.key { rows.removeFirst() }
            return true
        }
        try expect(rows.isEmpty, "other keys after the journey")
    }

    private static func read(
        _ file: [UInt8], step: Int
    ) -> (found: SnapshotDecoder.Decoded?, problem: String) {
        var decoder = SnapshotDecoder()
        do throws(SnapshotError) {
            var place = 0
            while place < file.count {
                let end = step < file.count - place ? place + step : file.count
                try decoder.feed(file.span.extracting(place..<end))
                place = end
            }
            return (try decoder.finish(), "none")
        } catch {
            return (nil, "\(error.problem)")
        }
    }

    private static func feedBackup(_ bytes: [UInt8]) throws(Contradiction) {
        var decoder = BackupDecoder()
        do throws(BackupError) {
            for start in stride(from: 0, to: bytes.count, by: 50) {
                try decoder.feed(bytes.span.extracting(start..<min(start + 50, bytes.count)))
            }
            _ = try decoder.finish()
        } catch {
            try expect(error.offset <= UInt64(bytes.count), "an error at \(error.offset) of \(bytes.count)")
        }
    }

    /// A header, blocks of the input's lines (an empty line begins another), and the last line.
    ///
    /// `isRight`: they say of the rows what is true, as far as these can be read.
    private static func assemble(_ rows: [UInt8], isRight: Bool) -> [UInt8] {
        let sizes = rows.split(separator: 0x0A).map { size(ofRow: Array($0)) }
        let head = SnapshotHead(
            cluster: ClusterID(high: 7, low: 9), last: EntryID(term: Term(2), index: LogIndex(40)),
            configuration: Configuration(
                index: .zero, membership: Membership(voters: [NodeID(1), NodeID(2)])),
            revision: 30, clusterTime: 5, hash: 6, keys: UInt64(sizes.count) + (isRight ? 0 : 1),
            bytes: UInt64(sizes.reduce(0, +)))
        var file: [UInt8] = []
        head.encode(into: &file)
        var sum = checksum(file.span, in: 0..<file.count)
        var blocks: UInt64 = 0
        var block = 0
        var count: UInt64 = 0
        func begin() {
            block = file.count
            count = 0
            SnapshotBlockHead.reserve(in: &file)
        }
        func end() {
            guard count > 0 else { return file.removeSubrange(block...) }
            sum = SnapshotBlockHead.fill(&file, at: block, rows: count, after: sum)
            blocks += 1
        }
        begin()
        for row in rows.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if row.isEmpty {
                end()
                begin()
            } else {
                file += row + [0x0A]
                count += 1
            }
        }
        end()
        SnapshotEnd(bytes: UInt64(file.count), file: sum, blocks: blocks, keys: head.keys).encode(into: &file)
        return file
    }

    /// The bytes of a row's key and value, if it can be read.
    private static func size(ofRow row: [UInt8]) -> Int {
        var scanner = Scanner()
        var size = 0
        var name = ""
        do throws(SyntaxError) {
            while true {
                var plain: [UInt8] = []
                switch try scanner.next(in: row.span) {
                case .name(let text):
                    text.append(from: row.span, to: &plain)
                    name = String(decoding: plain, as: UTF8.self)
                case .string(let text) where name == "key" || name == "value":
                    text.append(from: row.span, to: &plain)
                    size += plain.count
                case .string(let text) where name == "base64":
                    if text.appendBase64Decoded(from: row.span, to: &plain) { size += plain.count }
                case .end: return size
                default: continue
                }
            }
        } catch {
            return size
        }
    }
}
