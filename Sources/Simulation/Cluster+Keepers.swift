// Leases, idempotency keys and transactions under faults: what keepers ask for, and what they must be told.
internal import Consensus
internal import KeyValue
internal import Replica

extension Cluster {
    static let accountsCount = 4
    static let accountKeys = (0..<accountsCount).map { Array("~bank/\($0)".utf8) }
    private static let moneyAtFirst = 100

    /// A keeper has nothing under way: it asks for the next thing.
    func keeperTurn(_ keeper: Keeper) {
        guard keeper.errand == nil, now < runEnd else { return }
        if keeper.wish == nil {
            keeper.wish = nextWish(keeper)
            keeper.names += 1
            keeper.tries = 0
            keeper.isNamed = keeper.random.happens(700_000)
            keeper.seenByAll = highestSeen
        }
        run(keeper)
    }

    private func nextWish(_ keeper: Keeper) -> Wish {
        let draw = keeper.random.index(100)
        switch keeper.trade {
        case .leases: break
        case .shelf: return nextShelfWish(keeper)
        case .looks:
            if draw < 30 { return .putForAWhile(ttlMilliseconds: keeper.random.draw(1_000...3_000)) }
            // What is at that node now, or what anybody has been told of.
            return .look(
                key: keeper.random.index(Self.keys.count), atLeast: draw < 60 ? highestSeen : .empty)
        case .money:
            guard keeper.accounts[0] != nil else { return .open }
            if draw < 30 { return .audit }
            let from = keeper.random.index(Self.accountsCount)
            let to = (from + 1 + keeper.random.index(Self.accountsCount - 1)) % Self.accountsCount
            return .move(from: from, to: to, 1 + keeper.random.index(20))
        }
        guard keeper.lease != nil else { return .grant(ttlMilliseconds: keeper.random.draw(1_000...3_000)) }
        if !keeper.holdsKey { return .hold }
        if draw < 80 { return .keepAlive }
        if draw < 88 { return .revoke }
        // It goes away without a word: the lease must run out.
        keeper.lease = nil
        return .grant(ttlMilliseconds: keeper.random.draw(1_000...3_000))
    }

    private func run(_ keeper: Keeper) {
        keeper.tries += 1
        if keeper.random.happens(100_000) { keeper.node = keeper.random.index(nodes.count) }
        let number = errands.count
        errands.append(Errand(keeper: keeper.place, node: keeper.node))
        keeper.errand = number
        let patience = keeper.random.draw(800 * Self.millisecond...3_000 * Self.millisecond)
        queue.add(.errandResponse(number, .lost), at: after(patience))
        guard !isClientMessageLost else { return }
        queue.add(.errandRequest(number), at: after(keeper.random.longTailed(odds.messageTime)))
    }

    /// The request is at the node.
    func arrive(errand number: Int, _ event: Event) throws(Violation) {
        let node = nodes[errands[number].node]
        guard node.isUp else {
            queue.add(.errandResponse(number, .unreachable), at: after(odds.messageTime))
            return
        }
        guard isAwake(node, life: node.life, else: event) else { return }
        tell(node)
        let keeper = keepers[errands[number].keeper]
        guard keeper.errand == number, let wish = keeper.wish else { return }
        errands[number].arrival = node.clock(at: now)
        let ticket = Ticket(Errand.ticketBase + UInt64(number))
        let deadline = node.clock(at: now) + .milliseconds(node.random.draw(300...3_000))
        let before = node.process?.replica.raft.log.lastIndex
        give(wish, of: keeper, to: node, ticket, deadline)
        if let last = node.process?.replica.raft.log.last, last.index != before {
            errands[number].proposed = EntryID(term: last.term, index: before?.next ?? last.index)
        }
        try takeTurn(node)
    }

    private func give(
        _ wish: Wish, of keeper: Keeper, to node: SimulatedNode, _ ticket: Ticket, _ deadline: Instant
    ) {
        guard let process = node.process else { return }
        switch wish {
        case .grant(let ttl):
            process.replica.grant(
                nil, ttlMilliseconds: ttl, once: keeper.name, for: ticket, until: deadline)
        case .hold:
            process.replica.put(
                key: keeper.key.span, value: keeper.key.span, contentType: Span(), precondition: .none,
                lifetime: .lease(keeper.lease ?? 1), once: keeper.name, for: ticket, until: deadline)
        case .revoke:
            process.replica.revoke(keeper.lease ?? 1, once: keeper.name, for: ticket, until: deadline)
        case .keepAlive, .audit: process.replica.read(for: ticket, until: deadline)
        case .look(_, let revision):
            process.replica.read(atLeast: revision, for: ticket, until: deadline)
        case .putForAWhile(let ttl):
            process.replica.put(
                key: keeper.passingKey.span, value: keeper.key.span, contentType: Span(), precondition: .none,
                lifetime: .ttl(milliseconds: ttl), once: keeper.name, for: ticket, until: deadline)
        case .page:
            process.replica.read(
                for: ticket, until: deadline, byAsking: node.random.happens(500_000))
        case .shelve(let number):
            process.replica.put(
                key: ShelfWalk.key(number).span, value: keeper.key.span, contentType: Span(),
                precondition: .none, once: keeper.name, for: ticket, until: deadline)
        case .clear(let tens):
            process.replica.delete(
                Self.range(ofTens: tens), once: keeper.name, for: ticket, until: deadline)
        case .open:
            let missing = Self.accountKeys.map { Comparison(key: $0, .exists(false)) }
            let money = Self.accountKeys.map { put($0, Self.moneyAtFirst) }
            process.replica.transact(
                Transaction(
                    comparisons: missing, then: money, otherwise: [.list(prefix: Self.bank, limit: 9)]),
                once: keeper.name, for: ticket, until: deadline)
        case .move(let from, let to, let money):
            process.replica.transact(
                move(from, to, money, keeper), once: keeper.name, for: ticket, until: deadline)
        }
    }

    private static let bank = Array("~bank/".utf8)

    private func put(_ key: [UInt8], _ money: Int) -> Transaction.Step {
        .put(key: key, value: Array("\(money)".utf8), contentType: [])
    }

    private func move(_ from: Int, _ to: Int, _ money: Int, _ keeper: Keeper) -> Transaction {
        let (giver, taker) = (keeper.accounts[from], keeper.accounts[to])
        let asSeen = [(from, giver), (to, taker)].map { place, account in
            Comparison(
                key: Self.accountKeys[place],
                .number(.revision, [.init(.eq, account?.revision.rawValue ?? 0)]))
        }
        let list = Transaction.Step.list(prefix: Self.bank, limit: 9)
        var steps = [put(Self.accountKeys[from], (giver?.money ?? 0) - money)]
        // Answers are kept, and are in each snapshot: only some are long.
        if money < 8 { steps.append(list) }
        steps.append(put(Self.accountKeys[to], (taker?.money ?? 0) + money))
        steps.append(list)
        return Transaction(comparisons: asSeen, then: steps, otherwise: [list])
    }

    /// The store may be read for a keeper now.
    func answer(errand number: Int, _ node: SimulatedNode, _ ticket: Ticket) {
        let keeper = keepers[errands[number].keeper]
        guard keeper.errand == number, let wish = keeper.wish, let process = node.process else { return }
        if case .audit = wish {
            send(.audited(accounts(process.replica.store), process.replica.store.revision), to: number)
            return
        }
        if case .look(let key, _) = wish { return send(read(node, Self.keys[key]), to: number) }
        if case .page = wish {
            send(.page(keeper.walk?.answer(from: process.replica.store) ?? []), to: number)
            return
        }
        let (lease, arrival) = (keeper.lease ?? 1, errands[number].arrival)
        switch process.replica.keepAlive(
            lease, since: arrival, for: ticket, until: arrival + .milliseconds(3_000))
        {
        case .alive:
            node.leaseSince[lease] = max(node.leaseSince[lease] ?? arrival, arrival)
            send(.kept(true), to: number)
        case .absent: send(.kept(false), to: number)
        case .held: return
        case .failed(let failure): send(.failed(failure), to: number)
        }
    }

    func send(_ response: Response, to errand: Int) {
        guard !isClientMessageLost else { return }
        queue.add(.errandResponse(errand, response), at: after(random.longTailed(odds.messageTime)))
    }

    private func accounts(_ store: Store) -> [Account?] {
        Self.accountKeys.map { key in store.record(key.span).map(account) }
    }

    private func account(_ record: Record) -> Account {
        let money = Int(String(decoding: record.value, as: UTF8.self))
        return Account(money: money ?? -1_000_000, revision: record.revision)
    }

    // Answers ----------------------------------------------------------------------------------------------

    func respond(errand number: Int, _ response: Response) throws(Violation) {
        guard !errands[number].isDone else { return }
        errands[number].isDone = true
        let keeper = keepers[errands[number].keeper]
        guard keeper.errand == number, let wish = keeper.wish else { return }
        keeper.errand = nil
        switch response {
        case .lost, .failed(.timedOut(.unknown)):
            if keeper.isNamed { again(keeper, at: keeper.random.index(nodes.count)) } else { giveUp(keeper) }
        case .unreachable: again(keeper, at: keeper.random.index(nodes.count))
        case .failed(.notLeader(let leader)): again(keeper, at: Int(leader.rawValue) - 1)
        case .failed: again(keeper, at: keeper.random.index(nodes.count))
        case .replied(let reply, let revision): try settle(keeper, wish, reply, revision)
        case .audited(let accounts, let revision):
            try told(keeper, of: revision, isChange: false)
            try check(accounts, at: revision)
            keeper.accounts = accounts
            rest(keeper)
        case .page(let bytes):
            try check(page: bytes, for: keeper)
            rest(keeper)
        case .kept(let isAlive):
            if !isAlive { forgetLease(keeper) }
            rest(keeper)
        case .read(let found, let revision):
            try check(look: found, at: revision, wish)
            rest(keeper)
        }
    }

    /// Once more, under the same name: it takes effect once.
    private func again(_ keeper: Keeper, at node: Int) {
        keeper.node = node
        if keeper.tries > 30 { rest(keeper) } else { askLater(keeper, after: keeper.random.draw(20...400)) }
    }

    /// It may have taken effect or may yet: what it knew may not be so any more.
    private func giveUp(_ keeper: Keeper) {
        switch keeper.wish {
        case .revoke: forgetLease(keeper)
        case .open, .move: keeper.accounts = Self.accountKeys.map { _ in nil }
        default: break
        }
        rest(keeper)
    }

    private func rest(_ keeper: Keeper) {
        keeper.wish = nil
        askLater(keeper, after: keeper.random.draw(100...1_000))
    }

    private func askLater(_ keeper: Keeper, after milliseconds: UInt64) {
        queue.add(.keeperTurn(keeper.place), at: self.after(milliseconds * Self.millisecond))
    }

    private func forgetLease(_ keeper: Keeper) {
        keeper.lease = nil
        keeper.holdsKey = false
    }

    /// What a write has come to; the same whether it was applied now or before.
    private func settle(
        _ keeper: Keeper, _ wish: Wish, _ reply: Reply, _ revision: Revision
    ) throws(Violation) {
        switch (wish, reply) {
        case (_, .replayed(let first, let then)):
            counts.count(.writeReplayed)
            try settle(keeper, wish, first, then)
            return
        case (.grant(let ttl), .granted(let lease, let its)):
            guard its == ttl, !leasesSeen.contains(lease) else {
                throw Violation("lease: \(lease) is granted twice, or for another time")
            }
            leasesSeen.append(lease)
            keeper.lease = lease
            keeper.holdsKey = false
        case (.hold, .written(_, let own, _, _)):
            try told(keeper, of: own, isChange: true)
            keeper.holdsKey = true
        case (.shelve, .written(_, let own, _, _)), (.putForAWhile, .written(_, let own, _, _)):
            try told(keeper, of: own, isChange: true)
        case (.clear(let tens), .deleted(let count, let own)):
            try told(keeper, of: own, isChange: count > 0)
            try checkCleared(count, tens: tens, at: own)
        case (.hold, .leaseNotFound), (.revoke, .leaseNotFound): forgetLease(keeper)
        case (.revoke, .revoked(_, let deleted, let own)):
            try told(keeper, of: own, isChange: deleted > 0)
            forgetLease(keeper)
        case (.open, .transacted(let done)), (.move, .transacted(let done)):
            try told(keeper, of: done.revision, isChange: done.succeeded)
            try settle(keeper, done)
        default: throw Violation("keeper: \(wish) is answered with \(reply)")
        }
        rest(keeper)
    }

    private func settle(_ keeper: Keeper, _ done: TransactionReply) throws(Violation) {
        var lists = 0
        for result in done.results {
            guard case .listed(let records, _) = result else { continue }
            lists += 1
            // Halfway through a move some of the money is nowhere.
            let isHalfway = done.succeeded && lists == 1 && done.results.count > 3
            var accounts: [Account?] = Array(repeating: nil, count: Self.accountsCount)
            for record in records {
                if let place = Self.accountKeys.firstIndex(of: record.key) {
                    accounts[place] = account(record)
                }
            }
            if !isHalfway { try check(accounts, at: done.revision) }
            keeper.accounts = accounts
        }
        if lists == 0 { keeper.accounts = Self.accountKeys.map { _ in nil } }
        if lists == 0, done.succeeded {
            keeper.accounts = Self.accountKeys.map { _ in
                Account(money: Self.moneyAtFirst, revision: done.revision)
            }
        }
    }

    /// Money is moved, and neither made nor lost.
    private func check(_ accounts: [Account?], at revision: Revision) throws(Violation) {
        let open = accounts.compactMap { $0 }
        let sum = open.reduce(0) { $0 + $1.money }
        guard open.isEmpty || open.count == accounts.count && sum == Self.moneyAtFirst * accounts.count else {
            throw Violation("transaction: at revision \(revision) the accounts are \(accounts)")
        }
    }

    /// Real time: nothing is answered at a revision before one that had been told of when it was asked for.
    func told(_ keeper: Keeper, of revision: Revision, isChange: Bool) throws(Violation) {
        guard revision > keeper.seenByAll || revision == keeper.seenByAll && !isChange else {
            throw Violation(
                "linearizability: keeper \(keeper.place) is answered at revision \(revision), and began when "
                    + "\(keeper.seenByAll) had been told of")
        }
        trace.begin(now)
        trace.text("keeper ", UInt64(keeper.place))
        trace.text("  is told of revision ", revision.rawValue)
        trace.end()
        highestSeen = max(highestSeen, revision)
    }

    // Leases by the leader's clock -------------------------------------------------------------------------

    /// Since when each lease lives on, as this leader must count: from the moment when it knew of it, or a
    /// later keepalive (rules 21, 22). To be called before the member is told a new time.
    func noteLeases(_ node: SimulatedNode) {
        guard let process = node.process, process.leads else {
            if !node.leaseSince.isEmpty { node.leaseSince = [:] }
            node.leasesNoted = nil
            return
        }
        let (applied, expiring) = (process.replica.applied, process.expiringLeases)
        if let noted = node.leasesNoted, noted.applied == applied, noted.expiring == expiring { return }
        node.leasesNoted = (applied, expiring)
        var known: [UInt64: Instant] = [:]
        let remaining = process.remainingTimes
        process.replica.store.forEachLease { lease in
            if remaining(lease.id) != nil {
                known[lease.id] = node.leaseSince[lease.id] ?? process.replica.time
            } else if expiring.contains(lease.id) {
                known[lease.id] = node.leaseSince[lease.id]
            }
            return true
        }
        node.leaseSince = known
    }

    /// The member has been told the time: what it proposes to end has had its whole time.
    func checkLeases(_ node: SimulatedNode) {
        guard let process = node.process, !node.leaseSince.isEmpty, pending == nil else { return }
        for lease in process.expiringLeases {
            guard let since = node.leaseSince[lease],
                let ttl = process.replica.store.lease(lease)?.ttlMilliseconds,
                process.replica.time < since + .milliseconds(ttl)
            else { continue }
            pending = Violation(
                "lease: node \(node.place + 1) ends lease \(lease) \(process.replica.time - since) after "
                    + "it was kept alive, which is less than \(ttl) ms")
        }
    }
}
