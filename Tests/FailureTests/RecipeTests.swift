// The page of recipes, as a reader pastes it: every block is run, and prints what stands behind its lines.
import Foundation
import Testing

extension Failures {
    @Suite("Recipes")
    struct Recipes {
        /// The blocks of shell on the page, by the heading above them.
        private static let blocks: [(title: String, script: String)] = {
            let page = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../Sources/rast/rast.docc/Recipes.md")
            let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
            var blocks: [(title: String, script: String)] = []
            var title = ""
            var lines: [Substring]?
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                if line.hasPrefix("## ") { title = String(line.dropFirst(3)) }
                if line == "```bash" {
                    lines = []
                } else if line == "```", let block = lines {
                    blocks.append((title, block.joined(separator: "\n")))
                    lines = nil
                } else {
                    lines?.append(line)
                }
            }
            return blocks
        }()

        @Test("each prints what it says")
        func run() throws {
            #expect(Self.blocks.count >= 6)
            try withCluster { cluster in
                _ = try cluster.newLeader()
                for (place, block) in Self.blocks.enumerated() {
                    let expected = block.script.split(separator: "\n").compactMap { line in
                        line.range(of: "# → ").map { String(line[$0.upperBound...]) }
                    }
                    #expect(!expected.isEmpty, "\(block.title) prints nothing")
                    // Any node will do.
                    let url = cluster[cluster.ids[place % cluster.ids.count]].url
                    let script = block.script.replacing("localhost:8001", with: url.dropFirst(7))
                    let run = try Run("bash", ["-uo", "pipefail", "-c", script], seconds: 60)
                    let lines = run.output.split(separator: "\n").map(String.init)
                    #expect(lines == expected, "\(block.title): \(run)")
                }
            }
        }
    }
}
