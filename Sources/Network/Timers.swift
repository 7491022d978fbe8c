// What is due when: a heap of moments, each with the name of who asked.

/// Moments to be woken at, soonest first.
///
/// Nothing is ever cancelled: who is woken looks at their own deadline and asks again if it has moved. So a
/// deadline that moves on with each request costs one store, and the heap holds about one row a connection.
public struct Timers: Sendable {
    private struct Row: Sendable {
        let moment: UInt64
        let name: UInt64
    }
    private var rows: [Row] = []

    public init() {}

    public var count: Int { rows.count }
    /// The soonest moment, in nanoseconds of the monotonic clock.
    public var next: UInt64? { rows.first?.moment }

    /// Asks for `name` to be returned by ``due(at:)`` once `moment` has come. Complexity: O(log n).
    public mutating func set(_ moment: UInt64, for name: UInt64) {
        rows.append(Row(moment: moment, name: name))
        var child = rows.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if rows[parent].moment <= rows[child].moment { break }
            rows.swapAt(parent, child)
            child = parent
        }
    }

    /// Takes out the soonest row, if its moment has come: its name.
    public mutating func due(at now: UInt64) -> UInt64? {
        guard let first = rows.first, first.moment <= now else { return nil }
        rows.swapAt(0, rows.count - 1)
        rows.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in 2 * parent + 1..<min(2 * parent + 3, max(rows.count, 2 * parent + 1)) {
                if rows[child].moment < rows[least].moment { least = child }
            }
            if least == parent { break }
            rows.swapAt(parent, least)
            parent = least
        }
        return first.name
    }
}
