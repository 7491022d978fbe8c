// Intended starts: spaced as the rate says, counted without drift, and shared between threads.
import Load
import Testing

@Suite("Pace")
struct PaceTests {
    @Test("the moments of a rate, from the first one on")
    func moments() {
        let pace = Pace(perSecond: 4, from: 1_000)
        #expect((0..<5).map { pace.moment($0) } == [0, 250, 500, 750, 1_000].map { $0 * 1_000_000 + 1_000 })
    }

    @Test(
        "no drift: after a day the moment is exact, whatever the rate", arguments: [1, 3, 7_001, 10_000_000])
    func drift(rate: Int) {
        let pace = Pace(perSecond: rate, from: 5)
        #expect(pace.moment(UInt64(rate) * 86_400) == 86_400_000_000_000 + 5)
    }

    @Test("how many are meant to have started before a moment", arguments: [1, 3, 1_000, 7_001, 999_999_937])
    func counting(rate: Int) {
        let pace = Pace(perSecond: rate, from: 100)
        #expect(pace.count(before: 100) == 0)
        #expect(pace.count(before: 50) == 0)
        for number in [UInt64(0), 1, 2, 1_000, 123_457] {
            let moment = pace.moment(number)
            #expect(pace.count(before: moment) <= number)
            #expect(pace.count(before: moment + 1) > number)
        }
    }

    @Test("threads have every so-manieth moment, and together all of them", arguments: [1, 2, 3, 7])
    func shares(count: Int) {
        let whole = Pace(perSecond: 1_009, from: 0)
        let shares = (0..<count).map { Pace(perSecond: 1_009, from: 0, share: $0, of: count) }
        let moments = shares.flatMap { share in (0..<100).map { share.moment($0) } }.sorted()
        #expect(moments == (0..<UInt64(100 * count)).map { whole.moment($0) })
        let sum = shares.map { $0.count(before: 500_000_000) }.reduce(0, +)
        #expect(sum == whole.count(before: 500_000_000))
    }
}
