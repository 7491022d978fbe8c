// The line that begins one disk write (rule 5): how much it is, what it continues, and what is durable.
public import Consensus
internal import JSON

/// A batch's head:
/// `{"batch":{"sum":"8 hex","segment":3,"sequence":17,"bytes":1234,"term":2,"commit":15,"durable":16}}`
/// and a newline; then come `bytes` bytes of entries' lines, then spaces and a newline up to 4 KiB.
///
/// The sum covers every byte after its closing quote up to the last byte of the entries: the rest of the
/// head, its newline and the lines. The padding is not covered and is compared instead, so any changed byte
/// is noticed.
public struct BatchHead: Hashable, Sendable {
    public let segment: UInt64
    /// Rises by one from batch to batch, over segments and starts.
    public let sequence: UInt64
    /// The length of the entries' lines.
    public let bytes: UInt64
    /// The term in which it was written.
    public let term: Term
    /// The highest index known to be committed when it was written.
    public let commit: LogIndex
    /// The last batch whose sync had returned, and those of all before it.
    public let durable: UInt64

    /// The length of a head, at most.
    public static let bytesMax = 256

    public init(
        segment: UInt64, sequence: UInt64, bytes: UInt64, term: Term, commit: LogIndex, durable: UInt64
    ) {
        self.segment = segment
        self.sequence = sequence
        self.bytes = bytes
        self.term = term
        self.commit = commit
        self.durable = durable
    }

    /// Appends the head's line for the entries' lines in `pieces`, whose length is `bytes`.
    public func encode(_ pieces: some Sequence<Piece>, into out: inout [UInt8]) {
        out.append(literal: "{\"batch\":")
        let digits = out.beginSealed()
        out.append(literal: ",\"segment\":")
        out.append(decimal: segment)
        out.append(literal: ",\"sequence\":")
        out.append(decimal: sequence)
        out.append(literal: ",\"bytes\":")
        out.append(decimal: bytes)
        out.append(literal: ",\"term\":")
        out.append(decimal: term.rawValue)
        out.append(literal: ",\"commit\":")
        out.append(decimal: commit.rawValue)
        out.append(literal: ",\"durable\":")
        out.append(decimal: durable)
        out.append(literal: "}}\n")
        var sum = checksum(out.span, in: digits + 9..<out.count)
        for piece in pieces { sum = checksum(piece.bytes.span, in: piece.range, after: sum) }
        out.patch(sum: sum, digits: digits)
    }

    /// Reads the head's line that begins at `start`, without checking its sum: for this the entries' lines
    /// are needed, of which only the head tells the length.
    ///
    /// - Returns: the head, and where the line ends.
    public static func read(_ bytes: Span<UInt8>, at start: Int) throws(WireError) -> Unverified {
        guard start >= 0, start <= bytes.count else { throw WireError(offset: bytes.count, problem: .end) }
        var form = Form(start..<bytes.count)
        try form.take("{\"batch\":{\"sum\":\"", in: bytes)
        let sum = try form.sum(in: bytes)
        try form.take("\"", in: bytes)
        let covered = form.position
        try form.take(",\"segment\":", in: bytes)
        let segment = try form.number(in: bytes)
        try form.take(",\"sequence\":", in: bytes)
        let sequence = try form.number(from: 1, in: bytes)
        try form.take(",\"bytes\":", in: bytes)
        let length = try form.number(in: bytes)
        try form.take(",\"term\":", in: bytes)
        let term = Term(try form.number(in: bytes))
        try form.take(",\"commit\":", in: bytes)
        let commit = LogIndex(try form.number(in: bytes))
        try form.take(",\"durable\":", in: bytes)
        let durable = try form.number(in: bytes)
        try form.take("}}\n", in: bytes)
        guard durable < sequence else { throw WireError(offset: start, problem: .order) }
        let head = BatchHead(
            segment: segment, sequence: sequence, bytes: length, term: term, commit: commit, durable: durable)
        return Unverified(head: head, sum: sum, line: start..<form.position, covered: covered)
    }

    /// A head whose entries have not been read yet.
    public struct Unverified: Sendable {
        public let head: BatchHead
        let sum: UInt32
        /// The head's line with its newline.
        public let line: Range<Int>
        let covered: Int

        /// The length of the whole batch with its padding, or nil if it is out of all bounds.
        public var total: Int? {
            guard head.bytes <= UInt64(Int32.max) else { return nil }
            let count = line.count + Int(head.bytes)
            return count + paddingBytes(after: count)
        }

        /// Where the entries' lines are, in the bytes that the head was read from.
        public var entries: Range<Int> { line.upperBound..<line.upperBound + Int(head.bytes) }

        /// Checks sum and padding; `bytes` are those that the head was read from.
        public func verify(_ bytes: Span<UInt8>) throws(WireError) {
            guard let total, total <= bytes.count - line.lowerBound else {
                throw WireError(offset: bytes.count, problem: .end)
            }
            #if PlantedFaults
                if Planted.is(.ignoreBatchChecksum) { return }
            #endif
            guard checksum(bytes, in: covered..<entries.upperBound) == sum else {
                throw WireError(offset: line.lowerBound, problem: .checksum)
            }
            try checkPadding(bytes, in: entries.upperBound..<line.lowerBound + total)
        }
    }
}
