// Keys in paths and queries: percent-encoding (RFC 3986 §2.1, §2.3, §5.2.4), and bytes as people read them.
internal import JSON

/// The path of a key: `/kv/` and the key.
///
/// Everything but unreserved characters and slashes is escaped. A `.` or `..` between slashes would be folded
/// away by whoever normalises paths, and an escaped dot too (RFC 3986 §6.2.2.2 makes them equal), so there
/// the slashes next to it are escaped: then it is part of a longer segment, which nothing folds. So is a
/// slash that follows another, or that begins or ends the key.
public func keyPath(_ key: [UInt8]) -> [UInt8] {
    var path = Array("/kv/".utf8)
    let segments = key.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    func isPlain(_ place: Int) -> Bool {
        let segment = segments[place]
        return !segment.isEmpty && !segment.elementsEqual(".".utf8) && !segment.elementsEqual("..".utf8)
    }
    for (place, segment) in segments.enumerated() {
        if place > 0 {
            if isPlain(place - 1) && isPlain(place) {
                path.append(UInt8(ascii: "/"))
            } else {
                path.append(contentsOf: "%2F".utf8)
            }
        }
        // A key that is nothing but dots has no slash to escape.
        let isLoneDots = segments.count == 1 && !isPlain(place)
        appendEscaped(segment, keepingDots: !isLoneDots, to: &path)
    }
    return path
}

/// Appends `name=value` to a query, with a `&` before it if something is there.
public func appendParameter(_ name: StaticString, _ value: [UInt8]? = nil, to query: inout [UInt8]) {
    if !query.isEmpty { query.append(UInt8(ascii: "&")) }
    query.append(contentsOf: String(describing: name).utf8)
    guard let value else { return }
    query.append(UInt8(ascii: "="))
    for (place, part) in value.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        .enumerated()
    {
        if place > 0 { query.append(UInt8(ascii: "/")) }
        appendEscaped(part, keepingDots: true, to: &query)
    }
}

private func appendEscaped(_ bytes: ArraySlice<UInt8>, keepingDots: Bool, to out: inout [UInt8]) {
    for byte in bytes {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"):
            out.append(byte)
        case UInt8(ascii: ".") where keepingDots:
            out.append(byte)
        default:
            out.append(UInt8(ascii: "%"))
            out.append(hexadecimalDigit(byte >> 4))
            out.append(hexadecimalDigit(byte & 0xF))
        }
    }
}

private func hexadecimalDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "A") + nibble - 10
}

/// The bytes as one line that is safe on a terminal: controls, backslashes and what is not UTF-8 are escaped
/// as in C.
///
/// - Parameters:
///   - bytes: any bytes.
///   - charactersMax: how many characters of them are shown; `…` stands for the rest.
/// - Returns: the line.
public func printable(_ bytes: [UInt8], charactersMax: Int = .max) -> String {
    var text = ""
    var shown = 0
    var rest = bytes[...]
    while !rest.isEmpty {
        if shown == charactersMax { return text + "…" }
        shown += 1
        // A scalar has at most four bytes; each of them alone is looked at where they are no scalar.
        var decoder = UTF8()
        var iterator = rest.prefix(4).makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&iterator) else {
            if let byte = rest.popFirst() { text += escape(byte) }
            continue
        }
        rest = rest.dropFirst(UTF8.width(scalar))
        switch scalar {
        case "\n": text += "\\n"
        case "\r": text += "\\r"
        case "\t": text += "\\t"
        case "\\": text += "\\\\"
        case _ where isUnsafe(scalar): for byte in String(scalar).utf8 { text += escape(byte) }
        default: text.unicodeScalars.append(scalar)
        }
    }
    return text
}

private func escape(_ byte: UInt8) -> String {
    let digits = [hexadecimalDigit(byte >> 4), hexadecimalDigit(byte & 0xF)]
    return "\\x" + String(decoding: digits, as: UTF8.self).lowercased()
}

/// Controls move the cursor or worse, and the invisible marks of direction reorder a line.
private func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
    default: false
    }
}

/// The text as a JSON string, with its quotes.
public func jsonString(_ text: String) -> [UInt8] {
    var out: [UInt8] = []
    out.append(jsonString: Array(text.utf8).span)
    return out
}
