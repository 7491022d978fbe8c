// Entries as lines (rule 4): what is written is read back, and nothing else is taken.
import Consensus
import Testing
import Wire

@Suite("entries")
struct EntryTests {
    @Test("an entry is one line whose checksum is the CRC-32 of what follows it")
    func shape() {
        let line = block(from: 7, count: 1, term: 2, command: "{\"a\":1}").bytes
        // The checksum is Python's zlib.crc32(b',"index":7,"term":2,"command":{"a":1}}').
        #expect(text(line) == "{\"sum\":\"5154f575\",\"index\":7,\"term\":2,\"command\":{\"a\":1}}\n")
    }

    @Test("an entry is read where it stands")
    func reading() throws {
        let written = block(from: 7, count: 3, term: largestNumber, command: "{\"k\":{\"x\":\"}\"}}")
        for place in 0..<3 {
            let entry = try EntryLine.read(written.bytes.span, at: Int(written.starts[place]))
            #expect(entry.id == id(largestNumber, 7 + UInt64(place)))
            #expect(entry.line == written.range(from: entry.id.index, through: entry.id.index))
            #expect(text(Array(written.bytes[entry.command])) == "{\"k\":{\"x\":\"}\"}}")
            #expect(EntryLine.commandRange(in: written.bytes.span, line: entry.line) == entry.command)
        }
        #expect(written.range(from: LogIndex(8), through: LogIndex(9)).upperBound == written.bytes.count)
    }

    @Test("any changed bit of an entry is refused")
    func flips() {
        let written = block(from: 1_234, count: 1, term: 56).bytes
        for place in written.indices {
            for bit in 0..<8 {
                var changed = written
                changed[place] ^= 1 << bit
                #expect(throws: WireError.self, "byte \(place), bit \(bit)") {
                    _ = try EntryLine.read(changed.span, at: 0)
                }
            }
        }
    }

    @Test("an entry cut short anywhere is refused")
    func cuts() {
        let written = block(from: 1_234, count: 1, term: 56).bytes
        for count in 0..<written.count {
            let short = Array(written[..<count])
            #expect(throws: WireError.self) { _ = try EntryLine.read(short.span, at: 0) }
        }
    }

    @Test(
        "a right checksum does not excuse another form",
        arguments: [
            ",\"index\":7, \"term\":2,\"command\":{}}", ",\"term\":2,\"index\":7,\"command\":{}}",
            ",\"index\":07,\"term\":2,\"command\":{}}", ",\"index\":-7,\"term\":2,\"command\":{}}",
            ",\"index\":0,\"term\":2,\"command\":{}}", ",\"index\":7,\"term\":2,\"command\":[]}",
            ",\"index\":7,\"term\":2,\"command\":{}", ",\"index\":7,\"term\":2,\"command\":}",
            ",\"index\":7,\"term\":2,\"command\":", ",\"index\":7,\"term\":2,\"command\":{",
            ",\"index\":9007199254740992,\"term\":2,\"command\":{}}",
            ",\"index\":99999999999999999999,\"term\":2,\"command\":{}}",
            ",\"index\":7,\"term\":2.0,\"command\":{}}", ",\"index\":7,\"term\":2,\"command\":{}} ", "",
        ])
    func forms(rest: String) {
        let covered = Array(rest.utf8)
        var sum = String(checksum(covered.span, in: 0..<covered.count), radix: 16)
        while sum.utf8.count < 8 { sum = "0" + sum }
        let line = Array("{\"sum\":\"\(sum)\"\(rest)\n".utf8)
        #expect(throws: WireError.self) { _ = try EntryLine.read(line.span, at: 0) }
    }

    @Test("reading begins anywhere and never stops the process")
    func garbage() {
        var chance = Chance(seed: 1)
        let alphabet = Array("{}\"sum:indextermcommand,0123456789abcdef\n ".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<chance.below(120)).map { _ in alphabet[chance.below(alphabet.count)] }
            let start = chance.below(140) - 10
            #expect(throws: WireError.self) { _ = try EntryLine.read(bytes.span, at: start) }
        }
    }
}

@Suite("blocks")
struct BlockTests {
    private let runs = [Message.Run(term: Term(3), count: 2), Message.Run(term: Term(5), count: 3)]
    private var lines: [UInt8] {
        block(from: 8, count: 2, term: 3).bytes + block(from: 10, count: 3, term: 5).bytes
    }

    @Test("the announced entries are taken, wherever they stand in the buffer")
    func split() throws {
        let buffer = Array("header\n".utf8) + lines + Array("rest".utf8)
        let block = try Block(buffer.span, in: 7..<7 + lines.count, after: id(3, 7), runs: runs)
        #expect(block.first == LogIndex(8))
        #expect(block.last == LogIndex(12))
        #expect(block.bytes == lines)
        #expect(try EntryLine.read(block.bytes.span, at: Int(block.starts[4])).id == id(5, 12))
    }

    @Test("entries that were not announced are refused, with their place")
    func refused() {
        let lines = lines
        let third = block(from: 8, count: 2, term: 3).bytes.count
        func problem(after: UInt64, _ runs: [Message.Run], _ range: Range<Int>) -> WireError? {
            #expect(throws: WireError.self) {
                _ = try Block(lines.span, in: range, after: id(3, after), runs: runs)
            }
        }
        let all = 0..<lines.count
        #expect(problem(after: 8, runs, all) == WireError(offset: 0, problem: .entry))
        let terms = [Message.Run(term: Term(3), count: 5)]
        #expect(problem(after: 7, terms, all) == WireError(offset: third, problem: .entry))
        let few = [Message.Run(term: Term(3), count: 2)]
        #expect(problem(after: 7, few, all) == WireError(offset: third, problem: .count))
        #expect(problem(after: 7, runs, 0..<third) == WireError(offset: third, problem: .count))
        #expect(problem(after: 7, runs, 0..<lines.count - 1)?.problem == .end)
        #expect(throws: Never.self) { _ = try Block(lines.span, in: 0..<0, after: id(3, 7), runs: []) }
    }

    @Test("any changed byte in a run of lines is refused")
    func flips() {
        let lines = lines
        for place in lines.indices {
            var changed = lines
            changed[place] ^= 0x01
            #expect(throws: WireError.self) {
                _ = try Block(changed.span, in: 0..<changed.count, after: id(3, 7), runs: runs)
            }
        }
    }
}
