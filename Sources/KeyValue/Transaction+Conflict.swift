// Which operation of a branch writes what another before it writes too (Interface §2, `duplicate_key`).

extension Transaction {
    /// The place of the first put, in a branch, of a key that another operation before it puts or deletes, or
    /// the first delete of a key that is put before it; nil: there is none. O(n log n) comparisons of keys.
    public static func conflict(in steps: [Step]) -> Int? {
        var puts: [(key: [UInt8], place: Int)] = []
        for (place, step) in steps.enumerated() {
            if case .put(let key, _, _, _) = step { puts.append((key, place)) }
        }
        if puts.isEmpty { return nil }
        puts.sort { one, other in
            let order = compare(one.key, other.key)
            return order == 0 ? one.place < other.place : order < 0
        }
        var first: Int?
        func note(_ one: Int, _ other: Int) { first = min(first ?? .max, max(one, other)) }
        for at in puts.indices.dropFirst() where puts[at].key == puts[at - 1].key {
            note(puts[at].place, puts[at - 1].place)
        }
        let places = Minima(puts.map(\.place))
        for (place, step) in steps.enumerated() {
            let range: KeyRange
            switch step {
            case .delete(let key): range = KeyRange(start: key, end: key + [0])
            case .deleteAll(let prefix): range = KeyRange(prefix: prefix)
            case .put, .get, .list: continue
            }
            let low = count(of: puts, before: range.start)
            let high = range.end.map { count(of: puts, before: $0) } ?? puts.count
            // Of several puts that one delete covers, the first place counts.
            if let put = places.smallest(in: low..<max(low, high)) { note(place, put) }
        }
        return first
    }

    /// How many of the keys lie before `key`; they are sorted.
    private static func count(of puts: [(key: [UInt8], place: Int)], before key: [UInt8]) -> Int {
        var (low, high) = (0, puts.count)
        while low < high {
            let middle = (low + high) / 2
            if compare(puts[middle].key, key) < 0 { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Negative, zero or positive, as the first lies before the second, is it, or lies after it.
    private static func compare(_ one: [UInt8], _ other: [UInt8]) -> Int {
        unsafe one.span.withUnsafeBytes { a in
            unsafe other.span.withUnsafeBytes { b in
                guard let first = a.baseAddress, let second = b.baseAddress else { return a.count - b.count }
                let key = unsafe KeyBytes(start: first, count: a.count)
                return unsafe key.compare(KeyBytes(start: second, count: b.count))
            }
        }
    }
}

/// The smallest of any run of numbers, in two looks.
private struct Minima {
    /// Of level k, the number at i is the smallest of 2^k from i on.
    private var levels: [[Int]]

    init(_ numbers: [Int]) {
        levels = [numbers]
        var below = numbers
        var width = 1
        while 2 * width <= numbers.count {
            below = (0...numbers.count - 2 * width).map { min(below[$0], below[$0 + width]) }
            levels.append(below)
            width *= 2
        }
    }

    func smallest(in range: Range<Int>) -> Int? {
        if range.isEmpty { return nil }
        let level = Int.bitWidth - 1 - range.count.leadingZeroBitCount
        return min(levels[level][range.lowerBound], levels[level][range.upperBound - 1 << level])
    }
}
