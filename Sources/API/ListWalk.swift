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
    /// After the last item that was taken.
    private(set) var place: ListPlace?
    /// Nothing more follows.
    public private(set) var isOver = false
    private var left: Int

    public init(_ listing: Listing) {
        self.listing = listing
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
        let listing = listing
        store.forEach(in: range, reversed: listing.parameters.isReverse) { record in
            // An item more than the limit was there: the list goes on.
            guard left > 0 else {
                isStopped = true
                return false
            }
            if let prefix = listing.fold(record) {
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

extension Listing {
    /// The prefix that stands for this key and all alike; nil: the key stands for itself.
    fileprivate func fold(_ record: Record) -> [UInt8]? {
        let delimiter = parameters.delimiter
        if delimiter.isEmpty { return nil }
        return record.withKey { key in
            var offset = parameters.prefix.count
            while offset + delimiter.count <= key.count {
                var length = 0
                while length < delimiter.count, key[offset + length] == delimiter[length] { length += 1 }
                if length == delimiter.count {
                    var prefix: [UInt8] = []
                    prefix.append(bytes: key.extracting(0..<offset + length))
                    return prefix
                }
                offset += 1
            }
            return nil
        }
    }
}
