// Plain text inside quotes, where nothing that is allowed needs an escape.

extension Form {
    /// Takes visible ASCII without quote or backslash, at most `max` bytes, and the quote that ends it.
    mutating func plainText(max: Int, in bytes: Span<UInt8>) throws(WireError) -> [UInt8] {
        var text: [UInt8] = []
        while position < end, bytes[position] != 0x22 {
            let byte = bytes[position]
            guard byte > 0x20, byte < 0x7F, byte != 0x5C else { throw error(.form) }
            guard text.count < max else { throw error(.limit) }
            text.append(byte)
            skipByte()
        }
        try take("\"", in: bytes)
        return text
    }
}
