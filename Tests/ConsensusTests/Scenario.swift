// The scenario language: commands to a small cluster, and what its members then say, as text.
import Consensus

/// A scenario that cannot be read: which line, and why.
struct ScenarioError: Error, CustomStringConvertible {
    let line: String
    let problem: String
    var description: String { "\(problem) in “\(line)”" }
}

/// The text of one file: comments, and commands followed by `----`, what is expected, and an empty line.
struct Scenario {
    struct Block {
        /// Lines above the answer as they stand: comments, empty lines and commands.
        var lines: [Substring] = []
        var expected: [Substring] = []
        /// Without `----`, nothing is said about what follows from the commands.
        var isAnswered = false
    }
    var blocks: [Block] = []

    init(_ text: String) {
        var block = Block()
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if block.isAnswered, line.isEmpty {
                blocks.append(block)
                block = Block()
            } else if block.isAnswered {
                block.expected.append(line)
            } else if line == "----" {
                block.isAnswered = true
            } else {
                block.lines.append(line)
            }
        }
        if block.isAnswered || block.lines.contains(where: { !$0.isEmpty }) { blocks.append(block) }
    }

    /// The first comment: what the scenario shows, and where the paper says so.
    var title: Substring { blocks.first?.lines.first { $0.hasPrefix("# ") }?.dropFirst(2) ?? "" }

    /// Runs it; the same text with the answers that were given.
    func played() throws(ScenarioError) -> (text: String, problems: [String]) {
        var stage = Stage()
        var text: [String] = []
        for block in blocks {
            for line in block.lines {
                text.append(String(line))
                let command = line.drop { $0 == " " }
                guard !command.isEmpty, !command.hasPrefix("#") else { continue }
                do {
                    try stage.play(command)
                } catch {
                    // Where it stands is what its writer needs to see.
                    throw ScenarioError(
                        line: error.line, problem: "\(error.problem), after \(stage.takeSaid())")
                }
            }
            guard block.isAnswered else { continue }
            text += ["----"] + stage.takeSaid() + [""]
        }
        while text.last?.isEmpty == true { text.removeLast() }
        return (text.joined(separator: "\n") + "\n", stage.cluster.ledger.problems)
    }
}
