// Chance from a seed, and which key comes next: uniform, or some far more often than others (Zipf's law).
internal import Glibc

/// Numbers that look random, the same for the same seed (SplitMix64: Steele, Lea and Flood, 2014).
public struct Chance: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// `seed`: another one, another sequence.
    public init(seed: UInt64) { state = seed }

    /// The next one, of all that 64 bits can be.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// A number below `bound`, by multiplication: its bias is below one in 2⁶⁴ / bound.
    mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

    /// A number from 0 up to 1, without it.
    mutating func share() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// How often which key is asked for.
public enum Distribution: String, Sendable, CaseIterable {
    /// Each as often as any other.
    case uniform
    /// The k-th most popular one by 1 / k^0.99, as YCSB has it; the popular ones lie scattered among all.
    case zipfian
}

/// Draws keys' numbers.
public struct KeyChoice: Sendable {
    private let distribution: Distribution
    private let count: UInt64
    private let ranks: ZipfianRanks
    /// Has no factor in common with `count`: so ranks and keys are one to one.
    private let stride: UInt64

    /// `count`: how many keys there are, one at least.
    public init(_ distribution: Distribution, count: Int) {
        self.distribution = distribution
        self.count = UInt64(max(1, count))
        ranks = ZipfianRanks(count: self.count)
        stride = Self.coprime(near: Double(self.count) * 0.618_033_988_75, to: self.count)
    }

    /// The next key's number, from 0 on.
    public func next(_ chance: inout Chance) -> Int {
        switch distribution {
        case .uniform: Int(chance.below(count))
        case .zipfian: key(ofRank: ranks.next(&chance))
        }
    }

    /// The key that is the most popular (0), the second (1), …
    public func key(ofRank rank: UInt64) -> Int {
        Int(rank.multipliedFullWidth(by: stride).low % count)
    }

    private static func coprime(near wanted: Double, to count: UInt64) -> UInt64 {
        var candidate = max(1, UInt64(wanted))
        while divisor(candidate, count) != 1 { candidate += 1 }
        return candidate
    }

    private static func divisor(_ one: UInt64, _ other: UInt64) -> UInt64 {
        var (larger, smaller) = (one, other)
        while smaller > 0 { (larger, smaller) = (smaller, larger % smaller) }
        return larger
    }
}

/// Ranks by Zipf's law, exact and without a table: rejection-inversion (Hörmann and Derflinger, 1996).
///
/// A point under the integral of x^-s is drawn and turned into a rank; the few that lie outside the step of
/// their rank are drawn again.
struct ZipfianRanks: Sendable {
    static let exponent = 0.99
    private let count: Double
    private let areaFirst: Double
    private let areaLast: Double
    private let always: Double

    init(count: UInt64) {
        self.count = Double(count)
        areaFirst = Self.area(1.5) - 1
        areaLast = Self.area(Double(count) + 0.5)
        always = 2 - Self.place(of: Self.area(2.5) - Self.weight(2))
    }

    /// From 0 on.
    func next(_ chance: inout Chance) -> UInt64 {
        while true {
            let area = areaLast + chance.share() * (areaFirst - areaLast)
            let place = Self.place(of: area)
            let rank = min(max((place + 0.5).rounded(.down), 1), count)
            if rank - place <= always || area >= Self.area(rank + 0.5) - Self.weight(rank) {
                return UInt64(rank) - 1
            }
        }
    }

    private static func weight(_ place: Double) -> Double { exp(-exponent * log(place)) }

    /// The integral of the weight, up to a constant, and what it is turned round.
    private static func area(_ place: Double) -> Double {
        expm1((1 - exponent) * log(place)) / (1 - exponent)
    }
    private static func place(of area: Double) -> Double {
        exp(log1p(area * (1 - exponent)) / (1 - exponent))
    }
}
