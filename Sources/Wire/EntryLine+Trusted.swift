// Finds the command of a line that this process wrote or has verified already.

extension EntryLine {
    /// The command of the entry whose line is `bytes[line]`, without verifying it again.
    ///
    /// - Precondition: the line was written by ``Block/end()`` or read by ``read(_:at:)`` before.
    public static func commandRange(in bytes: Span<UInt8>, line: Range<Int>) -> Range<Int> {
        // {"sum":"01234567","index":…,"term":…,"command":{…}}
        var place = line.lowerBound + 26
        while bytes[place] != 0x2C { place += 1 }
        place += 8
        while bytes[place] != 0x2C { place += 1 }
        return place + 11..<line.upperBound - 2
    }
}
