// A log that is read while its node writes it, as `rast log` does (rule 8).
import Consensus
import Journal
import Testing
import Wire

/// A disk whose segments are seen with a torn page when it is first looked at, and whole from then on.
private final class Settling: Storage {
    private let torn: MemoryDisk
    private let whole: MemoryDisk
    private let file: File
    private(set) var looks = 0

    init(torn: MemoryDisk, whole: MemoryDisk, file: File) {
        self.torn = torn
        self.whole = whole
        self.file = file
    }

    func logFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] { try whole.logFiles() }

    func snapshotFiles() throws(DiskFailure) -> [(file: File, bytes: UInt64)] { [] }

    func read(_ file: File, offset: UInt64, count: Int) throws(DiskFailure) -> [UInt8]? {
        guard file == self.file, offset > 0 else {
            return try whole.read(file, offset: offset, count: count)
        }
        looks += 1
        return try (looks == 1 ? torn : whole).read(file, offset: offset, count: count)
    }
}

@Suite("a live log")
struct LiveTests {
    @Test(
        "a batch that was torn when it was looked at, and is whole when a later one states it, is no damage")
    func settling() throws {
        var member = try Member.started()
        for _ in 0..<6 {
            member.append(2)
            member.settle()
        }
        let whole = try open(member.disk).opened
        let number = try #require((1...9).last { member.disk.exists(.segment($0)) })
        // The second batch, which later heads state to be durable.
        var torn = member.disk
        torn.flip(.segment(number), at: 2 * 4096 + 300)
        #expect(try open(torn).opened.recovered.damage?.offset == 2 * 4096)

        let disk = Settling(torn: torn, whole: member.disk, file: .segment(number))
        let (_, recovered) = try Journal.recover(node: NodeID(1), settings: smallSettings(), from: disk) {
            _, _ in
        }
        #expect(disk.looks > 1)
        #expect(recovered.damage == nil)
        #expect(recovered.last == whole.recovered.last)
        #expect(recovered.commit == whole.recovered.commit)
    }
}
