// A fault of several acts: what chance alone brings together too rarely.
internal import Consensus
internal import Replica

/// A leader whose clock is slow leads on, and only a node that has lost its disk hears it, while the others
/// have another leader, and have replaced what the old one had given to one of them.
///
/// Whoever then counted what the emptied node takes beside what the other once held would commit what is
/// gone.
struct Plot {
    enum Act {
        /// The old leader and its witness are alone together: what it is given now, no majority has.
        case apart
        /// The old leader is alone, and the others elect another.
        case alone
        /// One that is none of these has lost its disk. (Did the old one hear of that, it would want to let
        /// it in itself, and wait for those that do.)
        case wiped(Int)
        /// It was let in, and from then on hears the old one only.
        case misled
    }

    let old: Int
    let witness: Int
    /// The term of the old leader.
    let term: Term
    var act = Act.apart
    /// The witness holds entries up to here that the old leader has not committed.
    var given = LogIndex.zero
    /// It is given up at that moment.
    var end: UInt64
}

extension Cluster {
    private static let look: UInt64 = 20 * millisecond

    func beginPlot() {
        guard plot == nil, nodes.count >= 5,
            let old = nodes.first(where: { $0.isWell && $0.process?.leads == true }),
            let term = old.process?.replica.raft.term
        else { return }
        let witness = (old.place + 1 + random.index(nodes.count - 1)) % nodes.count
        plot = Plot(old: old.place, witness: witness, term: term, end: after(1_500 * Self.millisecond))
        say("leads on with ", witness)
        old.setClock(rate: random.draw(10...60), at: now)
        connect { from, to in Self.isWithin([old.place, witness], from, to) }
        queue.add(.plot, at: after(random.draw(50 * Self.millisecond...500 * Self.millisecond)))
    }

    /// The next act, once its time has come.
    func goOnWithPlot() {
        guard let plot, isChaos else { return }
        guard now < plot.end, let raft = nodes[plot.old].process?.replica.raft, raft.role == .leader,
            raft.term == plot.term
        else { return endPlot() }
        queue.add(.plot, at: after(Self.look))
        switch plot.act {
        case .apart:
            let witness = raft.leadership?.peers.first { $0.id == nodes[plot.witness].id }
            guard let given = witness?.match, given > raft.commit else { return }
            self.plot?.given = given
            self.plot?.act = .alone
            self.plot?.end = after(8_000 * Self.millisecond)
            say("is alone, and gave it up to ", Int(given.rawValue) - 1)
            connect { from, to in from != plot.old && to != plot.old }
        case .alone:
            guard let young = nodes.first(where: { leads($0, after: plot.term) }),
                let commit = young.process?.replica.raft.commit, commit >= plot.given
            else { return }
            let places = nodes.indices.filter { ![plot.old, plot.witness, young.place].contains($0) }
            let empty = places[random.index(places.count)]
            guard wipe(nodes[empty]) else { return }
            self.plot?.act = .wiped(empty)
        case .wiped(let empty):
            guard nodes[empty].wasAdmitted else { return }
            self.plot?.act = .misled
            // From now on it has little time left, and uses it.
            nodes[plot.old].setClock(rate: 1_000, at: now)
            say("is heard again by ", empty)
            counts.count(.leaderOutlived)
            connect { from, to in Self.isWithin([plot.old, empty], from, to) }
        case .misled: return
        }
    }

    private func say(_ text: String, _ place: Int) {
        guard let old = plot?.old else { return }
        trace.begin(now)
        trace.node(old)
        trace.text(text, UInt64(place + 1))
        trace.end()
    }

    /// Whether it leads, in a later term, and has committed what is of that term.
    private func leads(_ node: SimulatedNode, after term: Term) -> Bool {
        guard node.isWell, let raft = node.process?.replica.raft, raft.role == .leader, raft.term > term
        else { return false }
        return raft.log.term(at: raft.commit) == raft.term
    }

    private func endPlot() {
        guard let old = plot?.old else { return }
        plot = nil
        nodes[old].setClock(rate: 1_000, at: now)
        heal(cutCount)
    }

    /// Both within, or both outside.
    private static func isWithin(_ pair: [Int], _ from: Int, _ to: Int) -> Bool {
        pair.contains(from) == pair.contains(to)
    }

    /// Only those reach each other.
    private func connect(_ reaches: (Int, Int) -> Bool) {
        cutCount += 1
        for from in nodes.indices {
            for to in nodes.indices { cut[from * nodes.count + to] = from != to && !reaches(from, to) }
        }
        traceCuts()
    }
}
