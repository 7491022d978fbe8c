// The lines of a snapshot that are not rows (rule 26): read back, every byte vouched for.
import Consensus
import Testing
import Wire

@Suite("snapshot lines")
struct SnapshotTests {
    private func head(_ membership: Membership, configuredAt index: UInt64 = 9) -> SnapshotHead {
        SnapshotHead(
            cluster: sampleCluster, last: id(3, 17),
            configuration: Configuration(index: LogIndex(index), membership: membership),
            revision: 9, clusterTime: 12_345, hash: 0x8000_0000_0000_0001, keys: 7, bytes: largestNumber)
    }

    private func line(_ head: SnapshotHead) -> [UInt8] {
        var line: [UInt8] = []
        head.encode(into: &line)
        #expect(line.popLast() == 0x0A)
        #expect(!line.contains(0x0A))
        return line
    }

    private func refusal(_ line: [UInt8]) -> WireError? {
        do throws(WireError) {
            _ = try SnapshotHead(line.span)
            return nil
        } catch {
            return error
        }
    }

    /// The line that a text makes once its checksum is put in.
    private func sealed(_ name: String, _ rest: String) -> [UInt8] {
        let rest = Array(rest.utf8)
        let digits = String(checksum(rest.span, in: 0..<rest.count), radix: 16)
        let sum = String(repeating: "0", count: 8 - digits.utf8.count) + digits
        return Array("{\"\(name)\":{\"sum\":\"\(sum)\"".utf8) + rest
    }

    @Test("a header carries every membership, joint ones and those who rise")
    func memberships() throws {
        let ids = (1...5).map { NodeID($0) }
        let joint = Membership(
            voters: [ids[0], ids[1], ids[2]], outgoing: [ids[0], ids[1], ids[3]],
            learners: [ids[3], ids[4]], rising: [ids[4]])
        for membership in [Membership(voters: [NodeID(largestNumber)]), joint] {
            let head = head(membership)
            #expect(try SnapshotHead(line(head).span) == head)
        }
        let many = (0..<1_000).map { NodeID(largestNumber - $0) }
        let largest = head(Membership(voters: many, outgoing: many, learners: [], rising: []))
        let largestLine = line(largest)
        #expect(largestLine.count < SnapshotHead.lineBytesMax)
        #expect(try SnapshotHead(largestLine.span) == largest)
    }

    @Test("every byte of a header is vouched for, and every shorter one refused")
    func headVouched() {
        let line = line(head(Membership(voters: [NodeID(1), NodeID(2)])))
        for place in line.indices {
            for bit in 0..<8 {
                var changed = line
                changed[place] ^= 1 << bit
                #expect(refusal(changed) != nil, "byte \(place), bit \(bit)")
            }
            #expect(refusal(Array(line[..<place])) != nil)
        }
        #expect(refusal(line + [0x20]) != nil)
    }

    @Test("a header of a newer format is told from a damaged one")
    func newerFormat() {
        #expect(refusal(sealed("snapshot", ",\"format\":2,\"new\":[]}}"))?.problem == .format)
    }

    @Test("a header that no writer writes is refused though its checksum holds")
    func impossibleHeads() {
        let good = head(Membership(voters: [NodeID(1)]))
        let text = String(decoding: line(good).dropFirst(29), as: UTF8.self)
        #expect(refusal(sealed("snapshot", text)) == nil)
        for (part, other) in [
            ("\"last\":[3,17]", "\"last\":[0,17]"), ("\"last\":[3,17]", "\"last\":[3,0]"),
            ("\"index\":9", "\"index\":18"), ("\"voters\":[1]", "\"voters\":[]"),
            ("\"voters\":[1]", "\"voters\":[2,1]"), ("\"voters\":[1]", "\"voters\":[0]"),
            ("\"learners\":[]", "\"learners\":[1]"), ("\"rising\":[]", "\"rising\":[2]"),
            ("\"revision\":9", "\"revision\":0"), ("\"keys\":7", "\"keys\":9007199254740992"),
            ("\"keys\":7", "\"keys\":7,\"more\":1"),
        ] {
            let pieces = text.components(around: part)
            #expect(pieces.count == 2, "\(part)")
            #expect(refusal(sealed("snapshot", pieces.joined(separator: other))) != nil, "\(other)")
        }
    }

    @Test("a block's head vouches for its rows, and its checksum goes on from what is before")
    func block() throws {
        let before = Array("{\"anything\":1}\n".utf8)
        let rows = Array("{\"key\":\"a\"}\n{\"key\":\"b\"}\n".utf8)
        var bytes = before
        SnapshotBlockHead.reserve(in: &bytes)
        bytes += rows
        let sumBefore = checksum(before.span, in: 0..<before.count)
        let sum = SnapshotBlockHead.fill(&bytes, at: before.count, rows: 2, after: sumBefore)
        #expect(sum == checksum(bytes.span, in: 0..<bytes.count))
        let block = Array(bytes[before.count...])
        let line = Array(block[..<SnapshotBlockHead.lineBytes])
        #expect(line.last == 0x0A)
        let (head, own) = try SnapshotBlockHead.read(line.span)
        #expect(head == SnapshotBlockHead(bytes: UInt64(rows.count), rows: 2))
        #expect(try SnapshotBlockHead.verify(block.span, sum: own, after: sumBefore) == sum)
        for place in block.indices {
            var changed = block
            changed[place] ^= 0x01
            #expect(throws: WireError.self, "byte \(place)") {
                let line = Array(changed[..<SnapshotBlockHead.lineBytes])
                let (_, own) = try SnapshotBlockHead.read(line.span)
                _ = try SnapshotBlockHead.verify(changed.span, sum: own, after: sumBefore)
            }
        }
        for count in 0..<line.count {
            #expect(throws: WireError.self) { _ = try SnapshotBlockHead.read(Array(line[..<count]).span) }
        }
    }

    @Test("the last line's every byte is vouched for")
    func end() throws {
        let end = SnapshotEnd(bytes: largestNumber, file: 0x0BAD_F00D, blocks: largestNumber, keys: 0)
        var line: [UInt8] = []
        end.encode(into: &line)
        #expect(line.count <= SnapshotEnd.lineBytesMax)
        #expect(line.popLast() == 0x0A)
        #expect(try SnapshotEnd(line.span) == end)
        for place in line.indices {
            var changed = line
            changed[place] ^= 0x01
            #expect(throws: WireError.self, "byte \(place)") { _ = try SnapshotEnd(changed.span) }
            #expect(throws: WireError.self) { _ = try SnapshotEnd(Array(line[..<place]).span) }
        }
    }

    @Test("a membership as a command is read back, and no other command is taken for one")
    func membershipCommand() throws {
        let membership = Membership(
            voters: [NodeID(1), NodeID(2)], outgoing: [NodeID(3)], learners: [NodeID(4)], rising: [NodeID(4)])
        var command: [UInt8] = []
        MembershipCommand.append(membership, atMilliseconds: 5, to: &command)
        #expect(
            text(command) == """
                {"at":5,"members":{"voters":[1,2],"outgoing":[3],"learners":[4],"rising":[4]}}
                """)
        #expect(try MembershipCommand.read(command.span) == membership)
        let other = Array("{\"at\":5,\"none\":true}".utf8)
        #expect(try MembershipCommand.read(other.span) == nil)
        let trailing = command + [0x20]
        #expect(throws: WireError.self) { _ = try MembershipCommand.read(trailing.span) }
    }
}

extension String {
    /// What stands before and after `part`, if it stands there once.
    fileprivate func components(around part: String) -> [String] {
        let bytes = Array(utf8)
        let wanted = Array(part.utf8)
        var places: [Int] = []
        for place in 0...max(0, bytes.count - wanted.count)
        where bytes[place...].starts(with: wanted) { places.append(place) }
        guard places.count == 1, let place = places.first else { return [self] }
        return [bytes[..<place], bytes[(place + wanted.count)...]].map { String(decoding: $0, as: UTF8.self) }
    }
}
