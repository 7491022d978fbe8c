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

        /// Times that are over before a machine that stalls for a second is done, and what they are here.
        private static let times = [
            (#"{"ttl":"2s"}"#, #"{"ttl":"4s"}"#), (#""$page")" 1 |"#, #""$page")" 2 |"#),
        ]

        @Test("each prints what it says")
        func run() throws {
            #expect(Self.blocks.count >= 6)
            for (time, _) in Self.times {
                #expect(Self.blocks.contains { $0.script.contains(time) }, "\(time) is gone")
            }
            try withCluster(electionTimeout: "3s") { cluster in
                _ = try cluster.newLeader()
                for (place, block) in Self.blocks.enumerated() {
                    let expected = block.script.split(separator: "\n").compactMap { line in
                        line.range(of: "# → ").map { String(line[$0.upperBound...]) }
                    }
                    #expect(!expected.isEmpty, "\(block.title) prints nothing")
                    // Any node will do.
                    let url = cluster[cluster.ids[place % cluster.ids.count]].url
                    var script = block.script.replacing("localhost:8001", with: url.dropFirst(7))
                    for (time, other) in Self.times { script = script.replacing(time, with: other) }
                    let run = try Run("bash", ["-uo", "pipefail", "-c", script], seconds: 60)
                    let lines = run.output.split(separator: "\n").map(String.init)
                    #expect(lines == expected, "\(block.title): \(run)")
                }
            }
        }

        @Test("the rate limit: who calls slowly is never refused, and refused calls prolong nothing")
        func rate() throws {
            let block = try #require(Self.blocks.first { $0.title == "A rate limit" })
            let lines = block.script.split(separator: "\n").prefix { !$0.contains("# → ") }
            let recipe = lines.joined(separator: "\n")
            // As the page has it, but for its time.
            try #require(recipe.contains("ttl=10s") && recipe.contains("/alice/"))
            try withCluster(electionTimeout: "3s") { cluster in
                _ = try cluster.newLeader()
                func allow(_ who: String) -> String {
                    recipe.replacing("localhost:8001", with: cluster[1].url.dropFirst(7))
                        .replacing("ttl=10s", with: "ttl=3s").replacing("/alice/", with: "/\(who)/")
                }
                // Six seconds of ten: there are never three calls in one time.
                let slow = """
                    for call in 1 2 3 4; do [ $call = 1 ] || sleep 1.8; allow && echo $call; done
                    """
                let steady = try Run("bash", ["-uc", allow("slow") + "\n" + slow], seconds: 60)
                #expect(steady.output == "1\n2\n3\n4\n", "\(steady)")
                let hasty = """
                    for call in 1 2 3; do allow || echo refused; done
                    for try in {1..200}; do allow && echo again && break; sleep 0.1; done
                    """
                let start = Clock.now
                let insistent = try Run("bash", ["-uc", allow("hasty") + "\n" + hasty], seconds: 90)
                #expect(insistent.output == "again\n" && Clock.now - start >= 3, "\(insistent)")
            }
        }
    }
}
