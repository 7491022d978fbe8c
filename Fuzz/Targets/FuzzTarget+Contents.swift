// Contents of clients: what is accepted is a command that every store understands, and does alike.
import API
import KeyValue

extension FuzzTarget {
    /// A content a line, each read as a transaction and as a lease.
    func feedContents(_ bytes: [UInt8]) throws(Contradiction) {
        var one = Store()
        var other = Store()
        var index: UInt64 = 0
        for line in bytes.split(separator: 0x0A) {
            let content = Array(line)
            if let wish = try? LeaseWish(reading: content.span) {
                try expect(Lease.ttlMilliseconds.contains(wish.ttlMilliseconds), "\(wish.ttlMilliseconds) ms")
                try expect(wish.id != 0, "a lease 0")
            }
            guard let wish = try? Transaction(reading: content.span, valueBytesMax: 1_024) else { continue }
            index += 1
            var command: [UInt8] = []
            Command.append(wish, at: ClusterTime(milliseconds: index), to: &command)
            let before = one.revision
            let reply = one.apply(command.span, index: index)
            try expect(
                reply != .malformed, "accepted, and none: \(String(decoding: command, as: UTF8.self))")
            try expect(other.apply(command.span, index: index) == reply, "two stores, two replies")
            try expect(one.hash == other.hash && one.bytes == other.bytes, "two stores differ")
            try expect(one.revision.rawValue - before.rawValue <= 1, "more than one revision")
        }
    }
}
