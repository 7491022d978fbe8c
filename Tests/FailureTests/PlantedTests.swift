// What is released has none of the faults that are planted to try the simulator (trait PlantedFaults).
import Foundation
import Testing

extension Failures {
    @Suite("Planted faults")
    struct PlantedFaults {
        /// The cases of an enum, as the source names them, behind so many spaces.
        private static func names(in path: String, indented spaces: Int) throws -> [String] {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            let begin = String(repeating: " ", count: spaces) + "case "
            return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
                .split(separator: "\n")
                .filter { $0.hasPrefix(begin) }
                .map { String($0.dropFirst(begin.count)) }
        }

        @Test("the program knows none of their names, and no option to choose one")
        func none() throws {
            let names = try Self.names(in: "Sources/Consensus/Planted.swift", indented: 8)
            // What the simulator does wrong itself, in the program too, has some of the same names.
            let sabotage = try Self.names(in: "Sources/Simulation/Sabotage.swift", indented: 4)
            try #require(names.count >= 40, "\(names.count) faults")
            let program = try Data(contentsOf: URL(fileURLWithPath: Cluster.program))
            // It does look: a word of the program is found.
            #expect(program.range(of: Data("acknowledgeBeforeSync".utf8)) != nil)
            for name in names where !sabotage.contains(name) {
                #expect(program.range(of: Data(name.utf8)) == nil, "\(name) is in the program")
            }
            let run = try Run(Cluster.program, ["simulate", "--planted", names[0]])
            #expect(run.end == 2)
            #expect(run.output.contains("Unknown option '--planted'"), "\(run.output)")
        }
    }
}
