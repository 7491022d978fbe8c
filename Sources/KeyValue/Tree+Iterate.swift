// The tree's records in order: forward and backward, from a bound, as many as wanted.

extension Tree {
    /// Hands the records of a range to `body` in byte order, or from the last to the first, until it answers
    /// false or `limit` were given. O(log n) and what is handed over.
    public func forEach<E: Error>(
        in range: KeyRange, reversed: Bool = false, limit: Int = .max,
        _ body: (Record) throws(E) -> Bool
    ) throws(E) {
        guard let root, limit > 0 else { return }
        if let end = range.end, !range.start.lexicographicallyPrecedes(end) { return }
        var failure: E?
        var left = limit
        func visit(_ record: Record) -> Bool {
            do throws(E) {
                left -= 1
                return try body(record) && left > 0
            } catch {
                failure = error
                return false
            }
        }
        unsafe Bounds.of(range) { bounds in
            _ = unsafe reversed ? root.visitBackward(bounds, visit) : root.visitForward(bounds, visit)
        }
        if let failure { throw failure }
    }

    /// How many records lie in a range: a look at each node of it, none at a record. O(n / 47).
    public func count(in range: KeyRange) -> Int {
        guard let root else { return 0 }
        if let end = range.end, !range.start.lexicographicallyPrecedes(end) { return 0 }
        return unsafe Bounds.of(range) { unsafe root.count(within: $0) }
    }
}

/// The part of a range that a subtree must still look at: a bound is none where the parent has seen to it.
@unsafe struct Bounds {
    var start: KeyBytes?
    var end: KeyBytes?

    /// Lends the bounds of a range.
    static func of<R>(_ range: KeyRange, _ body: (Bounds) -> R) -> R {
        let end = range.end ?? []
        return unsafe range.start.span.withUnsafeBytes { start in
            unsafe end.span.withUnsafeBytes { finish in
                let bounds = unsafe Bounds(
                    start: Bounds.key(start), end: range.end == nil ? nil : Bounds.key(finish))
                return unsafe body(bounds)
            }
        }
    }

    /// The bytes of a bound; an empty one lies before every key, and is none.
    static func key(_ bytes: UnsafeRawBufferPointer) -> KeyBytes? {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return nil }
        return unsafe KeyBytes(start: start, count: bytes.count)
    }
}

extension Node {
    /// Visits the records within the bounds in order; false as soon as `visit` answers false.
    fileprivate func visitForward(_ bounds: Bounds, _ visit: (Record) -> Bool) -> Bool {
        let places = unsafe self.places(bounds)
        if isLeaf {
            for i in places where unsafe !visit(records[i]) { return false }
            return true
        }
        for i in places.lowerBound...places.upperBound {
            let below = unsafe childBounds(bounds, i, places)
            if unsafe !children[i].visitForward(below, visit) { return false }
            if unsafe i < places.upperBound && !visit(records[i]) { return false }
        }
        return true
    }

    /// Visits the records within the bounds from the last to the first; false as soon as `visit` answers so.
    fileprivate func visitBackward(_ bounds: Bounds, _ visit: (Record) -> Bool) -> Bool {
        let places = unsafe self.places(bounds)
        if isLeaf {
            for i in places.reversed() where unsafe !visit(records[i]) { return false }
            return true
        }
        for i in (places.lowerBound...places.upperBound).reversed() {
            if unsafe i < places.upperBound && !visit(records[i]) { return false }
            let below = unsafe childBounds(bounds, i, places)
            if unsafe !children[i].visitBackward(below, visit) { return false }
        }
        return true
    }

    /// How many records lie within the bounds.
    fileprivate func count(within bounds: Bounds) -> Int {
        let places = unsafe self.places(bounds)
        if isLeaf { return places.count }
        var count = places.count
        for i in places.lowerBound...places.upperBound {
            count += unsafe children[i].count(within: childBounds(bounds, i, places))
        }
        return count
    }

    /// Which of this node's own records lie within the bounds.
    private func places(_ bounds: Bounds) -> Range<Int> {
        let low = if let start = unsafe bounds.start { unsafe search(start).place } else { 0 }
        let high = if let end = unsafe bounds.end { unsafe search(end).place } else { count }
        return low..<max(low, high)
    }

    /// Only the first and the last child visited can hold keys outside.
    private func childBounds(_ bounds: Bounds, _ place: Int, _ places: Range<Int>) -> Bounds {
        unsafe Bounds(
            start: place == places.lowerBound ? bounds.start : nil,
            end: place == places.upperBound ? bounds.end : nil)
    }
}
