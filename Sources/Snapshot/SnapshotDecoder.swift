// A snapshot's bytes as a store again: every byte checked before a row of it is believed (rule 26).
internal import Consensus
internal import JSON
public import KeyValue
public import Wire

/// Takes a snapshot's bytes in pieces of any size, and makes the store from its rows in order.
///
/// It holds, beside the store, at most one block that is not whole yet. Never traps, whatever the bytes are.
/// After an error it must not be used any more.
public struct SnapshotDecoder: ~Copyable {
    /// What a whole snapshot holds.
    public struct Decoded: Sendable {
        public let head: SnapshotHead
        public let store: Store
        /// The checksum of the whole file, and its length.
        public let sum: UInt32
        public let bytes: UInt64
    }

    /// The header, once it was read.
    public private(set) var head: SnapshotHead?
    /// How much of the file was read and is whole.
    public private(set) var bytes: UInt64 = 0
    /// The checksum of that.
    private var sum: UInt32 = 0
    private var stage = Stage.head
    private var restoration = Restoration(revision: .empty, clusterTime: .zero, appliedIndex: 0, hash: 0)
    private var rows = RowReader()
    private var blocks: UInt64 = 0
    private let keepsRecords: Bool
    private let hasBlocks: Bool
    /// Bytes of a line or a block that is not whole yet.
    private var pending: [UInt8] = []
    /// How many bytes it needs; nil: as many as there are up to a newline.
    private var wanted: Int?

    private enum Stage {
        case head
        /// A block or the last line is next.
        case block
        case over
    }

    public init() { self.init(keepsRecords: true) }

    /// - Parameters:
    ///   - keepsRecords: otherwise everything is checked in the same way, and the store stays empty.
    ///   - hasBlocks: otherwise rows stand alone between the first line and the last, as in backups.
    init(keepsRecords: Bool, hasBlocks: Bool = true) {
        self.keepsRecords = keepsRecords
        self.hasBlocks = hasBlocks
    }

    /// No line and no block is longer: the largest value that a node takes has 64 MiB.
    static let lineBytesMax = 256 << 20

    /// How many rows were read so far.
    public var count: Int { restoration.count }

    /// Takes the next bytes of the file.
    public mutating func feed(_ bytes: Span<UInt8>) throws(SnapshotError) {
        var place = 0
        // What began in an earlier piece is made whole first, and no more than that is copied.
        while !pending.isEmpty, place < bytes.count {
            let end = endOfPending(in: bytes, from: place)
            pending.append(bytes: bytes.extracting(place..<end))
            place = end
            var whole: [UInt8] = []
            swap(&whole, &pending)
            let used = try take(whole.span)
            if used == whole.count {
                whole.removeAll(keepingCapacity: true)
            } else if used > 0 {
                whole.removeFirst(used)
            }
            swap(&whole, &pending)
        }
        guard place < bytes.count else { return }
        let rest = bytes.extracting(place..<bytes.count)
        let used = try take(rest)
        pending.append(bytes: rest.extracting(used..<rest.count))
    }

    /// All was given: what it makes, if it is whole.
    public consuming func finish() throws(SnapshotError) -> Decoded {
        guard case .over = stage, let head else {
            throw SnapshotError(offset: bytes + UInt64(pending.count), problem: .end)
        }
        #if PlantedFaults
            var store = restoration.finish()
            if Planted.is(.historyForgotten) { store.forgetEvents() }
        #else
            let store = restoration.finish()
        #endif
        return Decoded(head: head, store: store, sum: sum, bytes: bytes)
    }

    /// Up to where the bytes belong to what is pending.
    private func endOfPending(in bytes: Span<UInt8>, from place: Int) -> Int {
        if let wanted { return place + min(wanted - pending.count, bytes.count - place) }
        return Self.newline(in: bytes, from: place, before: bytes.count).map { $0 + 1 } ?? bytes.count
    }

    private static func newline(in bytes: Span<UInt8>, from start: Int, before end: Int) -> Int? {
        var place = start
        while place < end {
            if bytes[place] == 0x0A { return place }
            place += 1
        }
        return nil
    }
}

// MARK: - Lines and blocks

extension SnapshotDecoder {
    /// Takes what is whole from the beginning of some bytes, which follow on all that was taken before.
    ///
    /// - Returns: how many bytes that were. What is left must be given again, with as many more as `wanted`
    ///   says.
    private mutating func take(_ bytes: Span<UInt8>) throws(SnapshotError) -> Int {
        var place = 0
        while place < bytes.count {
            let rest = bytes.extracting(place..<bytes.count)
            let used: Int?
            switch stage {
            case .head: used = try takeHead(rest)
            case .block: used = hasBlocks ? try takeBlock(rest) : try takeRows(rest)
            case .over: throw error(.trailing, at: 0)
            }
            guard let used else { break }
            place += used
            self.bytes += UInt64(used)
            wanted = nil
        }
        return place
    }

    private func error(_ problem: SnapshotError.Problem, at place: Int) -> SnapshotError {
        SnapshotError(offset: bytes + UInt64(place), problem: problem)
    }

    /// Where the line at the beginning of some bytes ends; nil if its newline is not there yet.
    private func lineEnd(in bytes: Span<UInt8>, bytesMax: Int) throws(SnapshotError) -> Int? {
        if let end = Self.newline(in: bytes, from: 0, before: min(bytes.count, bytesMax)) { return end }
        guard bytes.count < bytesMax else { throw error(.length, at: bytesMax) }
        return nil
    }

    private mutating func takeHead(_ bytes: Span<UInt8>) throws(SnapshotError) -> Int? {
        guard let end = try lineEnd(in: bytes, bytesMax: SnapshotHead.lineBytesMax) else { return nil }
        let head: SnapshotHead
        do throws(WireError) {
            head = try SnapshotHead(bytes.extracting(0..<end))
        } catch {
            throw SnapshotError(error, from: self.bytes)
        }
        guard head.settings.isPossible else { throw error(.row, at: 0) }
        self.head = head
        restoration = Restoration(head, keepsRecords: keepsRecords)
        sum = checksum(bytes, in: 0..<end + 1)
        stage = .block
        return end + 1
    }

    /// Takes a block, or the last line.
    private mutating func takeBlock(_ bytes: Span<UInt8>) throws(SnapshotError) -> Int? {
        guard let end = try lineEnd(in: bytes, bytesMax: SnapshotEnd.lineBytesMax) else { return nil }
        // {"end… or {"block…
        if end > 2, bytes[2] == UInt8(ascii: "e") {
            try takeEnd(bytes, upTo: end)
            return end + 1
        }
        do throws(WireError) {
            let (head, own) = try SnapshotBlockHead.read(bytes.extracting(0..<end + 1))
            guard head.bytes <= UInt64(Self.lineBytesMax) else { throw WireError(offset: 0, problem: .limit) }
            let total = SnapshotBlockHead.lineBytes + Int(head.bytes)
            guard bytes.count >= total else {
                wanted = total
                return nil
            }
            let block = bytes.extracting(0..<total)
            sum = try SnapshotBlockHead.verify(block, sum: own, after: sum)
            try takeRows(block, head)
            blocks += 1
            return total
        } catch {
            throw SnapshotError(error, from: self.bytes)
        }
    }

    private mutating func takeRows(
        _ block: Span<UInt8>, _ head: SnapshotBlockHead
    ) throws(WireError) {
        rows.start(at: SnapshotBlockHead.lineBytes)
        var left = head.rows
        while left > 0 {
            try takeRow(block)
            left -= 1
        }
        guard rows.place == block.count else { throw WireError(offset: rows.place, problem: .count) }
    }

    /// Takes the next row; the header says what it is of.
    private mutating func takeRow(_ bytes: Span<UInt8>) throws(WireError) {
        guard let head else { return }
        if UInt64(restoration.leaseCount) < head.leases {
            try rows.nextLease(bytes, into: &restoration)
        } else if UInt64(restoration.count) < head.keys {
            try rows.nextKey(bytes, into: &restoration)
        } else if UInt64(restoration.answerCount) < head.answers {
            try rows.nextAnswer(bytes, into: &restoration)
        } else {
            try rows.nextEvent(bytes, into: &restoration)
        }
    }

    /// Takes as many rows as there are whole ones, or the last line, where there are no blocks.
    private mutating func takeRows(_ bytes: Span<UInt8>) throws(SnapshotError) -> Int? {
        // {"end… or {"lease… or {"key…
        if bytes.count > 2, bytes[2] == UInt8(ascii: "e") {
            guard let end = try lineEnd(in: bytes, bytesMax: SnapshotEnd.lineBytesMax) else { return nil }
            try takeEnd(bytes, upTo: end)
            return end + 1
        }
        // Only whole lines are looked at.
        var end = bytes.count
        while end > 0, bytes[end - 1] != 0x0A { end -= 1 }
        guard end > 0 else {
            guard bytes.count < Self.lineBytesMax else { throw error(.length, at: 0) }
            return nil
        }
        let lines = bytes.extracting(0..<end)
        rows.start(at: 0)
        do throws(WireError) {
            repeat {
                try takeRow(lines)
            } while rows.place + 2 < end && lines[rows.place + 2] != UInt8(ascii: "e")
        } catch {
            throw SnapshotError(error, from: self.bytes)
        }
        let used = rows.place
        sum = checksum(bytes, in: 0..<used, after: sum)
        return used
    }

    private mutating func takeEnd(_ bytes: Span<UInt8>, upTo newline: Int) throws(SnapshotError) {
        let end: SnapshotEnd
        do throws(WireError) {
            end = try SnapshotEnd(bytes.extracting(0..<newline))
        } catch {
            throw SnapshotError(error, from: self.bytes)
        }
        guard end.file == sum else { throw error(.line(.checksum), at: 0) }
        guard end.bytes == self.bytes, end.blocks == blocks, end.keys == UInt64(restoration.count),
            let head, head.keys == end.keys, head.bytes == UInt64(restoration.bytes),
            head.leases == UInt64(restoration.leaseCount), head.answers == UInt64(restoration.answerCount),
            head.history.events == UInt64(restoration.eventsCount), restoration.isHistoryWhole
        else { throw error(.count, at: 0) }
        sum = checksum(bytes, in: 0..<newline + 1, after: sum)
        stage = .over
    }
}
