// Base64 read back (RFC 4648 §4): strict, four characters at a time.

extension [UInt8] {
    /// Appends the bytes that a text stands for, and says whether it is strict base64: the standard alphabet,
    /// padded, no unused bits set, nothing between. If not, the array is as before.
    mutating func append(base64Decoding text: Span<UInt8>) -> Bool {
        guard text.count % 4 == 0 else { return false }
        guard text.count > 0 else { return true }
        var end = text.count
        if text[end - 1] == UInt8(ascii: "=") { end -= 1 }
        if text[end - 1] == UInt8(ascii: "=") { end -= 1 }
        let whole = end / 4 * 4
        let before = count
        var isGood = append(base64Groups: text.extracting(0..<whole))
        if isGood, end > whole { isGood = append(base64Last: text.extracting(whole..<end)) }
        if !isGood { removeLast(count - before) }
        return isGood
    }

    /// Appends three bytes for each four characters. What is not of the alphabet is noticed at the end, so
    /// that nothing is decided in between.
    private mutating func append(base64Groups text: Span<UInt8>) -> Bool {
        var all: UInt32 = 0
        let groups = text.count / 4
        append(addingCapacity: groups * 3) { output in
            unsafe output.withUnsafeMutableBufferPointer { target, initialized in
                unsafe text.withUnsafeBufferPointer { text in
                    unsafe base64Values.withUnsafeBufferPointer { values in
                        for group in 0..<groups {
                            let a = unsafe UInt32(values[Int(text[4 &* group])])
                            let b = unsafe UInt32(values[Int(text[4 &* group &+ 1])])
                            let c = unsafe UInt32(values[Int(text[4 &* group &+ 2])])
                            let d = unsafe UInt32(values[Int(text[4 &* group &+ 3])])
                            all |= a | b | c | d
                            let bits = a &<< 18 | b &<< 12 | c &<< 6 | d
                            unsafe target[3 &* group] = UInt8(truncatingIfNeeded: bits &>> 16)
                            unsafe target[3 &* group &+ 1] = UInt8(truncatingIfNeeded: bits &>> 8)
                            unsafe target[3 &* group &+ 2] = UInt8(truncatingIfNeeded: bits)
                        }
                        initialized = 3 * groups
                    }
                }
            }
        }
        return all < 64
    }

    /// Appends what the last characters before the padding stand for, which are one, two or three.
    private mutating func append(base64Last text: Span<UInt8>) -> Bool {
        var bits: UInt32 = 0
        for offset in text.indices {
            let value = UInt32(base64Values[Int(text[offset])])
            guard value < 64 else { return false }
            bits = bits << 6 | value
        }
        switch text.count {
        case 2 where bits & 0xF == 0:
            append(UInt8(truncatingIfNeeded: bits >> 4))
            return true
        case 3 where bits & 0x3 == 0:
            append(UInt8(truncatingIfNeeded: bits >> 10))
            append(UInt8(truncatingIfNeeded: bits >> 2))
            return true
        default: return false
        }
    }
}

/// The value of each byte as a character of the alphabet, or 255.
private let base64Values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for value in 0..<alphabet.utf8CodeUnitCount {
        unsafe values[Int(alphabet.utf8Start[value])] = UInt8(value)
    }
    return values
}()
