// A disk in memory that knows what is synced: a power cut keeps that, and any sectors of the rest.
import Journal
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
    mutating func chance(_ one: Int, in all: Int) -> Bool { below(all) < one }
}

/// A data directory by value: a copy is another disk with the same bytes.
struct MemoryDisk: Storage {
    static let sectorBytes = 512

    private struct Content {
        var now: [UInt8] = []
        var synced: [UInt8] = []
        /// What was written and not synced.
        var dirty: [Range<Int>] = []
    }
    private enum NameChange {
        case create(File, Int)
        case rename(File, File, Int)
        case remove(File)
        var folder: Folder {
            switch self {
            case .create(let file, _), .rename(let file, _, _), .remove(let file): file.folder
            }
        }
    }
    private var contents: [Content] = []
    private var names: [File: Int] = [:]
    private var syncedNames: [File: Int] = [:]
    private var changes: [NameChange] = []

    // MARK: What a process sees

    func logFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] {
        files(in: .log)
    }

    func snapshotFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] {
        files(in: .snapshot)
    }

    private func files(in folder: Folder) -> [(file: File, bytes: UInt64)] {
        names.filter { $0.key.folder == folder }.map { ($0.key, UInt64(contents[$0.value].now.count)) }
    }

    func read(_ file: File, offset: UInt64, count: Int) throws(DiskFailure) -> [UInt8]? {
        guard let place = names[file] else { return nil }
        let bytes = contents[place].now
        let start = min(Int(offset), bytes.count)
        return Array(bytes[start..<min(start + count, bytes.count)])
    }

    func exists(_ file: File) -> Bool { names[file] != nil }

    func bytes(of file: File) -> [UInt8] { names[file].map { contents[$0].now } ?? [] }

    // MARK: What an operation does

    /// Does the first part of an operation, or all of it without its sync: what a crash in the middle leaves.
    mutating func begin(_ operation: Operation) {
        switch operation.action {
        case .write(let file, let offset, let pieces, _):
            var bytes: [UInt8] = []
            for piece in pieces { bytes += piece.bytes[piece.range] }
            put(bytes, file, Int(offset))
        case .prepare(let file, let offset, let count):
            put([UInt8](repeating: 0, count: Int(count)), file, Int(offset))
        case .rename(let from, let to):
            guard let place = names.removeValue(forKey: from) else { return }
            names[to] = place
            changes.append(.rename(from, to, place))
        case .remove(let file):
            names[file] = nil
            changes.append(.remove(file))
        case .syncFolder:
            break
        }
    }

    mutating func carryOut(_ operation: Operation) {
        begin(operation)
        switch operation.action {
        case .write(let file, let offset, let pieces, let isSynced):
            guard isSynced else { return }
            sync(file, Int(offset)..<Int(offset) + pieces.reduce(0) { $0 + $1.count })
        case .prepare(let file, let offset, let count):
            sync(file, Int(offset)..<Int(offset + count))
        case .rename, .remove:
            break
        case .syncFolder(let folder):
            for change in changes where change.folder == folder { Self.apply(change, to: &syncedNames) }
            changes.removeAll { $0.folder == folder }
        }
    }

    private mutating func put(_ bytes: [UInt8], _ file: File, _ offset: Int) {
        let place: Int
        if let found = names[file] {
            place = found
        } else {
            place = contents.count
            contents.append(Content())
            names[file] = place
            changes.append(.create(file, place))
        }
        let end = offset + bytes.count
        if contents[place].now.count < end {
            contents[place].now += [UInt8](repeating: 0, count: end - contents[place].now.count)
        }
        contents[place].now.replaceSubrange(offset..<end, with: bytes)
        contents[place].dirty.append(offset..<end)
    }

    /// Of a log or a vote only what this operation wrote becomes durable, for that is all the journal may
    /// count on. A snapshot is synced with all that was written before.
    private mutating func sync(_ file: File, _ range: Range<Int>) {
        guard let place = names[file] else { return }
        let ranges = file.folder == .snapshot ? contents[place].dirty : [range]
        for range in ranges { Self.keep(range, &contents[place]) }
        contents[place].dirty.removeAll { ranges.contains($0) }
    }

    private static func keep(_ range: Range<Int>, _ content: inout Content) {
        if content.synced.count < range.upperBound {
            content.synced += [UInt8](repeating: 0, count: range.upperBound - content.synced.count)
        }
        content.synced.replaceSubrange(range, with: content.now[range])
    }

    private static func apply(_ change: NameChange, to names: inout [File: Int]) {
        switch change {
        case .create(let file, let place): names[file] = place
        case .rename(let from, let to, let place):
            names[from] = nil
            names[to] = place
        case .remove(let file): names[file] = nil
        }
    }

    // MARK: What may befall it

    /// What of that which is not synced a crash leaves.
    enum Kept: CaseIterable {
        /// All of it: only the process died.
        case all
        /// Nothing.
        case synced
        /// The names in folders, and not what was written.
        case names
        /// What was written, and not the names.
        case contents
        /// What was written, and any of the changed names: a file system that does not keep their order.
        case anyNames
        /// Any sectors and the first few changed names.
        case some
    }

    /// The power fails: of what is not synced, nothing, everything or any sectors stay, and the first few
    /// changed names.
    mutating func losePower(_ chance: inout Chance) {
        let style = chance.below(4)
        keepContents(style == 0 ? .synced : style == 1 ? .all : .some, &chance)
        if chance.chance(1, in: 3) {
            keepAnyNames(&chance)
        } else {
            keepNames(chance.below(changes.count + 1))
        }
    }

    /// The process dies, or the power fails, and of what is not synced this stays.
    mutating func losePower(keeping kept: Kept, _ chance: inout Chance) {
        switch kept {
        case .names: keepContents(.synced, &chance)
        case .contents, .anyNames: keepContents(.all, &chance)
        case .all, .synced, .some: keepContents(kept, &chance)
        }
        switch kept {
        case .all, .names: keepNames(changes.count)
        case .synced, .contents: keepNames(0)
        case .some: keepNames(chance.below(changes.count + 1))
        case .anyNames: keepAnyNames(&chance)
        }
    }

    private mutating func keepAnyNames(_ chance: inout Chance) {
        changes.removeAll { _ in chance.chance(1, in: 2) }
        keepNames(changes.count)
    }

    private mutating func keepContents(_ kept: Kept, _ chance: inout Chance) {
        for place in contents.indices {
            var content = contents[place]
            for range in content.dirty {
                var start = range.lowerBound
                while start < range.upperBound {
                    let end = min((start / Self.sectorBytes + 1) * Self.sectorBytes, range.upperBound)
                    if kept == .all || kept == .some && chance.chance(1, in: 2) {
                        Self.keep(start..<end, &content)
                    }
                    start = end
                }
            }
            content.now = content.synced
            content.dirty = []
            contents[place] = content
        }
    }

    private mutating func keepNames(_ count: Int) {
        for change in changes.prefix(count) { Self.apply(change, to: &syncedNames) }
        names = syncedNames
        changes = []
    }

    /// Changes a byte where it lies, as a disk that rots does.
    mutating func flip(_ file: File, at offset: Int, bit: Int = 0) {
        guard let place = names[file] else { return }
        contents[place].now[offset] ^= 1 << bit
        if offset < contents[place].synced.count { contents[place].synced[offset] ^= 1 << bit }
    }

    mutating func lose(_ file: File) {
        names[file] = nil
        syncedNames[file] = nil
    }

    mutating func replace(_ file: File, with bytes: [UInt8]) {
        lose(file)
        names[file] = contents.count
        syncedNames[file] = contents.count
        contents.append(Content(now: bytes, synced: bytes))
    }
}
