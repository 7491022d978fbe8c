// Every input that fuzzing found worth keeping, and some changes of each, fed to the decoder it is for.
import Foundation
import FuzzTargets
import Testing

@Suite("Inputs of any kind")
struct CorpusTests {
    /// `FUZZ_CHANGES=1000` feeds so many changes of each input; `FUZZ_TELL=1` prints each input before it is
    /// fed, for one that ends the process says nothing more.
    private static func setting(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    /// The inputs of one target: a line of base64 each, and comments.
    private func inputs(_ target: FuzzTarget) throws -> [[UInt8]] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let file = folder.appendingPathComponent("../../Fuzz/Corpus/\(target.rawValue).txt")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        return try lines.filter { !$0.hasPrefix("#") }.map {
            [UInt8](try #require(Data(base64Encoded: String($0)), "no base64: \($0)"))
        }
    }

    private func feed(_ bytes: [UInt8], to target: FuzzTarget) throws {
        let text = Data(bytes).base64EncodedString()
        if Self.setting("FUZZ_TELL") != nil { print(target.rawValue, text) }
        do throws(Contradiction) {
            try target.feed(bytes)
        } catch {
            // Fed again by a line in Fuzz/Corpus.
            Issue.record("\(target.rawValue) \(text): \(error)")
        }
    }

    @Test("no input ends a decoder, nor makes it contradict itself", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let inputs = try inputs(target)
        try #require(inputs.count > 10, "the corpus of \(target.rawValue) has \(inputs.count) inputs")
        for input in inputs { try feed(input, to: target) }
    }

    @Test("nor does any of thousands of changed ones", arguments: FuzzTarget.allCases)
    func changed(target: FuzzTarget) throws {
        let inputs = try inputs(target)
        var random = SplitMix64(state: 1)
        let changes = Self.setting("FUZZ_CHANGES") ?? max(1, 2_000 / inputs.count)
        for input in inputs {
            for _ in 0..<changes {
                try feed(change(input, or: inputs.randomElement(using: &random) ?? [], &random), to: target)
            }
        }
    }

    /// The input with a few bytes changed, taken out, put in, or with a piece of another one.
    private func change(_ input: [UInt8], or other: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = input
        for _ in 0...random.next() % 4 {
            let place = Int(random.next() % UInt64(bytes.count + 1))
            switch random.next() % 5 {
            case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8(random.next() % 8) }
            case 1: if place < bytes.count { bytes[place] = UInt8(truncatingIfNeeded: random.next()) }
            case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            case 3: bytes.removeSubrange(place..<min(bytes.count, place + Int(random.next() % 8)))
            default:
                let start = Int(random.next() % UInt64(other.count + 1))
                bytes.insert(contentsOf: other[start..<min(other.count, start + 32)], at: place)
            }
        }
        return bytes
    }
}

/// The same numbers from the same seed.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
