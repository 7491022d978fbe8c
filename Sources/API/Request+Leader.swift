// The object that POST /cluster/leader brings: to whom leadership is to go (Interface §8).
internal import JSON

/// To whom leadership is to go.
public struct LeaderWish: Sendable, Equatable {
    /// The member's id; nil: any that has caught up.
    public let id: UInt64?

    /// Reads `{"id":2}`, `{}`, or nothing at all.
    ///
    /// - Throws: `400` `bad_json` that says what is wrong, and where.
    public init(_ content: Span<UInt8>) throws(Refusal) {
        guard !content.isEmpty else {
            id = nil
            return
        }
        id = try LeaderWish.read(content)
    }

    private static func read(_ content: Span<UInt8>) throws(Refusal) -> UInt64? {
        var scanner = Scanner()
        var id: UInt64?
        guard try next(&scanner, content) == .objectStart else {
            throw bad(at: 0, "an object such as {\"id\":2} was expected")
        }
        while true {
            guard case .name(let name) = try next(&scanner, content) else {
                // Whatever follows the object is an error of its own.
                _ = try next(&scanner, content)
                return id
            }
            guard name.equals("id", in: content) else {
                throw bad(at: name.range.lowerBound, "the only name that is known here is id")
            }
            guard id == nil else { throw bad(at: name.range.lowerBound, "the name id is given twice") }
            let place = scanner.position
            guard case .number(let digits) = try next(&scanner, content),
                let number = unsignedInteger(digits, in: content), number > 0
            else { throw bad(at: place, "a member's id was expected, an integer from 1 on") }
            id = number
        }
    }

    private static func next(_ scanner: inout Scanner, _ content: Span<UInt8>) throws(Refusal) -> Token {
        do {
            return try scanner.next(in: content)
        } catch {
            throw bad(at: error.offset, "\(error.problem.message)")
        }
    }

    private static func bad(at offset: Int, _ what: String) -> Refusal {
        Refusal(400, .badJSON, "At byte \(offset): \(what).")
    }
}
