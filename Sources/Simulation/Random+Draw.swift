// Draws from the one source of chance that a run has.
internal import Consensus

extension Random {
    /// Whether something happens whose probability is `perMillion` millionths.
    mutating func happens(_ perMillion: UInt64) -> Bool {
        perMillion > 0 && next(below: 1_000_000) < perMillion
    }

    mutating func draw(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + next(below: range.upperBound - range.lowerBound + 1)
    }

    mutating func index(_ count: Int) -> Int { Int(next(below: UInt64(count))) }

    /// Mostly near `usual`, sometimes many times that: at most 32 times.
    mutating func longTailed(_ usual: UInt64) -> UInt64 {
        var time = usual / 2 + next(below: usual + 1)
        while time < usual * 16, happens(100_000) { time *= 2 }
        return time
    }

    /// A source of its own.
    mutating func fork() -> Random { Random(seed: next()) }
}

/// Mixes bytes into a hash, eight at a time; the same in every process. It guards against faults only.
func digest(_ bytes: Span<UInt8>, _ range: Range<Int>, after start: UInt64) -> UInt64 {
    unsafe bytes.withUnsafeBytes { raw in
        var value = start ^ UInt64(range.count)
        var place = range.lowerBound
        while place + 8 <= range.upperBound {
            value = mix(
                value, UInt64(littleEndian: unsafe raw.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
            place += 8
        }
        while place < range.upperBound {
            value = mix(value, UInt64(unsafe raw[place]))
            place += 1
        }
        return value
    }
}

func mix(_ value: UInt64, _ word: UInt64) -> UInt64 {
    let mixed = (value ^ word) &* 0x9FB2_1C65_1E98_DF25
    return mixed ^ (mixed >> 32)
}
