// The last line of a snapshot: what all before it adds up to.
internal import JSON

/// A snapshot's trailer: `{"end":{"sum":"8 hex","bytes":1234,"blocks":1,"keys":7,"file":"8 hex"}}` and a
/// newline. The sum covers every byte after its closing quote up to the newline.
public struct SnapshotEnd: Hashable, Sendable {
    /// How many bytes stand before this line, and their checksum.
    public let bytes: UInt64
    public let file: UInt32
    public let blocks: UInt64
    public let keys: UInt64

    /// The length of the line, at most.
    public static let lineBytesMax = 128

    public init(bytes: UInt64, file: UInt32, blocks: UInt64, keys: UInt64) {
        self.bytes = bytes
        self.file = file
        self.blocks = blocks
        self.keys = keys
    }

    /// Appends the line with its newline.
    public func encode(into out: inout [UInt8]) {
        out.append(literal: "{\"end\":")
        let digits = out.beginSealed()
        out.append(literal: ",\"bytes\":")
        out.append(decimal: bytes)
        out.append(literal: ",\"blocks\":")
        out.append(decimal: blocks)
        out.append(literal: ",\"keys\":")
        out.append(decimal: keys)
        out.append(literal: ",\"file\":\"")
        out.append(hexadecimal8: file)
        out.append(literal: "\"}}")
        out.seal(digits: digits)
        out.append(0x0A)
    }

    /// Reads and verifies a line, given without its newline.
    public init(_ line: Span<UInt8>) throws(WireError) {
        var form = Form(0..<line.count)
        try form.takeSealed("{\"end\":{\"sum\":\"", in: line)
        try form.take(",\"bytes\":", in: line)
        bytes = try form.number(in: line)
        try form.take(",\"blocks\":", in: line)
        blocks = try form.number(in: line)
        try form.take(",\"keys\":", in: line)
        keys = try form.number(in: line)
        try form.take(",\"file\":\"", in: line)
        file = try form.sum(in: line)
        try form.take("\"}}", in: line)
        guard form.isAtEnd else { throw form.error(.form) }
    }
}
