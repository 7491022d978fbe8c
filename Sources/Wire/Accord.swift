// What members compare of the states that they have made of the same log (rule 25).
public import Consensus
internal import JSON

/// Travels with a heartbeat and its answer. Written as `,"mark":[1024,3735928559,17]`, the hash's high and
/// low half, without them where it is not known; and in an answer `,"wrong":true`, alone where no mark was
/// asked for.
public struct Accord: Hashable, Sendable {
    /// The entry after which the states are compared; zero: none.
    public var index: LogIndex
    /// In a heartbeat: the hash that a majority has there, once the leader knows. In an answer: this
    /// member's; nil if it has not applied so far, or does not remember.
    public var hash: UInt64?
    /// In an answer: this member knows that its state is another than the majority's, and asks for that one.
    public var isWrong: Bool

    public init(index: LogIndex, hash: UInt64?, isWrong: Bool = false) {
        self.index = index
        self.hash = hash
        self.isWrong = isWrong
    }

    /// Nothing asked, nothing wrong.
    public static let nothing = Accord(index: .zero, hash: nil)

    func encode(into out: inout [UInt8]) {
        if index > .zero {
            out.append(literal: ",\"mark\":[")
            out.append(decimal: index.rawValue)
            if let hash {
                out.append(literal: ",")
                out.append(decimal: hash >> 32)
                out.append(literal: ",")
                out.append(decimal: hash & UInt64(UInt32.max))
            }
            out.append(literal: "]")
        }
        if isWrong { out.append(literal: ",\"wrong\":true") }
    }

    /// Reads what ``encode(into:)`` writes; nil if there is nothing of it.
    init?(_ form: inout Form, isAnswer: Bool, in bytes: Span<UInt8>) throws(WireError) {
        index = .zero
        hash = nil
        isWrong = false
        if form.takes(",\"mark\":[", in: bytes) {
            index = LogIndex(try form.number(from: 1, in: bytes))
            if form.takes(",", in: bytes) {
                let high = try form.number(in: bytes)
                try form.take(",", in: bytes)
                let low = try form.number(in: bytes)
                guard max(high, low) <= UInt64(UInt32.max) else { throw form.error(.limit) }
                hash = high << 32 | low
            }
            try form.take("]", in: bytes)
        }
        if isAnswer { isWrong = form.takes(",\"wrong\":true", in: bytes) }
        if index == .zero, !isWrong { return nil }
    }
}
