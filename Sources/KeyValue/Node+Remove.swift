// Removing a record from a subtree: nodes that fall short borrow from a sibling or merge with it.

extension Node {
    /// Removes a key that is known to stand below this node, which nobody else holds.
    ///
    /// The node itself may then hold fewer than `countMin` records; the parent mends that.
    func remove(_ key: KeyBytes) -> Record? {
        let (place, found) = unsafe search(key)
        if isLeaf { return found ? removeRecord(at: place) : nil }
        let removed: Record?
        if found {
            // The greatest record before it takes its place.
            removed = replaceRecord(at: place, by: ownChild(place).removeLast())
        } else {
            removed = unsafe ownChild(place).remove(key)
        }
        mendChild(place)
        return removed
    }

    /// Removes the greatest record below this node.
    private func removeLast() -> Record {
        if isLeaf { return removeRecord(at: count - 1) }
        let last = count
        let record = ownChild(last).removeLast()
        mendChild(last)
        return record
    }

    /// Fills the child at `place` up from a sibling if it has too few records, or merges the two.
    private func mendChild(_ place: Int) {
        guard unsafe children[place].count < Node.countMin else { return }
        if unsafe place > 0 && children[place - 1].count > Node.countMin {
            rotateRight(into: place)
        } else if unsafe place < count && children[place + 1].count > Node.countMin {
            rotateLeft(into: place)
        } else {
            merge(place > 0 ? place - 1 : place)
        }
    }

    /// Moves the last record of the left sibling up, and the record between the two down.
    func rotateRight(into place: Int) {
        let left = ownChild(place - 1)
        let child = ownChild(place)
        if !child.isLeaf {
            let moved = left.removeChild(at: left.count, children: left.count + 1)
            child.insertChild(moved, at: 0, children: child.count + 1)
        }
        let up = left.removeRecord(at: left.count - 1)
        child.insert(replaceRecord(at: place - 1, by: up), at: 0)
    }

    /// Moves the first record of the right sibling up, and the record between the two down.
    private func rotateLeft(into place: Int) {
        let right = ownChild(place + 1)
        let child = ownChild(place)
        if !child.isLeaf {
            let moved = right.removeChild(at: 0, children: right.count + 1)
            child.insertChild(moved, at: child.count + 1, children: child.count + 1)
        }
        let up = right.removeRecord(at: 0)
        child.insert(replaceRecord(at: place, by: up), at: child.count)
    }

    /// Makes one node of the children at `place` and after it, and of the record between them.
    private func merge(_ place: Int) {
        let left = ownChild(place)
        // A shared right sibling keeps its records for those who hold it: they are copied, not moved.
        let right = removeChild(at: place + 1, children: count + 1)
        let between = removeRecord(at: place)
        let start = left.count
        unsafe (left.records + start).initialize(to: between)
        unsafe (left.records + start + 1).initialize(from: right.records, count: right.count)
        if !left.isLeaf {
            unsafe (left.children + start + 1).initialize(from: right.children, count: right.count + 1)
        }
        left.count = start + 1 + right.count
        left.rebuildHeads()
    }
}
