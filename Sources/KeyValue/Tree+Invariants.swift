// What must hold of a tree after every change, and what two trees share: for tests and the simulator.

extension Tree {
    /// Walks the whole tree and stops the program where an invariant is broken. O(n).
    public func checkInvariants() {
        guard let root else {
            precondition(count == 0, "a tree without a root holds nothing")
            return
        }
        precondition(root.count > 0, "a root holds a record")
        var last: Record?
        var total = 0
        let depth = depthOfLeftEdge()
        root.checkInvariants(depth: depth, isRightEdge: true, isRoot: true, last: &last, total: &total)
        precondition(total == count, "count is the number of records")
    }

    /// How many nodes there are. O(n).
    public var nodeCount: Int { root?.subtreeCount ?? 0 }

    /// How many nodes a way from the root to a leaf has.
    public var depth: Int { root == nil ? 0 : depthOfLeftEdge() }

    /// How many nodes of this tree are not nodes of another one: what it costs beside that. O(n).
    public func nodeCount(notSharedWith other: Tree) -> Int {
        guard let root else { return 0 }
        var theirs = Set<ObjectIdentifier>()
        other.root?.addIdentities(to: &theirs)
        return root.count(notIn: theirs)
    }

    private func depthOfLeftEdge() -> Int {
        var depth = 0
        var node = root
        while let here = node {
            depth += 1
            node = here.isLeaf ? nil : unsafe here.children[0]
        }
        return depth
    }
}

extension Node {
    fileprivate func checkInvariants(
        depth: Int, isRightEdge: Bool, isRoot: Bool, last: inout Record?, total: inout Int
    ) {
        precondition(count <= Node.capacity, "a node holds at most its capacity")
        precondition(isRightEdge || count >= Node.countMin, "a node inside the tree is half full")
        precondition(isLeaf == (depth == 1), "all leaves stand at one depth")
        precondition(isRoot || count > 0, "no node is empty")
        for i in 0...count {
            if !isLeaf {
                unsafe children[i].checkInvariants(
                    depth: depth - 1, isRightEdge: isRightEdge && i == count, isRoot: false,
                    last: &last, total: &total)
            }
            guard i < count else { break }
            let record = unsafe records[i]
            if let last { unsafe precondition(last.keyBytes.compare(record.keyBytes) < 0, "keys rise") }
            unsafe precondition(
                record.keyBytes.commonPrefix(records[0].keyBytes, limit: prefixCount) == prefixCount,
                "all keys of a node share its prefix")
            unsafe precondition(
                heads[i] == record.keyBytes.head(at: prefixCount), "a head is its record's")
            last = record
            total += 1
        }
    }

    fileprivate var subtreeCount: Int {
        var total = 1
        if !isLeaf { for i in 0...count { unsafe total += children[i].subtreeCount } }
        return total
    }

    fileprivate func addIdentities(to identities: inout Set<ObjectIdentifier>) {
        identities.insert(ObjectIdentifier(self))
        if !isLeaf { for i in 0...count { unsafe children[i].addIdentities(to: &identities) } }
    }

    fileprivate func count(notIn identities: Set<ObjectIdentifier>) -> Int {
        var total = identities.contains(ObjectIdentifier(self)) ? 0 : 1
        if !isLeaf { for i in 0...count { unsafe total += children[i].count(notIn: identities) } }
        return total
    }
}
