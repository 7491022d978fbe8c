// Transactions and range deletes as the log carries them: what a client sent, without what may be left out.
internal import JSON

extension Command {
    /// Appends a command that deletes all keys of a range at one revision.
    ///
    /// ```json
    /// {"at":123456,"deleteRange":{"start":"a/","end":"a0"}}
    /// ```
    /// Bounds that are not UTF-8 are `{"base64":"…"}`; a range without an end has none here either.
    public static func appendDelete(
        range: KeyRange, once: Once? = nil, at: ClusterTime, to out: inout [UInt8]
    ) {
        append(at: at, once, to: &out)
        out.append(literal: ",\"deleteRange\":{\"start\":")
        append(bytes: range.start, to: &out)
        if let end = range.end {
            out.append(literal: ",\"end\":")
            append(bytes: end, to: &out)
        }
        out.append(literal: "}}")
    }

    /// Appends a command that is a transaction.
    ///
    /// ```json
    /// {"at":123456,"txn":{"if":[{"key":"a","version":{"gt":2}}],"then":[{"put":{"key":"a","value":"x"}}]}}
    /// ```
    /// Parts that are empty are left out; bytes that are not UTF-8 are `{"base64":"…"}`.
    public static func append(
        _ transaction: Transaction, once: Once? = nil, at: ClusterTime, to out: inout [UInt8]
    ) {
        append(at: at, once, to: &out)
        out.append(literal: ",\"txn\":{")
        let start = out.count
        if !transaction.comparisons.isEmpty {
            out.append(literal: "\"if\":[")
            for (place, comparison) in transaction.comparisons.enumerated() {
                if place > 0 { out.append(UInt8(ascii: ",")) }
                append(comparison, to: &out)
            }
            out.append(UInt8(ascii: "]"))
        }
        append("\"then\":[", transaction.then, isFirst: out.count == start, to: &out)
        append("\"else\":[", transaction.otherwise, isFirst: out.count == start, to: &out)
        out.append(literal: "}}")
    }

    private static func append(
        _ name: StaticString, _ steps: [Transaction.Step], isFirst: Bool, to out: inout [UInt8]
    ) {
        if steps.isEmpty { return }
        if !isFirst { out.append(UInt8(ascii: ",")) }
        out.append(literal: name)
        for (place, step) in steps.enumerated() {
            if place > 0 { out.append(UInt8(ascii: ",")) }
            append(step, to: &out)
        }
        out.append(UInt8(ascii: "]"))
    }

    private static func append(_ step: Transaction.Step, to out: inout [UInt8]) {
        switch step {
        case .put(let key, let value, let contentType, let lifetime):
            out.append(literal: "{\"put\":{\"key\":")
            append(string: key.span, to: &out)
            append(value: value.span, to: &out)
            if !contentType.isEmpty {
                out.append(literal: ",\"type\":")
                append(string: contentType.span, to: &out)
            }
            append(lifetime, to: &out)
        case .get(let key):
            out.append(literal: "{\"get\":{\"key\":")
            append(string: key.span, to: &out)
        case .list(let prefix, let limit):
            out.append(literal: "{\"list\":{\"prefix\":")
            append(bytes: prefix, to: &out)
            out.append(literal: ",\"limit\":")
            out.append(decimal: UInt64(limit))
        case .delete(let key):
            out.append(literal: "{\"delete\":{\"key\":")
            append(string: key.span, to: &out)
        case .deleteAll(let prefix):
            out.append(literal: "{\"delete\":{\"prefix\":")
            append(bytes: prefix, to: &out)
        }
        out.append(literal: "}}")
    }

    private static func append(_ comparison: Comparison, to out: inout [UInt8]) {
        out.append(literal: "{\"key\":")
        append(string: comparison.key.span, to: &out)
        switch comparison.subject {
        case .exists(let exists):
            out.append(literal: ",\"exists\":")
            out.append(literal: exists ? "true" : "false")
        case .number(.lease, let bounds):
            // Of 63 bits, which a number of JSON does not carry exactly.
            append(name: "lease", bounds, to: &out) {
                $1.append(UInt8(ascii: "\""))
                $1.append(decimal: $0)
                $1.append(UInt8(ascii: "\""))
            }
        case .number(let number, let bounds):
            append(name: number.rawValue, bounds, to: &out) { $1.append(decimal: $0) }
        case .value(let bounds):
            append(name: "value", bounds, to: &out) { append(bytes: $0, to: &$1) }
        }
        out.append(UInt8(ascii: "}"))
    }

    private static func append<Operand>(
        name: String, _ bounds: [Comparison.Bound<Operand>], to out: inout [UInt8],
        _ append: (Operand, inout [UInt8]) -> Void
    ) {
        out.append(literal: ",\"")
        out.append(contentsOf: name.utf8)
        out.append(literal: "\":{")
        for (place, bound) in bounds.enumerated() {
            out.append(literal: place > 0 ? ",\"" : "\"")
            out.append(contentsOf: bound.relation.rawValue.utf8)
            out.append(literal: "\":")
            append(bound.operand, &out)
        }
        out.append(UInt8(ascii: "}"))
    }

    /// A string, or an object with base64 where the bytes are not UTF-8.
    private static func append(bytes: [UInt8], to out: inout [UInt8]) {
        if isUTF8(bytes.span) {
            append(string: bytes.span, to: &out)
        } else {
            out.append(literal: "{\"base64\":\"")
            out.append(base64: bytes.span)
            out.append(literal: "\"}")
        }
    }
}
