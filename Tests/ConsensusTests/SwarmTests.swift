// Chance against the protocol: many seeds, every fault, and what Figure 3 promises after each step.
import Consensus
import Testing

/// One run from one seed.
private struct Swarm {
    var cluster: Cluster
    var random: Random
    let isDamaging: Bool
    let isWild: Bool
    /// A link that is cut, as from·16 + to.
    var cuts: Set<UInt64> = []
    private(set) var log: [String] = []

    init(seed: UInt64) {
        random = Random(seed: seed)
        cluster = Cluster(nodes: 3 + seed % 3, seed: seed)
        isDamaging = seed % 4 == 3
        isWild = seed / 4 % 2 == 0
        cluster.ledger.countsDisks = !isDamaging
        cluster.appendEntriesMax = 1 + random.next(below: 6)
    }

    var anyNode: NodeID { mutating get { NodeID(1 + random.next(below: UInt64(cluster.members.count))) } }
    mutating func chance(_ of1000: UInt64) -> Bool { random.next(below: 1000) < of1000 }

    mutating func step() {
        let endsTurn = chance(850)
        // Half of the seeds meet faults seldom, so that much is done between them.
        let draw = random.next(below: 1000)
        guard draw < 965 || isWild || chance(150) else { return }
        switch draw {
        case 0..<170: cluster.tick(anyNode, 1 + random.next(below: 60), endsTurn: endsTurn)
        case 170..<700:
            deliver(endsTurn)
            deliver(endsTurn)
        case 700..<850: persist(anyNode, endsTurn)
        case 850..<920: propose(endsTurn)
        case 920..<945: cluster.read(anyNode)
        case 945..<965: cluster.read(anyNode, isAsked: true)
        case 965..<975: cluster.step(anyNode, .lost(to: anyNode), endsTurn: endsTurn)
        case 975..<980: cluster.step(cluster.leader ?? anyNode, .transfer(to: chance(500) ? nil : anyNode))
        case 980..<983: crash(anyNode)
        case 983..<986: cut()
        case 986..<998: cuts = []
        default: cluster.tick(anyNode, 1000 + random.next(below: 1000))
        }
    }

    /// One direction of one link, or a whole node.
    mutating func cut() {
        let id = anyNode.rawValue
        if chance(500) {
            cuts.insert(id * 16 + anyNode.rawValue)
        } else {
            for other in 1...UInt64(cluster.members.count) {
                cuts.formUnion([id * 16 + other, other * 16 + id])
            }
        }
    }

    /// Any packet, in any order; some are lost, some come again.
    mutating func deliver(_ endsTurn: Bool) {
        guard !cluster.network.isEmpty else { return }
        // Mostly an old one, so that something is ever finished.
        let bound = chance(800) ? min(4, cluster.network.count) : cluster.network.count
        let at = Int(random.next(below: UInt64(bound)))
        let message = cluster.network[at].message
        if chance(30) || cuts.contains(message.from.rawValue * 16 + message.to.rawValue) {
            cluster.network.remove(at: at)
        } else {
            cluster.deliver(at: at, keeping: chance(40), endsTurn: endsTurn)
        }
        if cluster.network.count > 100 { cluster.network.removeFirst(50) }
    }

    /// Votes and entries are different files: either may be first. Several writes may be told as one.
    mutating func persist(_ id: NodeID, _ endsTurn: Bool) {
        let isVote = chance(500) ? cluster[id].disk.first?.isVote ?? false : chance(500)
        while chance(300), cluster[id].disk.count(where: { $0.isVote == isVote }) > 1 {
            cluster.persist(id, vote: isVote, isTold: false)
        }
        cluster.persist(id, vote: isVote, endsTurn: endsTurn)
    }

    mutating func propose(_ endsTurn: Bool) {
        let id = chance(800) ? cluster.leader ?? anyNode : anyNode
        cluster.step(id, .propose(count: 1 + random.next(below: 4)), endsTurn: endsTurn)
    }

    /// What was asked of the disk and not finished is lost, or some of it was written after all.
    mutating func crash(_ id: NodeID) {
        while chance(500), cluster[id].holdsDiskWork { cluster.persist(id, vote: chance(500), isTold: false) }
        let damaged = cluster.members.filter { $0.durable.isDamaged || $0.raft.standing == .damaged }.count
        let mayDamage = cluster[id].durable.isDamaged || damaged < (cluster.members.count - 1) / 2
        if isDamaging, mayDamage, chance(500) {
            let length = cluster[id].durable.log.lastIndex.rawValue
            cluster.damage(id, after: LogIndex(random.next(below: length + 1)))
        } else {
            cluster.restart(id)
        }
    }

    /// Faults stop: within a bound there is one leader, and everybody has what it has.
    mutating func converge() {
        cuts = []
        for id in cluster.membership.all { cluster.restart(id) }
        for _ in 0..<800 {
            for id in cluster.membership.all { cluster.tick(id, 10) }
            cluster.settle()
        }
        guard let leader = cluster.leader else {
            return cluster.ledger.fail("no leader in 8 s without faults")
        }
        cluster.step(leader, .propose(count: 3))
        cluster.read(leader)
        for _ in 0..<40 {
            for id in cluster.membership.all { cluster.tick(id, 10) }
            cluster.settle()
        }
        for member in cluster.members {
            if member.raft.commit != cluster[leader].raft.log.lastIndex || member.raft.standing != .whole {
                cluster.ledger.fail("\(member.raft.id) has not caught up: it has \(member.raft.commit)")
            }
        }
    }

    mutating func run(steps: Int) {
        for at in 0..<steps {
            step()
            if at % 64 == 0 { cluster.ledger.compareLogs(of: cluster.members) }
            if !cluster.ledger.problems.isEmpty {
                cluster.ledger.fail("at step \(at)")
                return
            }
        }
        converge()
        cluster.ledger.compareLogs(of: cluster.members)
    }
}

@Suite("Chance")
struct SwarmTests {
    @Test("Figure 3 holds under loss, duplicates, reordering, crashes, cuts and damage", arguments: 0..<8)
    func figure3(part: UInt64) {
        var elections = 0
        var truncations = 0
        var commits = 0
        var reads = 0
        for seed in part * 38..<(part + 1) * 38 {
            var swarm = Swarm(seed: seed)
            swarm.run(steps: 6000)
            let ledger = swarm.cluster.ledger
            #expect(ledger.problems == [], "seed \(seed)")
            elections += ledger.elections
            truncations += ledger.truncations
            commits += ledger.committed.count
            reads += ledger.readsAnswered
        }
        // A run in which nothing happens shows nothing.
        #expect(elections > 38 * 3 && truncations > 10 && commits > 38 * 100 && reads > 38 * 20)
    }
}
