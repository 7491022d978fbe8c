// What a restore makes of a directory, and what it leaves when it does not come to its end.
import Consensus
import Glibc
import Journal
import KeyValue
import Server
import Snapshot
import Testing
import Wire

private let newCluster = ClusterID(high: 3, low: 4)

/// A folder that goes with its owner.
private final class Place {
    let path: String

    init() throws {
        var template = Array("/tmp/rast-restore-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.remove(path) }

    var data: String { path + "/data" }

    static func names(_ path: String) -> [String] {
        guard let list = opendir(path) else { return [] }
        defer { closedir(list) }
        var names: [String] = []
        while let row = readdir(list) {
            let name = withUnsafePointer(to: &row.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func remove(_ path: String) {
        for name in names(path) { remove("\(path)/\(name)") }
        Glibc.remove(path)
    }

    func write(_ name: String, _ bytes: [UInt8] = [1]) throws {
        let file = try #require(fopen("\(data)/\(name)", "w"))
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }
}

@Suite struct RestoringTests {
    /// A backup's content: so many keys, at this revision and hash.
    private func whole(_ keys: Int) throws -> SnapshotDecoder.Decoded {
        var store = Store()
        for number in 0..<keys {
            var command: [UInt8] = []
            let key = Array("key \(number)".utf8)
            Command.appendPut(
                key: key.span, value: [UInt8](repeating: 7, count: 1_000).span, contentType: [UInt8]().span,
                precondition: .none, at: ClusterTime(milliseconds: 77), to: &command)
            _ = store.apply(command.span, index: UInt64(number) + 5)
        }
        let head = SnapshotHead(
            cluster: ClusterID(high: 1, low: 2), last: EntryID(term: Term(9), index: LogIndex(4_000)),
            configuration: Configuration(
                index: LogIndex(30), membership: Membership(voters: [NodeID(1), NodeID(2), NodeID(3)])),
            of: store)
        var encoder = BackupEncoder(head: head, store: store)
        var decoder = BackupDecoder()
        while let piece = encoder.next() { try decoder.feed(piece.span) }
        return try decoder.finish()
    }

    private func restore(_ keys: Int, at path: String) throws {
        try Restoring(at: path).write(
            try whole(keys), cluster: newCluster, node: NodeID(4), revision: Revision(1_000_000)
        ) { _ in }
    }

    /// What a start finds there.
    private func verify(_ place: Place, keys: Int) throws {
        let directory = try DataDirectory.open(place.data)
        let ids = try Journal.snapshots(in: directory)
        #expect(ids == [EntryID(term: Term(1), index: LogIndex(1))])
        let found = try SnapshotReading.decode(.snapshot(ids[0]), from: directory)
        let source = try whole(keys)
        #expect(found.head.cluster == newCluster && found.head.last == ids[0])
        #expect(
            found.head.configuration
                == Configuration(index: .zero, membership: Membership(voters: [NodeID(4)])))
        #expect(found.store.revision == Revision(1_000_000) && found.store.count == keys)
        #expect(found.store.hash == source.store.hash && found.store.clusterTime == source.store.clusterTime)
        let (_, recovered) = try Journal.recover(node: NodeID(4), snapshot: ids[0], from: directory) {
            _, _ throws(RecoveryError) in Issue.record("there is no entry")
        }
        #expect(recovered.damage == nil && !recovered.isWiped && recovered.hasHistory)
        #expect(recovered.cluster == newCluster && recovered.base == ids[0] && recovered.last == ids[0])
        #expect(recovered.commit == LogIndex(1) && recovered.boot > Boot(1))
        #expect(recovered.hardState.term == Term(1) && recovered.hardState.vote == nil)
    }

    @Test("a node finds a whole snapshot, a log after it, a vote in term 1 for nobody, and no damage")
    func ordinary() throws {
        for keys in [0, 1, 3_000] {
            let place = try Place()
            try restore(keys, at: place.data)
            #expect(Place.names(place.data) == ["lock", "log", "rast.json", "snapshot", "vote"])
            try verify(place, keys: keys)
        }
    }

    @Test("interrupted after any step, no node starts there, and the next restore makes it whole")
    func interrupted() throws {
        let steps = ["restoring", "rast.json", "vote", "log/1.ndjson"]
        for count in 1...steps.count {
            let place = try Place()
            _ = try DataDirectory.open(place.data)
            for name in steps[..<count] { try place.write(name, Array(repeating: 0x7B, count: 5_000)) }
            do {
                _ = try DataDirectory.open(place.data)
                Issue.record("a node starts after \(count) steps")
            } catch {
                #expect(error.description.contains("was interrupted"))
            }
            try restore(20, at: place.data)
            try verify(place, keys: 20)
        }
    }

    @Test("a restore that is not carried out leaves nothing, not even the folder that it made")
    func abandoned() throws {
        let place = try Place()
        do { _ = try Restoring(at: place.data) }
        #expect(Place.names(place.path) == [])
        mkdir(place.data, 0o755)
        mkdir(place.data + "/lost+found", 0o755)
        do { _ = try Restoring(at: place.data) }
        #expect(Place.names(place.data) == ["lost+found"])
        try restore(3, at: place.data)
        try verify(place, keys: 3)
    }

    @Test(
        "whatever else a directory holds is left as it is",
        arguments: [
            "rast.json", "vote", "log/1.ndjson", "log/7.spare", "snapshot/9-1.new", "damaged", "mine",
        ])
    func notEmpty(name: String) throws {
        let place = try Place()
        _ = try DataDirectory.open(place.data)
        try place.write(name)
        for isMarked in [false, true] {
            // What an interrupted restore leaves is not all that such a directory may hold.
            if isMarked, ["rast.json", "vote", "log/1.ndjson"].contains(name) { continue }
            if isMarked { try place.write("restoring") }
            do {
                _ = try Restoring(at: place.data)
                Issue.record("taken though it holds \(name)")
            } catch {
                #expect(error.description.contains("is not empty (it holds \(name))"))
            }
            #expect(access("\(place.data)/\(name)", F_OK) == 0)
        }
    }

    @Test("a directory that a node uses is refused, and so is one that a restore is writing")
    func inUse() throws {
        let place = try Place()
        let held = try DataDirectory.open(place.data)
        #expect(throws: StartFailure.self) { try Restoring(at: place.data) }
        withExtendedLifetime(held) {}
        let other = try Place()
        let first = try Restoring(at: other.data)
        #expect(throws: StartFailure.self) { try Restoring(at: other.data) }
        #expect(throws: StartFailure.self) { try DataDirectory.open(other.data) }
        try first.write(try whole(2), cluster: newCluster, node: NodeID(4), revision: Revision(1_000_000)) {
            _ in
        }
    }
}
