// A node of the tree: records in key order, one allocation, and the search within it.

/// What stands before a node's slots.
struct NodeHeader {
    /// How many records the node holds.
    var count: Int
    /// So many bytes at the beginning are the same in all the node's keys; heads are taken after them.
    ///
    /// Invariant: at most the common prefix of the first and the last key.
    var prefixCount: Int
    let isLeaf: Bool
    /// Those bytes, if they are at most `prefixInlineMax`: with them a search seldom needs a record.
    var prefix: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    static let prefixInlineMax = 32
    static let prefixOffset = MemoryLayout<NodeHeader>.offset(of: \.prefix) ?? 0
}

/// A node of a B-tree: up to `capacity` records and, unless a leaf, one child more than records.
///
/// Beside each record stands its *head*, the eight bytes of the key after what all keys of the node share, so
/// a search stays within the node and touches a record only where heads are equal. The slots hold heads, then
/// records, then children, each eight bytes wide.
///
/// A node is written only while `isKnownUniquelyReferenced` says that nobody else holds it; see ``Tree``.
final class Node: ManagedBuffer<NodeHeader, UInt64> {
    /// The most records of a node. An odd number: a full node splits around one into two equal halves.
    static let capacity = 63
    /// The fewest records of a node that is neither the root nor on the tree's right edge.
    static let countMin = 31

    static func make(isLeaf: Bool) -> Node {
        let slots = isLeaf ? 2 * capacity : 3 * capacity + 1
        let node = Node.create(minimumCapacity: slots) { _ in
            NodeHeader(count: 0, prefixCount: 0, isLeaf: isLeaf)
        }
        return unsafe unsafeDowncast(node, to: Node.self)
    }

    deinit {
        unsafe records.deinitialize(count: count)
        if !isLeaf { unsafe children.deinitialize(count: count + 1) }
    }

    /// The header where it lies: `header` would check for exclusive access at each use, a sixth of a put's
    /// instructions.
    @inline(__always) var numbers: UnsafeMutablePointer<NodeHeader> {
        unsafe withUnsafeMutablePointerToHeader { unsafe $0 }
    }
    @inline(__always) var count: Int {
        get { unsafe numbers.pointee.count }
        set { unsafe numbers.pointee.count = newValue }
    }
    @inline(__always) var prefixCount: Int { unsafe numbers.pointee.prefixCount }
    @inline(__always) var isLeaf: Bool { unsafe numbers.pointee.isLeaf }
    var isFull: Bool { count == Node.capacity }

    @inline(__always) var heads: UnsafeMutablePointer<UInt64> {
        unsafe withUnsafeMutablePointerToElements { unsafe $0 }
    }
    @inline(__always) var records: UnsafeMutablePointer<Record> {
        unsafe UnsafeMutableRawPointer(heads + Node.capacity).assumingMemoryBound(to: Record.self)
    }
    @inline(__always) var children: UnsafeMutablePointer<Node> {
        unsafe UnsafeMutableRawPointer(heads + 2 * Node.capacity).assumingMemoryBound(to: Node.self)
    }

    /// A node with the same content, whose records and children are then held by both.
    func copy() -> Node {
        let node = Node.make(isLeaf: isLeaf)
        unsafe node.numbers.pointee = numbers.pointee
        unsafe node.heads.update(from: heads, count: count)
        unsafe node.records.initialize(from: records, count: count)
        if !isLeaf { unsafe node.children.initialize(from: children, count: count + 1) }
        return node
    }

    /// The first place whose key is not before `key`, and whether it is that key.
    func search(_ key: KeyBytes) -> (place: Int, found: Bool) {
        let count = self.count
        guard count > 0 else { return (0, false) }
        let prefix = prefixCount
        if prefix > 0, let order = unsafe orderByPrefix(key) { return (order < 0 ? 0 : count, false) }
        let heads = unsafe self.heads
        let head = unsafe key.head(at: prefix)
        var low = unsafe Node.countBelow(head, heads, count)
        var high = count
        // Where heads are equal the rest of the keys decides; mostly the first of them is the one.
        var middle = low
        while unsafe low < high && heads[middle] == head {
            let order = unsafe key.compare(records[middle].keyBytes, skipping: prefix)
            if order == 0 { return (middle, true) }
            if order > 0 { low = middle &+ 1 } else { high = middle }
            middle = (low &+ high) &>> 1
            while unsafe low < high && heads[middle] > head {
                high = middle
                middle = (low &+ high) &>> 1
            }
        }
        return (low, false)
    }

    /// How a key stands to all of the node's keys at once, if it does not begin as they do.
    @inline(__always)
    private func orderByPrefix(_ key: KeyBytes) -> Int? {
        unsafe withUnsafeMutablePointerToHeader { header in
            let count = unsafe header.pointee.prefixCount
            let inline = unsafe UnsafeRawPointer(header).advanced(by: NodeHeader.prefixOffset)
            let prefix =
                unsafe count <= NodeHeader.prefixInlineMax
                ? KeyBytes(start: inline, count: count)
                : KeyBytes(start: records[0].keyBytes.start, count: count)
            let shared = unsafe key.commonPrefix(prefix, limit: count)
            return unsafe shared == count ? nil : key.compare(prefix, skipping: shared)
        }
    }

    /// How many of the rising heads are smaller: first by one head of each cache line, whose loads do not
    /// wait for each other as those of a binary search do, then within the line.
    @inline(__always)
    private static func countBelow(_ head: UInt64, _ heads: UnsafeMutablePointer<UInt64>, _ count: Int) -> Int
    {
        var lines = 0
        var i = 7
        while i < count {
            lines &+= unsafe heads[i] < head ? 1 : 0
            i &+= 8
        }
        var below = lines &* 8
        i = below
        let end = min(i &+ 8, count)
        while i < end {
            below &+= unsafe heads[i] < head ? 1 : 0
            i &+= 1
        }
        return below
    }

    /// Child `place`, made this tree's own first if it is shared.
    func ownChild(_ place: Int) -> Node {
        if unsafe !isKnownUniquelyReferenced(&children[place]) {
            unsafe children[place] = children[place].copy()
        }
        return unsafe children[place]
    }
}

extension Node {
    /// Puts a record at `place`, in a node that is not full; its children are the caller's business.
    func insert(_ record: Record, at place: Int) {
        let moved = count - place
        let records = unsafe self.records
        unsafe (records + place + 1).moveInitialize(from: records + place, count: moved)
        unsafe (records + place).initialize(to: record)
        unsafe (heads + place + 1).update(from: heads + place, count: moved)
        count += 1
        setHead(at: place)
    }

    /// Takes the record at `place` out; its children are the caller's business.
    func removeRecord(at place: Int) -> Record {
        let record = unsafe (records + place).move()
        let moved = count - place - 1
        unsafe (records + place).moveInitialize(from: records + place + 1, count: moved)
        unsafe (heads + place).update(from: heads + place + 1, count: moved)
        count -= 1
        return record
    }

    /// Puts another record in the place of one; its key must fit between the neighbours'.
    func replaceRecord(at place: Int, by record: Record) -> Record {
        let old = unsafe records[place]
        unsafe records[place] = record
        setHead(at: place)
        return old
    }

    /// Puts a child at `place`, where `present` ones are; the count of records may say otherwise just then.
    func insertChild(_ child: Node, at place: Int, children present: Int) {
        let children = unsafe self.children
        unsafe (children + place + 1).moveInitialize(from: children + place, count: present - place)
        unsafe (children + place).initialize(to: child)
    }

    /// Takes the child at `place` out of `present` ones.
    func removeChild(at place: Int, children present: Int) -> Node {
        let children = unsafe self.children
        let child = unsafe (children + place).move()
        unsafe (children + place).moveInitialize(from: children + place + 1, count: present - place - 1)
        return child
    }

    /// Sets the head of a record that is new at `place`, and all of them if it shares less with the others.
    private func setHead(at place: Int) {
        let key = unsafe records[place].keyBytes
        if count == 1 {
            unsafe numbers.pointee.prefixCount = 0
        } else if place == 0 || place == count - 1 {
            let other = unsafe records[place == 0 ? count - 1 : 0].keyBytes
            let shared = unsafe key.commonPrefix(other, limit: prefixCount)
            if shared < prefixCount {
                rebuildHeads()
                return
            }
        }
        unsafe heads[place] = key.head(at: prefixCount)
    }

    /// Finds anew what all keys share, and every head after it.
    func rebuildHeads() {
        let count = self.count
        guard count > 0 else { return }
        let records = unsafe self.records
        var prefix = 0
        if count > 1 {
            let first = unsafe records[0].keyBytes
            prefix = unsafe first.commonPrefix(records[count - 1].keyBytes, limit: Command.keyBytesMax)
        }
        unsafe numbers.pointee.prefixCount = prefix
        unsafe withUnsafeMutableBytes(of: &numbers.pointee.prefix) { bytes in
            let shared = min(prefix, NodeHeader.prefixInlineMax)
            unsafe bytes.copyMemory(
                from: UnsafeRawBufferPointer(start: records[0].keyBytes.start, count: shared))
        }
        let heads = unsafe self.heads
        for i in 0..<count { unsafe heads[i] = records[i].keyBytes.head(at: prefix) }
    }
}
