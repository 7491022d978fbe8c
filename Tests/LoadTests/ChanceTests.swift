// Which keys are drawn, how often: the shapes of the distributions.
import Glibc
import Load
import Testing

@Suite("Key choice")
struct ChanceTests {
    private static let draws = 200_000

    private func counts(_ distribution: Distribution, _ keys: Int) -> [Int] {
        let choice = KeyChoice(distribution, count: keys)
        var chance = Chance(seed: 7)
        var counts = [Int](repeating: 0, count: keys)
        for _ in 0..<Self.draws { counts[choice.next(&chance)] += 1 }
        return counts
    }

    @Test("uniform: each key about as often as any other")
    func uniform() {
        let expected = Double(Self.draws) / 100
        for count in counts(.uniform, 100) {
            // Six standard deviations.
            #expect(abs(Double(count) - expected) < 6 * expected.squareRoot())
        }
    }

    @Test("zipfian: the k-th most popular key by 1 / k^0.99", arguments: [2, 10, 1_000, 100_000])
    func zipfian(keys: Int) {
        let counts = counts(.zipfian, keys)
        let choice = KeyChoice(.zipfian, count: keys)
        let weights = (1...keys).map { pow(Double($0), -0.99) }
        let sum = weights.reduce(0, +)
        for rank in [0, 1, 2, 5, 9, 99] where rank < keys {
            let expected = Double(Self.draws) * weights[rank] / sum
            let count = Double(counts[choice.key(ofRank: UInt64(rank))])
            #expect(abs(count - expected) < 6 * expected.squareRoot(), "rank \(rank): \(count), \(expected)")
        }
        // The tail as a whole.
        let tail = (keys / 2..<keys).map { counts[choice.key(ofRank: UInt64($0))] }.reduce(0, +)
        let expected = Double(Self.draws) * weights[(keys / 2)...].reduce(0, +) / sum
        #expect(abs(Double(tail) - expected) < 6 * expected.squareRoot())
    }

    @Test("ranks and keys are one to one", arguments: [1, 2, 3, 10, 97, 1_000, 4_096])
    func scattering(keys: Int) {
        let choice = KeyChoice(.zipfian, count: keys)
        #expect(Set((0..<keys).map { choice.key(ofRank: UInt64($0)) }) == Set(0..<keys))
    }

    @Test("one seed, one sequence")
    func seeds() {
        var (one, same, other) = (Chance(seed: 3), Chance(seed: 3), Chance(seed: 4))
        let numbers = (0..<100).map { _ in one.next() }
        #expect(numbers == (0..<100).map { _ in same.next() })
        #expect(numbers != (0..<100).map { _ in other.next() })
    }
}
