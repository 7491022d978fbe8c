// Three members that hear each other at once, in one thread: what each does can be counted by itself.
import CCallgrind
import Consensus
import Replica
import Wire

/// A cluster of three.
struct Trio {
    private(set) var members: [Member]
    private(set) var leader = 0
    private var milliseconds: UInt64 = 0
    /// Whose instructions are counted: the leader's, one follower's, or nobody's.
    var counted: Counted = .nobody

    enum Counted { case nobody, leader, follower }

    init() throws {
        members = try (1...3).map { try Member($0, of: 3) }
    }

    /// Does `body` to a member, counting it if it is meant.
    private mutating func with(_ place: Int, _ body: (inout Member) throws -> Void) rethrows {
        let isCounted =
            switch counted {
            case .nobody: false
            case .leader: place == leader
            case .follower: place == (leader + 1) % 3
            }
        if isCounted { callgrind_toggle() }
        defer { if isCounted { callgrind_toggle() } }
        try body(&members[place])
    }

    /// Lets time pass until somebody leads.
    mutating func elect() throws {
        while milliseconds < 20_000 {
            milliseconds += 10
            for place in members.indices {
                members[place].tick(Instant(nanoseconds: milliseconds * 1_000_000))
            }
            for place in members.indices { try endTurn(place, []) }
            try exchange([])
            let leaders = members.indices.filter { members[$0].replica.raft.role == .leader }
            if let found = leaders.first, members.allSatisfy({ $0.replica.view.leader == members[found].id })
            {
                leader = found
                return
            }
        }
        throw Unexpected.noLeader
    }

    private mutating func endTurn(_ place: Int, _ sent: [[UInt8]]) throws {
        let sent = place == leader ? sent : []
        try with(place) {
            try $0.endTurn(sent)
            // What the disk has done is another turn's.
            if $0.finishWrites() { try $0.endTurn(sent) }
        }
    }

    /// Carries messages to and fro until there are none.
    private mutating func exchange(_ sent: [[UInt8]]) throws {
        while let from = members.firstIndex(where: { !$0.parcels.isEmpty }) {
            let parcels = members[from].parcels
            members[from].parcels.removeAll(keepingCapacity: true)
            for parcel in parcels { try deliver(parcel, from: from, sent) }
        }
    }

    private mutating func deliver(_ parcel: Parcel, from: Int, _ sent: [[UInt8]]) throws {
        guard let to = members.firstIndex(where: { $0.id == parcel.to }) else { return }
        var body = parcel.head
        for piece in parcel.body { body += piece.bytes[piece.range] }
        with(to) { $0.replica.asked(parcel.route, body: body.span, exchange: Exchange(1)) }
        try endTurn(to, sent)
        let answers = members[to].answers
        members[to].answers.removeAll(keepingCapacity: true)
        for answer in answers {
            with(from) { $0.replica.answered(by: parcel.to, route: parcel.route, body: answer.body.span) }
        }
        try endTurn(from, sent)
    }

    /// Some requests that came in one turn, until all are answered with `status`.
    mutating func serve(_ requests: [[UInt8]], expecting status: String) throws {
        milliseconds += 1
        let now = Instant(nanoseconds: milliseconds * 1_000_000)
        for place in members.indices { members[place].tick(now) }
        members[leader].beginBatch()
        try with(leader) { for request in requests { try $0.take(request) } }
        try endTurn(leader, requests)
        try exchange(requests)
        guard members[leader].answered == requests.count,
            String(decoding: members[leader].output.prefix(status.utf8.count), as: UTF8.self) == status
        else { throw Unexpected.answers(members[leader].answered) }
    }

    /// Requests that are parsed and no more.
    mutating func parse(_ requests: [[UInt8]]) throws {
        try with(leader) { for request in requests { _ = try $0.parse(request) } }
    }
}
