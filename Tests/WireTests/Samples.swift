// What the tests of this room share: chance from a seed, and samples of everything that is encoded.
import Consensus
import Wire

/// SplitMix64: the same numbers from the same seed.
struct Chance: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

let sampleCluster = ClusterID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// A block of `count` entries of one term, with small commands.
func block(from first: UInt64, count: Int, term: UInt64, command: String = "{\"put\":\"a b\"}") -> Block {
    var block = Block(first: LogIndex(first))
    let bytes = Array(command.utf8)
    for offset in 0..<count {
        block.append(index: LogIndex(first + UInt64(offset)), term: Term(term), command: bytes.span)
    }
    return block
}

func id(_ term: UInt64, _ index: UInt64) -> EntryID { EntryID(term: Term(term), index: LogIndex(index)) }

func message(_ body: Message.Body, term: UInt64 = 7) -> Message {
    Message(from: NodeID(1), to: NodeID(2), boot: Boot(3), term: Term(term), body: body)
}

/// One of every request and answer, with small and the largest numbers.
let sampleBodies: [Message.Body] = [
    .append(
        Message.Append(
            after: id(3, 17),
            runs: [Message.Run(term: Term(3), count: 2), Message.Run(term: Term(7), count: 1)],
            commit: LogIndex(15), whole: LogIndex(20), wholeFor: Boot(4))),
    .append(Message.Append(after: .zero, runs: [], commit: .zero, whole: .zero)),
    .appended(match: LogIndex(largestNumber)),
    .rejected(after: LogIndex(17), hint: id(2, 9)),
    .heartbeat(commit: LogIndex(1), round: largestNumber),
    .full(last: id(3, 17)),
    .heard(round: 0),
    .heard(round: 5, isFull: true),
    .preVote(last: .zero),
    .preVoted(granted: true),
    .vote(last: id(3, 17), isTransfer: true),
    .voted(granted: false),
    .timeoutNow,
    .noted,
    .readIndex(question: 5),
    .readIndexed(question: 5, index: LogIndex(99)),
    .piece(Message.Piece(snapshot: id(3, 17), sum: 0xDEAD_BEEF, bytes: 4_000_000, offset: 1_048_576)),
    .pieced(snapshot: id(3, 17), next: largestNumber, isInstalled: false),
]
