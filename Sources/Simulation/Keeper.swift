// Clients of another kind: each keeps a lease and a key that hangs on it, moves money between accounts, or
// lists a shelf.
internal import Consensus
internal import KeyValue
internal import Replica

/// A client that asks for one thing after another, each until it has an answer.
final class Keeper {
    let place: Int
    var random: Random
    /// Where it asks first.
    var node: Int
    /// The names of its writes, so that each takes effect once.
    var names: UInt64 = 0
    /// What it asks for, under which name, and the errand that is under way for it.
    var wish: Wish?
    var errand: Int?
    var tries = 0
    /// What it asks for has a name: whatever became of one request, it asks again, and it takes effect once.
    var isNamed = true
    /// The store's revision that anybody had been told of when it began to ask.
    var seenByAll = Revision.empty
    /// The lease that it has, as far as it knows.
    var lease: UInt64?
    var holdsKey = false
    /// What it last saw of the accounts.
    var accounts: [Account?] = Array(repeating: nil, count: Cluster.accountsCount)
    /// The list that it is at.
    var walk: ShelfWalk?

    init(place: Int, node: Int, random: Random) {
        self.place = place
        self.node = node
        self.random = random
    }

    enum Trade { case leases, money, shelf, looks }
    var trade: Trade { [.leases, .money, .shelf, .looks][place % 4] }

    var name: Once? {
        guard isNamed else { return nil }
        return Once(key: Array("\(place)/\(names)".utf8), request: .init(high: names, low: 0))
    }
    /// The key that hangs on its lease.
    var key: [UInt8] { Array("~lease/\(place)".utf8) }
    /// The key that goes by itself.
    var passingKey: [UInt8] { WatchTruth.passing + Array("\(place)".utf8) }
}

/// What an account holds, and since when.
struct Account: Hashable {
    let money: Int
    let revision: Revision
}

enum Wish {
    case grant(ttlMilliseconds: UInt64)
    /// The key is put, to live as long as the lease.
    case hold
    case keepAlive
    case revoke
    /// All accounts are opened, if none is there.
    case open
    /// So much goes from one account to another, if both are as they were seen.
    case move(from: Int, to: Int, Int)
    /// All accounts at one moment.
    case audit
    /// A key is put on the shelf.
    case shelve(Int)
    /// Those of these tens are taken away.
    case clear(tens: Int)
    /// The list's next page.
    case page
    /// A key, as this node has it, at this revision or later.
    case look(key: Int, atLeast: Revision)
    /// A key is put that goes after a while.
    case putForAWhile(ttlMilliseconds: UInt64)
}

/// One request of a keeper to one node.
struct Errand {
    let keeper: Int
    let node: Int
    /// When it was at the node, by the node's clock.
    var arrival = Instant(nanoseconds: 0)
    /// The entry that the node made of it, if it led.
    var proposed: EntryID?
    var isDone = false

    /// Tickets of errands are numbers from here on.
    static let ticketBase: UInt64 = 1 << 50

    /// Which errand the ticket is of; nil: it is a client's.
    static func number(_ ticket: Ticket) -> Int? {
        ticket.rawValue < ticketBase ? nil : Int(ticket.rawValue - ticketBase)
    }
}
