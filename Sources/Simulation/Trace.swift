// What happened, one readable line an event, and a hash over all of it.
internal import Consensus

/// The trace of a run. Lines are hashed as they come; only the last ones are kept.
struct Trace {
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var count = 0
    private var line: [UInt8] = []
    private var kept: [[UInt8]] = []
    private let keptMax = 60
    private let onLine: ((String) -> Void)?

    init(onLine: ((String) -> Void)?) { self.onLine = onLine }

    /// Begins a line with the time in microseconds.
    mutating func begin(_ time: UInt64) {
        line.removeAll(keepingCapacity: true)
        let micros = time / 1_000
        number(micros / 1_000_000)
        line.append(0x2E)
        var rest = micros % 1_000_000
        let start = line.count
        for _ in 0..<6 {
            line.append(UInt8(0x30 + rest % 10))
            rest /= 10
        }
        line[start...].reverse()
        line.append(0x20)
    }

    mutating func text(_ text: String) { line.append(contentsOf: text.utf8) }

    mutating func number(_ number: UInt64) {
        let start = line.count
        var rest = number
        repeat {
            line.append(UInt8(0x30 + rest % 10))
            rest /= 10
        } while rest > 0
        line[start...].reverse()
    }

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

extension Trace {
    /// What a message says.
    mutating func message(_ message: Message) {
        text(" term ", message.term.rawValue)
        switch message.body {
        case .append(let append):
            text(" append after ", append.after)
            text(" count ", append.count)
            text(" commit ", append.commit.rawValue)
        case .appended(let match): text(" appended ", match.rawValue)
        case .rejected(let after, let hint):
            text(" rejected ", after.rawValue)
            text(" hint ", hint)
        case .heartbeat(let commit, let round):
            text(" heartbeat commit ", commit.rawValue)
            text(" round ", round)
        case .heard(let round): text(" heard ", round)
        case .preVote(let last): text(" pre-vote last ", last)
        case .preVoted(let granted): text(granted ? " pre-vote granted" : " pre-vote refused")
        case .vote(let last, let isTransfer):
            text(isTransfer ? " vote by transfer last " : " vote last ", last)
        case .voted(let granted): text(granted ? " vote granted" : " vote refused")
        case .timeoutNow: text(" timeout-now")
        case .noted: text(" noted")
        case .readIndex(let question): text(" read-index ", question)
        case .readIndexed(let question, let index):
            text(" read-index ", question)
            text(" at ", index.rawValue)
        case .piece(let piece):
            text(" piece of ", piece.snapshot)
            text(" at ", piece.offset)
        case .pieced(let snapshot, let next, let isInstalled):
            text(isInstalled ? " installed " : " pieced ", snapshot)
            text(" next ", next)
        }
    }
}
