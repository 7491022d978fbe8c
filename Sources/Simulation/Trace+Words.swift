// The words of the trace: those in which members, scenarios and a node's log speak (Consensus, Transcript).
internal import Consensus
internal import Journal
internal import KeyValue
internal import Wire

extension Trace {
    /// `1  `: whose line it is.
    mutating func node(_ place: Int) {
        number(UInt64(place) + 1)
        text("  ")
    }

    /// `1  send→2 `
    mutating func ends(_ from: Int, _ verb: StaticString, _ to: Int) {
        node(from)
        text(verb)
        number(UInt64(to) + 1)
        text(" ")
    }

    /// `term 3: append after 2.4 [3.5–3.9] commit 4`
    mutating func message(_ message: Message) {
        text("term ", message.term.rawValue)
        if message.boot.rawValue > 1 { text(" boot ", message.boot.rawValue) }
        text(": ")
        switch message.body {
        case .append(let append): self.append(append)
        case .appended(let match): text("appended ", match.rawValue)
        case .full(let last): text("full ", last)
        case .rejected(let after, let hint):
            text("rejected ", after.rawValue)
            text(" hint ", hint)
        case .heartbeat(let commit, let round):
            text("heartbeat commit ", commit.rawValue)
            text(" round ", round)
        case .heard(let round, let isFull):
            text("heard round ", round)
            if isFull { text(" full") }
        case .preVote(let last): text("pre-vote last ", last)
        case .preVoted(let granted): text(granted ? "pre-voted yes" : "pre-voted no")
        case .vote(let last, let isTransfer):
            text("vote last ", last)
            if isTransfer { text(" transfer") }
        case .voted(let granted): text(granted ? "voted yes" : "voted no")
        case .timeoutNow: text("timeout-now")
        case .noted: text("noted")
        case .readIndex(let question): text("read-index ", question)
        case .readIndexed(let question, let index):
            text("read-indexed ", question)
            text(" at ", index.rawValue)
        case .piece(let piece):
            text("piece of ", piece.snapshot)
            text(" offset ", piece.offset)
        case .pieced(let snapshot, let next, let isInstalled):
            text("pieced ", snapshot)
            if isInstalled { text(" installed") } else { text(" next ", next) }
        }
    }

    private mutating func append(_ append: Message.Append) {
        text("append after ", append.after)
        text(" [")
        var index = append.after.index.rawValue
        for (at, run) in append.runs.enumerated() {
            if at > 0 { text(" ") }
            text("", EntryID(term: run.term, index: LogIndex(index + 1)))
            index += run.count
            if run.count > 1 { text("–", EntryID(term: run.term, index: LogIndex(index))) }
        }
        text("] commit ", append.commit.rawValue)
        guard append.whole > .zero else { return }
        text(" whole ", append.whole.rawValue)
        text(" for ", append.wholeFor.rawValue)
    }

    /// `write log/2 at 4096, 8192 bytes`
    mutating func operation(_ action: Operation.Action) {
        switch action {
        case .write(let file, let offset, let pieces, _):
            text("write ")
            self.file(file)
            text(" at ", offset)
            text(", ", UInt64(pieces.reduce(0) { $0 + $1.count }))
            text(" bytes")
        case .prepare(let file, let offset, let bytes):
            text("prepare ")
            self.file(file)
            text(" at ", offset)
            text(", ", bytes)
            text(" bytes")
        case .rename(let file, let other):
            text("rename ")
            self.file(file)
            text(" to ")
            self.file(other)
        case .remove(let file):
            text("remove ")
            self.file(file)
        case .syncFolder(.root): text("sync folder")
        case .syncFolder(.log): text("sync folder log")
        case .syncFolder(.snapshot): text("sync folder snapshot")
        }
    }

    private mutating func file(_ file: File) {
        switch file {
        case .segment(let number): text("log/", number)
        case .spare(let number): text("spare ", number)
        case .vote: text("vote")
        case .identity: text("rast.json")
        case .identityDraft: text("rast.json.new")
        case .damage: text("damaged")
        case .damageDraft: text("damaged.new")
        case .snapshot(let id): text("snapshot ", id)
        case .snapshotDraft(let id): text("draft of snapshot ", id)
        case .incoming: text("incoming snapshot")
        }
    }

    /// ` put 7 of key 2 if revision 5`
    mutating func call(_ call: Call) {
        switch call.action {
        case .read: text(" read")
        case .put(let value): text(" put ", value)
        case .delete: text(" delete")
        }
        text(" of key ", UInt64(call.key))
        switch call.condition {
        case .none: return
        case .isAbsent: text(" if absent")
        case .isAt(let revision, _): text(" if revision ", revision.rawValue)
        }
    }

    /// ` read 7 of revision 5 at 9`
    mutating func outcome(_ outcome: Call.Outcome) {
        switch outcome {
        case .unknown: text(" unknown")
        case .refused: text(" not applied")
        case .written(_, let revision, _, let version):
            text(" written at ", revision.rawValue)
            text(" version ", version)
        case .deleted(let count, let revision):
            text(" deleted ", UInt64(count))
            text(" at ", revision.rawValue)
        case .conditionFailed(let current, let revision):
            text(" failed its condition at ", revision.rawValue)
            if let current { text(", is ", current.rawValue) }
        case .read(let found?, let revision):
            text(" read ", found.value)
            text(" of revision ", found.revision.rawValue)
            text(" at ", revision.rawValue)
        case .read(nil, let revision): text(" read nothing at ", revision.rawValue)
        }
    }
}
