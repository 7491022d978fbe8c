// Messages of any content, to a member in any state: nothing that a peer can send stops it.
import Consensus
import Testing

/// Draws messages whose numbers are in range, and mostly near those that the member has.
private struct Fuzz {
    var random: Random
    var cluster: Cluster
    let id = NodeID(1)

    init(seed: UInt64) {
        random = Random(seed: seed)
        cluster = Cluster(nodes: 3, seed: seed)
        cluster.ledger.isForged = true
        let runs = (1...4).map { Message.Run(term: Term($0), count: $0) }
        var durable = Durable()
        durable.hard = HardState(term: Term(5), vote: nil, count: 1)
        let isCompacted = seed % 3 == 0
        durable.log =
            isCompacted
            ? LogShape(base: EntryID(term: Term(2), index: LogIndex(3)), runs: Array(runs.suffix(2)))
            : LogShape(runs: runs)
        durable.commit = durable.log.base.index
        durable.payloads = Array(repeating: 0, count: 10)
        durable.isDamaged = seed % 5 == 0
        durable.isWiped = seed % 7 == 0
        cluster.start(id, from: durable)
    }

    mutating func number(near: UInt64) -> UInt64 {
        switch random.next(below: 12) {
        case 0: return 0
        case 1: return largestNumber - random.next(below: 3)
        case 2: return random.next(below: largestNumber)
        default: return max(near, 3) - 3 + random.next(below: 6)
        }
    }

    mutating func term() -> Term {
        let now = cluster[id].raft.term.rawValue
        // Terms mostly stay where they are, or nothing else would be reached.
        switch random.next(below: 40) {
        case 0: return Term(now + 1 <= largestNumber ? now + 1 : now)
        case 1: return Term(random.next(below: now + 1))
        default: return Term(now)
        }
    }

    mutating func index() -> LogIndex { LogIndex(number(near: cluster[id].raft.log.lastIndex.rawValue)) }
    mutating func entry() -> EntryID {
        let index = index()
        let known = cluster[id].raft.log.term(at: index)
        return EntryID(
            term: random.next(below: 3) == 0 ? Term(number(near: 5)) : known ?? .zero, index: index)
    }
    mutating func isTrue() -> Bool { random.next(below: 2) == 0 }

    mutating func append() -> Message.Append {
        var runs: [Message.Run] = []
        for _ in 0..<random.next(below: 3) {
            let count = random.next(below: 30) == 0 ? number(near: 1) : 1 + random.next(below: 3)
            let term = isTrue() ? cluster[id].raft.term : Term(number(near: 5))
            runs.append(Message.Run(term: term, count: count))
        }
        // Large counts are for the arithmetic; a member that took them would be asked to hold them.
        if runs.contains(where: { $0.count > 100 && $0.count < largestNumber }) {
            runs.removeAll { $0.count > 100 }
        }
        var configurations: [Configuration] = []
        for _ in 0..<random.next(below: 10) / 7 { configurations.append(configuration()) }
        return Message.Append(
            after: entry(), runs: runs, commit: index(), whole: index(),
            wholeFor: Boot(random.next(below: 3)), configurations: configurations)
    }

    mutating func node() -> NodeID { NodeID(random.next(below: 5)) }

    mutating func nodes(_ max: UInt64) -> [NodeID] {
        var nodes: [NodeID] = []
        for _ in 0..<random.next(below: max + 1) {
            let node = NodeID(1 + random.next(below: 5))
            if !nodes.contains(node) { nodes.append(node) }
        }
        return nodes
    }

    mutating func configuration() -> Configuration {
        let voters = random.next(below: 4) == 0 ? nodes(3) : [NodeID(1), NodeID(2), NodeID(3)]
        let learners = nodes(2).filter { !voters.contains($0) }
        let membership = Membership(
            voters: voters, outgoing: nodes(2), learners: learners, rising: isTrue() ? learners : [])
        return Configuration(index: index(), membership: membership)
    }

    mutating func change() -> Change {
        switch random.next(below: 6) {
        case 0: .learner(node(), rises: isTrue())
        case 1: .promote(node())
        case 2: .demote(node(), rises: isTrue())
        case 3: .remove(node())
        case 4: .readmit(node(), boot: Boot(random.next(below: 3)))
        default: .admit(node(), boot: Boot(random.next(below: 3)))
        }
    }

    /// An entry that a snapshot could end with, so that its state can be made up too.
    mutating func place() -> EntryID {
        let place = entry()
        return EntryID(term: place.term, index: min(place.index, LogIndex(200)))
    }

    mutating func piece() -> Message.Piece {
        Message.Piece(snapshot: place(), sum: 0, bytes: 3, offset: random.next(below: 4))
    }

    mutating func body() -> Message.Body {
        switch random.next(below: 18) {
        case 0, 1: .append(append())
        case 14, 15: .piece(piece())
        case 16: .pieced(snapshot: entry(), next: random.next(below: 4), isInstalled: isTrue())
        case 2: .appended(match: index())
        case 3: .rejected(after: index(), hint: entry())
        case 4: .heartbeat(commit: index(), round: random.next(below: 9))
        case 5: .heard(round: random.next(below: 9))
        case 6: .preVote(last: entry())
        case 7: .preVoted(granted: isTrue())
        case 8: .vote(last: entry(), isTransfer: isTrue())
        case 9: .voted(granted: isTrue())
        case 10: .timeoutNow
        case 11: .noted
        case 12: .readIndex(question: number(near: 1))
        default: .readIndexed(question: number(near: 1), index: index())
        }
    }

    mutating func step() {
        switch random.next(below: 40) {
        case 20, 27: cluster.step(id, .change(change()))
        case 21: cluster.step(id, .admitted(at: entry()))
        case 22: cluster.step(id, .install(place(), configuration()))
        case 23:
            cluster.takeSnapshot(id)
            cluster.compact(id, through: index())
        case 24: stepAside()
        case 25, 26, 28, 29: help()
        case 0: cluster.tick(id, random.next(below: 700))
        case 1: cluster.persist(id, vote: true)
        case 2: cluster.persist(id, vote: false)
        case 3: cluster.step(id, .propose(count: random.next(below: 3)))
        case 4: cluster.read(id, isAsked: isTrue())
        case 5: cluster.step(id, .lost(to: NodeID(random.next(below: 5))))
        case 6: cluster.step(id, .transfer(to: isTrue() ? nil : NodeID(random.next(below: 5))))
        case 7: cluster.step(id, .persisted(WriteID(term: term(), sequence: random.next(below: 50))))
        case 8: cluster.step(id, .sent(to: NodeID(2), through: index()))
        default:
            let term = term()
            let message = Message(
                from: NodeID(random.next(below: 5)), to: NodeID(random.next(below: 9) == 0 ? 2 : 1),
                boot: Boot(random.next(below: 3)), term: term, body: body())
            cluster.step(id, .received(message, exchange: Exchange(random.next())))
        }
        if cluster.network.count > 100 { cluster.network.removeAll() }
    }

    /// What leads on: votes for who stands, acknowledgements for who leads.
    private mutating func help() {
        cluster.persist(id, vote: true)
        cluster.persist(id, vote: false)
        let raft = cluster[id].raft
        let body: Message.Body
        var term = raft.term
        switch raft.role {
        case .follower:
            cluster.tick(id, 1000)
            return
        case .preCandidate:
            body = .preVoted(granted: true)
            term = term.next
        case .candidate: body = .voted(granted: true)
        case .leader: body = .appended(match: raft.log.lastIndex)
        }
        for peer in raft.membership.all where peer != id {
            let message = Message(from: peer, to: id, boot: Boot(2), term: term, body: body)
            cluster.step(id, .received(message, exchange: Exchange(3)))
        }
    }

    /// What no disk could hold is told to a copy, which goes on a little and is forgotten.
    private mutating func stepAside() {
        var raft = cluster[id].raft
        var out: [Output] = []
        let message = Message(
            from: NodeID(2), to: id, boot: Boot(1), term: raft.term,
            body: .piece(Message.Piece(snapshot: entry(), sum: 0, bytes: largestNumber, offset: 0)))
        raft.step(.received(message, exchange: Exchange(1)), into: &out)
        raft.step(
            .answerPiece(Exchange(1), message, next: largestNumber, isInstalled: isTrue()), into: &out)
        raft.step(.install(entry(), configuration()), into: &out)
        raft.checkInvariants()
        for _ in 0..<3 {
            raft.step(
                .received(
                    Message(from: NodeID(2), to: id, boot: Boot(1), term: raft.term, body: body()),
                    exchange: Exchange(2)), into: &out)
            raft.step(.turnEnded, into: &out)
            raft.checkInvariants()
        }
    }
}

@Suite("Fuzz")
struct FuzzTests {
    @Test("No message stops a member, whatever it says and whenever it comes", arguments: 0..<4)
    func anyMessage(part: UInt64) {
        var roles: Set<Role> = []
        var changes = 0
        var installs = 0
        for seed in part * 100..<(part + 1) * 100 {
            var fuzz = Fuzz(seed: seed)
            for _ in 0..<400 {
                fuzz.step()
                roles.insert(fuzz.cluster[fuzz.id].raft.role)
            }
            changes += fuzz.cluster.ledger.changes
            installs += fuzz.cluster.ledger.installs
        }
        #expect(roles.count == 4, "all roles have been reached")
        #expect(changes > 50 && installs > 50, "\(changes) changes, \(installs) installs")
    }
}
