// Reads what a peer sent: exactly the form that is written, within its limits, or a typed error. Never traps.
internal import Consensus

extension Envelope {
    /// Reads a request. After an append's object come its entries, at the range that is answered, for
    /// ``Block/init(_:in:after:runs:)``, after a piece's its bytes; after any other request comes nothing.
    ///
    /// - Throws: `WireError`; also for `hello`, which is a ``Hello``.
    public static func request(
        _ route: PeerRoute, _ bytes: Span<UInt8>
    ) throws(WireError) -> (envelope: Envelope, rest: Range<Int>) {
        var form = Form(0..<bytes.count)
        let head = try Head(&form, in: bytes)
        let body: Message.Body
        var accord: Accord?
        switch route {
        case .hello:
            throw WireError(offset: 0, problem: .form)
        case .append:
            body = .append(try append(&form, term: head.term, in: bytes))
        case .heartbeat:
            let commit = LogIndex(try number(",\"commit\":", &form, in: bytes))
            body = .heartbeat(commit: commit, round: try number(",\"round\":", &form, in: bytes))
            accord = try Accord(&form, isAnswer: false, in: bytes)
        case .preVote:
            try form.take(",\"last\":", in: bytes)
            body = .preVote(last: try form.entryID(in: bytes))
        case .vote:
            try form.take(",\"last\":", in: bytes)
            let last = try form.entryID(in: bytes)
            try form.take(",\"transfer\":", in: bytes)
            body = .vote(last: last, isTransfer: try form.boolean(in: bytes))
        case .timeoutNow:
            body = .timeoutNow
        case .readIndex:
            body = .readIndex(question: try number(",\"question\":", &form, in: bytes))
        case .snapshot:
            body = .piece(try piece(&form, in: bytes))
        }
        try form.take("}", in: bytes)
        try endHead(of: body, &form, in: bytes)
        return (head.envelope(body, accord), form.position..<bytes.count)
    }

    /// The header's line must end even where nothing follows: two bodies never run into one.
    private static func endHead(
        of body: Message.Body, _ form: inout Form, in bytes: Span<UInt8>
    ) throws(WireError) {
        switch body {
        case .append(let append):
            try form.take("\n", in: bytes)
            guard append.count > 0 || form.isAtEnd else { throw form.error(.count) }
        case .piece(let piece):
            try form.take("\n", in: bytes)
            let count = UInt64(form.end - form.position)
            guard count > 0, count <= pieceBytesMax, count <= piece.bytes - piece.offset else {
                throw form.error(.count)
            }
        default:
            _ = form.takes("\n", in: bytes)
            guard form.isAtEnd else { throw form.error(.form) }
        }
    }

    private static func piece(
        _ form: inout Form, in bytes: Span<UInt8>
    ) throws(WireError) -> Message.Piece {
        try form.take(",\"snapshot\":", in: bytes)
        let snapshot = try form.entryID(in: bytes)
        guard snapshot.index > .zero, snapshot.term > .zero else { throw form.error(.order) }
        try form.take(",\"sum\":\"", in: bytes)
        let sum = try form.sum(in: bytes)
        let total = try number("\",\"bytes\":", &form, in: bytes)
        let offset = try number(",\"offset\":", &form, in: bytes)
        guard offset < total else { throw form.error(.order) }
        return Message.Piece(snapshot: snapshot, sum: sum, bytes: total, offset: offset)
    }

    /// Reads the answer to a request of this route.
    ///
    /// - Throws: `WireError`; also for `hello`, which is a ``Hello``.
    public static func answer(_ route: PeerRoute, _ bytes: Span<UInt8>) throws(WireError) -> Envelope {
        var form = Form(0..<bytes.count)
        let head = try Head(&form, in: bytes)
        let body: Message.Body
        var accord: Accord?
        switch route {
        case .hello:
            throw WireError(offset: 0, problem: .form)
        case .append:
            if form.takes(",\"match\":", in: bytes) {
                body = .appended(match: LogIndex(try form.number(in: bytes)))
            } else if form.takes(",\"full\":", in: bytes) {
                body = .full(last: try form.entryID(in: bytes))
            } else {
                let after = LogIndex(try number(",\"rejected\":", &form, in: bytes))
                try form.take(",\"hint\":", in: bytes)
                body = .rejected(after: after, hint: try form.entryID(in: bytes))
            }
        case .heartbeat:
            let round = try number(",\"round\":", &form, in: bytes)
            body = .heard(round: round, isFull: form.takes(",\"full\":true", in: bytes))
            accord = try Accord(&form, isAnswer: true, in: bytes)
        case .preVote:
            try form.take(",\"granted\":", in: bytes)
            body = .preVoted(granted: try form.boolean(in: bytes))
        case .vote:
            try form.take(",\"granted\":", in: bytes)
            body = .voted(granted: try form.boolean(in: bytes))
        case .timeoutNow:
            body = .noted
        case .readIndex:
            let question = try number(",\"question\":", &form, in: bytes)
            body = .readIndexed(
                question: question, index: LogIndex(try number(",\"index\":", &form, in: bytes)))
        case .snapshot:
            try form.take(",\"snapshot\":", in: bytes)
            let snapshot = try form.entryID(in: bytes)
            let next = try number(",\"next\":", &form, in: bytes)
            try form.take(",\"installed\":", in: bytes)
            body = .pieced(snapshot: snapshot, next: next, isInstalled: try form.boolean(in: bytes))
        }
        try form.take("}", in: bytes)
        _ = form.takes("\n", in: bytes)
        guard form.isAtEnd else { throw form.error(.form) }
        return head.envelope(body, accord)
    }

    private static func number(
        _ name: StaticString, _ form: inout Form, in bytes: Span<UInt8>
    ) throws(WireError) -> UInt64 {
        try form.take(name, in: bytes)
        return try form.number(in: bytes)
    }

    /// The rest of an append's header. Its terms must rise as those of a log do, up to the sender's.
    private static func append(
        _ form: inout Form, term: Term, in bytes: Span<UInt8>
    ) throws(WireError) -> Message.Append {
        try form.take(",\"after\":", in: bytes)
        let after = try form.entryID(in: bytes)
        guard after.term <= term, (after.index == .zero) == (after.term == .zero) else {
            throw form.error(.order)
        }
        try form.take(",\"runs\":[", in: bytes)
        let runs = try Self.runs(&form, after: after, term: term, in: bytes)
        let commit = try number(",\"commit\":", &form, in: bytes)
        let wholeFor = try number(",\"whole\":[", &form, in: bytes)
        let whole = try number(",", &form, in: bytes)
        try form.take("]", in: bytes)
        return Message.Append(
            after: after, runs: runs, commit: LogIndex(commit), whole: LogIndex(whole),
            wholeFor: Boot(wholeFor))
    }

    private static func runs(
        _ form: inout Form, after: EntryID, term: Term, in bytes: Span<UInt8>
    ) throws(WireError) -> [Message.Run] {
        var runs: [Message.Run] = []
        var count: UInt64 = 0
        while !form.takes("]", in: bytes) {
            if !runs.isEmpty { try form.take(",", in: bytes) }
            guard runs.count < runsMax else { throw form.error(.limit) }
            try form.take("[", in: bytes)
            let run = Term(try form.number(from: 1, in: bytes))
            let isRising = runs.last.map { $0.term < run } ?? (after.term <= run)
            guard isRising, run <= term else { throw form.error(.order) }
            try form.take(",", in: bytes)
            let entries = try form.number(from: 1, in: bytes)
            guard entries <= entriesMax - count else { throw form.error(.limit) }
            count += entries
            try form.take("]", in: bytes)
            runs.append(Message.Run(term: run, count: entries))
        }
        guard count <= largestNumber - after.index.rawValue else { throw form.error(.limit) }
        return runs
    }
}

/// What every message begins with.
private struct Head {
    let cluster: ClusterID
    let from: NodeID
    let boot: Boot
    let to: NodeID
    let term: Term

    init(_ form: inout Form, in bytes: Span<UInt8>) throws(WireError) {
        try form.take("{\"cluster\":\"", in: bytes)
        cluster = try form.cluster(in: bytes)
        try form.take("\",\"from\":", in: bytes)
        from = NodeID(try form.number(from: 1, in: bytes))
        try form.take(",\"boot\":", in: bytes)
        boot = Boot(try form.number(in: bytes))
        try form.take(",\"to\":", in: bytes)
        to = NodeID(try form.number(from: 1, in: bytes))
        try form.take(",\"term\":", in: bytes)
        term = Term(try form.number(in: bytes))
    }

    func envelope(_ body: Message.Body, _ accord: Accord?) -> Envelope {
        Envelope(
            cluster: cluster, message: Message(from: from, to: to, boot: boot, term: term, body: body),
            accord: accord)
    }
}
