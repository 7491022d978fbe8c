// A whole cluster in one thread from one seed: the loop, and what each event means.
internal import Consensus
internal import Journal
internal import KeyValue
internal import Replica
internal import Wire

/// A simulated cluster: nodes that run the production rooms, a network and disks full of faults, and clients.
///
/// Made anew for each run; ``run()`` is called once.
public final class Cluster {
    public let plan: Plan
    var now: UInt64 = 0
    var queue = EventQueue()
    var random: Random
    var odds: Odds
    var counts = FaultCounts()
    var trace: Trace
    let nodes: [SimulatedNode]
    var table = EntryTable()
    var sabotage: Sabotage? { plan.sabotage }

    // The network.
    /// By sender and then receiver: whether nothing gets through.
    var cut: [Bool]
    var cutCount: UInt64 = 0
    var exchanges: [ExchangeRow] = []
    /// By sender, receiver and lane: when the last message arrives.
    var lastArrival: [UInt64]
    /// What a check found while bytes were being read.
    var pending: Violation?

    // The clients.
    var clients: [SimulatedClient] = []
    var attempts: [Attempt] = []
    var history = History()
    var keepers: [Keeper] = []
    /// Keys whose calls have no known order, for the search was given up. (Their revisions have one.)
    var undecided = 0
    /// Pages of lists that were checked.
    var pagesCount = 0
    var errands: [Errand] = []
    /// In the order in which keepers were told of them.
    var leasesSeen: [UInt64] = []
    /// The highest revision that any client was told of.
    var highestSeen = Revision.empty
    /// Those who watch, and what they must come to see.
    var watchers: [SimulatedWatcher] = []
    var truth = WatchTruth()
    /// The store's limits that all nodes are started with; nil: each with its own.
    var limits: Store.Settings?
    /// The order of calls and returns; never two at once.
    var stamp: UInt64 = 0

    /// Whether one of them was made to start with another state; snapshots may have carried it on since.
    var stateWasChanged = false

    /// Whether faults are still injected.
    var isChaos = true
    var chaosEnd: UInt64
    /// Until then clients make new calls.
    var runEnd: UInt64
    var isOver = false
    /// What is tried where only availability is (see ``Disturbance``); nil under chaos.
    var disturbance: Disturbance?
    var watch = Watch()
    var clusterID: ClusterID?
    var plot: Plot?
    /// All nodes are named to each other. Before, the first is a cluster of its own (``grow()``).
    var isGrown: Bool
    let beginsAlone: Bool
    var calmSince: UInt64 = 0
    var nextEndCheck: UInt64 = 0

    /// Time is simulated in nanoseconds.
    static let millisecond: UInt64 = 1_000_000
    /// From the end of the faults on, the cluster must be well again within this time.
    static let recoveryMax: UInt64 = 20_000 * millisecond
    /// Clients make about 18 calls a second, all together (some find all clients busy, and are not made), and
    /// keepers about four more.
    static let callPause: UInt64 = 34 * millisecond

    /// - Parameters:
    ///   - plan: what is run.
    ///   - onLine: takes each line of the trace as it comes.
    public init(_ plan: Plan, onLine: ((String) -> Void)? = nil) {
        precondition((1...9).contains(plan.nodes), "a cluster has 1 to 9 nodes")
        self.plan = plan
        var random = Random(seed: plan.seed)
        odds = Odds.drawn(from: &random, only: plan.faults)
        // The last tenth to quarter of the time is without faults.
        chaosEnd = plan.milliseconds * random.draw(750...900) * (Self.millisecond / 1_000)
        runEnd = plan.milliseconds * Self.millisecond
        trace = Trace(onLine: onLine)
        var nodes: [SimulatedNode] = []
        for place in 0..<plan.nodes { nodes.append(SimulatedNode(place: place, random: random.fork())) }
        self.nodes = nodes
        beginsAlone = plan.nodes >= 3 && plan.seed % 8 == 2
        isGrown = !beginsAlone
        cut = Array(repeating: false, count: plan.nodes * plan.nodes)
        lastArrival = Array(repeating: 0, count: plan.nodes * plan.nodes * Lane.allCases.count)
        for place in 0..<8 + random.index(9) {
            clients.append(
                SimulatedClient(place: place, node: random.index(plan.nodes), random: random.fork()))
        }
        for place in 0..<random.index(8) {
            keepers.append(Keeper(place: place, node: random.index(plan.nodes), random: random.fork()))
        }
        self.random = random
        drawWatchers()
        disturbance = Disturbance.drawn(for: plan, from: &self.random)
        if disturbance != nil { odds.calm() }
    }

    /// Runs everything, to the end or to the first promise that does not hold.
    public func run() -> Report {
        #if PlantedFaults
            Planted.choose(plan.planted)
            unsafe KeyRange.afterSkips = Planted.is(.cursorSkips)
            unsafe Store.ignoresNames = Planted.is(.namesIgnored)
        #endif
        var violation: Violation?
        do throws(Violation) {
            try begin()
            while !isOver, let (time, event) = queue.next() {
                now = time
                try handle(event)
                if !isChaos { try checkEnd() }
            }
            try checkHistory()
            try checkAvailability()
        } catch {
            violation = error
            violation?.time = now
        }
        return Report(
            plan: plan, violation: violation, traceHash: trace.hash, events: trace.count,
            lastLines: trace.last, faults: counts.counts, milliseconds: now / Self.millisecond,
            committed: table.committed.count, terms: UInt64(max(0, table.highestTerm - 1)),
            calls: history.calls.count, answered: history.answeredCount,
            kept: keepers.reduce(0) { $0 + Int($1.names) }, watched: truth.toldCount,
            isQuiet: disturbance != nil, hasGrown: isGrown && beginsAlone,
            searches: violation == nil ? Self.keys.count : 0, undecided: undecided,
            failovers: watch.failovers)
    }

    private func begin() throws(Violation) {
        if isGrown {
            for node in nodes { queue.add(.restart(node.place), at: random.draw(0...500 * Self.millisecond)) }
        } else {
            beginAlone()
        }
        queue.add(.clientTurn, at: random.draw(0...Self.millisecond * 800))
        for keeper in keepers {
            queue.add(.keeperTurn(keeper.place), at: random.draw(0...Self.millisecond * 3_000))
        }
        for watcher in watchers { queue.add(.watcherTurn(watcher.place), at: random.draw(0...900_000_000)) }
        if disturbance == nil {
            queue.add(.largerFault, at: random.draw(0...odds.pauseMax))
        } else {
            queue.add(.disturb(0), at: disturbanceStart)
        }
    }

    func after(_ time: UInt64) -> UInt64 { now + time }

    private func handle(_ event: Event) throws(Violation) {
        switch event {
        case .tick(let place): try tick(nodes[place])
        case .turn(let place, let life): try turnIsDue(nodes[place], life, event)
        case .request(let delivery): try arrive(delivery, event)
        case .answer(let exchange, let body, let life): try arrive(answerTo: exchange, body, life, event)
        case .lost(let from, let life, let to, let lane): try lost(nodes[from], life, to, lane, event)
        case .disk(let place, let life): try diskIsDone(nodes[place], life, event)
        case .load(let place, let life, let after, let through, let peer):
            try load(nodes[place], life, after, through, peer, event)
        case .work(let place, let life): try work(nodes[place], life, event)
        case .loadPiece(let piece, let life): try loadPiece(piece, life, event)
        case .open(let place, let life): try open(nodes[place], life, event)
        case .crash(let place, let life, let isPower):
            if nodes[place].life == life { crash(nodes[place], isPower: isPower) }
        case .restart(let place): try restart(nodes[place])
        case .pause(let place): if isChaos { pause(nodes[place]) }
        case .wake(let place): try wake(nodes[place])
        case .heal(let number): heal(number)
        case .largerFault: try injectLargerFault()
        case .disturb(let step): try disturb(step)
        case .clientTurn: beginCalls()
        case .clientAgain(let place): tryAgain(clients[place])
        case .clientRequest(let attempt): try arrive(attempt: attempt, event)
        case .clientResponse(let attempt, let response):
            respond(attempt, response)
            if let pending { throw pending }
        case .clientTimeout(let attempt): respond(attempt, .lost)
        case .keeperTurn(let place): keeperTurn(keepers[place])
        case .errandRequest(let errand): try arrive(errand: errand, event)
        case .errandResponse(let errand, let response): try respond(errand: errand, response)
        case .watcherTurn(let place): try take(watchers[place])
        case .plot: goOnWithPlot()
        case .grow: grow()
        }
    }

    /// What a paused process is sent waits in the kernel's buffers, mostly.
    func isAwake(_ node: SimulatedNode, life: Int, else event: Event) -> Bool {
        guard node.life == life, node.isUp else { return false }
        guard node.isPaused else { return true }
        node.missed.append(event)
        return false
    }
}
