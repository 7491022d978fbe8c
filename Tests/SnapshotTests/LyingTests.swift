// Files whose checksums hold and whose content lies: what only a wrong writer makes is refused as well.
import Consensus
import KeyValue
import Snapshot
import Testing
import Wire

/// A file made line by line, with right checksums whatever it says.
private struct Forged {
    private var bytes: [UInt8] = []
    private var sum: UInt32 = 0
    private var blocks: UInt64 = 0
    private var rows: UInt64 = 0

    /// A header that says so many keys and bytes.
    init(keys: UInt64, bytes: UInt64, revision: UInt64 = 9) {
        let head = SnapshotHead(
            cluster: cluster, last: EntryID(term: Term(1), index: LogIndex(5)),
            configuration: Configuration(index: .zero, membership: Membership(voters: [NodeID(1)])),
            revision: revision, clusterTime: 0, hash: 0, keys: keys, bytes: bytes)
        head.encode(into: &self.bytes)
        sum = checksum(self.bytes.span, in: 0..<self.bytes.count)
    }

    /// A block of these rows, whose head says another number of them if that is given.
    mutating func block(_ rows: [String], saying count: UInt64? = nil) {
        let start = bytes.count
        SnapshotBlockHead.reserve(in: &bytes)
        for row in rows { bytes += Array((row + "\n").utf8) }
        sum = SnapshotBlockHead.fill(&bytes, at: start, rows: count ?? UInt64(rows.count), after: sum)
        blocks += 1
        self.rows += UInt64(rows.count)
    }

    mutating func raw(_ text: String) { bytes += Array(text.utf8) }

    /// The file, whose last line says something else where that is given.
    func file(bytes: UInt64? = nil, blocks: UInt64? = nil, keys: UInt64? = nil, sum: UInt32? = nil) -> [UInt8]
    {
        var file = self.bytes
        SnapshotEnd(
            bytes: bytes ?? UInt64(file.count), file: sum ?? self.sum, blocks: blocks ?? self.blocks,
            keys: keys ?? rows
        ).encode(into: &file)
        return file
    }
}

@Suite("Snapshots that lie")
struct LyingTests {
    private func row(_ key: String, _ value: String = "x", numbers: String? = nil) -> String {
        let numbers = numbers ?? "\"revision\":2,\"createdRevision\":2,\"version\":1"
        return "{\"key\":\"\(key)\",\"value\":\"\(value)\",\(numbers)}"
    }

    /// A file with these rows alone.
    private func file(_ rows: [String], bytes: UInt64? = nil) -> [UInt8] {
        var forged = Forged(keys: UInt64(rows.count), bytes: bytes ?? UInt64(2 * rows.count))
        forged.block(rows)
        return forged.file()
    }

    @Test("the forger is able: an honest file of his is taken")
    func honest() throws {
        #expect(refusal(file([row("a"), row("b")])) == nil)
    }

    @Test("keys that do not rise, within a block and from one to the next")
    func order() {
        #expect(refusal(file([row("b"), row("a")]))?.problem == .row)
        #expect(refusal(file([row("a"), row("a")]))?.problem == .row)
        var forged = Forged(keys: 2, bytes: 4)
        forged.block([row("b")])
        forged.block([row("a")])
        #expect(refusal(forged.file())?.problem == .row)
    }

    @Test("rows in another form than the one that is written")
    func forms() {
        let good = row("a")
        for bad in [
            "", "{}", " \(good)", "\(good) ", "\(good)\(good)", good.replacing("\"key\":", with: "\"key\": "),
            good.replacing("\"value\"", with: "\"base64\""), good.replacing(",\"version\":1", with: ""),
            good.replacing("\"version\":1", with: "\"version\":01"),
            good.replacing("\"version\":1", with: "\"version\":-1"),
            good.replacing("\"version\":1", with: "\"version\":1.0"),
            good.replacing("\"version\":1", with: "\"version\":18446744073709551617"),
            good.replacing("\"version\":1", with: "\"version\":1,\"lease\":\"0\""),
            good.replacing("\"version\":1", with: "\"version\":1,\"lease\":\"9223372036854775808\""),
            good.replacing("\"version\":1", with: "\"version\":1,\"lease\":7"),
            good.replacing("\"x\"", with: "\"\\u0\""), good.replacing("\"x\"", with: "\"\\ud800\""),
            good.replacing("\"x\"", with: "\"\t\""), good.replacing("\"x\"", with: "x"),
            good.replacing("\"x\"", with: "null"),
        ] {
            #expect(refusal(file([bad])) != nil, "\(bad)")
        }
    }

    @Test("numbers that no store gives out")
    func numbers() {
        for numbers in [
            "\"revision\":10,\"createdRevision\":2,\"version\":1",
            "\"revision\":2,\"createdRevision\":3,\"version\":1",
            "\"revision\":1,\"createdRevision\":1,\"version\":1",
            "\"revision\":2,\"createdRevision\":2,\"version\":0",
            "\"revision\":2,\"createdRevision\":2,\"version\":3",
        ] {
            #expect(refusal(file([row("a", numbers: numbers)]))?.problem == .row, "\(numbers)")
        }
        #expect(refusal(file([row("", "")], bytes: 0))?.problem == .row, "an empty key")
        let long = String(repeating: "k", count: 1_025)
        #expect(refusal(file([row(long)], bytes: 1_026))?.problem == .row, "a key too long")
    }

    @Test("counts that do not agree, in every place where one is")
    func counts() {
        var more = Forged(keys: 1, bytes: 2)
        more.block([row("a")], saying: 2)
        #expect(refusal(more.file()) != nil)
        var fewer = Forged(keys: 2, bytes: 4)
        fewer.block([row("a"), row("b")], saying: 1)
        #expect(refusal(fewer.file())?.problem == .line(.count))
        var forged = Forged(keys: 1, bytes: 2)
        forged.block([row("a")])
        #expect(refusal(forged.file()) == nil)
        #expect(refusal(forged.file(bytes: 1))?.problem == .count)
        #expect(refusal(forged.file(blocks: 2))?.problem == .count)
        #expect(refusal(forged.file(keys: 2))?.problem == .count)
        #expect(refusal(forged.file(sum: 0))?.problem == .line(.checksum))
        var keys = Forged(keys: 2, bytes: 2)
        keys.block([row("a")])
        #expect(refusal(keys.file())?.problem == .count)
        var bytes = Forged(keys: 1, bytes: 3)
        bytes.block([row("a")])
        #expect(refusal(bytes.file())?.problem == .count)
    }

    @Test("the largest counts there are allocate nothing")
    func hugeCounts() {
        let huge = Forged(keys: largestNumber, bytes: largestNumber, revision: largestNumber)
        #expect(refusal(huge.file(blocks: largestNumber, keys: largestNumber))?.problem == .count)
        // A block that says it is larger than any can be, and one that never comes.
        for (bytes, problem) in [
            ("9007199254740991", SnapshotError.Problem.length), ("200000000", .end),
        ] {
            var forged = Forged(keys: 1, bytes: 2)
            let head = "{\"block\":{\"sum\":\"00000000\",\"bytes\":\(bytes),\"rows\":9007199254740991}}"
            let padding = String(repeating: " ", count: SnapshotBlockHead.lineBytes - 1 - head.utf8.count)
            forged.raw("\(head)\(padding)\n\(row("a"))")
            #expect(refusal(forged.file())?.problem == problem)
        }
    }

    @Test("lines without an end are refused where one would have to be")
    func endless() {
        let head = [UInt8](repeating: UInt8(ascii: "{"), count: 1 << 20)
        #expect(refusal(head, pieceBytes: 777)?.problem == .length)
        var forged = Forged(keys: 1, bytes: 2)
        forged.raw(String(repeating: "{", count: 1_000))
        #expect(refusal(forged.file(), pieceBytes: 7)?.problem == .length)
    }
}
