// The Accept field: which of the types that a resource has the client likes best (RFC 9110 §12.5.1).

/// How much a client likes a type, in thousandths; 0: not at all.
public struct Quality: Comparable, Sendable {
    public let thousandths: Int
    @inlinable public init(thousandths: Int) { self.thousandths = thousandths }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.thousandths < b.thousandths }
    public static let none = Quality(thousandths: 0)
    public static let full = Quality(thousandths: 1_000)
}

/// What the Accept field of a request says.
public struct Accept: Sendable {
    private let fields: Fields

    public init(_ head: borrowing RequestHead) { fields = head.fields }

    /// How much the client likes this type, by the most specific range that fits it; without the field
    /// everything is liked. Members of the list that are malformed say nothing. `type` is in lower case and
    /// has no parameters; parameters of a range other than `q` are not looked at.
    public func quality(of type: StaticString, in bytes: Span<UInt8>) -> Quality {
        guard var value = fields[.accept] else { return .full }
        var best = Quality.none
        var rank = 0
        while true {
            var start = value.lowerBound
            while start < value.upperBound {
                let end = memberEnd(start..<value.upperBound, in: bytes)
                if let range = WeightedName(start..<end, in: bytes) {
                    let fit = range.rank(for: type, in: bytes)
                    if fit > rank {
                        (best, rank) = (range.quality, fit)
                    } else if fit == rank, fit > 0 {
                        best = max(best, range.quality)
                    }
                }
                start = end + 1
            }
            guard fields.isRepeated(.accept),
                let line = fields.next(.accept, after: value.upperBound, in: bytes)
            else { return best }
            value = line
        }
    }
}

/// Where the member of a list that begins here ends: at the next comma outside quotes.
func memberEnd(_ range: Range<Int>, in bytes: Span<UInt8>) -> Int {
    var isQuoted = false
    var offset = range.lowerBound
    while offset < range.upperBound {
        switch bytes[offset] {
        case UInt8(ascii: "\""): isQuoted.toggle()
        case UInt8(ascii: "\\") where isQuoted: offset += 1
        case UInt8(ascii: ",") where !isQuoted: return offset
        default: break
        }
        offset += 1
    }
    return min(offset, range.upperBound)
}

/// One member of an Accept or Accept-Encoding field.
struct WeightedName {
    /// What stands before any parameter.
    let name: Range<Int>
    var quality = Quality.full

    /// Nil: it is none.
    init?(_ member: Range<Int>, in bytes: Span<UInt8>) {
        var end = member.lowerBound
        while end < member.upperBound, bytes[end] != UInt8(ascii: ";") { end += 1 }
        name = trimmed(member.lowerBound..<end, in: bytes)
        guard !name.isEmpty else { return nil }
        while end < member.upperBound {
            let start = end + 1
            end = start
            while end < member.upperBound, bytes[end] != UInt8(ascii: ";") { end += 1 }
            let parameter = trimmed(start..<end, in: bytes)
            guard parameter.count >= 2, bytes[parameter.lowerBound] | 0x20 == UInt8(ascii: "q"),
                bytes[parameter.lowerBound + 1] == UInt8(ascii: "=")
            else { continue }
            let weight = parameter.lowerBound + 2..<parameter.upperBound
            guard let quality = WeightedName.weight(weight, in: bytes) else { return nil }
            self.quality = quality
        }
    }

    /// `0` to `1` with up to three decimals.
    private static func weight(_ text: Range<Int>, in bytes: Span<UInt8>) -> Quality? {
        guard let first = text.first, bytes[first] == UInt8(ascii: "0") || bytes[first] == UInt8(ascii: "1"),
            text.count <= 5, text.count == 1 || bytes[first + 1] == UInt8(ascii: ".")
        else { return nil }
        var thousandths = Int(bytes[first] - UInt8(ascii: "0")) * 1_000
        var unit = 100
        for offset in text.dropFirst(2) {
            guard bytes[offset] &- 0x30 < 10 else { return nil }
            thousandths += Int(bytes[offset] - 0x30) * unit
            unit /= 10
        }
        return thousandths <= 1_000 ? Quality(thousandths: thousandths) : nil
    }
}

extension WeightedName {
    /// How closely the range names the type: 3 itself, 2 `type/*`, 1 `*/*`, 0 not at all.
    fileprivate func rank(for type: StaticString, in bytes: Span<UInt8>) -> Int {
        if matches("*/*", name, in: bytes) { return 1 }
        let count = type.utf8CodeUnitCount
        var slash = 0
        for index in 0..<count where unsafe type.utf8Start[index] == UInt8(ascii: "/") { slash = index }
        let isWhole = name.count == count
        let isPart = name.count == slash + 2 && bytes[name.upperBound - 1] == UInt8(ascii: "*")
        guard isWhole || isPart else { return 0 }
        for index in 0..<(isPart ? slash + 1 : count) {
            let byte = bytes[name.lowerBound + index]
            let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            guard unsafe lower == type.utf8Start[index] else { return 0 }
        }
        return isPart ? 2 : 3
    }
}
