// Reads the words of one scenario line: the same words in which consensus prints.
import Consensus

struct Words {
    private let line: Substring
    private var left: ArraySlice<Substring>

    init(_ line: Substring) {
        self.line = line
        left = line.split(separator: " ")[...]
    }

    var isAtEnd: Bool { left.isEmpty }
    var rest: Substring { Substring(left.joined(separator: " ")) }

    func problem(_ problem: String) -> ScenarioError { ScenarioError(line: String(line), problem: problem) }

    func end() throws(ScenarioError) {
        if !isAtEnd { throw problem("too much: \(rest)") }
    }

    mutating func next(is word: Substring) -> Bool {
        guard left.first == word else { return false }
        left.removeFirst()
        return true
    }

    mutating func word() throws(ScenarioError) -> Substring {
        guard let word = left.popFirst() else { throw problem("a word is missing") }
        return word.last == ":" ? word.dropLast() : word
    }

    mutating func expect(_ word: Substring) throws(ScenarioError) {
        guard try self.word() == word else { throw problem("expected \(word)") }
    }

    private func number(in text: Substring) throws(ScenarioError) -> UInt64 {
        guard let number = UInt64(text) else { throw problem("\(text) is not a number") }
        return number
    }

    mutating func number() throws(ScenarioError) -> UInt64 { try number(in: word()) }
    mutating func node() throws(ScenarioError) -> NodeID { NodeID(try number()) }

    mutating func nodes() -> [NodeID] {
        var nodes: [NodeID] = []
        while let number = left.first.flatMap({ UInt64($0) }) {
            nodes.append(NodeID(number))
            left.removeFirst()
        }
        return nodes
    }

    /// `voters 1 2 3 outgoing 1 2 learners 4 rising 4`, from after `voters` on.
    mutating func membership() -> Membership {
        let voters = nodes()
        let outgoing = next(is: "outgoing") ? nodes() : []
        let learners = next(is: "learners") ? nodes() : []
        let rising = next(is: "rising") ? nodes() : []
        return Membership(voters: voters, outgoing: outgoing, learners: learners, rising: rising)
    }

    /// `3: voters 1 2`.
    mutating func configuration() throws(ScenarioError) -> Configuration {
        let index = LogIndex(try number())
        try expect("voters")
        return Configuration(index: index, membership: membership())
    }

    /// `learner 4 rising`, `promote 4`, `demote 3`, `remove 3`, `readmit 3 boot 7`,
    /// `admit 5 boot 7`.
    mutating func change() throws(ScenarioError) -> Change {
        let kind = try word()
        let id = try node()
        switch kind {
        case "learner": return .learner(id, rises: next(is: "rising"))
        case "promote": return .promote(id)
        case "demote": return .demote(id, rises: next(is: "rising"))
        case "remove": return .remove(id)
        case "readmit":
            try expect("boot")
            return .readmit(id, boot: Boot(try number()))
        case "admit":
            try expect("boot")
            return .admit(id, boot: Boot(try number()))
        default: throw problem("unknown change \(kind)")
        }
    }

    /// `plenty`, `low` or `none`.
    mutating func room() throws(ScenarioError) -> Room {
        switch try word() {
        case "plenty": return .plenty
        case "low": return .low
        case "none": return .none
        case let other: throw problem("unknown room \(other)")
        }
    }

    mutating func milliseconds() throws(ScenarioError) -> UInt64 {
        let text = try word()
        guard text.hasSuffix("ms") else { throw problem("\(text) is not a number of ms") }
        return try number(in: text.dropLast(2))
    }

    /// How many quoted notes follow: each is a proposal.
    mutating func notes() -> UInt64 {
        var count: UInt64 = 0
        while left.first?.first == "\"" {
            left.removeFirst()
            count += 1
        }
        return count
    }

    /// `1→2`.
    mutating func way() throws(ScenarioError) -> (NodeID, NodeID) {
        guard case (let from, let to?) = try nodeOrWay() else { throw problem("expected 1→2") }
        return (from, to)
    }

    mutating func nodeOrWay() throws(ScenarioError) -> (NodeID, NodeID?) {
        let ends = try word().split(separator: "→")
        guard let first = ends.first, ends.count <= 2 else { throw problem("expected 1 or 1→2") }
        let to = ends.count == 2 ? NodeID(try number(in: ends[1])) : nil
        return (NodeID(try number(in: first)), to)
    }

    /// `2.5`: term and index.
    private func entry(in text: Substring) throws(ScenarioError) -> EntryID {
        let parts = text.split(separator: ".")
        guard parts.count == 2 else { throw problem("\(text) does not name an entry") }
        return EntryID(term: Term(try number(in: parts[0])), index: LogIndex(try number(in: parts[1])))
    }

    mutating func entry() throws(ScenarioError) -> EntryID { try entry(in: word()) }

    /// `[1.2–1.3 2.4]`; what it names must follow `after`.
    mutating func runs(after: LogIndex) throws(ScenarioError) -> [Message.Run] {
        var runs: [Message.Run] = []
        var last = after
        var isOpen = true
        if next(is: "[]") { return [] }
        while isOpen {
            var text = try word()
            if text.first == "[" { text = text.dropFirst() }
            if text.last == "]" {
                text = text.dropLast()
                isOpen = false
            }
            let ends = text.split(separator: "–")
            guard let from = ends.first, let to = ends.last else { throw problem("expected entries") }
            let (first, end) = (try entry(in: from), try entry(in: to))
            guard first.index == last.next, end.index >= first.index else {
                throw problem("\(text) does not follow \(last)")
            }
            runs.append(Message.Run(term: first.term, count: end.index - last))
            last = end.index
        }
        return runs
    }

    /// `term 3 for 2 base 1.4 log [3.5] commit 5 damaged in 2: voters 1 2`, each where it is not nothing.
    ///
    /// What lies before the base is in a snapshot; `in` names entries that hold a membership.
    mutating func durable() throws(ScenarioError) -> Durable {
        var durable = Durable()
        if next(is: "term") {
            let term = Term(try number())
            durable.hard = HardState(term: term, vote: next(is: "for") ? try node() : nil, count: 1)
        }
        if next(is: "base") { durable.log = LogShape(base: try entry()) }
        let base = durable.log.base
        durable.commit = base.index
        for index in 0..<base.index.rawValue { durable.payloads.append(base.term.rawValue << 32 + index) }
        if next(is: "log") {
            let runs = try runs(after: base.index)
            durable.log = LogShape(base: base, runs: runs)
            // What an entry stands for follows from its name, so that equal names are equal on all nodes.
            for run in runs {
                for _ in 0..<run.count {
                    durable.payloads.append(run.term.rawValue << 32 + UInt64(durable.payloads.count))
                }
            }
        }
        if next(is: "commit") { durable.commit = LogIndex(try number()) }
        durable.isDamaged = next(is: "damaged")
        while next(is: "in") { durable.named.append(try configuration()) }
        return durable
    }

    /// `1→2 term 3 boot 2: append after 2.4 [3.5] commit 4`, as a message prints.
    mutating func message() throws(ScenarioError) -> Message {
        let (from, to) = try way()
        try expect("term")
        let term = Term(try number())
        let boot = Boot(next(is: "boot") ? try number() : 1)
        return Message(from: from, to: to, boot: boot, term: term, body: try body())
    }

    private mutating func body() throws(ScenarioError) -> Message.Body {
        let kind = try word()
        switch kind {
        case "append":
            try expect("after")
            let after = try entry()
            let runs = try runs(after: after.index)
            try expect("commit")
            let commit = LogIndex(try number())
            var whole = LogIndex.zero
            var boot = Boot(0)
            if next(is: "whole") {
                whole = LogIndex(try number())
                try expect("for")
                boot = Boot(try number())
            }
            var configurations: [Configuration] = []
            while next(is: "with") { configurations.append(try configuration()) }
            return .append(
                Message.Append(
                    after: after, runs: runs, commit: commit, whole: whole, wholeFor: boot,
                    configurations: configurations))
        case "appended": return .appended(match: LogIndex(try number()))
        case "full": return .full(last: try entry())
        case "rejected":
            let after = LogIndex(try number())
            try expect("hint")
            return .rejected(after: after, hint: try entry())
        case "heartbeat":
            try expect("commit")
            let commit = LogIndex(try number())
            try expect("round")
            return .heartbeat(commit: commit, round: try number())
        case "heard":
            try expect("round")
            return .heard(round: try number(), isFull: next(is: "full"))
        case "pre-voted": return .preVoted(granted: next(is: "yes") || !next(is: "no"))
        case "voted": return .voted(granted: next(is: "yes") || !next(is: "no"))
        case "pre-vote":
            try expect("last")
            return .preVote(last: try entry())
        case "vote":
            try expect("last")
            return .vote(last: try entry(), isTransfer: next(is: "transfer"))
        case "timeout-now": return .timeoutNow
        case "noted": return .noted
        case "read-index": return .readIndex(question: try number())
        case "read-indexed":
            let question = try number()
            try expect("at")
            return .readIndexed(question: question, index: LogIndex(try number()))
        case "piece":
            try expect("of")
            let snapshot = try entry()
            try expect("bytes")
            let bytes = try number()
            try expect("offset")
            return .piece(Message.Piece(snapshot: snapshot, sum: 0, bytes: bytes, offset: try number()))
        case "pieced":
            let snapshot = try entry()
            if next(is: "installed") {
                return .pieced(snapshot: snapshot, next: Cluster.pieces, isInstalled: true)
            }
            try expect("next")
            return .pieced(snapshot: snapshot, next: try number(), isInstalled: false)
        default: throw problem("unknown message \(kind)")
        }
    }
}
