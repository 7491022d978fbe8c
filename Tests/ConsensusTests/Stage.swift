// Carries out the commands of a scenario on a cluster, and writes down what the members say.
import Consensus

/// The commands, where N is a node, `1→2` a way, and what is said is what the named node then says:
///
/// - `nodes N`, `voters 1 2 outgoing 1 3 learners 4 rising 4 spares 5`: a cluster without a history, and
///   nodes that nobody has named;
///   `start N term 3 for 2 base 1.4 log [3.5] commit 5 damaged in 2: voters 1 2`: a node with this on its
///   disk, where entry 2 holds that membership.
/// - `leader N`: elections until it leads and nothing is under way; says nothing.
/// - `tick N 100ms`; `timeout N`: a second passes for it alone; `propose N "a" "b"`; `read N`; `ask N`;
///   `transfer 1→2`; `transfer N`; `retire N`; `doubt N`; `trust N`; `restart N`;
///   `room N plenty`, `low`, `none`;
///   `damage N after 3`; `lost 1→2`; `show N`.
/// - `change N learner 4 rising`, `promote 4`, `demote 3`, `remove 3`, `readmit 3 boot 7`; `members N`.
/// - `snapshot N` of what is applied, durable at once; `compact N through 5`; `pieces by hand`: a snapshot
///   is sent only by `piece 1→2 at 0`, and otherwise by itself; `install N 1.5 with 0: voters 1`: it has been
///   received whole.
/// - `wipe N boot 7`: another life begins; `hello 2→1`: it asks to be let in; `admitted N at 1.5`.
/// - `persisted N`: its disk does all it was asked, in order; `persisted N vote`, `persisted N entries`: the
///   oldest of that.
/// - `deliver`, `drop`: all that is under way; `deliver 1→2`: all on that way; `deliver 1→2 append`: the
///   oldest
///   of that kind; `deliver 1→2 last`: the newest. `redeliver` leaves it under way, so that it comes twice.
/// - `cut 1 2`: what these say from now on, and what is said to them, is lost, until `heal`.
/// - `settle`: everything is delivered and written until nothing is left.
/// - `message 3→1 term 5: vote last 1.1`: a message that nobody sent. After `forged`, made up messages may
///   break
///   what holds in a true cluster.
/// - `limit N`: entries in one append; `offers`: shows the replica's side; `fetches N`, `fetched 1→2`.
/// - `quietly` before a command: what is said is left out.
struct Stage {
    private(set) var cluster = Cluster(nodes: 3)
    private var said: [String] = []
    private var showsOffers = false

    mutating func takeSaid() -> [String] {
        let all = said
        said = []
        return all
    }

    private mutating func hear(_ id: NodeID, _ outputs: [Output]) {
        for output in outputs {
            // The replica's side of an append; the append itself follows.
            if case .replicate = output, !showsOffers { continue }
            said.append("\(id)  \(output)")
        }
    }

    mutating func play(_ line: Substring) throws(ScenarioError) {
        var words = Words(line)
        if words.next(is: "quietly") {
            let before = said
            try play(words.rest)
            said = before
            return
        }
        let command = try words.word()
        if try !setUp(command, &words), try !move(command, &words) { try tell(command, &words) }
        try words.end()
    }

    // What the cluster is ----------------------------------------------------------------------------------

    private mutating func setUp(_ command: Substring, _ words: inout Words) throws(ScenarioError) -> Bool {
        switch command {
        case "nodes": cluster = Cluster(nodes: try words.number())
        case "voters":
            let membership = words.membership()
            cluster = Cluster(membership: membership, spares: words.next(is: "spares") ? words.nodes() : [])
        case "start": cluster.start(try words.node(), from: try words.durable())
        case "limit": cluster.appendEntriesMax = try words.number()
        case "offers": showsOffers = true
        case "fetches": cluster.fetchingFor = words.next(is: "nothing") ? nil : try words.node()
        case "leader": cluster.elect(try words.node())
        case "forged": cluster.ledger.isForged = true
        case "cut": cluster.cutOff.formUnion(words.nodes())
        case "heal": cluster.cutOff = []
        case "snapshot": cluster.takeSnapshot(try words.node())
        case "pieces":
            try words.expect("by")
            try words.expect("hand")
            cluster.sendsPieces = false
        case "wipe":
            let id = try words.node()
            try words.expect("boot")
            cluster.wipe(id, boot: try words.number())
        default: return false
        }
        return true
    }

    // What the network does --------------------------------------------------------------------------------

    private mutating func move(_ command: Substring, _ words: inout Words) throws(ScenarioError) -> Bool {
        switch command {
        case "deliver", "redeliver":
            // What is redelivered stays on its way, and so comes twice.
            let isKept = command == "redeliver"
            for (taken, position) in try packets(&words).enumerated() {
                let at = isKept ? position : position - taken
                let to = cluster.network[at].message.to
                hear(to, cluster.deliver(at: at, keeping: isKept))
            }
        case "drop":
            for (taken, position) in try packets(&words).enumerated() {
                cluster.network.remove(at: position - taken)
            }
        case "settle":
            var all: [(NodeID, [Output])] = []
            cluster.settle { all.append(($0, $1)) }
            for (id, outputs) in all { hear(id, outputs) }
        case "message":
            let message = try words.message()
            hear(message.to, cluster.receive(cluster.madeUp(message)))
        case "piece":
            let (from, to) = try words.way()
            try words.expect("at")
            cluster.sendPiece(by: Int(from.rawValue) - 1, to: to, at: try words.number())
        case "hello":
            let (from, to) = try words.way()
            let (id, outputs) = cluster.hello(from, to: to)
            hear(id, outputs)
        default: return false
        }
        return true
    }

    /// Nothing more: all that is under way; `1→2`: all on that way; `1→2 vote`: the oldest of that kind
    /// there;
    /// `1→2 last`: the newest there.
    private func packets(_ words: inout Words) throws(ScenarioError) -> [Int] {
        if words.isAtEnd { return Array(cluster.network.indices) }
        let (from, to) = try words.way()
        let all = cluster.network.indices.filter { at in
            cluster.network[at].message.from == from && cluster.network[at].message.to == to
        }
        var found = all
        if !words.isAtEnd {
            let kind = try words.word()
            found = all.filter { "\(cluster.network[$0].message.body)".split(separator: " ").first == kind }
            found = kind == "last" ? all.suffix(1) : Array(found.prefix(1))
        }
        guard !found.isEmpty else { throw words.problem("nothing such is on that way") }
        return found
    }

    // What one member is told ------------------------------------------------------------------------------

    private mutating func tell(_ command: Substring, _ words: inout Words) throws(ScenarioError) {
        if command == "lost" || command == "fetched" {
            let (id, peer) = try words.way()
            return hear(id, cluster.step(id, command == "lost" ? .lost(to: peer) : .fetched(for: peer)))
        }
        let (id, to) = try words.nodeOrWay()
        switch command {
        case "tick": hear(id, cluster.tick(id, try words.milliseconds()))
        case "timeout": hear(id, cluster.tick(id, 1000))
        case "propose": hear(id, cluster.step(id, .propose(count: words.notes())))
        case "persisted": try persist(id, &words)
        case "read": hear(id, cluster.read(id))
        case "ask": hear(id, cluster.read(id, isAsked: true))
        case "transfer": hear(id, cluster.step(id, .transfer(to: to)))
        case "retire": hear(id, cluster.step(id, .retire))
        case "doubt": hear(id, cluster.step(id, .trust(false)))
        case "room": hear(id, cluster.step(id, .room(try words.room())))
        case "trust": hear(id, cluster.step(id, .trust(true)))
        case "restart": cluster.restart(id)
        case "damage":
            guard words.next(is: "after") else { throw words.problem("damage N after INDEX") }
            cluster.damage(id, after: LogIndex(try words.number()))
        case "show": show(id)
        case "change": hear(id, cluster.step(id, .change(try words.change())))
        case "members": said.append("\(id)  in force from \(cluster[id].raft.configuration)")
        case "compact":
            try words.expect("through")
            hear(id, cluster.compact(id, through: LogIndex(try words.number())))
        case "install":
            let snapshot = try words.entry()
            try words.expect("with")
            hear(id, cluster.step(id, .install(snapshot, try words.configuration())))
        case "admitted":
            try words.expect("at")
            hear(id, cluster.step(id, .admitted(at: try words.entry())))
        default: throw words.problem("unknown command \(command)")
        }
    }

    /// `persisted 2`: all that the disk was asked, in order; `vote` or `entries`: the oldest of that.
    private mutating func persist(_ id: NodeID, _ words: inout Words) throws(ScenarioError) {
        if words.isAtEnd {
            guard cluster[id].holdsDiskWork else { throw words.problem("the disk has nothing to do") }
            for work in cluster[id].disk { hear(id, cluster.persist(id, vote: work.isVote)) }
        } else {
            let isVote = try words.word() == "vote"
            guard cluster[id].disk.contains(where: { $0.isVote == isVote }) else {
                throw words.problem("the disk has nothing such to do")
            }
            hear(id, cluster.persist(id, vote: isVote))
        }
    }

    private mutating func show(_ id: NodeID) {
        let raft = cluster[id].raft
        let names = Message.Append(
            after: raft.log.base,
            runs: raft.log.runs(after: raft.log.base.index, through: raft.log.lastIndex),
            commit: raft.commit, whole: .zero)
        let leader = raft.leader.map { " of \($0)" } ?? ""
        let role = raft.role == .leader ? "leader" : "\(raft.role)\(leader)"
        let standing = raft.standing == .whole ? "" : ", \(raft.standing)"
        said.append("\(id)  is \(role) in term \(raft.term): log \(names) durable \(raft.durable)\(standing)")
    }
}
