// The histogram against the sorted truth.
import Load
import Testing

@Suite("Latencies")
struct HistogramTests {
    /// Durations of all sizes: short ones, long ones, ends of buckets, and beyond the last one.
    private static func samples(_ seed: UInt64, _ count: Int) -> [UInt64] {
        var chance = Chance(seed: seed)
        return (0..<count).map { _ in
            let bits = UInt64.random(in: 0...42, using: &chance)
            let value = UInt64.random(in: 0...(1 << bits), using: &chance)
            return Bool.random(using: &chance) ? value : 1 << bits - 1
        }
    }

    private static func histogram(_ samples: [UInt64]) -> LatencyHistogram {
        var histogram = LatencyHistogram()
        for sample in samples { histogram.record(sample) }
        return histogram
    }

    @Test("a percentile is never below the true one, and at most one part in 256 above", arguments: 1...20)
    func truth(seed: UInt64) {
        let samples = Self.samples(seed, Int(seed) * 97)
        let sorted = samples.sorted()
        let histogram = Self.histogram(samples)
        for percent in [0, 0.1, 10, 50, 90, 99, 99.9, 99.99, 100] {
            let rank = max(1, Int((percent / 100 * Double(sorted.count)).rounded(.up)))
            let truth = sorted[rank - 1]
            let told = histogram.percentile(percent)
            #expect(told >= truth, "\(percent)")
            let bound = Double(truth) * (1 + LatencyHistogram.relativeErrorMax)
            #expect(Double(told) <= bound, "\(percent): \(told), not \(truth)")
        }
        #expect(histogram.max == sorted.last)
        #expect(histogram.count == UInt64(samples.count))
        #expect(histogram.mean == samples.reduce(0, +) / UInt64(samples.count))
    }

    @Test("what is shorter than 256 ns is known exactly")
    func small() {
        for value in UInt64(0)..<512 {
            var histogram = Self.histogram([1_000])
            histogram.record(value)
            #expect(histogram.percentile(50) == value)
        }
    }

    @Test("two merged are one of all durations")
    func merging() {
        let (one, other) = (Self.samples(1, 1_000), Self.samples(2, 500))
        var merged = Self.histogram(one)
        merged.merge(Self.histogram(other))
        #expect(merged == Self.histogram(one + other))
    }

    @Test("nothing recorded, one recorded, and one beyond all buckets")
    func edges() {
        let empty = LatencyHistogram()
        #expect(empty.percentile(99) == 0 && empty.max == 0 && empty.mean == 0)
        #expect(Self.histogram([777_777]).percentile(0.01) == 777_777)
        let huge = Self.histogram([1, UInt64(1) << 50])
        #expect(huge.max == 1 << 50)
        #expect(huge.percentile(100) >= 1 << 42)
    }
}
