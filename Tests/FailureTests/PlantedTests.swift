// What is released has none of the faults that are planted to try the simulator (trait PlantedFaults).
import Foundation
import Testing

extension Failures {
    @Suite("Planted faults")
    struct PlantedFaults {
        /// As the source names them.
        private static func names() throws -> [String] {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            let source = root.appendingPathComponent("Sources/Consensus/Planted.swift")
            return try String(contentsOf: source, encoding: .utf8).split(separator: "\n")
                .filter { $0.hasPrefix("        case ") }
                .map { String($0.dropFirst("        case ".count)) }
        }

        @Test("the program knows none of their names, and no option to choose one")
        func none() throws {
            let names = try Self.names()
            try #require(names.count >= 40, "\(names.count) faults")
            let program = try Data(contentsOf: URL(fileURLWithPath: Cluster.program))
            // It does look: a word of the program is found.
            #expect(program.range(of: Data("acknowledgeBeforeSync".utf8)) != nil)
            for name in names where name != "acknowledgeBeforeSync" {
                #expect(program.range(of: Data(name.utf8)) == nil, "\(name) is in the program")
            }
            let run = try Run(Cluster.program, ["simulate", "--planted", names[0]])
            #expect(run.end == 64)
            #expect(run.output.contains("Unknown option '--planted'"), "\(run.output)")
        }
    }
}
