// The first start (rule 1): who belongs to the cluster is agreed before the first vote, and only then.
internal import Consensus
internal import Wire

/// What a node without a history must learn before it takes part.
///
/// Nobody votes before everybody named holds the cluster's id durably. So a node with an empty disk that
/// meets any history was wiped, and must not vote: it may have voted already.
struct FirstStart: Sendable {
    /// Everybody named but this node, sorted by id, and what each last said of itself in this boot.
    let peers: [NodeID]
    private(set) var heard: [Hello?]
    /// The id this node would give the cluster, if it is the lowest.
    let draw: ClusterID
    /// The cluster's id, once it is durable here.
    private(set) var cluster: ClusterID?
    /// The id on its way to disk.
    var storing: ClusterID?
    let hasHistory: Bool
    var isWiped: Bool
    var isOver: Bool
    /// A wiped node: the entry that lets it in, once the leader has told.
    var admitted: EntryID?
    var nextQuestion = Instant(nanoseconds: 0)
    /// Peers' offers that wait for `storing`.
    var offers: [Exchange] = []

    init(peers: [NodeID], cluster: ClusterID?, hasHistory: Bool, isWiped: Bool, draw: ClusterID) {
        self.peers = peers
        self.cluster = cluster
        self.hasHistory = hasHistory
        self.isWiped = isWiped
        self.draw = draw
        heard = Array(repeating: nil, count: peers.count)
        isOver = cluster != nil && !isWiped && (hasHistory || peers.isEmpty)
    }

    /// Those whose word is still needed.
    var missing: [NodeID] {
        peers.indices.filter { heard[$0] == nil || cluster != nil && heard[$0]?.cluster != cluster }
            .map { peers[$0] }
    }

    /// Whether this peer need not be asked again.
    func isSettled(_ at: Int) -> Bool {
        guard let hello = heard[at] else { return false }
        // A wiped node asks until it is let in.
        return isOver || hello.hasHistory && !isWiped
    }

    mutating func hear(_ hello: Hello, from peer: NodeID) {
        guard let at = peers.firstIndex(of: peer), hello.node == peer else { return }
        heard[at] = hello
    }

    /// What follows from what is known by now, and from what the lowest id offers: the cluster's id that is
    /// to be stored, if that is decided.
    mutating func decide(for node: NodeID, offer: ClusterID? = nil) -> ClusterID? {
        guard !isOver, !isWiped else { return nil }
        let known = heard.compactMap { $0 }
        let hasMetHistory = known.contains { $0.hasHistory }
        if let cluster {
            // This node has never voted. Where others have, the first election is long over.
            let isAgreed = known.count == peers.count && known.allSatisfy { $0.cluster == cluster }
            isOver = isAgreed || known.contains { $0.hasHistory && $0.cluster == cluster }
            return nil
        }
        if hasMetHistory {
            #if PlantedFaults
                if Planted.is(.wipedVotes) {
                    guard storing == nil else { return nil }
                    storing = known.compactMap(\.cluster).first
                    return storing
                }
            #endif
            isWiped = true
            return nil
        }
        #if PlantedFaults
            if Planted.is(.firstStartWithoutAll), storing == nil, known.count * 2 >= peers.count {
                storing = draw
                return draw
            }
        #endif
        guard storing == nil, known.count == peers.count else { return nil }
        let existing = known.compactMap(\.cluster)
        if let first = existing.first {
            // Somebody stored it and nobody has voted yet: this node only has to catch up.
            guard existing.allSatisfy({ $0 == first }) else { return nil }
            storing = first
        } else if let offer {
            storing = offer
        } else if peers.allSatisfy({ node < $0 }) {
            storing = draw
        }
        #if PlantedFaults
            if Planted.is(.identityBeforeSync) { cluster = storing }
        #endif
        return storing
    }

    mutating func stored() {
        guard let storing else { return }
        cluster = storing
        self.storing = nil
        isOver = peers.isEmpty
    }
}

extension Replica {
    /// Every quarter of a second, whoever has not told enough is asked again.
    mutating func askPeersWhoTheyAre() {
        guard now >= start.nextQuestion else { return }
        start.nextQuestion = now + .milliseconds(250)
        decide()
        for (at, peer) in start.peers.enumerated() where !start.isSettled(at) {
            // Only the lowest id offers, and only what it holds itself.
            let isLowest = start.peers.allSatisfy { settings.node < $0 }
            let hello = me(offering: isLowest && !start.hasHistory ? start.cluster : nil)
            var head: [UInt8] = []
            hello.encode(into: &head)
            effects.append(.send(Parcel(to: peer, lane: .votes, route: .hello, head: head)))
        }
        if !start.isOver, !start.isWiped, !start.missing.isEmpty {
            effects.append(.notice(.waitingFor(start.missing)))
        }
    }

    private func me(offering offer: ClusterID? = nil, admitting entry: EntryID = .zero) -> Hello {
        let hasHistory = start.hasHistory || raft.term > .zero || raft.log.lastIndex > .zero
        return Hello(
            node: settings.node, boot: raft.boot, cluster: start.cluster, hasHistory: hasHistory,
            isDamaged: raft.standing == .damaged, isWiped: start.isWiped, url: settings.url, offer: offer,
            admitted: entry)
    }

    mutating func askedHello(_ hello: Hello, _ exchange: Exchange) {
        learnURL(hello)
        guard isStarted else {
            effects.append(.refuse(exchange, .notReady("this node is starting")))
            return
        }
        if let offer = hello.offer, start.cluster == nil {
            decide(offer: offer)
            if start.storing != nil {
                start.offers.append(exchange)
                return
            }
        }
        let entry = hello.isWiped ? admission(of: hello.node, boot: hello.boot) : .zero
        answerHello(exchange, admitting: entry)
    }

    private mutating func answerHello(_ exchange: Exchange, admitting entry: EntryID = .zero) {
        var bytes: [UInt8] = []
        me(admitting: entry).encode(into: &bytes)
        effects.append(.answer(exchange, bytes))
    }

    mutating func answeredHello(by peer: NodeID, _ hello: Hello) {
        learnURL(hello)
        if let cluster = hello.cluster, let mine = start.cluster, cluster != mine {
            effects.append(.notice(.otherCluster(peer, cluster)))
        }
        start.hear(hello, from: peer)
        decide()
        if start.isWiped, hello.admitted.index > .zero, let cluster = hello.cluster {
            letIn(to: cluster, at: hello.admitted)
        }
    }

    /// The leader has made this wiped node a learner: it follows from now on, when the cluster's id is
    /// durable here.
    private mutating func letIn(to cluster: ClusterID, at entry: EntryID) {
        guard !start.isOver, start.cluster.map({ $0 == cluster }) ?? true, !hasDiskFailed else { return }
        start.admitted = entry
        if start.cluster == nil {
            guard start.storing == nil else { return }
            start.storing = cluster
            effects.append(.storeWiped)
            effects.append(.storeIdentity(cluster))
        } else {
            begin()
        }
    }

    private mutating func decide(offer: ClusterID? = nil) {
        let wasWiped = start.isWiped
        let wasOver = start.isOver
        if let cluster = start.decide(for: settings.node, offer: offer) {
            effects.append(.storeIdentity(cluster))
        }
        if start.isWiped, !wasWiped { effects.append(.notice(.wiped)) }
        if start.isOver, !wasOver { begin() }
    }

    mutating func identityStored() {
        start.stored()
        let offers = start.offers
        start.offers.removeAll()
        for exchange in offers { answerHello(exchange) }
        // The others must hear of it before anybody may stand.
        start.nextQuestion = now
        if start.isOver || start.admitted != nil { begin() }
    }

    private mutating func begin() {
        guard let cluster = start.cluster else { return }
        start.isOver = true
        if let entry = start.admitted {
            step(.admitted(at: entry))
            effects.append(.notice(.admitted))
        }
        effects.append(.notice(.joinedCluster(cluster)))
        // The disk may have failed while the others were waited for.
        if hasDiskFailed, isRunning { step(.retire) }
    }

    private mutating func learnURL(_ hello: Hello) {
        guard !hello.url.isEmpty, start.peers.contains(hello.node) else { return }
        effects.append(.learnURL(hello.node, hello.url))
    }
}
