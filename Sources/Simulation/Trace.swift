// What happened, one readable line an event, and a hash over all of it.
internal import Consensus
internal import JSON

/// The trace of a run. Lines are hashed as they come; only the last ones are kept.
struct Trace {
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var count = 0
    private var line: [UInt8] = []
    private var kept: [[UInt8]] = []
    private let keptMax = 80
    private let onLine: ((String) -> Void)?

    init(onLine: ((String) -> Void)?) { self.onLine = onLine }

    /// Begins a line with the time in microseconds.
    mutating func begin(_ time: UInt64) {
        line.removeAll(keepingCapacity: true)
        let micros = time / 1_000
        number(micros / 1_000_000)
        // Six digits, with the zeros that they begin with: the one before them gives its place to the point.
        let point = line.count
        number(1_000_000 + micros % 1_000_000)
        line[point] = 0x2E
        line.append(0x20)
    }

    mutating func text(_ text: String) { line.append(contentsOf: text.utf8) }

    @_disfavoredOverload
    mutating func text(_ text: StaticString) { line.append(literal: text) }

    mutating func number(_ number: UInt64) { line.append(decimal: number) }

    mutating func text(_ text: String, _ number: UInt64) {
        self.text(text)
        self.number(number)
    }

    mutating func text(_ text: String, _ id: EntryID) {
        self.text(text, id.term.rawValue)
        line.append(0x2E)
        number(id.index.rawValue)
    }

    /// Ends the line.
    mutating func end() {
        hash = digest(line.span, 0..<line.count, after: hash)
        if let onLine { onLine(String(decoding: line, as: UTF8.self)) }
        if kept.count < keptMax {
            kept.append(line)
        } else {
            // Swapped, so that its room is used again.
            swap(&kept[count % keptMax], &line)
        }
        count += 1
    }

    /// The last lines, in order.
    var last: [String] {
        guard kept.count == keptMax else { return kept.map { String(decoding: $0, as: UTF8.self) } }
        let start = count % keptMax
        return (kept[start...] + kept[..<start]).map { String(decoding: $0, as: UTF8.self) }
    }
}
