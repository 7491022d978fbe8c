// What the tests of this room share: chance from a seed, stores of many shapes, files as bytes.
import Consensus
import KeyValue
import Snapshot
import Testing
import Wire

/// SplitMix64: the same numbers from the same seed.
struct Chance: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func bytes(_ count: Int, in range: ClosedRange<UInt8> = 0...255) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: range, using: &self) }
    }
}

let cluster = ClusterID(high: 0x0123_4567_89AB_CDEF, low: 42)
let jointMembership = Membership(
    voters: [NodeID(1), NodeID(2)], outgoing: [NodeID(1), NodeID(3)], learners: [NodeID(3), NodeID(4)],
    rising: [NodeID(4)])

extension Store {
    mutating func put(_ key: [UInt8], _ value: [UInt8], type: [UInt8] = []) {
        var command: [UInt8] = []
        Command.appendPut(
            key: key.span, value: value.span, contentType: type.span, precondition: .none,
            at: ClusterTime(milliseconds: appliedIndex * 3), to: &command)
        let reply = apply(command.span, index: appliedIndex + 1)
        #expect(reply != .malformed)
    }

    mutating func put(_ key: String, _ value: String, type: String = "") {
        put(Array(key.utf8), Array(value.utf8), type: Array(type.utf8))
    }

    mutating func delete(_ key: String) {
        let key = Array(key.utf8)
        var command: [UInt8] = []
        Command.appendDelete(
            key: key.span, precondition: .none, at: ClusterTime(milliseconds: appliedIndex * 3), to: &command)
        _ = apply(command.span, index: appliedIndex + 1)
    }

    /// The header of this store's snapshot.
    func head(_ membership: Membership = Membership(voters: [NodeID(1)])) -> SnapshotHead {
        SnapshotHead(
            cluster: cluster, last: EntryID(term: Term(3), index: LogIndex(max(appliedIndex, 1))),
            configuration: Configuration(index: .zero, membership: membership), of: self)
    }

    func rows() -> [RecordRow] {
        var rows: [RecordRow] = []
        forEach(in: .all) { record in
            rows.append(RecordRow(record))
            return true
        }
        return rows
    }
}

/// A record's fields, comparable.
struct RecordRow: Equatable {
    let key: [UInt8]
    let value: [UInt8]
    let type: [UInt8]
    let numbers: [UInt64]

    init(_ record: Record) {
        key = record.key
        value = record.value
        type = record.withContentType { bytes in bytes.withUnsafeBufferPointer { Array($0) } }
        numbers = [
            record.revision.rawValue, record.createdRevision.rawValue, record.version, record.lease,
        ]
    }
}

/// All pieces of a store's snapshot, one after the other.
func encoded(_ store: Store, _ head: SnapshotHead? = nil) -> [UInt8] {
    var encoder = SnapshotEncoder(head: head ?? store.head(), store: store)
    var file: [UInt8] = []
    while let piece = encoder.next() { file += piece }
    #expect(encoder.bytes == UInt64(file.count))
    #expect(encoder.sum == checksum(file.span, in: 0..<file.count))
    return file
}

/// The file read in pieces of a size.
func decoded(
    _ file: [UInt8], pieceBytes: Int = 1 << 20
) throws(SnapshotError) -> SnapshotDecoder.Decoded {
    var decoder = SnapshotDecoder()
    var place = 0
    while place < file.count {
        let end = min(place + pieceBytes, file.count)
        try decoder.feed(file.span.extracting(place..<end))
        place = end
    }
    return try decoder.finish()
}

/// Why the file is refused; nil if it is not.
func refusal(_ file: [UInt8], pieceBytes: Int = 1 << 20) -> SnapshotError? {
    do throws(SnapshotError) {
        _ = try decoded(file, pieceBytes: pieceBytes)
        return nil
    } catch {
        return error
    }
}

/// Where these bytes stand in others.
func places(of wanted: [UInt8], in bytes: [UInt8]) -> [Int] {
    var places: [Int] = []
    bytes.withUnsafeBufferPointer { bytes in
        for place in 0..<max(0, bytes.count - wanted.count + 1) where bytes[place] == wanted[0] {
            var length = 1
            while length < wanted.count, bytes[place + length] == wanted[length] { length += 1 }
            if length == wanted.count { places.append(place) }
        }
    }
    return places
}
