// A JSON text as a tree, for answers that people wait for; nothing hot reads JSON this way (RFC 8259).
internal import JSON

/// One JSON value, and where it stands in the text.
public struct Document: Sendable {
    public struct Member: Sendable {
        public let name: String
        public let value: Document
    }
    public indirect enum Form: Sendable {
        case object([Member])
        case array([Document])
        case string([UInt8])
        /// As it is written.
        case number(String)
        case boolean(Bool)
        case null
    }

    public let form: Form
    /// The bytes of the text that are this value.
    public let range: Range<Int>

    private init(_ form: Form, _ range: Range<Int>) {
        self.form = form
        self.range = range
    }

    /// Reads a text that is one value; nil if it is not.
    public init?(_ text: [UInt8]) {
        do throws(SyntaxError) {
            let bytes = text.span
            var scanner = Scanner()
            let value = try Self.value(try scanner.next(in: bytes), from: &scanner, in: bytes)
            guard let value, try scanner.next(in: bytes) == .end else { return nil }
            self = value
        } catch {
            return nil
        }
    }

    /// The value that begins with `token`; nil if none does. The scanner bounds the depth.
    private static func value(
        _ token: Token, from scanner: inout Scanner, in bytes: Span<UInt8>
    ) throws(SyntaxError) -> Document? {
        switch token {
        case .objectStart:
            let start = scanner.position - 1
            var members: [Member] = []
            while case .name(let name) = try scanner.next(in: bytes) {
                let next = try scanner.next(in: bytes)
                guard let value = try value(next, from: &scanner, in: bytes) else { return nil }
                members.append(
                    Member(name: String(decoding: unescaped(name, in: bytes), as: UTF8.self), value: value))
            }
            return Document(.object(members), start..<scanner.position)
        case .arrayStart:
            let start = scanner.position - 1
            var elements: [Document] = []
            while let element = try value(try scanner.next(in: bytes), from: &scanner, in: bytes) {
                elements.append(element)
            }
            return Document(.array(elements), start..<scanner.position)
        case .string(let text):
            let range = (text.range.lowerBound - 1)..<(text.range.upperBound + 1)
            return Document(.string(unescaped(text, in: bytes)), range)
        case .number(let range):
            var digits: [UInt8] = []
            digits.append(bytes: bytes.extracting(range))
            return Document(.number(String(decoding: digits, as: UTF8.self)), range)
        case .boolean(let isTrue):
            return Document(.boolean(isTrue), (scanner.position - (isTrue ? 4 : 5))..<scanner.position)
        case .null:
            return Document(.null, (scanner.position - 4)..<scanner.position)
        case .objectEnd, .arrayEnd, .name, .end:
            return nil
        }
    }

    private static func unescaped(_ text: Text, in bytes: Span<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        text.append(from: bytes, to: &out)
        return out
    }

    /// The member of that name; nil where there is none or this is no object.
    public subscript(_ name: String) -> Document? {
        guard case .object(let members) = form else { return nil }
        return members.first { $0.name == name }?.value
    }

    public var elements: [Document]? { if case .array(let elements) = form { elements } else { nil } }
    public var bytes: [UInt8]? { if case .string(let bytes) = form { bytes } else { nil } }
    public var string: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
    /// A number as it is written.
    public var digits: String? { if case .number(let digits) = form { digits } else { nil } }
    /// A whole number that is not negative.
    public var number: UInt64? { digits.flatMap { UInt64($0) } }
    public var boolean: Bool? { if case .boolean(let isTrue) = form { isTrue } else { nil } }

    /// The bytes that a string in base64 stands for; nil if it is none.
    public var base64: [UInt8]? {
        guard case .string(let encoded) = form else { return nil }
        // Strict base64 has nothing that JSON would escape, so the string stands for itself.
        let text = [UInt8(ascii: "\"")] + encoded + [UInt8(ascii: "\"")]
        var scanner = Scanner()
        guard case .string(let token)? = try? scanner.next(in: text.span) else { return nil }
        var out: [UInt8] = []
        return token.appendBase64Decoded(from: text.span, to: &out) ? out : nil
    }
}
