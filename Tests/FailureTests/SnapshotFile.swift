// Snapshots of nodes that do not run: found, flipped, and made to be those of another state.
import Consensus
import Foundation
import KeyValue
import Snapshot
import Testing
import Wire

/// A snapshot in a node's data directory.
struct SnapshotFile {
    private let file: URL
    var name: String { file.lastPathComponent }

    /// The newest one in a data directory.
    static func newest(in data: String) throws -> SnapshotFile {
        let folder = URL(fileURLWithPath: data + "/snapshot")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let newest = names.filter { $0.hasSuffix(".ndjson") }.max { index(of: $0) < index(of: $1) }
        // Thrown and not required: who polls may come between two snapshots.
        guard let newest else { throw Unexpected("no snapshot in \(data)") }
        return SnapshotFile(file: folder.appendingPathComponent(newest))
    }

    private static func index(of name: String) -> Int { Int(name.prefix { $0 != "-" }) ?? 0 }

    private func decoded() throws -> SnapshotDecoder.Decoded {
        var decoder = SnapshotDecoder()
        try decoder.feed([UInt8](try Data(contentsOf: file)).span)
        return try decoder.finish()
    }

    var isWhole: Bool { (try? decoded()) != nil }

    /// The last entry that it covers.
    var index: Int { Self.index(of: name) }

    /// Flips one bit anywhere; answers in which byte.
    func flip(_ random: inout SplitMix64) throws -> Int {
        let bytes = [UInt8](try Data(contentsOf: file))
        let place = Int(random.next() % UInt64(bytes.count))
        let handle = try FileHandle(forWritingTo: file)
        try handle.seek(toOffset: UInt64(place))
        try handle.write(contentsOf: [bytes[place] ^ (1 << UInt8(random.next() % 8))])
        try handle.close()
        return place
    }

    /// Makes it the snapshot of a state in which one key has another value, with checksums that hold.
    ///
    /// The answers that are kept stay, so that no write takes effect twice; events do not.
    func falsify(_ name: String) throws {
        let decoded = try decoded()
        var store = Restoration(
            revision: decoded.store.revision, clusterTime: decoded.store.clusterTime,
            appliedIndex: decoded.store.appliedIndex, hash: decoded.store.hash ^ 1,
            settings: decoded.store.settings)
        let wrong = Array("wrong".utf8)
        var isThere = false
        decoded.store.forEach(in: .all) { record in
            record.withKey { key in
                record.withValue { value in
                    record.withContentType { contentType in
                        let isMeant = String(decoding: Array(copying: key), as: UTF8.self) == name
                        isThere = isThere || isMeant
                        return store.add(
                            key: key, value: isMeant ? wrong.span : value, contentType: contentType,
                            revision: record.revision, createdRevision: record.createdRevision,
                            version: record.version, hold: record.hold)
                    }
                }
            }
        }
        decoded.store.forEachAnswer { key, answer in store.add(answer, key: key) }
        let other = store.finish()
        try #require(isThere && other.count == decoded.store.count, "\(name) is not in \(file.path)")
        let head = decoded.head
        var encoder = SnapshotEncoder(
            head: SnapshotHead(
                cluster: head.cluster, last: head.last, configuration: head.configuration, of: other),
            store: other)
        var bytes: [UInt8] = []
        while let piece = encoder.next() { bytes += piece }
        try Data(bytes).write(to: file)
    }
}

extension [UInt8] {
    fileprivate init(copying span: Span<UInt8>) {
        self = []
        for place in span.indices { append(span[place]) }
    }
}
