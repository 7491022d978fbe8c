// A list on its way through the store: entries and folded prefixes in order, from wherever it stood.
internal import JSON
internal import KeyValue

/// Goes through the store as a list asks, item by item, and remembers where it stands.
public struct ListWalk: Sendable {
    /// What a list is made of.
    enum Item {
        case entry(Record)
        /// All keys that begin with these bytes, folded by the delimiter.
        case prefix([UInt8])
    }

    let listing: Listing
    private let delimiter: Delimiter?
    /// After the last item that was taken.
    private(set) var place: ListPlace?
    /// Nothing more follows.
    public private(set) var isOver = false
    private var left: Int

    public init(_ listing: Listing) {
        self.listing = listing
        let delimiter = listing.parameters.delimiter
        self.delimiter = delimiter.isEmpty ? nil : Delimiter(delimiter)
        place = listing.place
        left = listing.limit
    }

    /// Hands items to `body` until it answers false, which leaves that item to the next call, or the list's
    /// limit is reached.
    mutating func forEach(in store: borrowing Store, _ body: (Item) -> Bool) {
        var goesOn = true
        while goesOn, !isOver {
            guard let range = listing.range(after: place) else {
                isOver = true
                return
            }
            goesOn = walk(range, in: store, body)
        }
        // What a page leaves is for its cursor; a stream has none, and ends.
        if listing.isStream, left == 0 { isOver = true }
    }

    /// One way through the tree: up to the end, or up to a prefix, behind which the next one begins. Answers
    /// whether there is more to be done.
    private mutating func walk(
        _ range: KeyRange, in store: borrowing Store, _ body: (Item) -> Bool
    ) -> Bool {
        var last: Record?
        var folded: [UInt8]?
        var isStopped = false
        var left = left
        let delimiter = delimiter
        let start = listing.parameters.prefix.count
        store.forEach(in: range, reversed: listing.parameters.isReverse) { record in
            // An item more than the limit was there: the list goes on.
            guard left > 0 else {
                isStopped = true
                return false
            }
            if let prefix = delimiter?.fold(record, from: start) {
                isStopped = !body(.prefix(prefix))
                if !isStopped { folded = prefix }
                return false
            }
            guard body(.entry(record)) else {
                isStopped = true
                return false
            }
            left -= 1
            last = record
            return true
        }
        self.left = left
        if let last { place = .key(last.key) }
        if let folded {
            place = .prefix(folded)
            self.left -= 1
            return true
        }
        isOver = !isStopped
        return false
    }
}

/// What keys are folded at. It is found in time that grows with the key alone, whatever both are made of
/// (Knuth, Morris, Pratt): a list of many keys is made in one piece.
struct Delimiter: Sendable {
    private let bytes: [UInt8]
    /// Of so many bytes that match, so many match still where the next one does not.
    private let borders: [Int]

    /// - Precondition: `bytes` are not empty.
    init(_ bytes: [UInt8]) {
        var borders = Array(repeating: 0, count: bytes.count + 1)
        var border = 0
        for place in 1..<bytes.count {
            while border > 0, bytes[place] != bytes[border] { border = borders[border] }
            if bytes[place] == bytes[border] { border += 1 }
            borders[place + 1] = border
        }
        self.bytes = bytes
        self.borders = borders
    }

    /// The offset behind its first occurrence from `start` on; nil: there is none.
    func end(in key: Span<UInt8>, from start: Int) -> Int? {
        var matched = 0
        var offset = start
        while offset < key.count {
            while matched > 0, key[offset] != bytes[matched] { matched = borders[matched] }
            if key[offset] == bytes[matched] { matched += 1 }
            offset += 1
            if matched == bytes.count { return offset }
        }
        return nil
    }

    /// The prefix that stands for this key and all alike; nil: the key stands for itself.
    fileprivate func fold(_ record: Record, from start: Int) -> [UInt8]? {
        record.withKey { key in
            guard let end = end(in: key, from: start) else { return nil }
            var prefix: [UInt8] = []
            prefix.append(bytes: key.extracting(0..<end))
            return prefix
        }
    }
}
