// A table of numbered places whose numbers carry a generation: a late event for a former tenant finds nobody.

/// The name of one tenant of ``Slots``: its place, and how often the place changed hands.
public struct Token: Hashable, Sendable, CustomStringConvertible {
    public let slot: UInt32
    public let generation: UInt32

    @inlinable
    public init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }

    /// As one number: what the poller and tickets carry.
    @inlinable public var rawValue: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

    @inlinable
    public init(rawValue: UInt64) {
        self.init(slot: UInt32(truncatingIfNeeded: rawValue), generation: UInt32(rawValue >> 32))
    }

    public var description: String { "\(slot).\(generation)" }
}

/// Elements at places that never move, found by number without a search.
///
/// A place is reused, with a new generation; odd generations are tenants, even ones empty places.
public struct Slots<Element: ~Copyable>: ~Copyable {
    @usableFromInline static var chunkSize: Int { 64 }
    @usableFromInline var chunks: [UnsafeMutablePointer<Element>] = []
    @usableFromInline var generations: [UInt32] = []
    @usableFromInline var free: [UInt32] = []
    /// How many tenants there are.
    public private(set) var count = 0

    public init() {}

    deinit {
        for slot in generations.indices where generations[slot] & 1 == 1 {
            (chunks[slot / Self.chunkSize] + slot % Self.chunkSize).deinitialize(count: 1)
        }
        for chunk in chunks { chunk.deallocate() }
    }

    /// The number of places, used or not: `0..<limit` are all slots there are.
    @inlinable public var limit: Int { generations.count }

    @inlinable
    func address(_ slot: Int) -> UnsafeMutablePointer<Element> {
        chunks[slot >> 6] + (slot & 63)
    }

    /// Moves an element in. Complexity: O(1), amortised.
    public mutating func insert(_ element: consuming Element) -> Token {
        if free.isEmpty { grow() }
        let slot = free.removeLast()
        generations[Int(slot)] &+= 1
        address(Int(slot)).initialize(to: element)
        count += 1
        return Token(slot: slot, generation: generations[Int(slot)])
    }

    /// Moves the element out, if that tenant is still there.
    public mutating func remove(_ token: Token) -> Element? {
        guard contains(token) else { return nil }
        generations[Int(token.slot)] &+= 1
        free.append(token.slot)
        count -= 1
        return address(Int(token.slot)).move()
    }

    /// Whether that very tenant is still there.
    @inlinable
    public func contains(_ token: Token) -> Bool {
        Int(token.slot) < generations.count && token.generation & 1 == 1
            && generations[Int(token.slot)] == token.generation
    }

    @inlinable public func isTaken(_ slot: Int) -> Bool { generations[slot] & 1 == 1 }

    /// The present tenant of a place. Precondition: the place is taken.
    @inlinable
    public func token(at slot: Int) -> Token {
        Token(slot: UInt32(truncatingIfNeeded: slot), generation: generations[slot])
    }

    /// The element at a taken place.
    @inlinable
    public subscript(slot: Int) -> Element {
        unsafeAddress {
            precondition(generations[slot] & 1 == 1)
            return UnsafePointer(address(slot))
        }
        unsafeMutableAddress {
            precondition(generations[slot] & 1 == 1)
            return address(slot)
        }
    }

    private mutating func grow() {
        chunks.append(.allocate(capacity: Self.chunkSize))
        let first = generations.count
        for slot in (first..<first + Self.chunkSize).reversed() { free.append(UInt32(slot)) }
        generations.append(contentsOf: repeatElement(0, count: Self.chunkSize))
    }
}
