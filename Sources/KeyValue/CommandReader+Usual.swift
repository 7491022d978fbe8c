// The commands that come most, read as the encoder writes them: a third of the instructions of reading names.
internal import JSON

extension CommandReader {
    /// A put without conditions, with its members in the encoder's order; none if the bytes are anything
    /// else, which ``read(_:)`` then judges. What is found here, that would find too, with the same meaning.
    static func readUsualPut(_ bytes: Span<UInt8>) -> (at: ClusterTime, put: Operation.Put)? {
        var place = 0
        guard skip("{\"at\":", bytes, &place), let at = number(bytes, &place),
            skip(",\"put\":{\"key\":", bytes, &place), let key = string(bytes, &place),
            skip(",\"value\":", bytes, &place), let value = string(bytes, &place)
        else { return nil }
        var contentType: Text?
        if skip(",\"type\":", bytes, &place) {
            contentType = string(bytes, &place)
            guard contentType != nil else { return nil }
        }
        guard skip("}}", bytes, &place), place == bytes.count else { return nil }
        let put = Operation.Put(
            key: key, value: value, isBase64: false, contentType: contentType, precondition: .none,
            lifetime: .unbounded)
        return (ClusterTime(milliseconds: at), put)
    }

    /// Goes past a literal, if it stands here.
    @inline(__always)
    private static func skip(_ literal: StaticString, _ bytes: Span<UInt8>, _ place: inout Int) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard bytes.count &- place >= count else { return false }
        let isHere = unsafe bytes.withUnsafeBytes { bytes in
            unsafe equal(bytes.baseAddress, at: place, UnsafeRawPointer(literal.utf8Start), count)
        }
        if isHere { place &+= count }
        return isHere
    }

    @inline(__always)
    private static func equal(
        _ bytes: UnsafeRawPointer?, at place: Int, _ literal: UnsafeRawPointer, _ count: Int
    ) -> Bool {
        guard let start = unsafe bytes else { return false }
        var i = 0
        while i &+ 8 <= count {
            let a = unsafe start.loadUnaligned(fromByteOffset: place &+ i, as: UInt64.self)
            if unsafe a != literal.loadUnaligned(fromByteOffset: i, as: UInt64.self) { return false }
            i &+= 8
        }
        while i < count {
            let a = unsafe start.load(fromByteOffset: place &+ i, as: UInt8.self)
            if unsafe a != literal.load(fromByteOffset: i, as: UInt8.self) { return false }
            i &+= 1
        }
        return true
    }

    /// The decimal number here, up to the comma after it.
    @inline(__always)
    private static func number(_ bytes: Span<UInt8>, _ place: inout Int) -> UInt64? {
        let start = place
        while place < bytes.count, bytes[place] != UInt8(ascii: ",") { place &+= 1 }
        // JSON allows no zero before other digits.
        guard place > start, place &- start == 1 || bytes[start] != UInt8(ascii: "0") else { return nil }
        return unsignedInteger(start..<place, in: bytes)
    }

    @inline(__always)
    private static func string(_ bytes: Span<UInt8>, _ place: inout Int) -> Text? {
        var scanner = Scanner(at: place)
        do throws(SyntaxError) {
            guard case .string(let text) = try scanner.next(in: bytes) else { return nil }
            place = scanner.position
            return text
        } catch {
            return nil
        }
    }
}
