// SHA-256 (FIPS 180-4) and base64 (RFC 4648), as a Content-Security-Policy writes hashes.

/// The SHA-256 of the bytes.
func sha256(_ message: [UInt8]) -> [UInt8] {
    var state = squareRootFractions
    var padded = message
    padded.append(0x80)
    while padded.count % 64 != 56 { padded.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) {
        padded.append(UInt8(truncatingIfNeeded: (message.count * 8) >> shift))
    }
    for start in stride(from: 0, to: padded.count, by: 64) {
        mix(padded[start..<start + 64], into: &state)
    }
    return state.flatMap { word in
        stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
    }
}

/// One block (§6.2.2).
private func mix(_ block: ArraySlice<UInt8>, into state: inout [UInt32]) {
    var words: [UInt32] = []
    for start in stride(from: block.startIndex, to: block.endIndex, by: 4) {
        words.append(block[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) })
    }
    for index in 16..<64 {
        let (early, late) = (words[index - 15], words[index - 2])
        let first = rotate(early, 7) ^ rotate(early, 18) ^ early >> 3
        let second = rotate(late, 17) ^ rotate(late, 19) ^ late >> 10
        words.append(words[index - 16] &+ first &+ words[index - 7] &+ second)
    }
    var work = state
    for index in 0..<64 {
        let (a, e) = (work[0], work[4])
        let choice = (e & work[5]) ^ (~e & work[6])
        let majority = (a & work[1]) ^ (a & work[2]) ^ (work[1] & work[2])
        let first =
            work[7] &+ (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) &+ choice
            &+ cubeRootFractions[index] &+ words[index]
        let second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ majority
        work = [first &+ second, a, work[1], work[2], work[3] &+ first, e, work[5], work[6]]
    }
    for index in 0..<8 { state[index] &+= work[index] }
}

private func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

private let primes: [Int] = (2...311).filter { number in (2..<number).allSatisfy { number % $0 != 0 } }

/// The first 32 bits of the fractions of the square roots of the first eight primes (§5.3.3).
private let squareRootFractions = primes.prefix(8).map { prime in
    fraction { root in root * root <= UInt128(prime) << 64 }
}

/// The same of the cube roots of the first 64 (§4.2.2).
private let cubeRootFractions = primes.prefix(64).map { prime in
    fraction { root in root * root * root <= UInt128(prime) << 96 }
}

/// The low 32 bits of the largest number of 36 bits for which `isEnough` holds.
private func fraction(_ isEnough: (UInt128) -> Bool) -> UInt32 {
    var root: UInt128 = 0
    for bit in stride(from: 36, through: 0, by: -1) {
        let larger = root | UInt128(1) << UInt128(bit)
        if isEnough(larger) { root = larger }
    }
    return UInt32(truncatingIfNeeded: root)
}

/// The bytes in base64, padded.
func base64(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        var bits = group.reduce(0) { $0 << 8 | Int($1) }
        bits <<= 8 * (3 - group.count)
        for place in 0..<4 {
            text.append(place <= group.count ? letters[bits >> (18 - 6 * place) & 63] : "=")
        }
    }
    return text
}
