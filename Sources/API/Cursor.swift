// Cursors: where a list goes on, as opaque base64url that any node can read (RFC 4648 §5, Interface §2).

/// The bytes of a cursor: what the place is (0 key, 1 prefix), its bytes, the sum of place and parameters.
enum Cursor {
    /// Appends the cursor with which a list of these parameters goes on after `place`.
    static func append(_ place: ListPlace, of parameters: ListParameters, to out: inout [UInt8]) {
        var plain: [UInt8]
        switch place {
        case .key(let key): plain = [0] + key
        case .prefix(let prefix): plain = [1] + prefix
        }
        let sum = self.sum(plain, parameters)
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            plain.append(UInt8(truncatingIfNeeded: sum &>> shift))
        }
        append(base64URL: plain, to: &out)
    }

    /// The place that a cursor names; nil: it is none of this list.
    static func place(_ text: Span<UInt8>, of parameters: ListParameters) -> ListPlace? {
        guard var plain = decode(text), plain.count > 9 else { return nil }
        var sum: UInt64 = 0
        for byte in plain.suffix(8).reversed() { sum = sum &<< 8 | UInt64(byte) }
        plain.removeLast(8)
        guard self.sum(plain, parameters) == sum else { return nil }
        let bytes = Array(plain.dropFirst())
        switch plain[0] {
        case 0: return .key(bytes)
        case 1: return .prefix(bytes)
        default: return nil
        }
    }

    private static func sum(_ place: [UInt8], _ parameters: ListParameters) -> UInt64 {
        var sum = Sum()
        parameters.mix(into: &sum)
        sum.mix(place)
        return sum.value
    }

    private static let digits: StaticString =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    private static func append(base64URL bytes: [UInt8], to out: inout [UInt8]) {
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                out.append(digit(bits >> UInt32(count)))
            }
        }
        if count > 0 { out.append(digit(bits << UInt32(6 - count))) }
    }

    private static func digit(_ bits: UInt32) -> UInt8 { unsafe digits.utf8Start[Int(bits & 0x3F)] }

    /// Nil: it is not strict base64url without padding.
    private static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for index in text.indices {
            guard let value = value(text[index]) else { return nil }
            bits = (bits << 6 | value) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        // What is left over must be zero, so that a place has one cursor only.
        return bits & (1 << UInt32(count) - 1) == 0 ? bytes : nil
    }

    private static func value(_ digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
