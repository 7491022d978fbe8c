// Paths and queries: percent-decoding exactly once, and a query's parameters (RFC 3986 §2.1, Interface §1).

/// Whether a percent sign stands in the range.
@inlinable
public func hasEscape(_ range: Range<Int>, in bytes: Span<UInt8>) -> Bool {
    for offset in range where bytes[offset] == UInt8(ascii: "%") { return true }
    return false
}

/// Appends a part of a path or a query with its percent-escapes decoded, once; `%2F` is a slash like any
/// other.
///
/// With `plusIsSpace`, as in queries, a plus is a space; in paths it is a plus. After an error, some bytes
/// may have been appended.
@inlinable
public func appendDecoded(
    _ range: Range<Int>, in bytes: Span<UInt8>, plusIsSpace: Bool, to out: inout [UInt8]
) throws(MessageError) {
    var offset = range.lowerBound
    while offset < range.upperBound {
        let byte = bytes[offset]
        if byte == UInt8(ascii: "%") {
            guard offset &+ 2 < range.upperBound, let high = hexadecimalValue(bytes[offset &+ 1]),
                let low = hexadecimalValue(bytes[offset &+ 2])
            else { throw MessageError(.badEscape, at: offset) }
            out.append(high &<< 4 | low)
            offset &+= 3
        } else {
            out.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            offset &+= 1
        }
    }
}

/// One parameter of a query, still escaped.
public struct Parameter: Sendable, Equatable {
    public let name: Range<Int>
    /// What follows the equals sign; nil where there is none, as in `?keys`.
    public let value: Range<Int>?

    /// Whether the name, decoded, is `literal`.
    public func isNamed(_ literal: StaticString, in bytes: Span<UInt8>) -> Bool {
        if equals(literal, name, in: bytes) { return true }
        guard hasEscape(name, in: bytes) else { return false }
        var decoded: [UInt8] = []
        guard (try? appendDecoded(name, in: bytes, plusIsSpace: true, to: &decoded)) != nil else {
            return false
        }
        return equals(literal, 0..<decoded.count, in: decoded.span)
    }
}

/// Walks over the parameters of a query; empty ones, as between `&&`, are none.
public struct Parameters: Sendable {
    private var offset: Int
    private let end: Int

    /// The parameters of a request's query, if it has one.
    public init(_ query: Range<Int>?) {
        offset = query?.lowerBound ?? 0
        end = query?.upperBound ?? 0
    }

    /// The next parameter, or nil after the last one.
    public mutating func next(in bytes: Span<UInt8>) -> Parameter? {
        while offset < end {
            let start = offset
            var equalsSign: Int?
            while offset < end, bytes[offset] != UInt8(ascii: "&") {
                if equalsSign == nil, bytes[offset] == UInt8(ascii: "=") { equalsSign = offset }
                offset += 1
            }
            let stop = offset
            offset += 1
            guard stop > start else { continue }
            return Parameter(name: start..<(equalsSign ?? stop), value: equalsSign.map { $0 + 1..<stop })
        }
        return nil
    }
}
