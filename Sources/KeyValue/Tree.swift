// The ordered map of the store: a B-tree with value semantics whose copies share what they have in common.

/// Records in the byte order of their keys.
///
/// Copying is one retain. A write copies only those nodes on its path that another copy of the tree holds too
/// (about three of 1 KiB), so a frozen copy costs what is written while it lives.
///
/// Unchecked because nodes are classes: a node that more than one tree holds is never written again, and one
/// that a single tree holds is reached by that tree's mutating functions only.
public struct Tree: @unchecked Sendable {
    var root: Node?
    /// How many records there are.
    public private(set) var count = 0

    public init() {}

    /// A tree of these nodes.
    init(root: Node?, count: Int) {
        self.root = root
        self.count = count
    }

    /// The record of a key. O(log n).
    public func record(_ key: Span<UInt8>) -> Record? {
        guard let root else { return nil }
        return unsafe key.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            let key = unsafe KeyBytes(start: start, count: bytes.count)
            var node = root
            while true {
                let (place, found) = unsafe node.search(key)
                if found { return unsafe node.records[place] }
                if node.isLeaf { return nil }
                node = unsafe node.children[place]
            }
        }
    }

    /// Stores a record, and gives back the one that had the same key. O(log n).
    @discardableResult
    public mutating func put(_ record: Record) -> Record? {
        var replaced: Record?
        record.withKey { key in
            put(key) { present in
                replaced = present
                return record
            }
        }
        return replaced
    }

    /// Stores what `make` makes of a key's present record, or of none; it must be a record of that key. One
    /// search does both. O(log n).
    public mutating func put(_ key: Span<UInt8>, _ make: (Record?) -> Record) {
        let top = ownRoot()
        var isNew = false
        let split = unsafe key.withUnsafeBytes { bytes -> Node.Split? in
            guard let start = bytes.baseAddress else { return nil }
            let key = unsafe KeyBytes(start: start, count: bytes.count)
            return unsafe top.put(key, isRightEdge: true, isNew: &isNew, make: make)
        }
        if let split {
            let higher = Node.make(isLeaf: false)
            higher.insertChild(top, at: 0, children: 0)
            higher.take(split, at: 0)
            root = higher
        }
        if isNew { count += 1 }
    }

    /// Removes a key, and gives back its record if it was there. O(log n); nothing is copied if it was not.
    @discardableResult
    public mutating func remove(_ key: Span<UInt8>) -> Record? {
        guard let present = record(key) else { return nil }
        let top = ownRoot()
        _ = unsafe top.remove(present.keyBytes)
        count -= 1
        if top.count == 0 {
            root = top.isLeaf ? nil : unsafe top.children[0]
        }
        return present
    }

    /// The root, made this tree's own first if it is shared or missing.
    private mutating func ownRoot() -> Node {
        if isKnownUniquelyReferenced(&root), let root { return root }
        let own = root?.copy() ?? Node.make(isLeaf: true)
        root = own
        return own
    }
}
