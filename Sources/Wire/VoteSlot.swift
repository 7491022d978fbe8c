// One of the two pages of the file `vote` (rule 9): term, vote and boot.
public import Consensus
internal import JSON

/// A slot: `{"vote":{"sum":"8 hex","count":5,"term":3,"vote":2,"boot":7,"wiped":false}}` and a newline,
/// padded to 4 KiB. The sum covers every byte after its closing quote up to the newline.
public struct VoteSlot: Hashable, Sendable {
    /// Rises with each write: of two valid slots, the one with the higher count holds.
    public let count: UInt64
    public let term: Term
    /// Whom this node voted for in `term`.
    public let vote: NodeID?
    public let boot: Boot
    /// Whether this node has lost what it voted before: it must not vote until it has joined anew.
    public let isWiped: Bool

    public init(count: UInt64, term: Term, vote: NodeID?, boot: Boot, isWiped: Bool) {
        self.count = count
        self.term = term
        self.vote = vote
        self.boot = boot
        self.isWiped = isWiped
    }

    /// Appends one page.
    public func encode(into out: inout [UInt8]) {
        let start = out.count
        out.append(literal: "{\"vote\":")
        let digits = out.beginSealed()
        out.append(literal: ",\"count\":")
        out.append(decimal: count)
        out.append(literal: ",\"term\":")
        out.append(decimal: term.rawValue)
        out.append(literal: ",\"vote\":")
        if let vote { out.append(decimal: vote.rawValue) } else { out.append(literal: "null") }
        out.append(literal: ",\"boot\":")
        out.append(decimal: boot.rawValue)
        out.append(literal: isWiped ? ",\"wiped\":true}}" : ",\"wiped\":false}}")
        out.seal(digits: digits)
        out.append(0x0A)
        out.pad(from: start)
    }

    /// Reads and verifies the page that begins at `start`.
    public init(_ bytes: Span<UInt8>, at start: Int) throws(WireError) {
        var page = try Page("{\"vote\":{\"sum\":\"", bytes, at: start)
        count = try page.number(",\"count\":", in: bytes)
        term = Term(try page.number(",\"term\":", in: bytes))
        try page.take(",\"vote\":", in: bytes)
        vote = try page.form.numberOrNull(from: 1, in: bytes).map { NodeID($0) }
        boot = Boot(try page.number(",\"boot\":", in: bytes))
        try page.take(",\"wiped\":", in: bytes)
        isWiped = try page.form.boolean(in: bytes)
        try page.end("}}", in: bytes)
    }
}
