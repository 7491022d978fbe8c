// Elections: pre-vote (thesis §9.6), votes (§5.2, §5.4.1), stickiness to a live leader (thesis §4.2.3).

/// A member that stands, or asks whether it should.
struct Election: Hashable, Sendable {
    let isPre: Bool
    let isTransfer: Bool
    /// Who has said yes, each once: an answer that comes twice is one vote.
    var granted: [NodeID]
}

extension Raft {
    /// §5.2: drawn anew each time, so that split votes are rare and resolved quickly.
    mutating func drawElectionDeadline() {
        let base = settings.electionTimeout.nanoseconds
        #if PlantedFaults
            if Planted.is(.timeoutsNotRandom) {
                electionDeadline = now + Interval(nanoseconds: base)
                return
            }
        #endif
        let drawn = base + random.next(below: max(base, 1))
        electionDeadline = now + Interval(nanoseconds: drawn)
    }

    var mayStand: Bool {
        standing == .whole && isTrusted && term.rawValue < largestNumber
            && (membership.isVoter(id) || mayBeNeeded)
    }

    /// Whether the configuration in force takes this node's vote away, and is not known to be committed: then
    /// nobody else may have all that a leader must have, and it stands, without counting itself (thesis
    /// §4.2.2).
    private var mayBeNeeded: Bool {
        guard configurationIndex > commit else { return false }
        let committed = configurations.lastIndex { $0.index <= commit } ?? 0
        return configurations[committed...].contains { $0.membership.isVoter(id) }
    }

    /// The election timeout has passed without a leader.
    mutating func stand(into out: inout [Output]) {
        drawElectionDeadline()
        // A candidate whose vote for itself is still on its way to the disk has not asked anybody yet.
        if let election, !election.isPre, hardDurable < hard.count { return }
        guard mayStand else {
            if leader != nil { follow(nil, in: term, into: &out) }
            return
        }
        #if PlantedFaults
            if Planted.is(.preVoteOff) { return standForReal(isTransfer: false, into: &out) }
        #endif
        failReads(into: &out)
        leader = nil
        election = Election(isPre: true, isTransfer: false, granted: [id])
        announce(into: &out)
        for peer in voters where peer != id {
            // A pre-vote names the term it would stand in, and changes nothing anywhere.
            let body = Message.Body.preVote(last: log.last)
            emit(
                .send(Message(from: id, to: peer, boot: boot, term: term.next, body: body)), into: &out)
        }
        maybeWin(into: &out)
    }

    private var voters: [NodeID] { membership.all.filter(membership.isVoter) }

    private mutating func standForReal(isTransfer: Bool, into out: inout [Output]) {
        drawElectionDeadline()
        failReads(into: &out)
        leader = nil
        enter(term.next, voteFor: id, into: &out)
        election = Election(isPre: false, isTransfer: isTransfer, granted: [id])
        announce(into: &out)
        for peer in voters where peer != id {
            send(.vote(last: log.last, isTransfer: isTransfer), to: peer, into: &out)
        }
    }

    /// Whether a leader was heard so lately that a vote now would only disturb it. A leader hears itself.
    private var isSticky: Bool {
        #if PlantedFaults
            if Planted.is(.stickinessOff) { return false }
        #endif
        if leadership != nil { return true }
        guard leader != nil, let heard = lastLeaderContact else { return false }
        return now - heard < settings.electionTimeout
    }

    mutating func receivePreVote(
        _ message: Message, _ last: EntryID, _ exchange: Exchange, into out: inout [Output]
    ) {
        #if PlantedFaults
            let last = Planted.is(.voteForShorterLog) ? max(last, log.last) : last
        #endif
        let grants =
            standing == .whole && !isSticky && message.term > term && last >= log.last
        // A yes echoes the term asked about; a no tells the term here, so that the asker can join it.
        let answer = Message(
            from: id, to: message.from, boot: boot, term: grants ? message.term : term,
            body: .preVoted(granted: grants))
        emit(.answer(exchange, answer), into: &out)
    }

    mutating func receivePreVoted(_ message: Message, _ granted: Bool, into out: inout [Output]) {
        if granted {
            guard election?.isPre == true, message.term == term.next else { return }
            count(message.from, into: &out)
        } else if message.term > term {
            follow(nil, in: message.term, into: &out)
        }
    }

    mutating func receiveVote(
        _ message: Message, _ last: EntryID, _ isTransfer: Bool, _ exchange: Exchange,
        into out: inout [Output]
    ) {
        #if PlantedFaults
            let last = Planted.is(.voteForShorterLog) ? max(last, log.last) : last
        #endif
        // A node that must not vote, or hears a live leader, does not even take the newer term: it would
        // bring that leader down. One that its own log does not call a voter votes: the candidate's log may
        // know better, and need it (thesis §4.1).
        let refuses = standing != .whole || isSticky && !isTransfer
        guard !refuses, message.term >= term else {
            answer(.voted(granted: false), to: message, exchange, into: &out)
            return
        }
        let isNewer = message.term > term
        #if PlantedFaults
            if Planted.is(.voteTwice), leader == nil {
                hard = HardState(term: term, vote: nil, count: hard.count)
            }
        #endif
        let mayVote = isNewer || leader == nil && (hard.vote == nil || hard.vote == message.from)
        let grants = mayVote && last >= log.last
        if isNewer {
            // One write for the term and the vote in it.
            follow(nil, in: message.term, voteFor: grants ? message.from : nil, into: &out)
        } else if grants && hard.vote == nil {
            changeHardState(term: term, vote: message.from, into: &out)
        }
        if grants {
            drawElectionDeadline()
            // Who votes for another does not go on asking for itself.
            if election != nil { follow(nil, in: term, into: &out) }
        }
        answer(.voted(granted: grants), to: message, exchange, into: &out)
    }

    mutating func receiveVoted(_ message: Message, _ granted: Bool, into out: inout [Output]) {
        guard joinTerm(of: message, into: &out), granted, election?.isPre == false else { return }
        count(message.from, into: &out)
    }

    private mutating func count(_ voter: NodeID, into out: inout [Output]) {
        #if PlantedFaults
            if Planted.is(.countVotesTwice), let election {
                let isEnough = election.granted.count + 1 > membership.voters.count / 2
                self.election?.granted = isEnough ? membership.voters : election.granted + [voter]
                return maybeWin(into: &out)
            }
        #endif
        guard membership.isVoter(voter), election?.granted.contains(voter) == false else { return }
        election?.granted.append(voter)
        maybeWin(into: &out)
    }

    /// A majority said yes. This node's own vote counts only once it is durable.
    mutating func maybeWin(into out: inout [Output]) {
        guard let election, hardDurable == hard.count,
            membership.isQuorum(where: election.granted.contains)
        else { return }
        if election.isPre {
            standForReal(isTransfer: false, into: &out)
        } else {
            lead(into: &out)
        }
    }

    mutating func receiveTimeoutNow(_ message: Message, _ exchange: Exchange, into out: inout [Output]) {
        answer(.noted, to: message, exchange, into: &out)
        guard message.term == term, message.from == leader, mayStand else { return }
        standForReal(isTransfer: true, into: &out)
    }
}
