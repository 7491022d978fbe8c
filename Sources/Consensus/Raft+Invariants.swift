// What holds after every step; the simulator checks it, in release builds too.

extension Raft {
    public func checkInvariants() {
        log.checkInvariants()
        precondition(durable <= handed && handed <= log.lastIndex, "durable ≤ handed ≤ last")
        precondition(commit <= log.lastIndex && commit >= log.base.index, "commit is in the log")
        precondition(verified <= log.lastIndex, "what was verified is in the log")
        precondition(hardDurable <= hard.count, "no vote is durable before it is given")
        precondition(held.isEmpty || hardDurable < hard.count, "nothing waits for what is durable")
        precondition(log.lastTerm <= term, "no entry is newer than the term")
        if let leadership {
            precondition(election == nil && leader == id && standing == .whole, "a leader leads itself")
            precondition(hardDurable == hard.count, "a leader's term is durable")
            precondition(log.lastTerm == term, "a leader has an entry of its term")
            precondition(leadership.firstIndex <= log.lastIndex)
            for peer in leadership.peers {
                precondition(peer.match < peer.next, "match < next")
                precondition(peer.next <= log.lastIndex.next, "next is in the log or just after it")
                precondition(peer.match <= log.lastIndex, "no peer agrees beyond the log")
                precondition(peer.flights <= settings.flightsMax)
            }
            let rounds = leadership.rounds
            precondition(rounds.inRound <= rounds.waiting.count && rounds.done <= rounds.sent)
        }
        if election != nil { precondition(leader == nil, "who stands follows nobody") }
    }
}
