// Requests as lines of text: what stands for a line's end, for repetition, and for bytes that are no text.

/// Reads requests in which `|` is CR LF and `{N*text}` is the text N times.
enum Table {
    /// The bytes that a line stands for.
    static func bytes(_ text: Substring) -> [UInt8] {
        var rest = Array(text.utf8)[...]
        return part(&rest, isInner: false)
    }

    static func bytes(_ text: String) -> [UInt8] { bytes(text[...]) }

    private static func part(_ rest: inout ArraySlice<UInt8>, isInner: Bool) -> [UInt8] {
        var out: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "|"): out += [0x0D, 0x0A]
            case UInt8(ascii: "\\"): out.append(escaped(&rest))
            case UInt8(ascii: "{"): out += repeated(&rest)
            case UInt8(ascii: "}") where isInner: return out
            default: out.append(byte)
            }
        }
        return out
    }

    private static func escaped(_ rest: inout ArraySlice<UInt8>) -> UInt8 {
        switch rest.popFirst() {
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "0"): return 0
        case UInt8(ascii: "x"):
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            rest = rest.dropFirst(2)
            return UInt8(digits, radix: 16) ?? 0
        case let other: return other ?? 0
        }
    }

    private static func repeated(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        let digits = rest.prefix { $0 != UInt8(ascii: "*") }
        rest = rest.dropFirst(digits.count + 1)
        let text = part(&rest, isInner: true)
        let count = Int(String(decoding: digits, as: UTF8.self)) ?? 0
        return Array([[UInt8]](repeating: text, count: count).joined())
    }
}
