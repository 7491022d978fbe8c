// A final answer, whole: status, fields, content, and the problem that it may be (RFC 9110 §15, RFC 9457).

/// The answer to a call.
public struct Response: Sendable {
    public let status: Int
    /// The content, decoded.
    public let content: [UInt8]
    /// Which endpoint gave it, after redirects.
    public let endpoint: Endpoint
    /// The bytes of the head, as they came.
    private let head: [UInt8]

    init(status: Int, head: [UInt8], content: [UInt8], from endpoint: Endpoint) {
        self.status = status
        self.head = head
        self.content = content
        self.endpoint = endpoint
    }

    public var isSuccess: Bool { (200..<300).contains(status) }

    /// The value of the first field of this name, in any case, without whitespace around it.
    public func field(_ name: String) -> [UInt8]? {
        let wanted = Array(name.lowercased().utf8)
        for line in head.split(separator: 0x0A).dropFirst() {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon - line.startIndex == wanted.count,
                zip(line, wanted).allSatisfy({ ($0 &- 0x41 < 26 ? $0 | 0x20 : $0) == $1 })
            else { continue }
            let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
            let end = value.lastIndex { $0 > 0x20 }
            return end.map { Array(value[...$0]) } ?? []
        }
        return nil
    }

    /// The field as a number, such as `Rast-Revision`.
    public func number(_ name: String) -> UInt64? {
        field(name).flatMap { UInt64(String(decoding: $0, as: UTF8.self)) }
    }

    /// The key's revision by the `ETag`, `"7"` or `W/"7"`.
    public var keyRevision: UInt64? {
        guard let tag = field("ETag") else { return nil }
        var digits = tag[...]
        if digits.starts(with: "W/".utf8) { digits = digits.dropFirst(2) }
        guard digits.count > 2, digits.first == UInt8(ascii: "\""), digits.last == UInt8(ascii: "\"") else {
            return nil
        }
        return UInt64(String(decoding: digits.dropFirst().dropLast(), as: UTF8.self))
    }

    /// The problem that the answer is, if it is one of rast's.
    public var problem: Problem? {
        guard !isSuccess, let document = Document(content), let code = document["code"]?.string else {
            return nil
        }
        return Problem(
            code: code, detail: document["detail"]?.string ?? document["title"]?.string ?? code,
            outcome: document["outcome"]?.string, reason: document["reason"]?.string,
            missing: (document["missing"]?.elements ?? []).compactMap(\.number))
    }

    /// The failure in a sentence: what the node says of it, or the status where it says nothing.
    public var trouble: String {
        if let problem { return printable(Array(problem.detail.utf8)) }
        return "HTTP status \(status), without a word of why"
    }
}

/// What a node says of a request that it did not do (Interface §5).
public struct Problem: Sendable {
    /// What programs match on.
    public let code: String
    /// A sentence for people.
    public let detail: String
    /// `unknown` or `not_applied`, on a write that took too long.
    public let outcome: String?
    /// Why there is no leader.
    public let reason: String?
    /// The members that cannot be reached.
    public let missing: [UInt64]
}
