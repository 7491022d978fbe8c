// Batches, headers, slots and the small files (rules 5, 6, 9, 12): read back, every byte vouched for.
import Consensus
import Testing
import Wire

@Suite("pages")
struct PageTests {
    private let head = SegmentHead(
        cluster: sampleCluster, node: NodeID(1), boot: Boot(3), segment: 2, after: 17, durable: 18,
        base: EntryID(term: Term(2), index: LogIndex(40)))
    private let slot = VoteSlot(
        count: 5, term: Term(3), vote: NodeID(2), boot: Boot(7), isWiped: false)

    /// Every byte of the page changed, and every shorter page, is refused.
    private func expectVouched<Value>(
        _ page: [UInt8], _ read: (Span<UInt8>) throws(WireError) -> Value
    ) {
        for place in page.indices {
            var changed = page
            changed[place] ^= 0x04
            #expect(throws: WireError.self, "byte \(place)") { _ = try read(changed.span) }
        }
        for count in [0, 1, 9, 50, page.count - 1] {
            let short = Array(page[..<count])
            #expect(throws: WireError.self) { _ = try read(short.span) }
        }
    }

    @Test("a segment's header is one page, and every byte of it is vouched for")
    func segmentHead() throws {
        var page: [UInt8] = []
        head.encode(into: &page)
        #expect(page.count == 4096)
        #expect(page.last == 0x0A)
        #expect(try SegmentHead(page.span, at: 0) == head)
        expectVouched(page) { (bytes) throws(WireError) in try SegmentHead(bytes, at: 0) }
    }

    @Test("a header that goes on from an entry without a term, or from index 0 of a term, is refused")
    func impossibleBase() {
        for base in [EntryID(term: .zero, index: LogIndex(3)), EntryID(term: Term(3), index: .zero)] {
            var page: [UInt8] = []
            SegmentHead(
                cluster: sampleCluster, node: NodeID(1), boot: Boot(3), segment: 2, after: 17, durable: 18,
                base: base
            ).encode(into: &page)
            #expect(throws: WireError.self) { try SegmentHead(page.span, at: 0) }
        }
    }

    @Test("a header of a newer format is told from a damaged one")
    func newerFormat() {
        let rest = Array(",\"format\":2,\"whatever\":[]}}".utf8)
        var sum = String(checksum(rest.span, in: 0..<rest.count), radix: 16)
        while sum.utf8.count < 8 { sum = "0" + sum }
        var page = Array("{\"segment\":{\"sum\":\"\(sum)\"".utf8) + rest + [0x0A]
        page.pad()
        do throws(WireError) {
            _ = try SegmentHead(page.span, at: 0)
            Issue.record("taken")
        } catch {
            #expect(error.problem == .format)
        }
    }

    @Test("both slots of the vote are read where they stand, and every byte is vouched for")
    func voteSlot() throws {
        let older = VoteSlot(count: 4, term: .zero, vote: nil, boot: Boot(6), isWiped: true)
        var pages: [UInt8] = []
        slot.encode(into: &pages)
        older.encode(into: &pages)
        #expect(pages.count == 8192)
        #expect(try VoteSlot(pages.span, at: 0) == slot)
        #expect(try VoteSlot(pages.span, at: 4096) == older)
        expectVouched(Array(pages[..<4096])) { (bytes) throws(WireError) in try VoteSlot(bytes, at: 0) }
        #expect(throws: WireError.self) { try VoteSlot(pages.span, at: 8192) }
        #expect(throws: WireError.self) { try VoteSlot(pages.span, at: -1) }
    }

    @Test("identity and damage are pages, and every byte is vouched for")
    func smallFiles() throws {
        let identity = Identity(cluster: sampleCluster, node: NodeID(largestNumber))
        var page: [UInt8] = []
        identity.encode(into: &page)
        #expect(try Identity(page.span) == identity)
        expectVouched(page) { (bytes) throws(WireError) in try Identity(bytes) }
        for reason in Damage.Reason.allCases {
            let damage = Damage(reason: reason, segment: 3, offset: 8192, index: LogIndex(17))
            var page: [UInt8] = []
            damage.encode(into: &page)
            #expect(try Damage(page.span) == damage)
            expectVouched(page) { (bytes) throws(WireError) in try Damage(bytes) }
        }
    }

    @Test("a cluster's id is 32 hexadecimal digits")
    func clusterID() {
        #expect(sampleCluster.description == "0123456789abcdeffedcba9876543210")
        #expect(ClusterID(Array(sampleCluster.description.utf8).span) == sampleCluster)
        #expect(ClusterID(Array("0123456789ABCDEFfedcba9876543210".utf8).span) == nil)
        #expect(ClusterID(Array("0123456789abcdeffedcba98765432100".utf8).span) == nil)
        #expect(ClusterID(Array("0123456789abcdeffedcba987654321".utf8).span) == nil)
    }
}

@Suite("batches")
struct BatchTests {
    /// A batch as the journal writes it, and its head.
    private func batch(entries: Int) -> (head: BatchHead, bytes: [UInt8]) {
        let lines = block(from: 7, count: entries, term: 2).bytes
        let middle = lines.count / 2
        let head = BatchHead(
            segment: 3, sequence: 17, bytes: UInt64(lines.count), term: Term(2), commit: LogIndex(5),
            durable: 16)
        var bytes: [UInt8] = []
        head.encode([Piece(lines, 0..<middle), Piece(lines, middle..<lines.count)], into: &bytes)
        #expect(bytes.count <= BatchHead.bytesMax)
        bytes += lines
        bytes.pad()
        return (head, bytes)
    }

    @Test(
        "a batch is read back with its entries, and fills whole pages", arguments: [0, 1, 30, 31, 32, 1_000])
    func reading(entries: Int) throws {
        let (head, bytes) = batch(entries: entries)
        #expect(bytes.count % 4096 == 0)
        let page = [UInt8](repeating: 0, count: 4096)
        let found = try BatchHead.read((page + bytes + page).span, at: 4096)
        #expect(found.head == head)
        #expect(found.total == bytes.count)
        try found.verify((page + bytes).span)
        let lines = Array((page + bytes)[found.entries])
        #expect(lines == block(from: 7, count: entries, term: 2).bytes)
    }

    @Test("a batch without padding is well too")
    func exactFit() throws {
        let head = BatchHead(
            segment: 1, sequence: 1, bytes: 0, term: Term(1), commit: .zero, durable: 0)
        var bare: [UInt8] = []
        head.encode([], into: &bare)
        // Two digits more in the head, for the length.
        let length = 4096 - bare.count - 3
        let lines = block(
            from: 1, count: 1, term: 1, command: "{\"" + String(repeating: "a", count: length - 53) + "\"}")
        #expect(lines.bytes.count == length)
        let full = BatchHead(
            segment: 1, sequence: 1, bytes: UInt64(length), term: Term(1), commit: .zero, durable: 0)
        var bytes: [UInt8] = []
        full.encode([Piece(lines.bytes)], into: &bytes)
        bytes += lines.bytes
        #expect(bytes.count == 4096)
        bytes.pad()
        #expect(bytes.count == 4096)
        try BatchHead.read(bytes.span, at: 0).verify(bytes.span)
    }

    @Test("any changed byte of a batch, its padding included, is refused")
    func flips() {
        let (_, bytes) = batch(entries: 3)
        for place in bytes.indices {
            for bit in [0, 3, 7] {
                var changed = bytes
                changed[place] ^= 1 << bit
                #expect(throws: WireError.self, "byte \(place)") {
                    try BatchHead.read(changed.span, at: 0).verify(changed.span)
                }
            }
        }
    }

    @Test("a batch that ends early, or claims any length, is refused")
    func lengths() throws {
        let (_, bytes) = batch(entries: 3)
        for count in stride(from: 0, to: bytes.count, by: 97) {
            let short = Array(bytes[..<count])
            #expect(throws: WireError.self) { try BatchHead.read(short.span, at: 0).verify(short.span) }
        }
        for length in [UInt64(0), 4_000, UInt64(Int32.max), UInt64(Int32.max) + 1, largestNumber] {
            let head = BatchHead(
                segment: 3, sequence: 17, bytes: length, term: Term(2), commit: LogIndex(5), durable: 16)
            var bytes: [UInt8] = []
            head.encode([], into: &bytes)
            bytes += [UInt8](repeating: 0, count: 3_000)
            let found = try BatchHead.read(bytes.span, at: 0)
            #expect((found.total == nil) == (length > UInt64(Int32.max)))
            #expect(throws: WireError.self) { try found.verify(bytes.span) }
        }
    }
}
