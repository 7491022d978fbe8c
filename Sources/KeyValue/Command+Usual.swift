// The put that comes most, written in one piece: half the instructions of appending its parts one by one.

extension Command {
    /// Appends a put without conditions whose texts may all stand in JSON as they are.
    static func appendUsualPut(
        key: Span<UInt8>, value: Span<UInt8>, contentType: Span<UInt8>, at: ClusterTime,
        to out: inout [UInt8]
    ) {
        // The literals below have 48 bytes, and a number at most 20.
        let room = key.count + value.count + contentType.count + 68
        out.append(addingCapacity: room) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                guard let start = buffer.baseAddress else { return }
                var end = unsafe start + count
                unsafe write("{\"at\":", to: &end)
                unsafe write(decimal: at.milliseconds, to: &end)
                unsafe write(",\"put\":{\"key\":\"", to: &end)
                unsafe write(key, to: &end)
                unsafe write("\",\"value\":\"", to: &end)
                unsafe write(value, to: &end)
                if !contentType.isEmpty {
                    unsafe write("\",\"type\":\"", to: &end)
                    unsafe write(contentType, to: &end)
                }
                unsafe write("\"}}", to: &end)
                count = unsafe end - start
            }
        }
    }

    @inline(__always)
    private static func write(_ literal: StaticString, to end: inout UnsafeMutablePointer<UInt8>) {
        unsafe end.initialize(from: literal.utf8Start, count: literal.utf8CodeUnitCount)
        unsafe end += literal.utf8CodeUnitCount
    }

    @inline(__always)
    private static func write(_ bytes: Span<UInt8>, to end: inout UnsafeMutablePointer<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let from = source.baseAddress else { return }
            unsafe end.initialize(from: from, count: source.count)
        }
        unsafe end += bytes.count
    }

    @inline(__always)
    private static func write(decimal: UInt64, to end: inout UnsafeMutablePointer<UInt8>) {
        var digits = 1
        var rest = decimal / 10
        while rest > 0 {
            digits &+= 1
            rest /= 10
        }
        rest = decimal
        for i in stride(from: digits - 1, through: 0, by: -1) {
            unsafe end[i] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        unsafe end += digits
    }
}
