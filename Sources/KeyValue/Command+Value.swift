// How a value stands in JSON, in commands and in the rows of snapshots alike.
internal import JSON

extension Command {
    /// Appends a comma and the member that holds a value: `"value"`, a JSON string, where the value is UTF-8,
    /// or `"base64"` where it is not or where the escapes would take more.
    public static func append(value: Span<UInt8>, to out: inout [UInt8]) {
        if isPlain(value) {
            out.append(literal: ",\"value\":\"")
            out.append(bytes: value)
            out.append(UInt8(ascii: "\""))
        } else if isUTF8(value) && growth(escaping: value) <= value.count / 3 {
            out.append(literal: ",\"value\":")
            out.append(jsonString: value)
        } else {
            out.append(literal: ",\"base64\":\"")
            out.append(base64: value)
            out.append(UInt8(ascii: "\""))
        }
    }

    /// The bytes of a value in an answer: a JSON string, escapes and quotes counted, or base64 where it is no
    /// UTF-8.
    static func jsonCount(_ value: Span<UInt8>) -> Int {
        if isPlain(value) { return value.count + 2 }
        return isUTF8(value) ? value.count + growth(escaping: value) + 2 : (value.count + 2) / 3 * 4 + 2
    }

    /// How many bytes more than the text itself its escaped form has.
    private static func growth(escaping text: Span<UInt8>) -> Int {
        var growth = 0
        for i in text.indices {
            switch text[i] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x08, 0x09, 0x0A, 0x0C, 0x0D: growth += 1
            case 0..<0x20: growth += 5
            default: break
            }
        }
        return growth
    }
}
