// How long one turn takes: what is large is made in turns to come, so that peers, probes and small requests
// get through while many ask for much.
internal import API
internal import Consensus
internal import Network
internal import Replica

/// How much of a turn's time is used up.
struct Pace {
    /// From then on no further large answer is begun.
    private var largeEnd: UInt64 = .max
    /// From then on no further request is looked at, but peers'.
    private var end: UInt64 = .max
    private(set) var isSpent = false
    private(set) var isOver = false

    static let largeTime: UInt64 = 2_000_000
    static let time: UInt64 = 10_000_000
    /// A value of so many bytes makes a large answer. (Lists and metrics always do.)
    static let largeBytes = 64 << 10

    init() {}

    /// - Parameter now: when the turn began.
    init(from now: UInt64) {
        largeEnd = now + Self.largeTime
        end = now + Self.time
    }

    /// One more large answer may be made.
    mutating func allowOne() { isSpent = false }

    /// Looks at the clock.
    mutating func look() {
        let now = monotonicNanoseconds()
        isSpent = isSpent || now >= largeEnd
        isOver = isOver || now >= end
    }
}

extension Node {
    /// Whether the large answer that comes next is left to a turn to come; at least one is made in each turn.
    ///
    /// The request waits meanwhile. What it reads is as new as the store is then: that is linearizable, too.
    mutating func postpones(_ slot: Int) -> Bool {
        guard pace.isSpent else { return false }
        clients[slot].stage = .waiting
        postponed.append(clients.token(at: slot))
        return true
    }

    /// Goes on with large answers that were postponed, in the order in which they were asked for.
    mutating func continuePostponed() {
        if postponed.isEmpty { return }
        var tokens: [Token] = []
        swap(&tokens, &postponed)
        pace.allowOne()
        for (place, token) in tokens.enumerated() where clients.contains(token) {
            if pace.isSpent {
                postponed += tokens[place...]
                return
            }
            resume(Int(token.slot))
        }
    }

    private mutating func resume(_ slot: Int) {
        guard case .waiting = clients[slot].stage, let request = clients[slot].request else { return }
        if deadline(request, of: slot) <= Instant(nanoseconds: now) {
            fail(slot, .timedOut(.notApplied))
        } else if request.action == .metrics {
            answerMetrics(slot)
        } else if replica.trust != .trusted {
            fail(slot, .noLeader(replica.view.absence))
        } else if !request.action.isOfLeases {
            readStore(slot, isLocal: request.consistency == .local)
        } else if let failure = absence {
            // Only the leader knows how long leases live.
            fail(slot, failure)
        } else {
            answerLeases(slot, Ticket(clients.token(at: slot).rawValue))
        }
    }
}
