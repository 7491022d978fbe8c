// A range of keys in byte order: what lists, range deletes and watches are about (Interface §2).

/// The keys from `start` (inclusive) up to `end` (exclusive; none: to the last key).
public struct KeyRange: Equatable, Sendable {
    public var start: [UInt8]
    public var end: [UInt8]?

    public init(start: [UInt8] = [], end: [UInt8]? = nil) {
        self.start = start
        self.end = end
    }

    /// Every key.
    public static var all: KeyRange { KeyRange() }

    /// The keys that begin with these bytes.
    public init(prefix: [UInt8]) {
        var end = prefix
        while end.last == 0xFF { end.removeLast() }
        if let last = end.popLast() {
            end.append(last + 1)
            self.init(start: prefix, end: end)
        } else {
            self.init(start: prefix, end: nil)
        }
    }

    /// The part of this range that lies after a key: where a list goes on.
    public func after(_ key: [UInt8]) -> KeyRange {
        var next = key
        #if PlantedFaults
            if unsafe KeyRange.afterSkips, let last = next.popLast() { next.append(last + 1) }
        #endif
        next.append(0)
        return KeyRange(start: start.lexicographicallyPrecedes(next) ? next : start, end: end)
    }
}
