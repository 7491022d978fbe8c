// The scenario language inside a test: what is done is said in words, what must hold is asserted in Swift.
import Consensus

/// A small cluster on a stage. Called with commands, it answers what members say.
struct Play {
    private var stage = Stage()

    init(_ lines: String...) throws(ScenarioError) {
        for line in lines { try stage.play(line[...]) }
        _ = stage.takeSaid()
    }

    @discardableResult
    mutating func callAsFunction(_ lines: String...) throws(ScenarioError) -> [String] {
        for line in lines { try stage.play(line[...]) }
        return stage.takeSaid()
    }

    subscript(_ id: UInt64) -> Raft { stage.cluster[NodeID(id)].raft }

    /// What does not hold across the cluster.
    var problems: [String] { stage.cluster.ledger.problems }
    var network: [Message] { stage.cluster.network.map(\.message) }
    /// Everybody's log, and what its entries stand for.
    var logs: [[UInt64]] { stage.cluster.members.map(\.payloads) }
    func disk(of id: UInt64) -> Durable { stage.cluster[NodeID(id)].durable }

    /// Messages under way of one kind, named by its first word.
    func count(_ kind: String) -> Int {
        network.count { "\($0.body)".split(separator: " ").first == kind[...] }
    }
}

extension [String] {
    /// Whether somebody says something that ends so, or contains it.
    func says(_ words: String) -> Bool { contains { $0.contains(words) } }
}
