// Who belongs to the cluster, as a command of the log: what rule 19's entries carry.
public import Consensus
internal import JSON

/// The command of an entry that holds a membership:
/// `{"at":5,"members":{"voters":[1,2,3],"outgoing":[],"learners":[],"rising":[]}}`.
///
/// The store steps over it; `at` is the leader's cluster time in milliseconds, as in every command.
public enum MembershipCommand {
    /// So many members of one kind at most.
    public static let membersMax = 1_000

    /// Appends one JSON object, without a newline.
    public static func append(_ membership: Membership, atMilliseconds at: UInt64, to out: inout [UInt8]) {
        out.append(literal: "{\"at\":")
        out.append(decimal: at)
        out.append(literal: ",\"members\":")
        append(membership, to: &out)
        out.append(0x7D)
    }

    /// The membership that this command holds; nil if it is another one.
    ///
    /// - Throws: `WireError` if it says that it holds one, and is not what ``append(_:atMilliseconds:to:)``
    ///   writes.
    public static func read(_ command: Span<UInt8>) throws(WireError) -> Membership? {
        var form = Form(0..<command.count)
        guard form.takes("{\"at\":", in: command), (try? form.number(in: command)) != nil,
            form.takes(",\"members\":", in: command)
        else { return nil }
        let membership = try form.membership(in: command)
        try form.take("}", in: command)
        guard form.isAtEnd else { throw form.error(.form) }
        return membership
    }

    /// Appends the object alone, for whatever else tells a membership.
    static func append(_ membership: Membership, to out: inout [UInt8]) {
        out.append(literal: "{\"voters\":")
        append(membership.voters, to: &out)
        out.append(literal: ",\"outgoing\":")
        append(membership.outgoing, to: &out)
        out.append(literal: ",\"learners\":")
        append(membership.learners, to: &out)
        out.append(literal: ",\"rising\":")
        append(membership.rising, to: &out)
        out.append(0x7D)
    }

    private static func append(_ nodes: [NodeID], to out: inout [UInt8]) {
        out.append(0x5B)
        for at in nodes.indices {
            if at > 0 { out.append(0x2C) }
            out.append(decimal: nodes[at].rawValue)
        }
        out.append(0x5D)
    }
}

extension Form {
    /// `{"voters":[1,2,3],"outgoing":[],"learners":[],"rising":[]}`; ids rise, and there is a voter.
    mutating func membership(in bytes: Span<UInt8>) throws(WireError) -> Membership {
        try take("{\"voters\":", in: bytes)
        let place = position
        let voters = try nodes(in: bytes)
        guard !voters.isEmpty else { throw WireError(offset: place, problem: .order) }
        try take(",\"outgoing\":", in: bytes)
        let outgoing = try nodes(in: bytes)
        try take(",\"learners\":", in: bytes)
        let learners = try nodes(in: bytes)
        guard learners.allSatisfy({ !voters.contains($0) }) else { throw error(.order) }
        try take(",\"rising\":", in: bytes)
        let rising = try nodes(in: bytes)
        guard rising.allSatisfy(learners.contains) else { throw error(.order) }
        try take("}", in: bytes)
        return Membership(voters: voters, outgoing: outgoing, learners: learners, rising: rising)
    }

    private mutating func nodes(in bytes: Span<UInt8>) throws(WireError) -> [NodeID] {
        try take("[", in: bytes)
        var nodes: [NodeID] = []
        while !takes("]", in: bytes) {
            if !nodes.isEmpty { try take(",", in: bytes) }
            let node = NodeID(try number(from: 1, in: bytes))
            guard nodes.last.map({ $0 < node }) ?? true else { throw error(.order) }
            guard nodes.count < MembershipCommand.membersMax else { throw error(.limit) }
            nodes.append(node)
        }
        return nodes
    }
}
