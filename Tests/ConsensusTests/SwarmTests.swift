// Chance against the protocol: many seeds, every fault, and what Figure 3 promises after each step.
import Consensus
import Foundation
import Testing

/// One run from one seed.
private struct Swarm {
    var cluster: Cluster
    var random: Random
    /// Disks lose what they held: a part of the log, or everything.
    let isDamaging: Bool
    let isWild: Bool
    /// Members come and go.
    let isChanging: Bool
    /// Logs are compacted.
    let isCompacting: Bool
    /// A link that is cut, as from·16 + to.
    var cuts: Set<UInt64> = []
    private(set) var log: [String] = []

    init(seed: UInt64) {
        random = Random(seed: seed)
        isDamaging = seed % 4 == 3
        isWild = seed / 4 % 2 == 0
        isChanging = seed / 8 % 2 == 0
        isCompacting = seed / 16 % 2 == 0
        let nodes = 3 + seed % 3
        let spares = isChanging ? (nodes + 1...nodes + 2).map(NodeID.init) : []
        let membership = Membership(voters: (1...nodes).map(NodeID.init))
        cluster = Cluster(membership: membership, spares: spares, seed: seed)
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
        case 965..<968: change()
        case 968..<972: compact(anyNode)
        case 972..<975: cluster.step(anyNode, .lost(to: anyNode), endsTurn: endsTurn)
        case 975..<980: cluster.step(cluster.leader ?? anyNode, .transfer(to: chance(500) ? nil : anyNode))
        case 980..<983: crash(anyNode)
        case 983..<986: cut()
        case 986..<993: cuts = []
        case 993..<998: askToBeLetIn()
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

    // What is rarer ----------------------------------------------------------------------------------------

    mutating func change() {
        guard isChanging, let leader = cluster.leader else { return }
        let id = anyNode
        switch random.next(below: 4) {
        case 0: cluster.step(leader, .change(.learner(id, rises: chance(700))))
        case 1: cluster.step(leader, .change(.promote(id)))
        // Fewer voters, of whom some are ill, might be too few.
        case 2 where ill.isEmpty: cluster.step(leader, .change(.demote(id, rises: chance(500))))
        case 3 where ill.isEmpty: cluster.step(leader, .change(.remove(id)))
        default: return
        }
    }

    mutating func compact(_ id: NodeID) {
        guard isCompacting else { return }
        if chance(700) { cluster.takeSnapshot(id) }
        let committed = cluster[id].committed.rawValue
        let index = chance(500) ? committed : random.next(below: committed + 1)
        if chance(700) { cluster.compact(id, through: LogIndex(index)) }
    }

    /// Wiped nodes ask whoever thinks that it leads.
    mutating func askToBeLetIn() {
        for member in cluster.members where member.durable.isWiped {
            let leaders = cluster.members.filter { $0.raft.role == .leader }
            guard !leaders.isEmpty else { return }
            let leader = leaders[Int(random.next(below: UInt64(leaders.count)))].raft.id
            cluster.hello(member.raft.id, to: leader)
        }
    }

    /// Those whose disks have lost something that they have not got again.
    var ill: Set<NodeID> {
        Set(cluster.members.filter { $0.durable.isDamaged || $0.durable.isWiped }.map(\.raft.id))
    }

    /// Whether a minority of every set that decides somewhere, or soon may, is ill even with this one.
    func mayHarm(_ id: NodeID) -> Bool {
        let ill = ill.union([id])
        for member in cluster.members {
            let committed = member.committed
            let later = cluster.ledger.configurations(
                in: member.payloads[Int(committed.rawValue)...], after: committed)
            for configuration in [member.raft.configuration(at: committed)] + later {
                let membership = configuration.membership
                for set in [membership.voters, membership.voters + membership.rising, membership.outgoing]
                where !set.isEmpty {
                    if set.count(where: ill.contains) > (set.count - 1) / 2 { return false }
                }
            }
        }
        return true
    }

    /// What was asked of the disk and not finished is lost, or some of it was written after all.
    mutating func crash(_ id: NodeID) {
        while chance(500), cluster[id].holdsDiskWork { cluster.persist(id, vote: chance(500), isTold: false) }
        guard isDamaging, chance(500), cluster[id].durable.isDamaged || mayHarm(id) else {
            return cluster.restart(id)
        }
        if chance(400), mayHarm(id) {
            cluster.wipe(id, boot: 1 + random.next(below: 1 << 50))
        } else if !cluster[id].durable.isWiped {
            let length = cluster[id].durable.log.lastIndex.rawValue
            cluster.damage(id, after: LogIndex(random.next(below: length + 1)))
        }
    }

    /// Time passes, and everything arrives.
    mutating func pass(_ count: Int) {
        for at in 0..<count {
            for id in cluster.all { cluster.tick(id, 10) }
            cluster.settle()
            if at % 25 == 0 { askToBeLetIn() }
        }
    }

    /// Faults stop: within a bound there is one leader, and everybody has what it has.
    mutating func converge() {
        cuts = []
        for id in cluster.all { cluster.restart(id) }
        pass(1200)
        guard let leader = cluster.leader else {
            for member in cluster.members {
                let raft = member.raft
                cluster.ledger.fail(
                    "\(raft.id): \(raft.role) \(raft.standing) term \(raft.term) last \(raft.log.last) "
                        + "commit \(raft.commit) \(raft.configuration)")
            }
            return cluster.ledger.fail("no leader in 12 s without faults")
        }
        cluster.step(leader, .propose(count: 3))
        cluster.read(leader)
        pass(40)
        let membership = cluster[leader].raft.membership
        if !membership.outgoing.isEmpty { cluster.ledger.fail("joint consensus does not end: \(membership)") }
        if !membership.rising.isEmpty { cluster.ledger.fail("a learner does not rise: \(membership)") }
        for id in membership.all {
            let raft = cluster[id].raft
            if raft.commit != cluster[leader].raft.log.lastIndex || raft.standing != .whole {
                cluster.ledger.fail("\(id) has not caught up: it is \(raft.standing), has \(raft.commit)")
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
    /// So many in each of eight parts; `RAST_SEEDS` asks for more.
    private static var seeds: UInt64 {
        ProcessInfo.processInfo.environment["RAST_SEEDS"].flatMap { UInt64($0) } ?? 38
    }

    @Test(
        "Figure 3 holds under loss, duplicates, reordering, crashes, cuts, damage, compaction and changes",
        arguments: 0..<8)
    func figure3(part: UInt64) {
        var elections = 0
        var truncations = 0
        var commits = 0
        var reads = 0
        var installs = 0
        var discards = 0
        var changes = 0
        var lettingsIn = 0
        let seeds = Self.seeds
        for seed in part * seeds..<(part + 1) * seeds {
            var swarm = Swarm(seed: seed)
            swarm.run(steps: 6000)
            let ledger = swarm.cluster.ledger
            #expect(ledger.problems == [], "seed \(seed)")
            elections += ledger.elections
            truncations += ledger.truncations
            commits += ledger.committed.count
            reads += ledger.readsAnswered
            installs += ledger.installs
            discards += ledger.discards
            changes += ledger.changes
            lettingsIn += ledger.lettingsIn
        }
        // A run in which nothing happens shows nothing.
        #expect(elections > seeds * 3 && truncations > 10 && commits > seeds * 100 && reads > seeds * 20)
        #expect(installs > 0 && discards > 0 && changes > seeds && lettingsIn > 0)
    }
}
