// Commands of the log: whatever they are, two stores that apply them are equal, and a frozen copy stays.
import KeyValue

extension FuzzTarget {
    /// One command a line.
    func feedCommands(_ bytes: [UInt8]) throws(Contradiction) {
        var one = Store()
        var other = Store()
        for (place, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let command = Array(line)
            let frozen = one
            let reply = one.apply(command.span, index: UInt64(place) + 1)
            try expect(
                other.apply(command.span, index: UInt64(place) + 1) == reply, "two stores, two replies")
            try expect(one.hash == other.hash && one.bytes == other.bytes, "two stores differ")
            try expect(frozen.appliedIndex == UInt64(place), "a frozen copy has changed")
            try expect(one.revision >= frozen.revision, "a revision that falls")
            if case .malformed = reply {
                try expect(one.revision == frozen.revision, "a malformed command changed something")
            }
        }
        var count = 0
        var last: [UInt8] = []
        var isOrdered = true
        one.forEach(in: KeyRange()) { record in
            let key = record.withKey { key in key.indices.map { key[$0] } }
            isOrdered = isOrdered && (count == 0 || last.lexicographicallyPrecedes(key))
            last = key
            count += 1
            return true
        }
        try expect(isOrdered && count == one.count, "keys out of order, or \(count) of \(one.count)")
    }
}
