// Plays the files of `Scenarios`: what members say must be what is written there.
import Consensus
import Foundation
import Testing

@Suite("Scenarios")
struct ScenarioTests {
    private static var folder: URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scenarios")
    }

    private static var names: [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        return all.filter { $0.hasSuffix(".scenario") }.sorted()
    }

    /// With `RAST_REWRITE=1` the answers are written anew; the difference is then to be reviewed.
    @Test("A scenario plays as it is written", arguments: names)
    func plays(_ name: String) throws {
        let file = Self.folder.appending(path: name)
        let text = try String(contentsOf: file, encoding: .utf8)
        let scenario = Scenario(text)
        let cites = ["§", "Rules", "Figure"].contains { scenario.title.contains($0) }
        #expect(cites, "the title cites its section")
        let played = try scenario.played()
        #expect(played.problems == [])
        if ProcessInfo.processInfo.environment["RAST_REWRITE"] == "1" {
            if played.text != text { try played.text.write(to: file, atomically: true, encoding: .utf8) }
            return
        }
        let lines = zip(played.text.split(separator: "\n"), text.split(separator: "\n"))
        if let (plays, written) = lines.first(where: { $0 != $1 }) {
            Issue.record("it plays as “\(plays)”, where “\(written)” is written")
        }
        #expect(played.text.split(separator: "\n").count == text.split(separator: "\n").count)
    }

    @Test("There are scenarios to play")
    func exist() { #expect(Self.names.count >= 100) }
}
