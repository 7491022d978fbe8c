// Storing a record in a subtree: full nodes split on the way back up.

extension Node {
    /// What a full node became: itself with the smaller records, one for the parent, a new right sibling.
    struct Split {
        let record: Record
        let right: Node
    }

    /// Stores a key's record below this node, which nobody else holds.
    ///
    /// - Parameters:
    ///   - key: the key; `make` must give a record of just this one.
    ///   - isRightEdge: whether no key of the whole tree stands after this node's subtree.
    ///   - isNew: set where the key was absent.
    ///   - make: the new record, from the present one if there is any.
    /// - Returns: what the parent must take in, if this node was full.
    func put(
        _ key: KeyBytes, isRightEdge: Bool, isNew: inout Bool, make: (Record?) -> Record
    ) -> Split? {
        let (place, found) = unsafe search(key)
        if found {
            unsafe records[place] = make(records[place])
            return nil
        }
        if isLeaf {
            isNew = true
            let record = make(nil)
            if !isFull {
                insert(record, at: place)
                return nil
            }
            // Keys that come in order leave full leaves behind rather than halves.
            let isNext = isRightEdge && place == count
            let split = splitLeaf(keeping: isNext ? count - 1 : count / 2)
            if unsafe key.compare(split.record.keyBytes) < 0 {
                insert(record, at: place)
            } else {
                split.right.insert(record, at: place - count - 1)
            }
            return split
        }
        let below = unsafe ownChild(place).put(
            key, isRightEdge: isRightEdge && place == count, isNew: &isNew, make: make)
        guard let below else { return nil }
        if !isFull {
            take(below, at: place)
            return nil
        }
        let split = splitInner()
        if place <= count {
            take(below, at: place)
        } else {
            split.right.take(below, at: place - count - 1)
        }
        return split
    }

    /// Takes in what became of the child at `place`.
    func take(_ split: Split, at place: Int) {
        insertChild(split.right, at: place + 1, children: count + 1)
        insert(split.record, at: place)
    }

    /// Moves the records after the first `kept` and one into a new right sibling.
    private func splitLeaf(keeping kept: Int) -> Split {
        let right = Node.make(isLeaf: true)
        return moveRecords(after: kept, to: right)
    }

    private func splitInner() -> Split {
        let right = Node.make(isLeaf: false)
        let kept = count / 2
        unsafe right.children.moveInitialize(from: children + kept + 1, count: count - kept)
        return moveRecords(after: kept, to: right)
    }

    private func moveRecords(after kept: Int, to right: Node) -> Split {
        let moved = count - kept - 1
        let record = unsafe (records + kept).move()
        unsafe right.records.moveInitialize(from: records + kept + 1, count: moved)
        right.count = moved
        count = kept
        rebuildHeads()
        right.rebuildHeads()
        return Split(record: record, right: right)
    }
}
