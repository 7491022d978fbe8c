// Linearizable reads without a log entry: read index (thesis §6.4), one round for all that wait.

/// A leader's reads, in the order they came.
struct Rounds: Sendable {
    /// Who waits: a reader of this node, or a follower's question.
    enum Asker: Hashable, Sendable {
        case own(ReadID)
        case peer(Exchange, Message, question: UInt64)
    }
    struct Waiting: Sendable {
        let asker: Asker
        /// The commit index, noted when its round began.
        var index: LogIndex
        /// The round that must be answered by a quorum; 0 while it is not in one.
        var round: UInt64
    }
    var waiting: [Waiting] = []
    /// How many at the front of `waiting` are answered already.
    var answered = 0
    /// How many of `waiting`, from the front, are in a round.
    var inRound = 0
    /// The last round sent, and the last one that a quorum answered.
    var sent: UInt64 = 0
    var done: UInt64 = 0
}

/// A read of a follower that has asked its leader.
struct Question: Hashable, Sendable {
    /// Names it (rule 15): the boot in the upper bits, a count in the lower ones.
    let number: UInt64
    let id: ReadID
    /// The question or its answer is lost if there is none by then.
    let deadline: Instant

    static let countBits: UInt64 = 32

    /// A late answer to a question of an earlier boot must not meet one of this boot: the index it tells may
    /// be older than what has been committed before this one was asked.
    static func number(_ count: UInt64, of boot: Boot) -> UInt64 {
        let countMax: UInt64 = (1 << countBits) - 1
        return ((boot.rawValue << countBits) | (count & countMax)) & largestNumber
    }
}

extension Raft {
    mutating func read(_ id: ReadID, into out: inout [Output]) {
        guard leadership != nil, (leadership?.rounds.waiting.count ?? 0) < settings.readsMax else {
            out.append(.unreadable(id))
            return
        }
        #if PlantedFaults
            if Planted.is(.readWithoutRound) { return out.append(.readable(id, commit)) }
            if Planted.is(.readJoinsOldRound) { return joinRoundUnderWay(id) }
            if Planted.is(.readBeforeFirstEntry) { return readInNextRound(id, into: &out) }
        #endif
        leadership?.rounds.waiting.append(
            Rounds.Waiting(asker: .own(id), index: .zero, round: 0))
    }

    /// A new round for the reads that came since the last one was sent. While one is under way, they gather.
    mutating func maybeStartRound(into out: inout [Output]) {
        guard let leadership, leadership.rounds.inRound < leadership.rounds.waiting.count,
            leadership.rounds.sent == leadership.rounds.done, commit >= leadership.firstIndex
        else { return }
        startRound(into: &out)
    }

    /// A heartbeat to everybody is a round; reads that came before it take part once the leader has committed
    /// an entry of its own term: until then it cannot know what is committed (thesis §6.4, step 1).
    mutating func startRound(into out: inout [Output]) {
        guard var rounds = leadership?.rounds, let firstIndex = leadership?.firstIndex else { return }
        leadership?.rounds.waiting = []
        rounds.sent += 1
        if commit >= firstIndex {
            for at in rounds.inRound..<rounds.waiting.count {
                rounds.waiting[at].index = commit
                rounds.waiting[at].round = rounds.sent
            }
            rounds.inRound = rounds.waiting.count
        }
        let round = rounds.sent
        leadership?.rounds = rounds
        leadership?.nextHeartbeat = now + settings.heartbeat
        for at in (leadership?.peers ?? []).indices {
            guard let peer = leadership?.peers[at] else { continue }
            #if PlantedFaults
                if Planted.is(.heartbeatCommitsUnverified) {
                    send(.heartbeat(commit: commit, round: round), to: peer.id, into: &out)
                    continue
                }
            #endif
            send(.heartbeat(commit: min(commit, peer.match), round: round), to: peer.id, into: &out)
        }
        maybeFinishRound(into: &out)
    }

    mutating func receiveHeard(
        _ message: Message, _ round: UInt64, _ isFull: Bool, into out: inout [Output]
    ) {
        guard let at = peer(answering: message, into: &out) else { return }
        noteRoom(of: at, isFull: isFull)
        guard let leadership, round <= leadership.rounds.sent, round > leadership.peers[at].round else {
            return
        }
        self.leadership?.peers[at].round = round
        maybeFinishRound(into: &out)
    }

    /// The highest round that a quorum has answered lets its reads go, and all before them.
    private mutating func maybeFinishRound(into out: inout [Output]) {
        guard let leadership else { return }
        func round(_ voter: NodeID) -> UInt64 {
            if voter == id { return leadership.rounds.sent }
            for peer in leadership.peers where peer.id == voter { return peer.round }
            return 0
        }
        let done = membership.reached(leadership.rounds.done, by: round)
        guard done > leadership.rounds.done else { return }
        self.leadership?.rounds.done = done
        releaseReads(through: done, into: &out)
    }

    private mutating func releaseReads(through done: UInt64, into out: inout [Output]) {
        guard var rounds = leadership?.rounds else { return }
        leadership?.rounds.waiting = []
        while rounds.answered < rounds.inRound, rounds.waiting[rounds.answered].round <= done {
            let read = rounds.waiting[rounds.answered]
            switch read.asker {
            case .own(let id): out.append(.readable(id, read.index))
            case .peer(let exchange, let request, let question):
                answer(.readIndexed(question: question, index: read.index), to: request, exchange, into: &out)
            }
            rounds.answered += 1
        }
        if rounds.answered == rounds.waiting.count {
            rounds.waiting.removeAll(keepingCapacity: true)
        } else {
            rounds.waiting.removeFirst(rounds.answered)
        }
        rounds.inRound -= rounds.answered
        rounds.answered = 0
        leadership?.rounds = rounds
    }

    /// Any change of term, role or leader fails all that wait (rule 15): a new leader may know more.
    mutating func failReads(into out: inout [Output]) {
        let questions = self.questions
        self.questions.removeAll(keepingCapacity: true)
        for question in questions { out.append(.unreadable(question.id)) }
        guard let waiting = leadership?.rounds.waiting else { return }
        leadership?.rounds.waiting = []
        leadership?.rounds.inRound = 0
        for read in waiting {
            switch read.asker {
            case .own(let id): out.append(.unreadable(id))
            case .peer(let exchange, let request, let question):
                answer(.readIndexed(question: question, index: .zero), to: request, exchange, into: &out)
            }
        }
    }

    // A follower's read -------------------------------------------------------------------------------------

    mutating func ask(_ read: ReadID, into out: inout [Output]) {
        guard let leader, leader != id, questions.count < settings.readsMax else {
            out.append(.unreadable(read))
            return
        }
        questionCount += 1
        let number = Question.number(questionCount, of: boot)
        questions.append(Question(number: number, id: read, deadline: now + settings.electionTimeout))
        send(.readIndex(question: number), to: leader, into: &out)
    }

    /// A question whose answer does not come would wait as long as the leader leads.
    mutating func expireQuestions(into out: inout [Output]) {
        guard let oldest = questions.first, oldest.deadline <= now else { return }
        var expired = 0
        while expired < questions.count, questions[expired].deadline <= now {
            out.append(.unreadable(questions[expired].id))
            expired += 1
        }
        questions.removeFirst(expired)
    }

    mutating func receiveReadIndex(
        _ message: Message, _ question: UInt64, _ exchange: Exchange, into out: inout [Output]
    ) {
        guard joinTerm(of: message, into: &out), let leadership,
            leadership.rounds.waiting.count < settings.readsMax
        else {
            answer(.readIndexed(question: question, index: .zero), to: message, exchange, into: &out)
            return
        }
        self.leadership?.rounds.waiting.append(
            Rounds.Waiting(asker: .peer(exchange, message, question: question), index: .zero, round: 0))
    }

    /// An answer counts only under the name that was asked, and in this node's own term.
    mutating func receiveReadIndexed(
        _ message: Message, _ question: UInt64, _ index: LogIndex, into out: inout [Output]
    ) {
        guard joinTerm(of: message, into: &out), message.from == leader,
            let at = questions.firstIndex(where: { $0.number == question })
        else { return }
        let read = questions.remove(at: at).id
        out.append(index > .zero ? .readable(read, index) : .unreadable(read))
    }
}
