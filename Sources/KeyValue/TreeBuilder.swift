// A tree from records that come in key order: no search, full nodes (rule 26).

/// Builds a tree from left to right.
///
/// Not copyable, for it writes its nodes in place.
public struct TreeBuilder: ~Copyable {
    /// The nodes of the right edge, the leaf first; each is the last child of the one after it. Their heads
    /// are not set yet, and all but the last may be without a record.
    private var edge: [Node] = []
    /// How many records there are so far.
    public private(set) var count = 0
    private var last: Record?

    public init() {}

    /// Adds a record, or answers false if its key does not lie after all others. O(1), on average.
    public mutating func append(_ record: Record) -> Bool {
        if let last, unsafe last.keyBytes.compare(record.keyBytes) >= 0 { return false }
        last = record
        count += 1
        guard let leaf = edge.first else {
            let leaf = Node.make(isLeaf: true)
            leaf.append(record)
            edge.append(leaf)
            return true
        }
        if !leaf.isFull {
            leaf.append(record)
            return true
        }
        let right = Node.make(isLeaf: true)
        edge[0] = right
        lift(record, between: leaf, and: right, to: 1)
        return true
    }

    /// Puts the record after a full node into the level above, and a new node after it.
    private mutating func lift(_ record: Record, between full: Node, and right: Node, to level: Int) {
        full.rebuildHeads()
        guard level < edge.count else {
            let root = Node.make(isLeaf: false)
            root.start(full)
            root.append(record, child: right)
            edge.append(root)
            return
        }
        let node = edge[level]
        if !node.isFull {
            node.append(record, child: right)
            return
        }
        let next = Node.make(isLeaf: false)
        next.start(right)
        edge[level] = next
        lift(record, between: node, and: next, to: level + 1)
    }

    /// The tree.
    public consuming func finish() -> Tree {
        let root = edge.last
        // Nobody but its parent may hold a node that is mended.
        edge.removeAll()
        root?.finishRightEdge()
        return Tree(root: root, count: count)
    }
}

extension Node {
    /// Sets what is common to the keys of the right edge's nodes, and fills up those without a record.
    fileprivate func finishRightEdge() {
        rebuildHeads()
        guard !isLeaf else { return }
        // The node before it is full, since only a full one is left behind.
        if unsafe children[count].count == 0 { rotateRight(into: count) }
        unsafe children[count].finishRightEdge()
    }

    /// Adds a record after all others, whose head is set later.
    fileprivate func append(_ record: Record) {
        unsafe (records + count).initialize(to: record)
        count += 1
    }

    /// Gives an inner node without records its first child.
    fileprivate func start(_ child: Node) { unsafe children.initialize(to: child) }

    /// Adds a record after all others, and the child after it.
    fileprivate func append(_ record: Record, child: Node) {
        unsafe (children + count + 1).initialize(to: child)
        append(record)
    }
}
